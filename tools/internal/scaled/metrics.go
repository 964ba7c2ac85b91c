package scaled

import (
	"bytes"
	"context"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are the families of one scrape by name.
type Metrics map[string]*dto.MetricFamily

// Scrape reads /metrics.
func (a *Agent) Scrape(ctx context.Context) (Metrics, error) {
	body, err := a.Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(bytes.NewReader(body))
}

// Value returns the value of a gauge, counter or untyped series.
func Value(m *dto.Metric) float64 {
	return m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
}

// Sum adds the values of a family whose labels contain all of the given NAME=VALUE pairs.
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for _, series := range m[name].GetMetric() {
		if has(series, labels) {
			sum += Value(series)
		}
	}
	return sum
}

func has(series *dto.Metric, labels []string) bool {
	for _, want := range labels {
		found := false
		name, value, _ := strings.Cut(want, "=")
		for _, l := range series.GetLabel() {
			found = found || l.GetName() == name && l.GetValue() == value
		}
		if !found {
			return false
		}
	}
	return true
}
