// Package telemetry sends traces, metrics and logs by OTLP, as the standard OTEL_*
// variables configure. Without them it is off: [Start] returns nil, whose methods do
// nothing. environment.go checks the words and numbers of the variables, settings.go what
// they name, otlp.go creates the exporters, and log.go adds trace ids to log lines. Begin
// with [Start].
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sentinel-dq/sentinel"
)

const scopeName = "github.com/sentinel-dq/sentinel"

// Telemetry sends the signals that the environment asks for. A nil Telemetry sends none.
// It is safe for concurrent use.
type Telemetry struct {
	tracer     trace.Tracer // nil: traces are off
	logs       slog.Handler // nil: logs are off
	propagates bool         // the context of traces goes out with webhooks
	shutdown   []func(context.Context) error
}

// enabled reports whether the variables ask for a signal: TRACES, METRICS or LOGS.
func enabled(env func(string) string, signal string) bool {
	switch exporter := env("OTEL_" + signal + "_EXPORTER"); {
	case env("OTEL_SDK_DISABLED") == "true", exporter == "none":
		return false
	case exporter != "":
		return true
	}
	return env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

// Start starts the signals that the OTEL_* variables of the environment ask for. It
// returns nil if they ask for none. It reads the agent's metrics from metrics. Operators
// inject such variables into all processes, so none of them keeps the agent from starting:
// what is wrong is logged and ignored, and a signal that cannot be sent then is off. The
// caller must call Shutdown.
func Start(ctx context.Context, version string, metrics prometheus.Gatherer, log *slog.Logger) *Telemetry {
	cleanEnvironment(log)
	signals := []struct {
		name  string
		start func(*Telemetry, context.Context, *resource.Resource) error
	}{
		{"TRACES", (*Telemetry).startTraces},
		{"METRICS", func(t *Telemetry, ctx context.Context, about *resource.Resource) error {
			return t.startMetrics(ctx, about, metrics)
		}},
		{"LOGS", (*Telemetry).startLogs},
	}
	t := &Telemetry{propagates: propagates(os.Getenv)}
	var about *resource.Resource
	for _, s := range signals {
		if !enabled(os.Getenv, s.name) {
			continue
		}
		if about == nil {
			otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("opentelemetry", "error", err) }))
			about = describe(ctx, version, log)
		}
		if err := s.start(t, ctx, about); err != nil {
			log.Error("opentelemetry: the agent does not send "+strings.ToLower(s.name), "error", err)
		}
	}
	if len(t.shutdown) == 0 {
		return nil
	}
	return t
}

// propagates reports whether the context of traces goes out with webhooks.
func propagates(env func(string) string) bool {
	propagators := env("OTEL_PROPAGATORS")
	return propagators == "" || strings.Contains(propagators, "tracecontext")
}

// describe returns the attributes of this process. It leaves out those that it cannot
// read.
func describe(ctx context.Context, version string, log *slog.Logger) *resource.Resource {
	about, err := resource.New(ctx,
		resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithAttributes(
			attribute.String("service.name", serviceName()),
			attribute.String("service.version", version)))
	if err != nil {
		log.Warn("opentelemetry: some attributes of the process are not known", "error", err)
	}
	return about
}

func serviceName() string {
	if name := os.Getenv("OTEL_SERVICE_NAME"); name != "" {
		return name
	}
	return "sentinel"
}

func (t *Telemetry) startTraces(ctx context.Context, about *resource.Resource) error {
	s, err := readSettings("TRACES", os.Getenv)
	if err != nil {
		return err
	}
	to, err := s.spanExporter(ctx)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(to), sdktrace.WithResource(about))
	t.tracer = provider.Tracer(scopeName)
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, about *resource.Resource, from prometheus.Gatherer) error {
	s, err := readSettings("METRICS", os.Getenv)
	if err != nil {
		return err
	}
	to, err := s.metricExporter(ctx)
	if err != nil {
		return err
	}
	bridge := prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(from))
	reader := sdkmetric.NewPeriodicReader(to, sdkmetric.WithProducer(bridge))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

func (t *Telemetry) startLogs(ctx context.Context, about *resource.Resource) error {
	s, err := readSettings("LOGS", os.Getenv)
	if err != nil {
		return err
	}
	to, err := s.logExporter(ctx)
	if err != nil {
		return err
	}
	processor := sdklog.NewBatchProcessor(to)
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(processor), sdklog.WithResource(about))
	t.logs = otelslog.NewHandler(scopeName, otelslog.WithLoggerProvider(provider))
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// Shutdown sends the buffered signals, and takes at most five seconds.
func (t *Telemetry) Shutdown(ctx context.Context) (err error) {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, stop := range t.shutdown {
		err = errors.Join(err, stop(ctx))
	}
	return err
}

func noop(error) {}

// Tick begins the trace of one tick of a warehouse. The caller must call end with the
// tick's error or nil.
func (t *Telemetry) Tick(
	ctx context.Context,
	warehouse string,
	tick time.Time,
	datasets int,
) (_ context.Context, end func(error)) {
	if t == nil || t.tracer == nil {
		return ctx, noop
	}
	ctx, span := t.tracer.Start(ctx, "tick "+warehouse, trace.WithNewRoot(), trace.WithAttributes(
		attribute.String("sentinel.warehouse", warehouse),
		attribute.String("sentinel.tick", tick.UTC().Format(time.RFC3339)),
		attribute.Int("sentinel.datasets", datasets),
	))
	return ctx, ending(span)
}

// Step begins the span of one step of a tick, such as record. The caller must call end.
func (t *Telemetry) Step(ctx context.Context, name string, counts ...Count) (_ context.Context, end func(error)) {
	if t == nil || t.tracer == nil {
		return ctx, noop
	}
	ctx, span := t.tracer.Start(ctx, name)
	for _, c := range counts {
		span.SetAttributes(attribute.Int("sentinel."+c.Name, c.Value))
	}
	return ctx, ending(span)
}

// Count is an integer attribute of a span, such as 12 results.
type Count struct {
	Name  string
	Value int
}

func ending(span trace.Span) func(error) {
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Notice begins the span of one attempt to deliver a notification. The span belongs to
// the trace whose traceparent the notification carried through the outbox. own is the
// traceparent of the span.
func (t *Telemetry) Notice(
	ctx context.Context,
	traceparent, channel string,
) (_ context.Context, own string, end func(error)) {
	if t == nil || t.tracer == nil {
		return ctx, "", noop
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
	ctx, span := t.tracer.Start(
		ctx,
		"notify "+channel,
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.String("sentinel.channel", channel)),
	)
	return ctx, t.Carried(ctx), ending(span)
}

// Result adds an event with the result of a check to the current span.
func (t *Telemetry) Result(ctx context.Context, r sentinel.Result) {
	if t == nil || t.tracer == nil {
		return
	}
	trace.SpanFromContext(ctx).AddEvent("result", trace.WithAttributes(
		attribute.String("sentinel.check", r.Check),
		attribute.String("sentinel.kind", r.Kind),
		attribute.String("sentinel.status", r.Status.String()),
		attribute.String("sentinel.message", r.Message),
		attribute.Float64("sentinel.duration_seconds", r.Duration.Seconds()),
	))
}

// Statement begins the span of one statement sent to a warehouse, by the semantic
// conventions for databases. system is their db.system.name. The text holds no values,
// because they are bound. The caller must call done with the number of rows returned.
// done is nil if ctx has no trace.
func (t *Telemetry) Statement(ctx context.Context, system, warehouse, text string) (done func(rows int, err error)) {
	if t == nil || t.tracer == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	_, span := t.tracer.Start(ctx, "SELECT "+warehouse, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", system),
		attribute.String("db.namespace", warehouse),
		attribute.String("db.query.text", text),
		attribute.String("db.operation.name", "SELECT"),
	))
	return func(rows int, err error) {
		span.SetAttributes(attribute.Int("db.response.returned_rows", rows))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Carried returns the traceparent that goes out with what the current span causes; "" if
// OTEL_PROPAGATORS leaves it out.
func (t *Telemetry) Carried(ctx context.Context) string {
	if t == nil || !t.propagates {
		return ""
	}
	return Traceparent(ctx)
}

// Traceparent returns the W3C traceparent of the current span; "" without one.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// TraceID returns the id of the current trace; "" without one.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		return c.TraceID().String()
	}
	return ""
}
