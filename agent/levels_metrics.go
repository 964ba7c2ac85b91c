package agent

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// setLevels puts the service levels of datasets in force. It keeps those that are known. If
// the store cannot be read, it adds none: new ones would replace those in the store.
func (a *Agent) setLevels(ctx context.Context, datasets []Dataset) error {
	now := a.now()
	read, damaged, err := ReadLevels(ctx, a.store, datasets, now)
	for _, d := range damaged {
		a.log.Warn("reading service levels", "error", d)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	next := map[sentinel.Table]*Levels{}
	for _, d := range datasets {
		switch old := a.levels[d.Table]; {
		case d.SLO == nil:
		case old != nil:
			old.configure(d, now)
			if err == nil {
				old.leftOut = read[d.Table].leftOut
			}
			next[d.Table] = old
		case err == nil:
			next[d.Table] = read[d.Table]
		}
	}
	for t, l := range a.levels {
		if next[t] == nil {
			a.forgetLevels(l)
		}
	}
	a.levels = next
	for _, l := range next {
		a.exportLevels(l, now)
	}
	return err
}

// windowsOf reports whether a maintenance window is open for a dataset at a time. The lock is
// held.
func (a *Agent) windowsOf(l *Levels) (open func(at time.Time) bool) {
	return func(at time.Time) bool { return a.inWindow(at, l.dataset) }
}

// watchLevels exports the service levels once a minute, because budgets change while
// nothing happens.
func (a *Agent) watchLevels(ctx context.Context) {
	for wait.For(ctx, wait.On(a.clock, time.Minute)) {
		labels, err := a.store.ExcludedRanges(ctx)
		if err != nil {
			a.log.Error("reading labels for service levels", "error", err)
			continue
		}
		rec, err := a.submitLevels(ctx, labels)
		if err != nil {
			a.log.Error("service levels", "error", err)
		}
		if err := a.await(rec); err != nil && !errors.Is(err, errBehind) && ctx.Err() == nil {
			a.log.Error("service levels could not be recorded; they are kept in memory", "error", err)
		}
		if err := a.exportRetries(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("counting retries", "error", err)
		}
	}
}

// submitLevels exports the service levels now, and submits the record of those that have
// changed.
func (a *Agent) submitLevels(ctx context.Context, labels map[string][]store.Range) (*record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var batch store.Batch
	var problems []error
	now := a.now()
	for _, l := range a.levels {
		l.exclude(labels)
		l.pass(now, a.windowsOf(l))
		states, err := l.state(now)
		problems = append(problems, err)
		batch.States = append(batch.States, states...)
		a.exportLevels(l, now)
	}
	return a.submit(ctx, batch, nil), errors.Join(problems...)
}

// ServiceLevels returns how all datasets with an objective stand now, by table.
func (a *Agent) ServiceLevels() []slo.Report {
	return a.reported(func(l *Levels) []slo.Report { return l.Reports(a.now()) })
}

// ServiceLevelsOver returns how all datasets with an objective stood at until, in a time from one
// instant to another, by table: see [Levels.Over].
func (a *Agent) ServiceLevelsOver(from, until, to time.Time) []slo.Report {
	return a.reported(func(l *Levels) []slo.Report { return l.Over(from, until, to) })
}

// reported returns what of says of copies of all levels, by table. The lock is held to copy those of
// one dataset, and never while of computes.
func (a *Agent) reported(of func(*Levels) []slo.Report) (out []slo.Report) {
	a.mu.Lock()
	var tables []sentinel.Table
	for _, d := range a.datasets {
		if a.levels[d.Table] != nil {
			tables = append(tables, d.Table)
		}
	}
	a.mu.Unlock()
	for _, t := range tables {
		if l := a.copiedLevels(t); l != nil {
			out = append(out, of(l)...)
		}
	}
	return out
}

// copiedLevels returns a copy of the levels of a dataset, to read; nil if it has none any more.
func (a *Agent) copiedLevels(t sentinel.Table) *Levels {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.levels[t]; l != nil {
		return l.clone()
	}
	return nil
}

// exportLevels exports the service level of a dataset.
func (a *Agent) exportLevels(l *Levels, now time.Time) {
	of := []string{l.dataset.Table.Warehouse, exporters.DatasetLabel(l.dataset.Table)}
	a.metrics.Set(exporters.SLOObjective, l.dataset.SLO.Target, of...)
	a.metrics.Set(exporters.SLOWindow, l.dataset.SLO.Window.Seconds(), of...)
	for _, r := range l.Reports(now) {
		labels := append(of[:2:2], r.Indicator)
		a.setKnown(exporters.SLOActual, r.Actual, labels...)
		a.setKnown(exporters.SLOBudget, r.Left, labels...)
		a.setKnown(exporters.SLOJudged, r.Judged, labels...)
		for i, w := range slo.Windows() {
			a.setKnown(exporters.SLOBurn, r.Burn[i], append(labels[:3:3], slo.WindowName(w))...)
		}
	}
}

// setKnown sets a gauge, or removes it where its value is not known.
func (a *Agent) setKnown(m exporters.Metric, v float64, labels ...string) {
	if math.IsNaN(v) {
		a.metrics.Forget(m, labels...)
		return
	}
	a.metrics.Set(m, v, labels...)
}

// forgetLevels removes the metrics of a dataset without an objective.
func (a *Agent) forgetLevels(l *Levels) {
	of := []string{l.dataset.Table.Warehouse, exporters.DatasetLabel(l.dataset.Table)}
	a.metrics.Forget(exporters.SLOObjective, of...)
	a.metrics.Forget(exporters.SLOWindow, of...)
	for _, indicator := range []string{slo.Loads, slo.Checks} {
		labels := append(of[:2:2], indicator)
		for _, m := range []exporters.Metric{exporters.SLOActual, exporters.SLOBudget, exporters.SLOJudged} {
			a.metrics.Forget(m, labels...)
		}
		for _, w := range slo.Windows() {
			a.metrics.Forget(exporters.SLOBurn, append(labels[:3:3], slo.WindowName(w))...)
		}
	}
}

// exportRetries exports which share of retried repairs succeeded.
func (a *Agent) exportRetries(ctx context.Context) error {
	k, err := ReadKPIs(ctx, a.store, a.now())
	if err != nil {
		return err
	}
	for of, share := range map[string]float64{"repair": k.RepairRetries.Share(), "notification": k.NoticeRetries.Share()} {
		if math.IsNaN(share) {
			a.metrics.Forget(exporters.RetrySuccess, of)
			continue
		}
		a.metrics.Set(exporters.RetrySuccess, share, of)
	}
	return nil
}
