package exporters

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	sentinel "github.com/sentinel-dq/sentinel"
)

// Prometheus serves results at /metrics. The metrics of the agent itself are
// client_golang's; the series of checks, of which there may be a hundred
// thousand, are kept as text and rendered when they have changed, so that a
// scrape costs a copy. A scrape never sends a statement.
type Prometheus struct {
	MaxSeries int // series of checks exported at most; default 50,000

	registry   *prometheus.Registry
	gauges     map[string]*prometheus.GaugeVec // by metric name, as all three
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec

	mu     sync.Mutex
	checks map[string][]sample // by check id
	text   []byte              // rendered; nil when checks have changed
}

type sample struct {
	metric *Metric
	labels string // {warehouse="shop",...}
	value  string
}

// NewPrometheus returns an exporter with the agent's metrics registered.
func NewPrometheus(version string) *Prometheus {
	p := &Prometheus{
		MaxSeries: 50000, registry: prometheus.NewRegistry(), checks: map[string][]sample{},
		gauges: map[string]*prometheus.GaugeVec{}, counters: map[string]*prometheus.CounterVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}
	for _, m := range registered() {
		p.registry.MustRegister(p.collector(m))
	}
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
	p.gauges[m.Name].WithLabelValues(labels...).Set(v)
}

// Add adds to a counter of the agent.
func (p *Prometheus) Add(m Metric, v float64, labels ...string) {
	p.counters[m.Name].WithLabelValues(labels...).Add(v)
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
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(bytes.NewReader(p.exposition()))
	if err != nil {
		return nil, err
	}
	families, err := p.registry.Gather()
	for _, f := range byName {
		families = append(families, f)
	}
	return families, err
}

// Forget takes a series of a gauge out, such as the risk of a dataset that is
// no longer configured.
func (p *Prometheus) Forget(m Metric, labels ...string) {
	p.gauges[m.Name].DeleteLabelValues(labels...)
}

// Export implements Exporter: the last value of each check stays.
func (p *Prometheus) Export(_ context.Context, results []sentinel.Result) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range results {
		p.checks[r.Check] = render(r, p.checks[r.Check])
		p.Add(CheckResults, 1, r.Table.Warehouse, r.Status.String())
	}
	p.text = nil
	return nil
}

// Validate implements Exporter.
func (p *Prometheus) Validate() error { return nil }

// Close implements Exporter.
func (p *Prometheus) Close(context.Context) error { return nil }

// Keep forgets the checks that are not in ids: those taken out of the
// configuration.
func (p *Prometheus) Keep(ids map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.checks, func(id string, _ []sample) bool { return !ids[id] })
	p.text = nil
}

// render writes a result's samples. A run that could not look keeps the last
// numbers, whose age is exported, and changes the status alone.
func render(r sentinel.Result, last []sample) []sample {
	base := `warehouse="` + escape(r.Table.Warehouse) + `",dataset="` + escape(DatasetLabel(r.Table)) + `",check="` + escape(r.Check) + `"`
	out := []sample{{&CheckStatus, "{" + base + `,kind="` + escape(r.Kind) + `"}`, strconv.Itoa(int(r.Status))}}
	if r.Status == sentinel.Error {
		return append(out, slices.DeleteFunc(slices.Clone(last), func(s sample) bool { return s.metric == &CheckStatus })...)
	}
	out = append(out, sample{&CheckLastRun, "{" + base + "}", formatFloat(float64(r.Tick.UnixMilli()) / 1000)})
	for _, o := range r.Observations {
		m := metricOf(o.Metric)
		labels := "{" + base + "}"
		if len(m.Labels) == len(bySegment) {
			labels = "{" + base + `,segment="` + escape(o.Segment) + `"}`
		}
		if !o.Value.Absent() {
			out = append(out, sample{m, labels, formatNumber(o.Value)})
		}
	}
	drifts := map[sentinel.DriftKind]int{}
	for _, d := range r.Drifts {
		if d.Status != sentinel.Pass {
			drifts[d.Kind]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(drifts)) {
		out = append(out, sample{&SchemaDrifts, "{" + base + `,kind="` + string(kind) + `"}`, strconv.Itoa(drifts[kind])})
	}
	for _, s := range r.Scores {
		labels := "{" + base + `,segment="` + escape(s.Segment) + `"}`
		out = append(out, sample{&AnomalyScore, labels, formatFloat(s.Score)})
		if s.Low == s.Low && s.High == s.High {
			out = append(out, sample{&ExpectedLow, labels, formatFloat(s.Low)}, sample{&ExpectedHigh, labels, formatFloat(s.High)})
		}
	}
	return out
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

func formatNumber(n sentinel.Number) string {
	if v, ok := n.Int64(); ok {
		return strconv.FormatInt(v, 10)
	}
	return formatFloat(n.Float64())
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func escape(s string) string { return escaper.Replace(strings.ToValidUTF8(s, "\uFFFD")) }

// exposition returns the checks' samples in the text format, rendered anew only
// after a change.
func (p *Prometheus) exposition() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text != nil {
		return p.text
	}
	ids := slices.Sorted(maps.Keys(p.checks))
	byMetric := map[*Metric][]sample{}
	series, limit := 0, cmp.Or(p.MaxSeries, 50000)
	for _, id := range ids {
		for _, s := range p.checks[id] {
			if series++; series <= limit {
				byMetric[s.metric] = append(byMetric[s.metric], s)
			}
		}
	}
	p.Set(SeriesDropped, float64(max(0, series-limit)))
	var b bytes.Buffer
	for _, m := range slices.SortedFunc(maps.Keys(byMetric), func(a, b *Metric) int { return strings.Compare(a.Name, b.Name) }) {
		b.WriteString("# HELP " + m.Name + " " + m.Help + "\n# TYPE " + m.Name + " " + m.Type + "\n")
		for _, s := range byMetric[m] {
			b.WriteString(m.Name)
			b.WriteString(s.labels)
			b.WriteByte(' ')
			b.WriteString(s.value)
			b.WriteByte('\n')
		}
	}
	p.text = b.Bytes()
	return p.text
}

// ServeHTTP writes the checks' series, then the agent's own, in the text format,
// or as OpenMetrics where that is asked for: exemplars need it.
func (p *Prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, append(expfmt.DefaultOpenMetricsAcceptedFormats(), expfmt.NewFormat(expfmt.TypeTextPlain))...)
	text := p.exposition()
	w.Header().Set("Content-Type", string(format))
	if _, err := w.Write(text); err != nil {
		return // the scraper has gone
	}
	families, err := p.registry.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encoder := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return
		}
	}
	if c, ends := encoder.(expfmt.Closer); ends {
		if err := c.Close(); err != nil {
			return
		}
	}
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

// JobSkipped counts a tick whose dataset was still busy.
func (p *Prometheus) JobSkipped(t sentinel.Table) {
	p.Add(JobsSkipped, 1, t.Warehouse, DatasetLabel(t))
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
