package exporters

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Limits bounds the number of series at /metrics.
type Limits struct {
	MaxSeries int `yaml:"max_series" default:"120000" doc:"Series of checks on /metrics at most."`
}

// Prometheus serves metrics at /metrics. A scrape never sends a statement. It shows the
// values that results and the agent have set.
type Prometheus struct {
	Limits
	// Clock is exported at every scrape, so that rules can compare it with the clock of
	// Prometheus. Nil: it is not exported.
	Clock sentinel.Clock

	checks   *seriesSet // samples by id of the check
	datasets *seriesSet // samples by datasetKey
	next     nextRuns   // of checks, that are not among their samples yet

	registry   *prometheus.Registry                // registry of the agent's own metrics
	gauges     map[string]*prometheus.GaugeVec     // gauges by name of the metric
	counters   map[string]*prometheus.CounterVec   // counters by name of the metric
	histograms map[string]*prometheus.HistogramVec // histograms by name of the metric
}

// NewPrometheus returns an exporter with the agent's metrics registered.
func NewPrometheus(version string) *Prometheus {
	p := &Prometheus{
		Limits:     settings.Default[Limits](),
		checks:     newSeriesSet(checkMetrics()),
		registry:   prometheus.NewRegistry(),
		gauges:     map[string]*prometheus.GaugeVec{},
		counters:   map[string]*prometheus.CounterVec{},
		histograms: map[string]*prometheus.HistogramVec{},
	}
	var ofDatasets []Metric
	for _, m := range agentMetrics() {
		if m.byDataset() {
			ofDatasets = append(ofDatasets, m)
		} else {
			p.registry.MustRegister(p.collector(m))
		}
	}
	p.datasets = newSeriesSet(ofDatasets)
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.Set(BuildInfo, 1, version)
	return p
}

// collector returns a new collector of a metric.
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

// Set sets a gauge of the agent or of a dataset. Labels are in the order of the metric.
func (p *Prometheus) Set(m Metric, v float64, labels ...string) {
	if m.byDataset() {
		p.setOfDataset(m, labels, func(sentinel.Number) sentinel.Number { return sentinel.Float(v) })
		return
	}
	p.gauges[m.Name].WithLabelValues(labels...).Set(v)
}

// Add adds to a counter of the agent or of a dataset.
func (p *Prometheus) Add(m Metric, v float64, labels ...string) {
	if m.byDataset() {
		p.setOfDataset(m, labels, func(old sentinel.Number) sentinel.Number {
			if old.Absent() {
				return sentinel.Float(v)
			}
			return sentinel.Float(old.Float64() + v)
		})
		return
	}
	p.counters[m.Name].WithLabelValues(labels...).Add(v)
}

// setOfDataset changes the value of a dataset's sample.
func (p *Prometheus) setOfDataset(m Metric, labels []string, change func(sentinel.Number) sentinel.Number) {
	ofDataset, further := slices.Clone(labels[:len(byDataset)]), slices.Clone(labels[len(byDataset):])
	p.datasets.set(m, datasetKey(ofDataset), func([]string) []string { return ofDataset }, further, change)
}

// datasetKey returns the key of a dataset's samples.
func datasetKey(labels []string) string { return labels[0] + "\x00" + labels[1] }

// datasetLabels returns the values of the labels warehouse and dataset.
func datasetLabels(t sentinel.Table) []string { return []string{t.Warehouse, DatasetLabel(t)} }

// Describe sets the owner and the tier of a dataset. It replaces the former ones.
func (p *Prometheus) Describe(t sentinel.Table, owner, tier string) {
	info := p.datasets.index[DatasetInfo.Name]
	labels := datasetLabels(t)
	p.datasets.update(datasetKey(labels), func([]string) []string { return labels }, func(last []sample) []sample {
		before := 0
		for before < len(last) && last[before].metric < info {
			before++
		}
		after := before
		for after < len(last) && last[after].metric == info {
			after++
		}
		now := []sample{{metric: info, labels: []string{owner, tier}, value: sentinel.Int(1)}}
		return slices.Concat(last[:before], now, last[after:])
	})
}

// Observe adds a value to a histogram of the agent.
func (p *Prometheus) Observe(m Metric, v float64, labels ...string) {
	p.histograms[m.Name].WithLabelValues(labels...).Observe(v)
}

// ObserveTraced adds a value to a histogram, with the id of a trace as its exemplar. An
// empty id adds none.
func (p *Prometheus) ObserveTraced(m Metric, v float64, traceID string, labels ...string) {
	o := p.histograms[m.Name].WithLabelValues(labels...)
	if e, can := o.(prometheus.ExemplarObserver); can && traceID != "" {
		e.ObserveWithExemplar(v, prometheus.Labels{"trace_id": traceID})
		return
	}
	o.Observe(v)
}

// Gather implements prometheus.Gatherer. It returns all metrics.
func (p *Prometheus) Gather() ([]*dto.MetricFamily, error) {
	checks := p.checkSeries()
	datasets, _ := p.datasets.snapshot(math.MaxInt)
	families, err := p.registry.Gather()
	families = slices.Concat(families, p.checks.families(checks), p.datasets.families(datasets))
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families, err
}

// checkSeries returns the series of checks, at most MaxSeries, and counts the others in
// SeriesDropped. It begins a scrape, and sets the time of it.
func (p *Prometheus) checkSeries() [][]series {
	if p.Clock != nil {
		p.Set(Time, float64(p.Clock.Now().UnixMilli())/1000)
	}
	checks, dropped := p.checks.snapshot(cmp.Or(p.MaxSeries, settings.Default[Limits]().MaxSeries))
	p.Set(SeriesDropped, float64(dropped))
	return checks
}

// Forget removes a series of a gauge, such as the risk of a dataset without a deadline.
func (p *Prometheus) Forget(m Metric, labels ...string) {
	if m.byDataset() {
		p.setOfDataset(m, labels, func(sentinel.Number) sentinel.Number { return sentinel.Number{} })
		return
	}
	p.gauges[m.Name].DeleteLabelValues(labels...)
}

// Export implements Exporter. It keeps the last values of each check.
func (p *Prometheus) Export(_ context.Context, results []sentinel.Result) error {
	for i := range results {
		r := &results[i]
		p.show(r)
		p.Add(CheckResults, 1, r.Table.Warehouse, r.Status.String())
	}
	return nil
}

// Validate implements Exporter.
func (p *Prometheus) Validate() error { return nil }

// Close implements Exporter.
func (p *Prometheus) Close(context.Context) error { return nil }

// Keep removes the series of all checks and datasets that are not in the sets, such as
// those that the configuration no longer has. Checks are named by id.
func (p *Prometheus) Keep(checks map[string]bool, datasets map[sentinel.Table]bool) {
	p.checks.keep(func(id string) bool { return checks[id] })
	p.next.keep(checks)
	labels := make(map[string]bool, len(datasets))
	for t := range datasets {
		labels[datasetKey(datasetLabels(t))] = true
	}
	p.datasets.keep(func(id string) bool { return labels[id] })
}

// ServeHTTP writes the series of checks, of datasets and of the agent. It writes the
// text format, or OpenMetrics if the client accepts it. Only OpenMetrics has exemplars.
func (p *Prometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	formats := append(expfmt.DefaultOpenMetricsAcceptedFormats(), expfmt.NewFormat(expfmt.TypeTextPlain))
	format := expfmt.NegotiateAccept(r.Header, formats...)
	checks := p.checkSeries()
	datasets, _ := p.datasets.snapshot(math.MaxInt)
	families, err := p.registry.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(format))
	out := bufio.NewWriterSize(w, 64<<10)
	openMetrics := format.FormatType() == expfmt.TypeOpenMetrics
	_ = errors.Join( // an error means that the client closed the connection
		p.checks.write(out, checks, openMetrics),
		p.datasets.write(out, datasets, openMetrics),
		encode(out, format, families),
		out.Flush(),
	)
}

// encode writes the families and the end of the format.
func encode(w io.Writer, format expfmt.Format, families []*dto.MetricFamily) error {
	encoder := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return err
		}
	}
	if c, ok := encoder.(expfmt.Closer); ok {
		return c.Close()
	}
	return nil
}

// IncidentsOpen sets the number of unresolved incidents by tier.
func (p *Prometheus) IncidentsOpen(byTier map[string]int) {
	for tier, n := range byTier {
		p.Set(IncidentsOpen, float64(n), tier)
	}
}

// TicksMissed counts ticks that no agent ran.
func (p *Prometheus) TicksMissed(t sentinel.Table, n int) {
	p.Add(TicksMissed, float64(n), t.Warehouse, DatasetLabel(t))
}

// JobSkipped counts ticks that were skipped because the dataset's last tick still ran, or
// that a panic ended.
func (p *Prometheus) JobSkipped(t sentinel.Table, n int) {
	p.Add(JobsSkipped, float64(n), t.Warehouse, DatasetLabel(t))
}

// DatasetLabel returns the value of the label `dataset`: the table's name in its
// warehouse.
func DatasetLabel(t sentinel.Table) string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Warehouse records one batch of checks: whether the warehouse answered, by how much its
// clock is ahead of the agent's, and how long the batch took.
func (p *Prometheus) Warehouse(name string, up bool, skew time.Duration, took time.Duration, traceID string) {
	p.Set(WarehouseUp, number(up), name)
	if up {
		p.Set(ClockSkew, skew.Seconds(), name)
	}
	p.ObserveTraced(CheckDuration, took.Seconds(), traceID, name)
}

// AgentsExpected exports how many agents are configured to share the state; 0: it is not said.
func (p *Prometheus) AgentsExpected(n int) {
	if n > 0 {
		p.Set(AgentsExpected, float64(n))
	} else {
		p.Forget(AgentsExpected)
	}
}

// StoreUp sets whether the last write to the state succeeded.
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
