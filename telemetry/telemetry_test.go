package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// collector is an OTLP receiver, over HTTP and gRPC.
type collector struct {
	collectortraces.UnimplementedTraceServiceServer
	collectormetrics.UnimplementedMetricsServiceServer
	collectorlogs.UnimplementedLogsServiceServer

	mu      sync.Mutex
	spans   []*tracepb.Span
	service string
	metrics map[string]float64
	logs    []string // body and trace id
}

func (c *collector) traces(r *collectortraces.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range r.ResourceSpans {
		c.service = text(rs.Resource.Attributes, "service.name") + " " + text(rs.Resource.Attributes, "service.version")
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

func (c *collector) gauges(r *collectormetrics.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rm := range r.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				for _, p := range m.GetGauge().GetDataPoints() {
					c.metrics[m.Name] = p.GetAsDouble()
				}
			}
		}
	}
}

func (c *collector) lines(r *collectorlogs.ExportLogsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rl := range r.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, l := range sl.LogRecords {
				c.logs = append(c.logs, l.Body.GetStringValue())
			}
		}
	}
}

// traceServer receives traces by gRPC.
type traceServer struct{ *collector }

func (s traceServer) Export(
	_ context.Context,
	r *collectortraces.ExportTraceServiceRequest,
) (*collectortraces.ExportTraceServiceResponse, error) {
	s.traces(r)
	return &collectortraces.ExportTraceServiceResponse{}, nil
}

type metricServer struct{ *collector }

func (s metricServer) Export(
	_ context.Context,
	r *collectormetrics.ExportMetricsServiceRequest,
) (*collectormetrics.ExportMetricsServiceResponse, error) {
	s.gauges(r)
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

type logServer struct{ *collector }

func (s logServer) Export(
	_ context.Context,
	r *collectorlogs.ExportLogsServiceRequest,
) (*collectorlogs.ExportLogsServiceResponse, error) {
	s.lines(r)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

// byHTTP starts the collector over HTTP.
func byHTTP(t *testing.T, c *collector) (endpoint string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var from io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			from = z
		}
		body, err := io.ReadAll(from)
		if err != nil {
			t.Error(err)
		}
		var request proto.Message
		switch r.URL.Path {
		case "/v1/traces":
			request = &collectortraces.ExportTraceServiceRequest{}
		case "/v1/metrics":
			request = &collectormetrics.ExportMetricsServiceRequest{}
		case "/v1/logs":
			request = &collectorlogs.ExportLogsServiceRequest{}
		}
		if err := proto.Unmarshal(body, request); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		switch r := request.(type) {
		case *collectortraces.ExportTraceServiceRequest:
			c.traces(r)
		case *collectormetrics.ExportMetricsServiceRequest:
			c.gauges(r)
		case *collectorlogs.ExportLogsServiceRequest:
			c.lines(r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// byGRPC starts the collector over gRPC.
func byGRPC(t *testing.T, c *collector) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collectortraces.RegisterTraceServiceServer(s, traceServer{c})
	collectormetrics.RegisterMetricsServiceServer(s, metricServer{c})
	collectorlogs.RegisterLogsServiceServer(s, logServer{c})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func text(attributes []*commonpb.KeyValue, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			if s := a.Value.GetStringValue(); s != "" {
				return s
			}
			return a.Value.String()
		}
	}
	return ""
}

// TestTickIsReceived sends all signals of one tick and reads what the collector received.
func TestTickIsReceived(t *testing.T) {
	for protocol, serve := range map[string]func(*testing.T, *collector) string{"http/protobuf": byHTTP, "grpc": byGRPC} {
		t.Run(protocol, func(t *testing.T) {
			c := &collector{metrics: map[string]float64{}}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", serve(t, c))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			registry := prometheus.NewRegistry()
			gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sentinel_risk", Help: "x"})
			gauge.Set(0.75)
			registry.MustRegister(gauge)
			tel := telemetry.Start(t.Context(), "1.2.3", registry, slog.New(slog.DiscardHandler))
			if tel == nil {
				t.Fatal("telemetry is off")
			}
			var written bytes.Buffer
			log := slog.New(tel.Handler(slog.NewTextHandler(&written, nil)))

			ctx, end := tel.Tick(t.Context(), "shop", time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), 2)
			done := tel.Statement(ctx, "postgresql", "shop", "SELECT count(*) FROM orders WHERE at >= $1")
			done(1, nil)
			tel.Statement(ctx, "postgresql", "shop", "SELECT broken")(0, errors.New("syntax error"))
			tel.Result(ctx, sentinel.Result{
				Check:    "shop.orders/row_count",
				Kind:     "row_count",
				Status:   sentinel.Fail,
				Message:  "0 rows",
				Duration: time.Millisecond,
			})
			step, recorded := tel.Step(ctx, "record", telemetry.Count{Name: "results", Value: 1})
			log.ErrorContext(step, "it is written down", "why", "test")
			recorded(nil)
			parent, id := telemetry.Traceparent(ctx), telemetry.TraceID(ctx)
			end(nil)
			_, own, end := tel.Notice(t.Context(), parent, "oncall") // later, from the outbox
			if end(nil); !strings.HasPrefix(own, "00-"+id+"-") || own == parent {
				t.Errorf("the notice carries %s, the tick %s", own, parent)
			}
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.check(t, parent, id, written.String())
		})
	}
}

func (c *collector) check(t *testing.T, parent, id, written string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := map[string]*tracepb.Span{}
	for _, s := range c.spans {
		if s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			spans["broken"] = s
			continue
		}
		spans[s.Name] = s
	}
	tick, statement, record, notice := spans["tick shop"], spans["SELECT shop"], spans["record"], spans["notify oncall"]
	if len(c.spans) != 5 || notice == nil || tick == nil || statement == nil || record == nil ||
		spans["broken"].GetStatus().GetMessage() != "syntax error" {
		t.Fatalf("spans %v", c.spans)
	}
	for _, s := range []*tracepb.Span{statement, record, notice} {
		if !bytes.Equal(s.ParentSpanId, tick.SpanId) || !bytes.Equal(s.TraceId, tick.TraceId) {
			t.Errorf("%s is no part of the tick", s.Name)
		}
	}
	if text(statement.Attributes, "db.system.name") != "postgresql" ||
		text(statement.Attributes, "db.query.text") != "SELECT count(*) FROM orders WHERE at >= $1" ||
		!strings.Contains(text(statement.Attributes, "db.response.returned_rows"), "1") {
		t.Errorf("statement %v", statement.Attributes)
	}
	if len(tick.Events) != 1 || text(tick.Events[0].Attributes, "sentinel.status") != "fail" ||
		text(tick.Attributes, "sentinel.tick") != "2026-03-01T06:00:00Z" {
		t.Errorf("tick %v %v", tick.Attributes, tick.Events)
	}
	if c.service != "sentinel 1.2.3" || c.metrics["sentinel_risk"] != 0.75 {
		t.Errorf("service %q, metrics %v", c.service, c.metrics)
	}
	if len(c.logs) != 1 || c.logs[0] != "it is written down" || !strings.Contains(written, "trace_id="+id) ||
		!strings.HasPrefix(parent, "00-"+id+"-") {
		t.Errorf("logs %v, written %s, parent %s", c.logs, written, parent)
	}
}

func TestDisabledTelemetryIsNil(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing set":  {},
		"switched off": {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		"no exporters": {
			"OTEL_TRACES_EXPORTER":        "none",
			"OTEL_METRICS_EXPORTER":       "none",
			"OTEL_LOGS_EXPORTER":          "none",
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range env {
				t.Setenv(k, v)
			}
			tel := telemetry.Start(t.Context(), "1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
			if tel != nil {
				t.Fatal("telemetry is on")
			}
			text := slog.NewTextHandler(io.Discard, nil)
			if tel.Handler(text) != slog.Handler(text) {
				t.Error("the log goes another way")
			}
			ctx := t.Context()
			if n := testing.AllocsPerRun(100, func() {
				tick, end := tel.Tick(ctx, "shop", time.Time{}, 1)
				if done := tel.Statement(tick, "postgres", "shop", "SELECT 1"); done != nil {
					done(1, nil)
				}
				_, recorded := tel.Step(tick, "record")
				recorded(nil)
				end(nil)
			}); n != 0 {
				t.Errorf("%v allocations a tick", n)
			}
			if telemetry.Traceparent(ctx) != "" || telemetry.TraceID(ctx) != "" || tel.Shutdown(ctx) != nil {
				t.Error("something is traced")
			}
		})
	}
}
