package telemetry

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The ways of OTLP.
const (
	overHTTP = "http/protobuf"
	overGRPC = "grpc"
)

// client sends one signal by OTLP, over HTTP or gRPC.
type client struct {
	url     string
	grpc    bool
	gzip    bool
	headers http.Header
	timeout time.Duration // of one try
	http    *http.Client
}

// Retries, as OTLP asks for: a random part of a span that doubles.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 10 * time.Second
	giveUp     = time.Minute
)

// services are the names that gRPC has for the signals.
var services = map[string]string{
	"TRACES":  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	"METRICS": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	"LOGS":    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

// newClient reads the OTEL_EXPORTER_OTLP_* variables of a signal: TRACES, METRICS
// or LOGS.
func newClient(signal string, env func(string) string) (*client, error) {
	get := func(name string) string {
		return cmp.Or(env("OTEL_EXPORTER_OTLP_"+signal+"_"+name), env("OTEL_EXPORTER_OTLP_"+name))
	}
	c := &client{headers: http.Header{}, timeout: 10 * time.Second}
	switch protocol := cmp.Or(get("PROTOCOL"), overHTTP); protocol {
	case overHTTP:
	case overGRPC:
		c.grpc = true
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: unknown word %q: want %s or %s", protocol, overHTTP, overGRPC)
	}
	switch compression := cmp.Or(get("COMPRESSION"), "none"); compression {
	case "gzip":
		c.gzip = true
	case "none":
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION: unknown word %q: want gzip or none", compression)
	}
	if text := get("TIMEOUT"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms <= 0 {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT: %q: want milliseconds", text)
		}
		c.timeout = time.Duration(ms) * time.Millisecond
	}
	if err := c.head(get("HEADERS")); err != nil {
		return nil, err
	}
	var err error
	if c.url, err = c.endpoint(signal, env); err != nil {
		return nil, err
	}
	transport, err := c.transport(get)
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, err
}

// head reads headers as they are written in baggage: key=value,key=value.
func (c *client) head(list string) error {
	for _, pair := range strings.Split(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		text, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || strings.TrimSpace(key) == "" {
			return errors.New("OTEL_EXPORTER_OTLP_HEADERS: want key=value,key=value") // a header may be a secret
		}
		c.headers.Set(strings.TrimSpace(key), text)
	}
	return nil
}

// endpoint is where a signal goes: that of its own variable as it is, or the
// common one with the signal's path.
func (c *client) endpoint(signal string, env func(string) string) (string, error) {
	own, common := env("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")
	at := cmp.Or(own, common)
	if at == "" {
		at = "http://localhost:4318"
		if c.grpc {
			at = "http://localhost:4317"
		}
	}
	if c.grpc && !strings.Contains(at, "://") {
		scheme := "https://"
		if insecure := cmp.Or(env("OTEL_EXPORTER_OTLP_"+signal+"_INSECURE"), env("OTEL_EXPORTER_OTLP_INSECURE")); insecure == "true" {
			scheme = "http://"
		}
		at = scheme + at
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: want an address such as http://collector:4318")
	}
	switch {
	case c.grpc:
		u.Path = services[signal]
	case own == "":
		u.Path = strings.TrimRight(u.Path, "/") + "/v1/" + strings.ToLower(signal)
	}
	return u.String(), nil
}

func (c *client) transport(get func(string) string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Protocols = new(http.Protocols)
	if c.grpc {
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if file := get("CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CERTIFICATE: %s holds no certificate", file)
		}
	}
	if cert, key := get("CLIENT_CERTIFICATE"), get("CLIENT_KEY"); cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: %w", err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// send makes tries until the receiver has taken the request, refuses it for good,
// or a minute is over.
func (c *client) send(ctx context.Context, request []byte) error {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	body, err := c.pack(request)
	if err != nil {
		return err
	}
	var before error
	for span := firstRetry; ; span = min(2*span, lastRetry) {
		after, err := c.try(ctx, body)
		if err != nil && ctx.Err() != nil && before != nil {
			return before // the time is over in the middle of a try: the one before says why
		}
		before = err
		var again *retryError
		if !errors.As(err, &again) {
			return err
		}
		wait := time.NewTimer(max(after, time.Duration(rand.Int64N(int64(span)))))
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

// pack compresses a request, and frames it for gRPC: a byte that says whether it
// is compressed, and its length.
func (c *client) pack(request []byte) ([]byte, error) {
	body := request
	if c.gzip {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(request); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		body = packed.Bytes()
	}
	if !c.grpc {
		return body, nil
	}
	framed := []byte{0}
	if c.gzip {
		framed[0] = 1
	}
	return append(binary.BigEndian.AppendUint32(framed, uint32(len(body))), body...), nil
}

// retryError is one that another try may help.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// try sends once. after is how long the receiver asks to wait.
func (c *client) try(ctx context.Context, body []byte) (after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header = c.headers.Clone()
	if c.grpc {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		if c.gzip {
			r.Header.Set("Grpc-Encoding", "gzip")
		}
	} else {
		r.Header.Set("Content-Type", "application/x-protobuf")
		if c.gzip {
			r.Header.Set("Content-Encoding", "gzip")
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		return 0, &retryError{fmt.Errorf("otlp: %w", err)}
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return 0, &retryError{fmt.Errorf("otlp: %w", err)}
	}
	if c.grpc && response.StatusCode == http.StatusOK {
		return 0, grpcError(cmp.Or(response.Trailer.Get("Grpc-Status"), response.Header.Get("Grpc-Status")), cmp.Or(response.Trailer.Get("Grpc-Message"), response.Header.Get("Grpc-Message")))
	}
	if response.StatusCode < 300 {
		return 0, nil
	}
	err = fmt.Errorf("otlp: %s answered %s", response.Request.URL.Redacted(), response.Status)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if s, parse := strconv.Atoi(response.Header.Get("Retry-After")); parse == nil {
			after = time.Duration(s) * time.Second
		}
		return after, &retryError{err}
	}
	return 0, err
}

// grpcError is what a status of gRPC means; OTLP says which may be tried again.
func grpcError(status, message string) error {
	if status == "0" {
		return nil
	}
	if text, err := url.PathUnescape(message); err == nil {
		message = text
	}
	err := fmt.Errorf("otlp: the receiver answered gRPC status %s: %s", cmp.Or(status, "none"), message)
	switch status {
	case "1", "4", "10", "11", "14", "15": // cancelled, deadline, aborted, out of range, unavailable, data loss
		return &retryError{err}
	}
	return err
}

// close gives the connections back.
func (c *client) close() error {
	c.http.CloseIdleConnections()
	return nil
}
