package exporters

import (
	"bufio"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"

	"github.com/sentinel-dq/sentinel"
)

// write writes series in the Prometheus text format or as OpenMetrics.
func (s *seriesSet) write(w *bufio.Writer, byMetric [][]series, openMetrics bool) error {
	var line []byte
	for i, m := range s.metrics {
		if len(byMetric[i]) == 0 {
			continue
		}
		if _, err := w.WriteString(m.header(openMetrics)); err != nil {
			return err
		}
		for _, v := range byMetric[i] {
			line = m.appendLine(line[:0], v)
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// header returns the lines before the series of a metric. OpenMetrics omits the suffix
// _total of a counter there.
func (m Metric) header(openMetrics bool) string {
	name := m.Name
	if openMetrics && m.Type == "counter" {
		name = strings.TrimSuffix(name, "_total")
	}
	return "# HELP " + name + " " + m.Help + "\n# TYPE " + name + " " + m.Type + "\n"
}

func (m Metric) appendLine(b []byte, v series) []byte {
	b = append(b, m.Name...)
	b = append(b, '{')
	b = append(b, v.group.text...)
	for i, label := range v.sample.labels {
		b = append(b, ',')
		b = appendLabel(b, m.Labels[len(v.group.labels)+i], label)
	}
	b = append(b, '}', ' ')
	b = appendNumber(b, v.sample.value)
	return append(b, '\n')
}

// labelText formats the values of the first labels.
func labelText(names, values []string) string {
	var b []byte
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendLabel(b, names[i], value)
	}
	return string(b)
}

func appendLabel(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, '=', '"')
	b = appendEscaped(b, value)
	return append(b, '"')
}

func appendNumber(b []byte, n sentinel.Number) []byte {
	if v, ok := n.Int64(); ok {
		return strconv.AppendInt(b, v, 10)
	}
	return strconv.AppendFloat(b, n.Float64(), 'g', -1, 64)
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c == '\\' || c == '"' || c == '\n' {
			return append(b, escaper.Replace(validUTF8(s))...)
		}
	}
	return append(b, s...)
}

func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// families converts series to the form in which client_golang gathers metrics.
func (s *seriesSet) families(byMetric [][]series) (out []*dto.MetricFamily) {
	for i, m := range s.metrics {
		if len(byMetric[i]) == 0 {
			continue
		}
		f := &dto.MetricFamily{Name: &m.Name, Help: &m.Help, Type: dto.MetricType_GAUGE.Enum()}
		if m.Type == "counter" {
			f.Type = dto.MetricType_COUNTER.Enum()
		}
		for _, v := range byMetric[i] {
			f.Metric = append(f.Metric, m.metric(v))
		}
		out = append(out, f)
	}
	return out
}

func (m Metric) metric(v series) *dto.Metric {
	value := v.sample.value.Float64()
	out := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	if m.Type == "counter" {
		out.Gauge, out.Counter = nil, &dto.Counter{Value: &value}
	}
	for i, label := range slices.Concat(v.group.labels, v.sample.labels) {
		label = validUTF8(label)
		out.Label = append(out.Label, &dto.LabelPair{Name: &m.Labels[i], Value: &label})
	}
	return out
}
