package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the receiver takes it
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var (
	begin = time.Unix(1772323200, 5).UTC()
	end   = begin.Add(time.Minute)
	scope = instrumentation.Scope{Name: "a scope", Version: "2", SchemaURL: "https://schema"}
	about = resource.NewWithAttributes("https://resource", attribute.String("service.name", "sentinel"))
	with  = attribute.NewSet(attribute.String("dataset", "public.orders"), attribute.Int("n", -3))
)

// TestEveryKindOfMetricIsReadBack decodes with the generated code.
func TestEveryKindOfMetricIsReadBack(t *testing.T) {
	t.Parallel()
	sum := func(n float64) metricdata.Sum[float64] {
		return metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[float64]{{Attributes: with, StartTime: begin, Time: end, Value: n}}}
	}
	list := []metricdata.Metrics{
		{Name: "gauge", Description: "d", Unit: "s", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Attributes: with, Time: end, Value: 0}, {Time: end, Value: math.Inf(1)}}}},
		{Name: "integers", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Time: end, Value: -7}}}},
		{Name: "sum", Data: sum(1.5)},
		{Name: "delta", Data: metricdata.Sum[int64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.DataPoint[int64]{{Time: end, Value: 9}}}},
		{Name: "histogram", Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
			Attributes: with, StartTime: begin, Time: end, Count: 6, Sum: 12.5, Bounds: []float64{0.1, 1}, BucketCounts: []uint64{1, 2, 3}, Min: metricdata.NewExtrema(0.5), Max: metricdata.NewExtrema(9.0),
			Exemplars: []metricdata.Exemplar[float64]{{Time: end, Value: 2.5, TraceID: bytes.Repeat([]byte{1}, 16), SpanID: bytes.Repeat([]byte{2}, 8), FilteredAttributes: with.ToSlice()}},
		}}}},
		{Name: "exponential", Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
			Attributes: with, StartTime: begin, Time: end, Count: 5, Sum: 3, Scale: -2, ZeroCount: 1, ZeroThreshold: 1e-9,
			PositiveBucket: metricdata.ExponentialBucket{Offset: -4, Counts: []uint64{1, 0, 300}}, NegativeBucket: metricdata.ExponentialBucket{Offset: 2, Counts: []uint64{1}},
		}}}},
		{Name: "summary", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Attributes: with, StartTime: begin, Time: end, Count: 2, Sum: 4, QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 2}}}}}},
	}
	var got collectormetrics.ExportMetricsServiceRequest
	body := metricsRequest(&metricdata.ResourceMetrics{Resource: about, ScopeMetrics: []metricdata.ScopeMetrics{{Scope: scope, Metrics: list}}})
	if err := (proto.UnmarshalOptions{DiscardUnknown: false}).Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	rm := got.ResourceMetrics[0]
	if rm.SchemaUrl != "https://resource" || rm.ScopeMetrics[0].SchemaUrl != "https://schema" || rm.ScopeMetrics[0].Scope.Name != "a scope" || rm.ScopeMetrics[0].Scope.Version != "2" {
		t.Errorf("%v", rm)
	}
	by := map[string]*metricspb.Metric{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		by[m.Name] = m
		if len(m.ProtoReflect().GetUnknown()) > 0 {
			t.Errorf("%s has fields that OTLP does not know", m.Name)
		}
	}
	g := by["gauge"].GetGauge().DataPoints
	if by["gauge"].Unit != "s" || g[0].GetAsDouble() != 0 || g[0].GetValue() == nil || !math.IsInf(g[1].GetAsDouble(), 1) || g[0].TimeUnixNano != uint64(end.UnixNano()) || len(g[0].Attributes) != 2 || g[0].Attributes[1].Value.GetIntValue() != -3 {
		t.Errorf("gauge %v", g)
	}
	if p := by["integers"].GetGauge().DataPoints[0]; p.GetAsInt() != -7 {
		t.Errorf("integers %v", p)
	}
	if s := by["sum"].GetSum(); !s.IsMonotonic || s.AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || s.DataPoints[0].GetAsDouble() != 1.5 || s.DataPoints[0].StartTimeUnixNano != uint64(begin.UnixNano()) {
		t.Errorf("sum %v", s)
	}
	if s := by["delta"].GetSum(); s.IsMonotonic || s.AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA || s.DataPoints[0].GetAsInt() != 9 {
		t.Errorf("delta %v", s)
	}
	h := by["histogram"].GetHistogram().DataPoints[0]
	if h.Count != 6 || h.GetSum() != 12.5 || fmt.Sprint(h.BucketCounts, h.ExplicitBounds, h.GetMin(), h.GetMax()) != "[1 2 3] [0.1 1] 0.5 9" || h.Exemplars[0].GetAsDouble() != 2.5 || len(h.Exemplars[0].TraceId) != 16 || len(h.Exemplars[0].SpanId) != 8 || len(h.Exemplars[0].FilteredAttributes) != 2 {
		t.Errorf("histogram %v", h)
	}
	e := by["exponential"].GetExponentialHistogram().DataPoints[0]
	if e.Count != 5 || e.Scale != -2 || e.ZeroCount != 1 || e.ZeroThreshold != 1e-9 || e.Positive.Offset != -4 || fmt.Sprint(e.Positive.BucketCounts, e.Negative.BucketCounts) != "[1 0 300] [1]" || e.Min != nil || len(e.Attributes) != 2 {
		t.Errorf("exponential %v", e)
	}
	if s := by["summary"].GetSummary().DataPoints[0]; s.Count != 2 || s.Sum != 4 || s.QuantileValues[0].Quantile != 0.5 || s.QuantileValues[0].Value != 2 {
		t.Errorf("summary %v", s)
	}
}

// TestEverythingOfASpanIsReadBack decodes with the generated code.
func TestEverythingOfASpanIsReadBack(t *testing.T) {
	t.Parallel()
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	at := func(id byte, remote bool) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: id}, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: remote})
	}
	values := []attribute.KeyValue{
		attribute.Bool("b", false), attribute.Int64("i", math.MinInt64), attribute.Float64("f", 0.5), attribute.String("s", ""),
		attribute.BoolSlice("bs", []bool{true, false}), attribute.Int64Slice("is", []int64{0, 1}), attribute.Float64Slice("fs", []float64{0}), attribute.StringSlice("ss", []string{"", "x"}),
		{Key: "m", Value: attribute.MapValue(attribute.String("k", "v"))}, {Key: "l", Value: attribute.SliceValue(attribute.StringValue("a"), attribute.IntValue(1))}, {Key: "by", Value: attribute.ByteSliceValue([]byte{0, 255})},
	}
	stub := tracetest.SpanStub{
		Name: "SELECT shop", SpanContext: at(2, false), Parent: at(1, true), SpanKind: trace.SpanKindClient, StartTime: begin, EndTime: end, Attributes: values,
		Events: []sdktrace.Event{{Name: "result", Time: end, Attributes: values[:1], DroppedAttributeCount: 4}}, Links: []sdktrace.Link{{SpanContext: at(3, false), Attributes: values[:2]}},
		Status: sdktrace.Status{Code: codes.Error, Description: "no"}, DroppedAttributes: 1, DroppedEvents: 2, DroppedLinks: 3, Resource: about, InstrumentationScope: scope,
	}
	other := stub
	other.InstrumentationScope, other.Status = instrumentation.Scope{Name: "another"}, sdktrace.Status{Code: codes.Ok}
	var got collectortraces.ExportTraceServiceRequest
	if err := proto.Unmarshal(spansRequest(tracetest.SpanStubs{stub, other, stub}.Snapshots()), &got); err != nil {
		t.Fatal(err)
	}
	scopes := got.ResourceSpans[0].ScopeSpans
	if len(scopes) != 2 || len(scopes[0].Spans) != 2 || len(scopes[1].Spans) != 1 || scopes[1].Spans[0].Status.Code != 1 {
		t.Fatalf("%v", scopes)
	}
	s := scopes[0].Spans[0]
	if s.Name != "SELECT shop" || s.Kind != 3 || s.TraceState != "vendor=1" || s.TraceId[15] != 1 || s.SpanId[7] != 2 || s.ParentSpanId[7] != 1 || s.Flags != 0x301 ||
		s.StartTimeUnixNano != uint64(begin.UnixNano()) || s.EndTimeUnixNano != uint64(end.UnixNano()) || s.DroppedAttributesCount != 1 || s.DroppedEventsCount != 2 || s.DroppedLinksCount != 3 || s.Status.Code != 2 || s.Status.Message != "no" {
		t.Errorf("%v", s)
	}
	if e := s.Events[0]; e.Name != "result" || e.DroppedAttributesCount != 4 || len(e.Attributes) != 1 {
		t.Errorf("%v", e)
	}
	if l := s.Links[0]; l.SpanId[7] != 3 || l.Flags != 0x101 || len(l.Attributes) != 2 {
		t.Errorf("%v", l)
	}
	text := ""
	for _, a := range s.Attributes {
		text += strings.Join(strings.Fields(a.String()), "") + "\n"
	}
	for _, want := range []string{`bool_value:false`, `int_value:-9223372036854775808`, `double_value:0.5`, `string_value:""`, `array_value:{values:{bool_value:true}values:{bool_value:false}}`, `values:{int_value:0}values:{int_value:1}`, `values:{string_value:""}values:{string_value:"x"}`, `kvlist_value:{values:{key:"k"value:{string_value:"v"}}}`, `bytes_value:"\x00\xff"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// answers is a receiver over HTTP that answers one status after the other.
func answers(t *testing.T, tls bool, list ...int) (s *httptest.Server, seen *[]*http.Request) {
	t.Helper()
	var n atomic.Int64
	seen = new([]*http.Request)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		*seen = append(*seen, r)
		w.WriteHeader(list[min(int(n.Add(1)), len(list))-1])
	})
	if tls {
		s = httptest.NewTLSServer(handler)
	} else {
		s = httptest.NewServer(handler)
	}
	t.Cleanup(s.Close)
	return s, seen
}

func vars(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func TestTriesThatMayHelpAreMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list  []int
		tries int
		fails bool
	}{{[]int{200}, 1, false}, {[]int{503, 429, 200}, 3, false}, {[]int{400}, 1, true}, {[]int{404}, 1, true}} {
		s, seen := answers(t, false, c.list...)
		to, err := newClient("TRACES", vars(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL + "/base/", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x, b=2", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}))
		if err != nil {
			t.Fatal(err)
		}
		err = to.send(t.Context(), []byte("request"))
		if (err != nil) != c.fails || len(*seen) != c.tries {
			t.Errorf("%v: %d tries, %v", c.list, len(*seen), err)
		}
		r := (*seen)[0]
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(z)
		if err != nil || string(body) != "request" || r.URL.Path != "/base/v1/traces" || r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("B") != "2" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s %v %q %v", r.Method, r.URL, r.Header, body, err)
		}
	}
}

func TestASignalsOwnEndpointIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ env, value, protocol, insecure, want string }{
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://a:1/own", "", "", "http://a:1/own"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1", "", "", "http://a:1/v1/metrics"},
		{"", "", "", "", "http://localhost:4318/v1/metrics"},
		{"", "", "grpc", "", "http://localhost:4317" + services["METRICS"]},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "a:4317", "grpc", "", "https://a:4317" + services["METRICS"]},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "a:4317", "grpc", "true", "http://a:4317" + services["METRICS"]},
	} {
		to, err := newClient("METRICS", vars(map[string]string{c.env: c.value, "OTEL_EXPORTER_OTLP_PROTOCOL": c.protocol, "OTEL_EXPORTER_OTLP_INSECURE": c.insecure}))
		if err != nil || to.url != c.want {
			t.Errorf("%+v: %v %v", c, to, err)
		}
	}
}

func TestTheReceiversCertificateIsChecked(t *testing.T) {
	t.Parallel()
	s, seen := answers(t, true, 200)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trusting, err := newClient("LOGS", vars(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE": file}))
	if err != nil {
		t.Fatal(err)
	}
	if err := trusting.send(t.Context(), nil); err != nil || len(*seen) != 1 {
		t.Errorf("%v", err)
	}
	strict, err := newClient("LOGS", vars(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL}))
	if err != nil {
		t.Fatal(err)
	}
	// It tries until its time is over, of which a busy machine needs more for the first.
	for limit := 300 * time.Millisecond; ; limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := strict.send(ctx, nil)
		cancel()
		if err != nil && strings.Contains(err.Error(), "certificate") {
			break
		}
		if err == nil || limit > 10*time.Second {
			t.Fatalf("%v", err)
		}
	}
}

// refusing is a receiver over gRPC that answers one code after the other.
type refusing struct {
	collectortraces.UnimplementedTraceServiceServer
	list  []grpccodes.Code
	tries atomic.Int64
}

func (s *refusing) Export(context.Context, *collectortraces.ExportTraceServiceRequest) (*collectortraces.ExportTraceServiceResponse, error) {
	return &collectortraces.ExportTraceServiceResponse{}, status.Error(s.list[min(int(s.tries.Add(1)), len(s.list))-1], "50 % of it")
}

// TestCodesOfGRPC, with TLS and compressed.
func TestCodesOfGRPC(t *testing.T) {
	t.Parallel()
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(borrowed.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: borrowed.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		list  []grpccodes.Code
		tries int64
		says  string
	}{{[]grpccodes.Code{grpccodes.OK}, 1, ""}, {[]grpccodes.Code{grpccodes.Unavailable, grpccodes.OK}, 2, ""}, {[]grpccodes.Code{grpccodes.PermissionDenied}, 1, "status 7: 50 % of it"}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r := &refusing{list: c.list}
		s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: borrowed.TLS.Certificates})))
		collectortraces.RegisterTraceServiceServer(s, r)
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		to, err := newClient("TRACES", vars(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": l.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE": file, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}))
		if err != nil {
			t.Fatal(err)
		}
		err = to.send(t.Context(), spansRequest(tracetest.SpanStubs{{Name: "x", Resource: about}}.Snapshots()))
		if n := r.tries.Load(); n != c.tries || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %d tries, %v", c.list, n, err)
		}
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestWrongVariablesAreSaid(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_HEADERS": "secret",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere.pem",
	} {
		if _, err := newClient("TRACES", vars(map[string]string{name: value})); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if _, err := exporter("TRACES", vars(map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"})); err == nil || !strings.Contains(err.Error(), "otlp or none") {
		t.Errorf("%v", err)
	}
}
