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
	"github.com/prometheus/common/expfmt"

	sentinel "github.com/sentinel-dq/sentinel"
)

// Prometheus serves results at /metrics. The metrics of the agent itself are
// client_golang's; the series of checks, of which there may be a hundred
// thousand, are kept as text and rendered when they have changed, so that a
// scrape costs a copy. A scrape never sends a statement.
type Prometheus struct {
	MaxSeries int // series of checks exported at most; default 50,000

	registry *prometheus.Registry

	results   *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	incidents *prometheus.GaugeVec
	missed    *prometheus.CounterVec
	skipped   *prometheus.CounterVec
	up        *prometheus.GaugeVec
	skew      *prometheus.GaugeVec
	store     prometheus.Gauge
	reloadOK  prometheus.Gauge
	reloadAt  prometheus.Gauge
	dropped   prometheus.Gauge

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
	p := &Prometheus{MaxSeries: 50000, registry: prometheus.NewRegistry(), checks: map[string][]sample{}}
	gauge := func(m Metric) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: m.Name, Help: m.Help})
	}
	gauges := func(m Metric) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	}
	counters := func(m Metric) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	}
	p.results, p.missed, p.skipped = counters(CheckResults), counters(TicksMissed), counters(JobsSkipped)
	p.incidents, p.up, p.skew = gauges(IncidentsOpen), gauges(WarehouseUp), gauges(ClockSkew)
	p.store, p.reloadOK, p.reloadAt, p.dropped = gauge(StoreUp), gauge(ReloadSuccessful), gauge(ReloadTimestamp), gauge(SeriesDropped)
	p.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: CheckDuration.Name, Help: CheckDuration.Help, Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
	}, CheckDuration.Labels)
	build := gauges(BuildInfo)
	build.WithLabelValues(version).Set(1)
	p.registry.MustRegister(p.results, p.missed, p.skipped, p.incidents, p.up, p.skew, p.store, p.reloadOK, p.reloadAt, p.dropped, p.duration, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// Export implements Exporter: the last value of each check stays.
func (p *Prometheus) Export(_ context.Context, results []sentinel.Result) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range results {
		p.checks[r.Check] = render(r, p.checks[r.Check])
		p.results.WithLabelValues(r.Table.Warehouse, r.Status.String()).Inc()
	}
	p.text = nil
	return nil
}

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
	dataset := r.Table.Name
	if r.Table.Schema != "" {
		dataset = r.Table.Schema + "." + r.Table.Name
	}
	base := `warehouse="` + escape(r.Table.Warehouse) + `",dataset="` + escape(dataset) + `",check="` + escape(r.Check) + `"`
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
	p.dropped.Set(float64(max(0, series-limit)))
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

// ServeHTTP writes the checks' series, then the agent's own, in the text format.
func (p *Prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := p.exposition()
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	if _, err := w.Write(text); err != nil {
		return // the scraper has gone
	}
	families, err := p.registry.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encoder := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return
		}
	}
}

// IncidentsOpen sets the number of unresolved incidents by tier.
func (p *Prometheus) IncidentsOpen(byTier map[string]int) {
	for tier, n := range byTier {
		p.incidents.WithLabelValues(tier).Set(float64(n))
	}
}

// TicksMissed counts ticks that were slept through.
func (p *Prometheus) TicksMissed(t sentinel.Table, n int) {
	p.missed.WithLabelValues(t.Warehouse, datasetOf(t)).Add(float64(n))
}

// JobSkipped counts a tick whose dataset was still busy.
func (p *Prometheus) JobSkipped(t sentinel.Table) {
	p.skipped.WithLabelValues(t.Warehouse, datasetOf(t)).Inc()
}

func datasetOf(t sentinel.Table) string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Warehouse sets whether a warehouse answers, and by how much its clock is ahead.
func (p *Prometheus) Warehouse(name string, up bool, skew time.Duration, took time.Duration) {
	p.up.WithLabelValues(name).Set(number(up))
	if up {
		p.skew.WithLabelValues(name).Set(skew.Seconds())
	}
	p.duration.WithLabelValues(name).Observe(took.Seconds())
}

// StoreUp sets whether the agent's memory can be written.
func (p *Prometheus) StoreUp(up bool) { p.store.Set(number(up)) }

// Reloaded sets the outcome of loading the configuration.
func (p *Prometheus) Reloaded(ok bool, at time.Time) {
	p.reloadOK.Set(number(ok))
	if ok {
		p.reloadAt.Set(float64(at.UnixMilli()) / 1000)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
