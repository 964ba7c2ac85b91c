package telemetry

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Handler returns a handler that adds trace_id and span_id to log lines of a trace and,
// if logs are on, also sends all lines by OTLP. It returns next while telemetry is off.
func (t *Telemetry) Handler(next slog.Handler) slog.Handler {
	if t == nil {
		return next
	}
	return &handler{next, t.logs}
}

type handler struct {
	next slog.Handler
	otlp slog.Handler // nil: lines are not sent
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var sent error
	if h.otlp != nil {
		sent = h.otlp.Handle(ctx, r.Clone())
	}
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()), slog.String("span_id", c.SpanID().String()))
	}
	return errors.Join(sent, h.next.Handle(ctx, r))
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := &handler{next: h.next.WithAttrs(attrs)}
	if h.otlp != nil {
		out.otlp = h.otlp.WithAttrs(attrs)
	}
	return out
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	out := &handler{next: h.next.WithGroup(name)}
	if h.otlp != nil {
		out.otlp = h.otlp.WithGroup(name)
	}
	return out
}
