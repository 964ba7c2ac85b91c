package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// spanExporter sends spans by OTLP.
type spanExporter struct{ to *client }

// ExportSpans implements sdktrace.SpanExporter.
func (e spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	return e.to.send(ctx, spansRequest(spans))
}

// Shutdown implements sdktrace.SpanExporter.
func (e spanExporter) Shutdown(context.Context) error { return e.to.close() }

// spansRequest is an ExportTraceServiceRequest. Spans of one process have one
// resource.
func spansRequest(spans []sdktrace.ReadOnlySpan) []byte {
	type scope struct {
		name, version string
		attributes    attribute.Distinct
	}
	var order []scope
	byScope := map[scope][]sdktrace.ReadOnlySpan{}
	for _, s := range spans {
		in := s.InstrumentationScope()
		key := scope{in.Name, in.Version, in.Attributes.Equivalent()}
		if byScope[key] == nil {
			order = append(order, key)
		}
		byScope[key] = append(byScope[key], s)
	}
	var out message
	out.sub(1, func(rs *message) {
		rs.resource(1, spans[0].Resource())
		for _, key := range order {
			members := byScope[key]
			in := members[0].InstrumentationScope()
			rs.sub(2, func(ss *message) {
				ss.scope(1, in)
				for _, s := range members {
					ss.sub(2, func(m *message) { m.span(s) })
				}
				ss.text(3, in.SchemaURL)
			})
		}
		rs.text(3, spans[0].Resource().SchemaURL())
	})
	return out
}

func (m *message) span(s sdktrace.ReadOnlySpan) {
	m.spanContext(1, 2, 3, s.SpanContext())
	if parent := s.Parent(); parent.SpanID().IsValid() {
		id := parent.SpanID()
		m.raw(4, id[:])
	}
	m.text(5, s.Name())
	m.number(6, uint64(s.SpanKind()))
	m.time(7, s.StartTime())
	m.time(8, s.EndTime())
	m.attributes(9, s.Attributes())
	m.number(10, uint64(s.DroppedAttributes()))
	for _, e := range s.Events() {
		m.sub(11, func(out *message) {
			out.time(1, e.Time)
			out.text(2, e.Name)
			out.attributes(3, e.Attributes)
			out.number(4, uint64(e.DroppedAttributeCount))
		})
	}
	m.number(12, uint64(s.DroppedEvents()))
	for _, l := range s.Links() {
		m.sub(13, func(out *message) {
			out.spanContext(1, 2, 3, l.SpanContext)
			out.attributes(4, l.Attributes)
			out.number(5, uint64(l.DroppedAttributeCount))
			out.fixed32(6, flags(l.SpanContext))
		})
	}
	m.number(14, uint64(s.DroppedLinks()))
	if status := s.Status(); status.Code != codes.Unset {
		m.sub(15, func(out *message) {
			out.text(2, status.Description)
			out.number(3, map[codes.Code]uint64{codes.Ok: 1, codes.Error: 2}[status.Code])
		})
	}
	m.fixed32(16, flags(s.Parent()))
}

func (m *message) spanContext(traceID, spanID, state protowire.Number, c trace.SpanContext) {
	t, s := c.TraceID(), c.SpanID()
	m.raw(traceID, t[:])
	m.raw(spanID, s[:])
	m.text(state, c.TraceState().String())
}

// flags say whether the parent, or what is linked to, is of another process.
func flags(c trace.SpanContext) uint32 {
	f := uint32(0x100) | uint32(c.TraceFlags())
	if c.IsRemote() {
		f |= 0x200
	}
	return f
}
