package telemetry

import (
	"context"
	"math"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/encoding/protowire"
)

// metricExporter sends metrics by OTLP, as they stand in /metrics: cumulative.
type metricExporter struct{ to *client }

// Temporality implements sdkmetric.Exporter.
func (e metricExporter) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

// Aggregation implements sdkmetric.Exporter.
func (e metricExporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

// Export implements sdkmetric.Exporter.
func (e metricExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if len(rm.ScopeMetrics) == 0 {
		return nil
	}
	return e.to.send(ctx, metricsRequest(rm))
}

// ForceFlush implements sdkmetric.Exporter.
func (e metricExporter) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdkmetric.Exporter.
func (e metricExporter) Shutdown(context.Context) error { return e.to.close() }

// metricsRequest is an ExportMetricsServiceRequest.
func metricsRequest(rm *metricdata.ResourceMetrics) []byte {
	var out message
	out.sub(1, func(m *message) {
		m.resource(1, rm.Resource)
		for _, scoped := range rm.ScopeMetrics {
			m.sub(2, func(sm *message) {
				sm.scope(1, scoped.Scope)
				for _, metric := range scoped.Metrics {
					sm.sub(2, func(one *message) { one.metric(metric) })
				}
				sm.text(3, scoped.Scope.SchemaURL)
			})
		}
		m.text(3, rm.Resource.SchemaURL())
	})
	return out
}

func (m *message) metric(metric metricdata.Metrics) {
	m.text(1, metric.Name)
	m.text(2, metric.Description)
	m.text(3, metric.Unit)
	switch data := metric.Data.(type) {
	case metricdata.Gauge[float64]:
		m.sub(5, func(g *message) { points(g, data.DataPoints) })
	case metricdata.Gauge[int64]:
		m.sub(5, func(g *message) { points(g, data.DataPoints) })
	case metricdata.Sum[float64]:
		m.sub(7, func(s *message) {
			points(s, data.DataPoints)
			s.temporality(data.Temporality)
			s.monotonic(data.IsMonotonic)
		})
	case metricdata.Sum[int64]:
		m.sub(7, func(s *message) {
			points(s, data.DataPoints)
			s.temporality(data.Temporality)
			s.monotonic(data.IsMonotonic)
		})
	case metricdata.Histogram[float64]:
		m.sub(9, func(h *message) { histograms(h, data.DataPoints); h.temporality(data.Temporality) })
	case metricdata.Histogram[int64]:
		m.sub(9, func(h *message) { histograms(h, data.DataPoints); h.temporality(data.Temporality) })
	case metricdata.ExponentialHistogram[float64]:
		m.sub(10, func(h *message) { exponentials(h, data.DataPoints); h.temporality(data.Temporality) })
	case metricdata.ExponentialHistogram[int64]:
		m.sub(10, func(h *message) { exponentials(h, data.DataPoints); h.temporality(data.Temporality) })
	case metricdata.Summary:
		m.sub(11, func(s *message) { s.summaries(data.DataPoints) })
	}
}

func (m *message) temporality(t metricdata.Temporality) {
	m.number(2, map[metricdata.Temporality]uint64{metricdata.DeltaTemporality: 1, metricdata.CumulativeTemporality: 2}[t])
}

func (m *message) monotonic(yes bool) {
	if yes {
		m.flag(3, true)
	}
}

// count writes a number as the double or the integer that it is.
func count[N int64 | float64](m *message, double, integer protowire.Number, v N) {
	switch v := any(v).(type) {
	case float64:
		m.double(double, v)
	case int64:
		m.always64(integer, uint64(v))
	}
}

func points[N int64 | float64](m *message, list []metricdata.DataPoint[N]) {
	for _, p := range list {
		m.sub(1, func(out *message) {
			out.time(2, p.StartTime)
			out.time(3, p.Time)
			count(out, 4, 6, p.Value)
			exemplars(out, 5, p.Exemplars)
			out.set(7, p.Attributes)
		})
	}
}

func (m *message) set(field protowire.Number, s attribute.Set) { m.attributes(field, s.ToSlice()) }

func histograms[N int64 | float64](m *message, list []metricdata.HistogramDataPoint[N]) {
	for _, p := range list {
		m.sub(1, func(out *message) {
			out.time(2, p.StartTime)
			out.time(3, p.Time)
			out.fixed64(4, p.Count)
			out.double(5, float64(p.Sum))
			out.packed(6, len(p.BucketCounts), func(i int) uint64 { return p.BucketCounts[i] })
			out.packed(7, len(p.Bounds), func(i int) uint64 { return math.Float64bits(p.Bounds[i]) })
			exemplars(out, 8, p.Exemplars)
			out.set(9, p.Attributes)
			extremes(out, 11, p.Min, p.Max)
		})
	}
}

func exponentials[N int64 | float64](m *message, list []metricdata.ExponentialHistogramDataPoint[N]) {
	buckets := func(out *message, field protowire.Number, b metricdata.ExponentialBucket) {
		if len(b.Counts) == 0 {
			return
		}
		out.sub(field, func(in *message) {
			in.number(1, protowire.EncodeZigZag(int64(b.Offset)))
			var counts []byte
			for _, n := range b.Counts {
				counts = protowire.AppendVarint(counts, n)
			}
			in.raw(2, counts)
		})
	}
	for _, p := range list {
		m.sub(1, func(out *message) {
			out.set(1, p.Attributes)
			out.time(2, p.StartTime)
			out.time(3, p.Time)
			out.fixed64(4, p.Count)
			out.double(5, float64(p.Sum))
			out.number(6, protowire.EncodeZigZag(int64(p.Scale)))
			out.fixed64(7, p.ZeroCount)
			buckets(out, 8, p.PositiveBucket)
			buckets(out, 9, p.NegativeBucket)
			exemplars(out, 11, p.Exemplars)
			extremes(out, 12, p.Min, p.Max)
			out.fixed64(14, math.Float64bits(p.ZeroThreshold))
		})
	}
}

// extremes are the lowest and the highest value, in two fields that follow.
func extremes[N int64 | float64](m *message, field protowire.Number, low, high metricdata.Extrema[N]) {
	if v, ok := low.Value(); ok {
		m.double(field, float64(v))
	}
	if v, ok := high.Value(); ok {
		m.double(field+1, float64(v))
	}
}

func (m *message) summaries(list []metricdata.SummaryDataPoint) {
	for _, p := range list {
		m.sub(1, func(out *message) {
			out.time(2, p.StartTime)
			out.time(3, p.Time)
			out.fixed64(4, p.Count)
			out.fixed64(5, math.Float64bits(p.Sum))
			for _, q := range p.QuantileValues {
				out.sub(6, func(v *message) {
					v.fixed64(1, math.Float64bits(q.Quantile))
					v.fixed64(2, math.Float64bits(q.Value))
				})
			}
			out.set(7, p.Attributes)
		})
	}
}

func exemplars[N int64 | float64](m *message, field protowire.Number, list []metricdata.Exemplar[N]) {
	for _, e := range list {
		m.sub(field, func(out *message) {
			out.time(2, e.Time)
			count(out, 3, 6, e.Value)
			out.raw(4, e.SpanID)
			out.raw(5, e.TraceID)
			out.attributes(7, e.FilteredAttributes)
		})
	}
}
