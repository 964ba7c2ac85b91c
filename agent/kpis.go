package agent

import (
	"context"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// kpiWindow is the time over which key figures are reported.
const kpiWindow = 30 * 24 * time.Hour

// KPIs are the figures that teams report of the last 30 days.
type KPIs struct {
	Incidents     int // opened
	Detect        Mean
	Resolve       Mean
	Repair        Mean
	Repairs       Part // of the repairs that ended: those that succeeded
	RepairRetries Part // of the repairs that were tried again: those that succeeded
	NoticeRetries Part // of the notifications that were tried again: those that were sent
}

// Mean is the mean of durations.
type Mean struct {
	Sum time.Duration
	N   int
}

// Add adds a duration; a negative one counts as none.
func (m *Mean) Add(d time.Duration) { m.Sum, m.N = m.Sum+max(d, 0), m.N+1 }

// Value returns the mean. ok is false if there is none.
func (m Mean) Value() (d time.Duration, ok bool) {
	if m.N == 0 {
		return 0, false
	}
	return m.Sum / time.Duration(m.N), true
}

// Part is a share as two counts.
type Part struct{ Good, All int }

// Add counts one that was good, or was not.
func (p *Part) Add(good bool) {
	p.All++
	if good {
		p.Good++
	}
}

// Share returns the share; NaN of nothing.
func (p Part) Share() float64 {
	if p.All == 0 {
		return math.NaN()
	}
	return float64(p.Good) / float64(p.All)
}

// maxKPI bounds how many incidents and repairs are read, the newest first.
const maxKPI = 10000

// ReadKPIs computes the key figures from the store.
func ReadKPIs(ctx context.Context, from *store.Store, now time.Time) (k KPIs, err error) {
	since := now.Add(-kpiWindow)
	incidents, err := from.Incidents(ctx, store.IncidentFilter{Resolved: true, Limit: maxKPI})
	if err != nil {
		return k, err
	}
	for _, i := range incidents {
		k.incident(i, since)
	}
	repairs, err := from.Repairs(ctx, store.RepairFilter{Limit: maxKPI})
	if err != nil {
		return k, err
	}
	for _, r := range repairs {
		k.repair(r, since)
	}
	k.NoticeRetries.Good, k.NoticeRetries.All, err = from.OutboxRetried(ctx, since)
	return k, err
}

// incident counts an incident that was opened since then, and the time to resolve one that
// was resolved since then, whenever it was opened: the mean would leave out the longest.
func (k *KPIs) incident(i sentinel.Incident, since time.Time) {
	if i.State == sentinel.Resolved && !i.Resolved.Before(since) {
		k.Resolve.Add(i.Resolved.Sub(i.Opened))
	}
	if i.Opened.Before(since) {
		return
	}
	k.Incidents++
	if !i.LastGood.IsZero() {
		k.Detect.Add(i.Opened.Sub(i.LastGood))
	}
}

// repair counts a repair that ended and was to change something.
func (k *KPIs) repair(r sentinel.Repair, since time.Time) {
	if !r.State.Final() || r.Finished.Before(since) {
		return
	}
	switch r.State {
	case sentinel.ShadowDone, sentinel.RepairCancelled, sentinel.Superseded:
		return
	}
	good := r.State == sentinel.RepairSucceeded
	k.Repairs.Add(good)
	if good {
		k.Repair.Add(r.Finished.Sub(r.Created))
	}
	if r.Attempts > 1 {
		k.RepairRetries.Add(good)
	}
}
