package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// specification has the variables of the OpenTelemetry specification 1.49 that are not those
// of an exporter of Zipkin or Prometheus, nor experimental: General SDK Configuration, Batch
// Processors, Limits, Exporter Selection, Metrics SDK Configuration, and the OTLP exporter.
const specification = `
OTEL_SDK_DISABLED OTEL_RESOURCE_ATTRIBUTES OTEL_SERVICE_NAME OTEL_LOG_LEVEL OTEL_PROPAGATORS
OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG OTEL_CONFIG_FILE
OTEL_BSP_SCHEDULE_DELAY OTEL_BSP_EXPORT_TIMEOUT OTEL_BSP_MAX_QUEUE_SIZE OTEL_BSP_MAX_EXPORT_BATCH_SIZE
OTEL_BLRP_SCHEDULE_DELAY OTEL_BLRP_EXPORT_TIMEOUT OTEL_BLRP_MAX_QUEUE_SIZE OTEL_BLRP_MAX_EXPORT_BATCH_SIZE
OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_ATTRIBUTE_COUNT_LIMIT
OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT OTEL_SPAN_EVENT_COUNT_LIMIT
OTEL_SPAN_LINK_COUNT_LIMIT OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT OTEL_LINK_ATTRIBUTE_COUNT_LIMIT
OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT
OTEL_TRACES_EXPORTER OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER
OTEL_METRICS_EXEMPLAR_FILTER OTEL_METRIC_EXPORT_INTERVAL OTEL_METRIC_EXPORT_TIMEOUT
OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`

// specified returns the names of the specification, with those of each signal.
func specified() []string {
	names := strings.Fields(specification)
	for _, of := range []string{"", "TRACES_", "METRICS_", "LOGS_"} {
		for _, name := range []string{"ENDPOINT", "INSECURE", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE",
			"HEADERS", "COMPRESSION", "TIMEOUT", "PROTOCOL"} {
			names = append(names, "OTEL_EXPORTER_OTLP_"+of+name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

func TestVariablesAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	if have := slices.Sorted(maps.Keys(variables())); !slices.Equal(have, specified()) {
		t.Errorf("have %v\nwant %v", have, specified())
	}
	page, err := os.ReadFile("../docs/opentelemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range specified() {
		short := strings.TrimPrefix(name, "OTEL_EXPORTER_OTLP_")
		of, ofSignal, _ := strings.Cut(short, "_")
		if of == "TRACES" || of == "METRICS" || of == "LOGS" {
			if strings.Contains(string(page), "`"+ofSignal+"`") {
				continue
			}
		}
		if !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), "`"+short+"`") {
			t.Errorf("docs/opentelemetry.md does not have %s", name)
		}
	}
}

// started starts telemetry as the environment says, makes a span and a line of the log,
// shuts down, and returns what was logged.
func started(t *testing.T) (tel *Telemetry, said string) {
	t.Helper()
	var log bytes.Buffer
	base := slog.NewTextHandler(&log, nil)
	tel = Start(t.Context(), "1", prometheus.NewRegistry(), slog.New(base))
	ctx, end := tel.Tick(t.Context(), "shop", time.Time{}, 1)
	slog.New(tel.Handler(slog.NewTextHandler(io.Discard, nil))).InfoContext(ctx, "a line")
	end(nil)
	// A receiver may refuse what a wrong variable has made of the request.
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Logf("shutting down: %v", err)
	}
	return tel, log.String()
}

// TestNoVariableStopsTheAgent gives each variable of the specification what it cannot hold:
// telemetry starts, and the log names the variable if it is ignored.
func TestNoVariableStopsTheAgent(t *testing.T) {
	r := startReceiver(t, httptest.NewServer, 200)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	for _, name := range specified() {
		for _, value := range []string{"no such secret word", "-1", "0", "5s", "1e999", "%zz", ",", " ", "NaN",
			"9000000000000000", "9223372036854775807", "1000000001"} {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Setenv(name, value)
				_, said := started(t)
				_, problem := variables()[name](value)
				if strings.TrimSpace(value) != "" && problem != "" && !strings.Contains(said, name) {
					t.Errorf("it is ignored and not told: %s", said)
				}
				if strings.Contains(name, "HEADERS") && strings.Contains(said, "secret") {
					t.Errorf("the log has the header: %s", said)
				}
			})
		}
	}
}

// TestCaseDoesNotMatter: words in capitals are the words.
func TestCaseDoesNotMatter(t *testing.T) {
	r := startReceiver(t, httptest.NewServer, 200)
	for name, words := range map[string]string{
		"OTEL_SDK_DISABLED":              "true false",
		"OTEL_PROPAGATORS":               "tracecontext baggage none",
		"OTEL_TRACES_EXPORTER":           "otlp none",
		"OTEL_METRICS_EXPORTER":          "otlp none",
		"OTEL_LOGS_EXPORTER":             "otlp none",
		"OTEL_METRICS_EXEMPLAR_FILTER":   "always_on always_off trace_based",
		"OTEL_EXPORTER_OTLP_PROTOCOL":    "grpc http/protobuf",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip none",
		"OTEL_EXPORTER_OTLP_INSECURE":    "true false",
		"OTEL_TRACES_SAMPLER": "always_on always_off traceidratio parentbased_always_on " +
			"parentbased_always_off parentbased_traceidratio",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative",
	} {
		for _, w := range strings.Fields(words) {
			t.Run(name+"="+w, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.URL)
				if strings.Contains(w, "grpc") {
					t.Setenv("OTEL_TRACES_SAMPLER", "always_off") // the receiver does not speak it
				}
				t.Setenv(name, strings.ToUpper(w))
				if _, said := started(t); strings.Contains(said, "ignoring") || os.Getenv(name) != w {
					t.Errorf("%s is %q: %s", strings.ToUpper(w), os.Getenv(name), said)
				}
			})
		}
	}
}

// TestWordsAreObeyed: what the variables mean, by what a receiver gets.
func TestWordsAreObeyed(t *testing.T) {
	const all = "logs metrics traces"
	for name, c := range map[string]struct {
		vars map[string]string
		want string // the signals that are received
		says string // in the log; "": nothing
	}{
		"an endpoint alone":            {nil, all, ""},
		"an unknown exporter":          {map[string]string{"OTEL_METRICS_EXPORTER": "prometheus"}, all, "not supported"},
		"one of two exporters":         {map[string]string{"OTEL_TRACES_EXPORTER": "console,OTLP"}, all, "console"},
		"none":                         {map[string]string{"OTEL_TRACES_EXPORTER": "None"}, "logs metrics", ""},
		"disabled":                     {map[string]string{"OTEL_SDK_DISABLED": "TRUE"}, "", ""},
		"not a boolean":                {map[string]string{"OTEL_SDK_DISABLED": "1"}, all, "neither true nor false"},
		"a protocol that is not there": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, all, "http/json"},
		"no span is sampled":           {map[string]string{"OTEL_TRACES_SAMPLER": "Always_Off"}, "logs metrics", ""},
		"no span of a ratio": {
			map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, "logs metrics", "",
		},
		"an unknown sampler": {map[string]string{"OTEL_TRACES_SAMPLER": "sometimes"}, all, "sometimes"},
		"a ratio above one": {
			map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, all, "from 0 to 1",
		},
		"a queue below zero": {map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, all, "at least 1"},
		"a queue of all memory": {
			map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "9000000000000000"}, all, "at most 1000000",
		},
		"a time of ages":      {map[string]string{"OTEL_BSP_EXPORT_TIMEOUT": "9223372036854775807"}, all, "at most 1000000000"},
		"no rest":             {map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "0"}, all, "at least 1"},
		"a unit":              {map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "5s"}, all, "milliseconds"},
		"deltas":              {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}, all, "delta"},
		"broken attributes":   {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a"}, all, "attributes"},
		"headers of no pairs": {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "secret"}, "", "does not send traces"},
		"no such certificate": {
			map[string]string{"OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "/nowhere.pem"}, "metrics traces", "does not send logs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startReceiver(t, httptest.NewServer, 200)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
			setEnv(t, c.vars)
			_, said := started(t)
			got := map[string]bool{}
			for _, request := range r.requests() {
				got[strings.TrimPrefix(request.path, "/v1/")] = true
			}
			if signals := strings.Join(slices.Sorted(maps.Keys(got)), " "); signals != c.want {
				t.Errorf("received %q, want %q", signals, c.want)
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) || strings.Contains(said, "secret") {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

// TestCompressionInCapitals: the receiver gets what the word says.
func TestCompressionInCapitals(t *testing.T) {
	r := startReceiver(t, httptest.NewServer, 200)
	setEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP"})
	started(t)
	seen := r.requests()
	if len(seen) == 0 {
		t.Fatal("nothing was received")
	}
	for _, request := range seen {
		if request.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %v", request.path, request.header)
		}
	}
}

// TestPropagators: without tracecontext no traceparent goes out.
func TestPropagators(t *testing.T) {
	r := startReceiver(t, httptest.NewServer, 200)
	for word, goesOut := range map[string]bool{
		"": true, "tracecontext,baggage": true, "TraceContext": true, "none": false, "baggage": false,
		"b3": true, // not supported, so ignored
	} {
		t.Run(word, func(t *testing.T) {
			setEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_PROPAGATORS": word})
			tel := Start(t.Context(), "1", prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
			ctx, end := tel.Tick(t.Context(), "shop", time.Time{}, 1)
			if carried := tel.Carried(ctx); (carried != "") != goesOut || Traceparent(ctx) == "" {
				t.Errorf("carried %q", carried)
			}
			end(nil)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
