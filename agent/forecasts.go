package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/store"
)

// NewForecast restores a dataset's forecast from the store, or trains it again: with the
// periods that a state of an earlier version remembers, else with the observations in the
// store. damaged says why it was trained again, and not restored. If the store cannot be
// read, there is no forecast.
func NewForecast(ctx context.Context, from *store.Store, d Dataset) (f *Forecast, damaged, err error) {
	tracker := &predict.Tracker{Model: predict.New(predict.DefaultPrior()), Next: d.Risk.next}
	f = &Forecast{Dataset: d, Tracker: tracker}
	data, ok, err := from.State(ctx, riskState, d.Table.String())
	if err != nil {
		return nil, nil, fmt.Errorf("reading the forecast of %s: %w", d.Table, err)
	}
	if ok {
		damaged = f.Tracker.UnmarshalBinary(data)
		if damaged == nil || f.Tracker.Model.Outcomes() > 0 {
			return f, damaged, nil
		}
		f.Tracker = &predict.Tracker{Model: predict.New(predict.DefaultPrior()), Next: d.Risk.next}
	}
	of := store.Series{Check: d.Risk.Check, Metric: "newest_timestamp_seconds"}
	points, err := from.Points(ctx, of, time.Time{}, 50000)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the arrivals of %s: %w", d.Table, err)
	}
	for _, p := range points {
		f.Tracker.Observe(p.Time, time.UnixMicro(int64(p.Value*1e6)), predict.Context{})
	}
	return f, damaged, nil
}

// setForecasts puts the deadlines of datasets in force. It keeps existing forecasts. It adds
// none that cannot be read: a new one would replace that in the store.
func (a *Agent) setForecasts(ctx context.Context, datasets []Dataset) error {
	a.mu.Lock()
	known := maps.Clone(a.forecasts)
	a.mu.Unlock()
	next := forecasts{}
	var unread error // the first one: others have the same cause
	for _, d := range datasets {
		if d.Risk == nil {
			continue
		}
		if f := known[d.Table]; f != nil {
			next[d.Table] = f
			continue
		}
		f, damaged, err := NewForecast(ctx, a.store, d)
		if err != nil {
			unread = cmp.Or(unread, err)
			continue
		}
		if damaged != nil {
			a.log.Warn("the forecast of a dataset is trained again", "dataset", d.Table, "error", damaged)
		}
		next[d.Table] = f
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range datasets {
		if f := next[d.Table]; f != nil {
			f.Dataset = d
			f.Tracker.Next = d.Risk.next
			f.alarm.Raise, f.alarm.Clear = d.Risk.Threshold, d.Risk.Clear
			if known[d.Table] == nil {
				a.restoreWarning(f)
			}
		}
	}
	for t := range a.forecasts {
		if next[t] == nil {
			for _, m := range riskMetrics() {
				a.metrics.Forget(m, t.Warehouse, exporters.DatasetLabel(t))
			}
		}
	}
	a.forecasts = next
	return unread
}

// restoreWarning goes on with the early warning of before a restart, so that a risk between
// the two thresholds does not end it. The lock is held.
func (a *Agent) restoreWarning(f *Forecast) {
	for _, found := range a.incidents.open[f.Dataset.Table].OpenFindings() {
		if found.Check == RiskCheck(f.Dataset.Table) {
			f.alarm.Since, f.alarm.Deadline = found.Opened, f.Tracker.Open().Deadline
		}
	}
}
