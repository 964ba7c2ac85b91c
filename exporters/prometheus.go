package exporters

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sentinel-dq/sentinel"
)

// Prometheus serves results at /metrics. What there is one of a check or a
// dataset, maybe a hundred thousand series, is kept as text and copied by a
// scrape; the other metrics of the agent are client_golang's. A scrape never
// sends a statement.
type Prometheus struct {
	MaxSeries int // series of checks exported at most; default 50,000

	checks   *rows // by id
	datasets *rows // by their labels

	registry   *prometheus.Registry
	gauges     map[string]*prometheus.GaugeVec // by metric name, as all three
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec
}

// NewPrometheus returns an exporter with the agent's metrics registered.
func NewPrometheus(version string) *Prometheus {
	p := &Prometheus{
		MaxSeries: 50000, registry: prometheus.NewRegistry(), checks: newRows(rendered()),
		gauges: map[string]*prometheus.GaugeVec{}, counters: map[string]*prometheus.CounterVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}
	var ofDatasets []Metric
	for _, m := range registered() {
		if m.ofDataset() {
			ofDatasets = append(ofDatasets, m)
		} else {
			p.registry.MustRegister(p.collector(m))
		}
	}
	p.datasets = newRows(ofDatasets)
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.Set(BuildInfo, 1, version)
	return p
}

// collector makes what client_golang keeps of a metric.
func (p *Prometheus) collector(m Metric) prometheus.Collector {
	switch m.Type {
	case "counter":
		p.counters[m.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
		return p.counters[m.Name]
	case "histogram":
		p.histograms[m.Name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: m.Name, Help: m.Help, Buckets: m.buckets(),
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, m.Labels)
		return p.histograms[m.Name]
	}
	p.gauges[m.Name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	return p.gauges[m.Name]
}

// Set sets a gauge of the agent; labels are in the metric's order.
func (p *Prometheus) Set(m Metric, v float64, labels ...string) {
	if m.ofDataset() {
		p.ofDataset(m, labels, func(float64) float64 { return v })
		return
	}
	p.gauges[m.Name].WithLabelValues(labels...).Set(v)
}

// Add adds to a counter of the agent.
func (p *Prometheus) Add(m Metric, v float64, labels ...string) {
	if m.ofDataset() {
		p.ofDataset(m, labels, func(old float64) float64 { return old + v })
		return
	}
	p.counters[m.Name].WithLabelValues(labels...).Add(v)
}

// ofDataset changes the value of a dataset's sample; nil takes it out.
func (p *Prometheus) ofDataset(m Metric, labels []string, change func(old float64) float64) {
	base, key := appendDataset(nil, labels[0], labels[1]), []byte{p.datasets.letter(m.Name)}
	for i, label := range labels[2:] {
		key = appendPair(key, m.Labels[2+i], label)
	}
	key = append(key, ' ')
	p.datasets.change(string(base), func(b, lines []byte) ([]byte, int) {
		return appendValue(append(b, base...), lines, string(key), change), len(base)
	})
}

// Describe sets who owns a dataset and how much it matters, instead of what it was.
func (p *Prometheus) Describe(t sentinel.Table, owner, tier string) {
	base, letter := appendDataset(nil, t.Warehouse, DatasetLabel(t)), p.datasets.letter(DatasetInfo.Name)
	line := append(appendPair(appendPair([]byte{letter}, "owner", owner), "tier", tier), " 1\n"...)
	p.datasets.change(string(base), func(b, lines []byte) ([]byte, int) {
		before, after := 0, 0 // the lines of the metric begin and end
		for after < len(lines) && lines[after] <= letter {
			if lines[after] < letter {
				before += bytes.IndexByte(lines[after:], '\n') + 1
			}
			after += bytes.IndexByte(lines[after:], '\n') + 1
		}
		return slices.Concat(append(b, base...), lines[:before], line, lines[after:]), len(base)
	})
}

// Observe puts a value into a histogram of the agent.
func (p *Prometheus) Observe(m Metric, v float64, labels ...string) {
	p.histograms[m.Name].WithLabelValues(labels...).Observe(v)
}

// ObserveTraced is Observe with the trace as an exemplar; "" for none.
func (p *Prometheus) ObserveTraced(m Metric, v float64, traceID string, labels ...string) {
	o := p.histograms[m.Name].WithLabelValues(labels...)
	if e, can := o.(prometheus.ExemplarObserver); can && traceID != "" {
		e.ObserveWithExemplar(v, prometheus.Labels{"trace_id": traceID})
		return
	}
	o.Observe(v)
}

// Gather implements prometheus.Gatherer: everything that /metrics has.
func (p *Prometheus) Gather() ([]*dto.MetricFamily, error) {
	var text bytes.Buffer
	if err := errors.Join(p.checks.write(&text, p.shown(), false), p.datasets.write(&text, p.datasets.shown(math.MaxInt), false)); err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		return nil, err
	}
	families, err := p.registry.Gather()
	for _, f := range byName {
		families = append(families, f)
	}
	return families, err
}

// Forget takes a series of a gauge out, such as the risk of a dataset that has
// no deadline any more.
func (p *Prometheus) Forget(m Metric, labels ...string) {
	if m.ofDataset() {
		p.ofDataset(m, labels, nil)
		return
	}
	p.gauges[m.Name].DeleteLabelValues(labels...)
}

// Export implements Exporter: the last value of each check stays.
func (p *Prometheus) Export(_ context.Context, results []sentinel.Result) error {
	for i := range results {
		r := &results[i]
		p.checks.change(r.Check, func(b, last []byte) ([]byte, int) { return p.appendRow(b, r, last) })
		p.Add(CheckResults, 1, r.Table.Warehouse, r.Status.String())
	}
	return nil
}

// Validate implements Exporter.
func (p *Prometheus) Validate() error { return nil }

// Close implements Exporter.
func (p *Prometheus) Close(context.Context) error { return nil }

// Keep forgets the checks, by id, and datasets that are not named: those taken
// out of the configuration.
func (p *Prometheus) Keep(checks map[string]bool, datasets map[sentinel.Table]bool) {
	p.checks.keep(func(id string) bool { return checks[id] })
	labels := make(map[string]bool, len(datasets))
	for t := range datasets {
		labels[string(appendDataset(nil, t.Warehouse, DatasetLabel(t)))] = true
	}
	p.datasets.keep(func(id string) bool { return labels[id] })
}

// appendRow writes a result's labels and samples, in the order of their metrics. A
// run that could not look keeps the last numbers, whose age is exported, and
// changes the status alone.
func (p *Prometheus) appendRow(b []byte, r *sentinel.Result, last []byte) (_ []byte, labels int) {
	b = appendPair(appendDataset(b, r.Table.Warehouse, DatasetLabel(r.Table)), "check", r.Check)
	labels = len(b)
	b = appendPair(append(b, 'a'), "kind", r.Kind)
	b = append(strconv.AppendInt(append(b, ' '), int64(r.Status), 10), '\n')
	if r.Status == sentinel.Error {
		_, numbers, _ := bytes.Cut(last, []byte{'\n'})
		return append(b, numbers...), labels
	}
	for i, m := range p.checks.metrics {
		letter := byte('a' + i)
		switch m.Name {
		case CheckStatus.Name:
		case CheckLastRun.Name:
			b = append(appendFloat(append(b, letter, ' '), float64(r.Tick.UnixMilli())/1000), '\n')
		case SchemaDrifts.Name:
			b = appendDrifts(b, letter, r.Drifts)
		case AnomalyScore.Name, ExpectedLow.Name, ExpectedHigh.Name:
			for _, s := range r.Scores {
				value := s.Score
				switch {
				case m.Name == AnomalyScore.Name:
				case s.Low != s.Low || s.High != s.High: // not known yet
					continue
				case m.Name == ExpectedLow.Name:
					value = s.Low
				default:
					value = s.High
				}
				b = append(appendFloat(append(appendPair(append(b, letter), "segment", s.Segment), ' '), value), '\n')
			}
		default:
			for _, o := range r.Observations {
				if o.Value.Absent() || metricOf(o.Metric).Name != m.Name {
					continue
				}
				b = append(b, letter)
				if len(m.Labels) == len(bySegment) {
					b = appendPair(b, "segment", o.Segment)
				}
				b = append(appendNumber(append(b, ' '), o.Value), '\n')
			}
		}
	}
	return b, labels
}

// appendDrifts writes how many differences of each kind are not ignored.
func appendDrifts(b []byte, letter byte, all []sentinel.Drift) []byte {
	if len(all) == 0 {
		return b
	}
	drifts := map[sentinel.DriftKind]int{}
	for _, d := range all {
		if d.Status != sentinel.Pass {
			drifts[d.Kind]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(drifts)) {
		b = appendPair(append(b, letter), "kind", string(kind))
		b = append(strconv.AppendInt(append(b, ' '), int64(drifts[kind]), 10), '\n')
	}
	return b
}

// metricOf maps an observation to its exported metric.
func metricOf(name string) *Metric {
	switch name {
	case "freshness_seconds":
		return &Freshness
	case "newest_timestamp_seconds":
		return &NewestTimestamp
	case "row_count":
		return &RowCount
	case "missing_partitions":
		return &MissingPartitions
	}
	return &CheckValue
}

func appendNumber(b []byte, n sentinel.Number) []byte {
	if v, ok := n.Int64(); ok {
		return strconv.AppendInt(b, v, 10)
	}
	return appendFloat(b, n.Float64())
}

func appendFloat(b []byte, f float64) []byte { return strconv.AppendFloat(b, f, 'g', -1, 64) }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c == '\\' || c == '"' || c == '\n' {
			return append(b, escaper.Replace(strings.ToValidUTF8(s, "\uFFFD"))...)
		}
	}
	return append(b, s...)
}

// appendDataset appends the first labels of everything about a dataset.
func appendDataset(b []byte, warehouse, dataset string) []byte {
	b = append(appendEscaped(append(b, `warehouse="`...), warehouse), `",dataset="`...)
	return append(appendEscaped(b, dataset), '"')
}

// appendPair appends one more label.
func appendPair(b []byte, name, value string) []byte {
	b = append(append(append(b, ','), name...), `="`...)
	return append(appendEscaped(b, value), '"')
}

// shown are the rows of checks, without the samples that are too many.
func (p *Prometheus) shown() shown {
	s := p.checks.shown(cmp.Or(p.MaxSeries, 50000))
	p.Set(SeriesDropped, float64(s.dropped))
	return s
}

// ServeHTTP writes the series of checks and datasets, then the agent's own, in
// the text format, or as OpenMetrics where that is asked for: exemplars need it.
func (p *Prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, append(expfmt.DefaultOpenMetricsAcceptedFormats(), expfmt.NewFormat(expfmt.TypeTextPlain))...)
	openMetrics := format.FormatType() == expfmt.TypeOpenMetrics
	checks, datasets := p.shown(), p.datasets.shown(math.MaxInt)
	families, err := p.registry.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(format))
	if errors.Join(p.checks.write(w, checks, openMetrics), p.datasets.write(w, datasets, openMetrics)) != nil {
		return // the scraper has gone
	}
	out := bufio.NewWriterSize(w, piece)
	encoder := expfmt.NewEncoder(out, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return // the scraper has gone
		}
	}
	if c, ends := encoder.(expfmt.Closer); ends {
		if err := c.Close(); err != nil {
			return
		}
	}
	_ = out.Flush() // the scraper has gone
}

// IncidentsOpen sets the number of unresolved incidents by tier.
func (p *Prometheus) IncidentsOpen(byTier map[string]int) {
	for tier, n := range byTier {
		p.Set(IncidentsOpen, float64(n), tier)
	}
}

// TicksMissed counts ticks that were slept through.
func (p *Prometheus) TicksMissed(t sentinel.Table, n int) {
	p.Add(TicksMissed, float64(n), t.Warehouse, DatasetLabel(t))
}

// JobSkipped counts ticks whose dataset was still busy.
func (p *Prometheus) JobSkipped(t sentinel.Table, n int) {
	p.Add(JobsSkipped, float64(n), t.Warehouse, DatasetLabel(t))
}

// DatasetLabel is the value of the label `dataset`: the table's name in its
// warehouse.
func DatasetLabel(t sentinel.Table) string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Warehouse sets whether a warehouse answers, and by how much its clock is ahead.
func (p *Prometheus) Warehouse(name string, up bool, skew time.Duration, took time.Duration, traceID string) {
	p.Set(WarehouseUp, number(up), name)
	if up {
		p.Set(ClockSkew, skew.Seconds(), name)
	}
	p.ObserveTraced(CheckDuration, took.Seconds(), traceID, name)
}

// StoreUp sets whether the agent's memory can be written.
func (p *Prometheus) StoreUp(up bool) { p.Set(StoreUp, number(up)) }

// Reloaded sets the outcome of loading the configuration.
func (p *Prometheus) Reloaded(ok bool, at time.Time) {
	p.Set(ReloadSuccessful, number(ok))
	if ok {
		p.Set(ReloadTimestamp, float64(at.UnixMilli())/1000)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
