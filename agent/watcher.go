package agent

import (
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/store"
)

// Watcher follows what an agent does, for people who look at it. Its methods are called in the
// order of events, some under the agent's lock. They must not block, and must not call the agent.
type Watcher interface {
	// Configured replaces the datasets in force. They must not be changed.
	Configured(datasets []Dataset)
	// Judged takes results and incidents as they are now, also while the state cannot be written.
	Judged(b store.Batch)
	// Repaired takes a repair that has moved on.
	Repaired(r sentinel.Repair)
}

// nobody watches.
type nobody struct{}

func (nobody) Configured([]Dataset)     {}
func (nobody) Judged(store.Batch)       {}
func (nobody) Repaired(sentinel.Repair) {}

// Risks returns the risks of all datasets with a deadline as they are now, those with the
// least time left first.
func (a *Agent) Risks() (out []sentinel.Risk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.forecasts) == 0 {
		return nil
	}
	now := a.now()
	for t, f := range a.forecasts {
		if r, ok := f.Tracker.Risk(now); ok {
			r.Table = t
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y sentinel.Risk) int {
		if c := x.Deadline.Compare(y.Deadline); c != 0 {
			return c
		}
		return x.Table.Compare(y.Table)
	})
	return out
}

// Channels returns the names of the channels of notifications.
func (a *Agent) Channels() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notifications == nil || a.notifications.Dispatcher == nil {
		return nil
	}
	for _, c := range a.notifications.Dispatcher.Channels {
		names = append(names, c.Name)
	}
	return names
}

// RiskReasons explains the risk of one dataset now, and says how good the predictions were; ok
// is false if it has no deadline, or no row has been seen yet.
func (a *Agent) RiskReasons(t sentinel.Table) (
	risk sentinel.Risk, parts []predict.Contribution, quality predict.Report, ok bool,
) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.forecasts[t]
	if f == nil {
		return risk, nil, quality, false
	}
	now := a.now()
	if risk, ok = f.Tracker.Risk(now); !ok {
		return risk, nil, quality, false
	}
	risk.Table = t
	return risk, f.Tracker.Model.Explain(f.Tracker.Context(), now), f.Tracker.Model.Report(), true
}
