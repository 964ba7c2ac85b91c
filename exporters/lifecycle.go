package exporters

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sentinel-dq/sentinel"
)

// Expect makes the series of a counter or a histogram at zero, if it does not exist yet.
// increase() does not see the event that makes a series.
func (p *Prometheus) Expect(m Metric, labels ...string) {
	if m.Type == "histogram" {
		p.histograms[m.Name].WithLabelValues(labels...)
		return
	}
	p.Add(m, 0, labels...)
}

// Restore shows the last results of an agent that ran before. It does not count them.
func (p *Prometheus) Restore(results []sentinel.Result) {
	for i := range results {
		p.show(&results[i])
	}
}

// show replaces the samples of the result's check.
func (p *Prometheus) show(r *sentinel.Result) {
	next, known := p.next.take(r.Check)
	p.checks.update(r.Check, checkLabels(r.Table, r.Check), func(last []sample) []sample {
		if !known {
			next = p.checks.valueOf(CheckNextRun, last)
		}
		return p.checks.samplesOf(r, last, next)
	})
}

// nextRuns holds when checks run next, until their next results are shown. Setting it there
// would copy all samples of each check once more.
type nextRuns struct {
	mu sync.Mutex
	at map[string]sentinel.Number // by id of the check
}

func (n *nextRuns) set(check string, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.at = map[string]sentinel.Number{}
	}
	n.at[check] = timeNumber(at)
}

func (n *nextRuns) take(check string) (at sentinel.Number, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, known = n.at[check]
	delete(n.at, check)
	return at, known
}

func (n *nextRuns) keep(checks map[string]bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.at, func(check string, _ sentinel.Number) bool { return !checks[check] })
}

// RunsNext is NextRun, but as of the next result of the check.
func (p *Prometheus) RunsNext(check string, at time.Time) { p.next.set(check, at) }

// NextRun sets when a check runs next. A zero time means that it never does.
func (p *Prometheus) NextRun(t sentinel.Table, check string, at time.Time) {
	p.setTime(CheckNextRun, t, check, at)
}

// LastGood sets when a check passed last, where no result of this agent says it.
func (p *Prometheus) LastGood(t sentinel.Table, check string, at time.Time) {
	p.setTime(CheckLastGood, t, check, at)
}

// setTime sets a time of a check. A zero time removes it.
func (p *Prometheus) setTime(m Metric, t sentinel.Table, check string, at time.Time) {
	value := timeNumber(at)
	p.checks.set(m, check, checkLabels(t, check), nil, func(sentinel.Number) sentinel.Number { return value })
}

// timeNumber returns a time in Unix seconds; absent for the zero time.
func timeNumber(at time.Time) (n sentinel.Number) {
	if !at.IsZero() {
		n = sentinel.Float(float64(at.UnixMilli()) / 1000)
	}
	return n
}

// checkLabels returns the values of the labels that all metrics of a check have.
func checkLabels(t sentinel.Table, check string) labelsOf {
	return func(last []string) []string {
		if len(last) == 3 && last[0] == t.Warehouse && isDatasetLabel(last[1], t) && last[2] == check {
			return last
		}
		return []string{t.Warehouse, DatasetLabel(t), check}
	}
}

// isDatasetLabel reports whether a label is [DatasetLabel] of a table, without making that.
func isDatasetLabel(label string, t sentinel.Table) bool {
	if t.Schema != "" {
		var ok bool
		if label, ok = strings.CutPrefix(label, t.Schema); !ok {
			return false
		}
		if label, ok = strings.CutPrefix(label, "."); !ok {
			return false
		}
	}
	return label == t.Name
}

// KeepWarehouses removes the gauges of all warehouses for which stays is false. Without
// that, a warehouse that is down when it is removed from
// the configuration would be down without end.
func (p *Prometheus) KeepWarehouses(stays func(name string) bool) {
	for _, m := range []Metric{WarehouseUp, ClockSkew, ReplicationLag} {
		p.keepGauges(m, stays)
	}
}

// KeepBudgets removes the gauges of the budgets of all warehouses for which stays is false.
func (p *Prometheus) KeepBudgets(stays func(name string) bool) {
	for _, m := range budgetMetrics() {
		if m.Type == "gauge" {
			p.keepGauges(m, stays)
		}
	}
}

// KeepChannels removes the gauges of all channels for which stays is false.
func (p *Prometheus) KeepChannels(stays func(name string) bool) {
	p.keepGauges(NotificationsOverdue, stays)
}

// KeepBreakers removes the circuit breakers for which stays is false.
func (p *Prometheus) KeepBreakers(stays func(name string) bool) { p.keepGauges(BreakerState, stays) }

// keepGauges removes the series of a gauge with one label, by the label's value.
func (p *Prometheus) keepGauges(m Metric, stays func(value string) bool) {
	for _, value := range p.labelValues(m) {
		if !stays(value) {
			p.gauges[m.Name].DeleteLabelValues(value)
		}
	}
}

// labelValues returns the values of the only label of a gauge.
func (p *Prometheus) labelValues(m Metric) (values []string) {
	collected := make(chan prometheus.Metric)
	go func() {
		defer close(collected)
		p.gauges[m.Name].Collect(collected)
	}()
	for c := range collected {
		var series dto.Metric
		if c.Write(&series) == nil && len(series.Label) == 1 { // a gauge has no reason to fail
			values = append(values, series.Label[0].GetValue())
		}
	}
	return values
}
