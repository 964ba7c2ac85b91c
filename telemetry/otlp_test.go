package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collectortraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the receiver takes it
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var about = resource.NewWithAttributes("https://resource", attribute.String("service.name", "sentinel"))

// setEnv sets variables of the environment for one test.
func setEnv(t *testing.T, vars map[string]string) {
	t.Helper()
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

// sendSpan sends one span as the environment says.
func sendSpan(t *testing.T, ctx context.Context) error {
	t.Helper()
	s, err := readSettings("TRACES", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.spanExporter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := to.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	return to.ExportSpans(ctx, tracetest.SpanStubs{{Name: "x", Resource: about}}.Snapshots())
}

// request is one request that a receiver over HTTP got.
type request struct {
	path   string
	header http.Header
	body   []byte
}

// receiver answers with one status after the other, and repeats the last.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

// startReceiver starts a receiver over HTTP. Its answers repeat the request's
// Authorization header.
func startReceiver(t *testing.T, start func(http.Handler) *httptest.Server, answers ...int) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = start(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.seen = append(r.seen, request{req.URL.Path, req.Header, body})
		n := len(r.seen)
		r.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(answers[min(n, len(answers))-1])
		_, _ = io.WriteString(w, "not with "+req.Header.Get("Authorization")) // the test may have ended the request
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

func TestRetryableErrorsAreRetried(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int
		tries   int
		fails   bool
	}{
		"taken":     {[]int{200}, 1, false},
		"busy":      {[]int{503, 429, 200}, 3, false},
		"malformed": {[]int{400}, 1, true},
		"not there": {[]int{404}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startReceiver(t, httptest.NewServer, c.answers...)
			setEnv(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT":    r.URL + "/base/",
				"OTEL_EXPORTER_OTLP_HEADERS":     "authorization=Bearer%20token, b=2",
				"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			})
			err := sendSpan(t, t.Context())
			seen := r.requests()
			if (err != nil) != c.fails || len(seen) != c.tries {
				t.Fatalf("%d tries, %v", len(seen), err)
			}
			if err != nil && (strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "***")) {
				t.Errorf("the error repeats a header: %v", err)
			}
			z, err := gzip.NewReader(bytes.NewReader(seen[0].body))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			var got collectortraces.ExportTraceServiceRequest
			if err := proto.Unmarshal(body, &got); err != nil || len(got.ResourceSpans) != 1 {
				t.Errorf("%v, %v", &got, err)
			}
			h := seen[0].header
			if seen[0].path != "/base/v1/traces" || h.Get("Authorization") != "Bearer token" || h.Get("B") != "2" {
				t.Errorf("%s %v", seen[0].path, h)
			}
		})
	}
}

func TestEndpointOfASignalIsUsedUnchanged(t *testing.T) {
	for name, path := range map[string]string{
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "/own",
		"OTEL_EXPORTER_OTLP_ENDPOINT":         "/own/v1/metrics",
	} {
		t.Run(name, func(t *testing.T) {
			r := startReceiver(t, httptest.NewServer, 200)
			t.Setenv(name, r.URL+"/own")
			s, err := readSettings("METRICS", os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			to, err := s.metricExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := to.Export(t.Context(), &metricdata.ResourceMetrics{Resource: about}); err != nil {
				t.Fatal(err)
			}
			if seen := r.requests(); len(seen) != 1 || seen[0].path != path {
				t.Errorf("%v", seen)
			}
			if err := to.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// writeCertificate writes the certificate of a test server to a file.
func writeCertificate(t *testing.T, s *httptest.Server) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestReceiverCertificateIsVerified(t *testing.T) {
	r := startReceiver(t, httptest.NewTLSServer, 200)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	if err := sendSpan(t, t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", writeCertificate(t, r.Server))
	if err := sendSpan(t, t.Context()); err != nil || len(r.requests()) != 1 {
		t.Errorf("%v", err)
	}
}

// refusing is a receiver over gRPC that answers one code after the other.
type refusing struct {
	collectortraces.UnimplementedTraceServiceServer
	codes []grpccodes.Code
	tries atomic.Int64
	saw   atomic.Value // the header named authorization
}

func (s *refusing) Export(
	ctx context.Context, _ *collectortraces.ExportTraceServiceRequest,
) (*collectortraces.ExportTraceServiceResponse, error) {
	m, _ := metadata.FromIncomingContext(ctx)
	sent := strings.Join(m.Get("authorization"), ",")
	s.saw.Store(sent)
	code := s.codes[min(int(s.tries.Add(1)), len(s.codes))-1]
	return &collectortraces.ExportTraceServiceResponse{}, status.Error(code, "50 % of it, not with "+sent)
}

// TestCodesOfGRPC sends with TLS and compressed, to an endpoint without a scheme.
func TestCodesOfGRPC(t *testing.T) {
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(borrowed.Close)
	file := writeCertificate(t, borrowed)
	for name, c := range map[string]struct {
		codes []grpccodes.Code
		tries int64
		says  string
	}{
		"taken":   {[]grpccodes.Code{grpccodes.OK}, 1, ""},
		"busy":    {[]grpccodes.Code{grpccodes.Unavailable, grpccodes.OK}, 2, ""},
		"refused": {[]grpccodes.Code{grpccodes.PermissionDenied}, 1, "50 % of it, not with ***"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			r := &refusing{codes: c.codes}
			s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: borrowed.TLS.Certificates})))
			collectortraces.RegisterTraceServiceServer(s, r)
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			setEnv(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT":    l.Addr().String(),
				"OTEL_EXPORTER_OTLP_PROTOCOL":    "grpc",
				"OTEL_EXPORTER_OTLP_CERTIFICATE": file,
				"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
				"OTEL_EXPORTER_OTLP_HEADERS":     "authorization=Bearer%20token",
			})
			err = sendSpan(t, t.Context())
			failed := err == nil && c.says != "" || err != nil && (c.says == "" || !strings.Contains(err.Error(), c.says))
			if n := r.tries.Load(); n != c.tries || failed {
				t.Errorf("%d tries, %v", n, err)
			}
			if saw := r.saw.Load(); saw != "Bearer token" {
				t.Errorf("the receiver saw %q", saw)
			}
			s.Stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestExportStopsAtTheDeadline exports to a receiver that does not answer.
func TestExportStopsAtTheDeadline(t *testing.T) {
	r := startReceiver(t, httptest.NewServer, 503)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	if err := sendSpan(t, ctx); err == nil || time.Since(begin) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

// TestWhatCannotBeUsedIsReported: the signal is not sent then.
func TestWhatCannotBeUsedIsReported(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS":            "secret",
		"OTEL_EXPORTER_OTLP_ENDPOINT":           "collector:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":    "http://me:secret@collector:4318",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":        "/nowhere.pem",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere.pem",
	} {
		_, err := readSettings("TRACES", func(k string) string {
			if k == name {
				return value
			}
			return ""
		})
		said := strings.Replace(name, "OTLP_TRACES_ENDPOINT", "OTLP_ENDPOINT", 1)
		if err == nil || !strings.Contains(err.Error(), said) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
