package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// logExporter sends log records by OTLP.
type logExporter struct{ to *client }

// Export implements sdklog.Exporter.
func (e logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	if len(records) == 0 {
		return nil
	}
	return e.to.send(ctx, logsRequest(records))
}

// ForceFlush implements sdklog.Exporter.
func (e logExporter) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdklog.Exporter.
func (e logExporter) Shutdown(context.Context) error { return e.to.close() }

// logsRequest is an ExportLogsServiceRequest.
func logsRequest(records []sdklog.Record) []byte {
	var out message
	out.sub(1, func(rl *message) {
		about := records[0].Resource()
		rl.resource(1, about)
		rl.sub(2, func(sl *message) {
			in := records[0].InstrumentationScope() // one handler writes all of them
			sl.scope(1, in)
			for _, r := range records {
				sl.sub(2, func(m *message) { m.record(r) })
			}
			sl.text(3, in.SchemaURL)
		})
		rl.text(3, about.SchemaURL())
	})
	return out
}

func (m *message) record(r sdklog.Record) {
	m.time(1, r.Timestamp())
	m.number(2, uint64(r.Severity()))
	m.text(3, r.SeverityText())
	m.sub(5, func(body *message) { body.value(r.Body()) })
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		m.attribute(6, kv)
		return true
	})
	m.number(7, uint64(r.DroppedAttributes()))
	m.fixed32(8, uint32(r.TraceFlags()))
	if t, s := r.TraceID(), r.SpanID(); t.IsValid() {
		m.raw(9, t[:])
		m.raw(10, s[:])
	}
	m.time(11, r.ObservedTimestamp())
	m.text(12, r.EventName())
}
