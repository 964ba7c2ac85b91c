package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// levelState is the kind of the states of service levels in the store.
const levelState = "slo"

// levelGrace is how late the next result of a check may be before what the last one says
// is not known any more.
const levelGrace = 10 * time.Minute

// Levels follows the service level of one dataset: the time in which its loads were there
// by their deadline, and in which its checks passed.
type Levels struct {
	Checks map[string]*slo.Follower `json:"checks"` // by id
	Loads  slo.Follower             `json:"loads"`  // of a dataset with a deadline
	Quiet  slo.Follower             `json:"quiet"`  // excluded while a maintenance window is open

	dataset  Dataset
	until    map[string]time.Time // when the next result of each check is due; zero: never
	seen     time.Time            // the maintenance windows are taken into account until then
	arrivals time.Time            // when the next look at arrivals is due; zero: never
	leftOut  []slo.Range          // labelled by people
	unsaved  bool                 // a state has changed since the levels were recorded
}

// overdue reports whether what was due has not come.
func overdue(due, now time.Time) bool { return !due.IsZero() && now.After(due.Add(levelGrace)) }

// levelOf returns what a result says of the service level. A warning is good: nothing is
// broken. What could not be looked at or judged is neither good nor bad.
func levelOf(s sentinel.Status) slo.State {
	switch s {
	case sentinel.Pass, sentinel.Warn:
		return slo.Good
	case sentinel.Fail:
		return slo.Bad
	}
	return slo.Unjudged
}

// NewLevels restores the levels of a dataset from its state, which may be nil, and the
// last results of its checks. The error says that the state is damaged: the levels then
// begin anew.
func NewLevels(d Dataset, state []byte, last []sentinel.Result, now time.Time) (*Levels, error) {
	l := &Levels{}
	var damaged error
	if len(state) > 0 {
		if damaged = json.Unmarshal(state, l); damaged != nil {
			*l = Levels{}
		}
	}
	l.dataset, l.until = d, map[string]time.Time{}
	if l.Checks == nil {
		l.Checks = map[string]*slo.Follower{}
	}
	for _, r := range last {
		if c := l.check(r.Check); c != nil {
			l.due(c, r)
		}
	}
	l.expireAll(now)
	return l, damaged
}

// check returns a check of the dataset; nil if it has none of that id.
func (l *Levels) check(id string) *Check {
	i := slices.IndexFunc(l.dataset.Checks, func(c Check) bool { return c.Common().ID == id })
	if i < 0 {
		return nil
	}
	return &l.dataset.Checks[i]
}

// due notes when the result after r is due.
func (l *Levels) due(c *Check, r sentinel.Result) {
	l.until[r.Check] = c.Schedule.Next(r.Tick)
	if l.dataset.Risk != nil && r.Check == l.dataset.Risk.Check && r.Status != sentinel.Error {
		l.arrivals = l.until[r.Check]
	}
}

// take takes a result that was seen at a time.
func (l *Levels) take(r sentinel.Result, at time.Time) {
	c := l.check(r.Check)
	if c == nil {
		return
	}
	f := l.Checks[r.Check]
	if f == nil {
		f = &slo.Follower{}
		l.Checks[r.Check] = f
	}
	l.expire(f, l.until[r.Check], at)
	l.due(c, r)
	l.unsaved = f.Mark(at, levelOf(r.Status)) || l.unsaved
}

// expire ends what a look says when the next one is overdue, from when it was due.
func (l *Levels) expire(f *slo.Follower, due, now time.Time) {
	if !f.From.IsZero() && overdue(due, now) {
		l.unsaved = f.Mark(latest(due, f.From), slo.Unjudged) || l.unsaved
	}
}

// configure puts another definition of the dataset in force. A check with another schedule
// is due by that from now on.
func (l *Levels) configure(d Dataset, now time.Time) {
	before := l.dataset
	l.dataset = d
	for _, c := range d.Checks {
		id := c.Common().ID
		i := slices.IndexFunc(before.Checks, func(o Check) bool { return o.Common().ID == id })
		if _, known := l.until[id]; !known || i >= 0 && before.Checks[i].Schedule.String() == c.Schedule.String() {
			continue
		}
		l.until[id] = c.Schedule.Next(now)
		if d.Risk != nil && d.Risk.Check == id && !l.arrivals.IsZero() {
			l.arrivals = l.until[id]
		}
	}
}

// pass takes the passing of time into account: what is overdue is not judged, from when it
// was due, and what lies in a maintenance window is excluded. open reports whether a window
// is open at a time.
func (l *Levels) pass(now time.Time, open func(time.Time) bool) {
	l.expireAll(now)
	l.endWindow(now, open)
	switch {
	case open(now):
		l.unsaved = l.Quiet.Mark(now, slo.Excluded) || l.unsaved
	case !l.Quiet.From.IsZero():
		l.unsaved = l.Quiet.Mark(now, slo.Good) || l.unsaved
	}
	l.seen = now
}

// endWindow ends the excluded time at the minute in which its window was closed. That may be
// long ago, where no agent ran or the machine slept.
func (l *Levels) endWindow(now time.Time, open func(time.Time) bool) {
	if l.Quiet.State != slo.Excluded {
		return
	}
	from := latest(l.Quiet.From, latest(l.seen, now.Add(-l.dataset.SLO.Window)))
	for at := from.Truncate(time.Minute).Add(time.Minute); at.Before(now); at = at.Add(time.Minute) {
		if !open(at) {
			l.unsaved = l.Quiet.Mark(at, slo.Good) || l.unsaved
			return
		}
	}
}

// expireAll ends what is overdue, from when it was due.
func (l *Levels) expireAll(now time.Time) {
	for id, f := range l.Checks {
		switch due, known := l.until[id]; {
		case l.check(id) == nil:
			delete(l.Checks, id)
			l.unsaved = true
		case !known:
			l.unsaved = f.Mark(now, slo.Unjudged) || l.unsaved // the state is older than its results
		default:
			l.expire(f, due, now)
		}
	}
	l.expire(&l.Loads, l.arrivals, now)
}

// look is what a freshness check found out about arrivals.
type look struct {
	at     time.Time
	newest time.Time
	ended  []predict.Ended // the periods that have ended since the look before
	open   predict.Period
}

// looked takes a look at arrivals, and corrects what was recorded since the look before.
func (l *Levels) looked(k look) {
	state := slo.Good
	if !k.open.Deadline.IsZero() && !k.open.Deadline.After(k.at) {
		state = slo.Bad
	}
	l.expire(&l.Loads, l.arrivals, k.at)
	l.unsaved = l.Loads.Mark(k.at, state) || l.unsaved
	for _, e := range k.ended {
		if !e.Outcome.Missed(e.Period.Deadline) {
			continue
		}
		came := e.Outcome.Arrival
		if came.IsZero() && k.newest.After(e.Period.Deadline) {
			came = k.newest
		}
		l.unsaved = l.Loads.Late(e.Period.Deadline, came, k.at) || l.unsaved
	}
	if state == slo.Bad {
		l.unsaved = l.Loads.Late(k.open.Deadline, time.Time{}, k.at) || l.unsaved
	}
}

// clone returns a copy to read, whose timelines are its own.
func (l *Levels) clone() *Levels {
	out := &Levels{
		Checks: make(map[string]*slo.Follower, len(l.Checks)), Loads: l.Loads.Clone(), Quiet: l.Quiet.Clone(),
		dataset: l.dataset, leftOut: l.leftOut,
	}
	for id, f := range l.Checks {
		own := f.Clone()
		out.Checks[id] = &own
	}
	return out
}

// Reports returns how the dataset stands against its objective.
func (l *Levels) Reports(now time.Time) []slo.Report {
	return l.over(*l.dataset.SLO, now.Add(-l.dataset.SLO.Window), now)
}

// Over returns how the dataset stood at until, in a time from one instant to another: as against
// an objective whose window is that time. until is in it, or its end. The budget is that of the
// whole time. What lies before the window of its own objective may be forgotten, and is not known.
func (l *Levels) Over(from, until, to time.Time) []slo.Report {
	return l.over(slo.Objective{Target: l.dataset.SLO.Target, Window: to.Sub(from)}, from, until)
}

// over returns how the dataset stands at now against an objective whose window begins at from.
func (l *Levels) over(objective slo.Objective, from, now time.Time) (out []slo.Report) {
	quiet := l.Quiet.Excluded(now)
	add := func(name string, lines ...*slo.Timeline) {
		level := slo.EvaluateSince(slo.Combine(append(lines, quiet)...), objective, from, now, l.leftOut)
		out = append(out, slo.Report{Table: l.dataset.Table, Indicator: name, Level: level})
	}
	if l.dataset.Risk != nil {
		add(slo.Loads, l.Loads.At(now))
	}
	var checks []*slo.Timeline
	for _, c := range l.dataset.Checks {
		if f := l.Checks[c.Common().ID]; f != nil {
			checks = append(checks, f.At(now))
		}
	}
	add(slo.Checks, checks...)
	return out
}

// state encodes the levels if they have changed. It removes what no window needs.
func (l *Levels) state(now time.Time) ([]store.State, error) {
	if !l.unsaved {
		return nil, nil
	}
	for _, f := range append(slices.Collect(maps.Values(l.Checks)), &l.Loads, &l.Quiet) {
		f.Forget(now.Add(-l.dataset.SLO.Window - slo.Longest()))
	}
	data, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the service level of %s: %w", l.dataset.Table, err)
	}
	l.unsaved = false
	return []store.State{{Kind: levelState, Key: l.dataset.Table.String(), Data: data}}, nil
}

// ReadLevels reads the levels of datasets from the store. damaged says which levels begin
// anew, because their states are damaged. If the store cannot be read, there are no levels.
func ReadLevels(
	ctx context.Context, from *store.Store, datasets []Dataset, now time.Time,
) (levels map[sentinel.Table]*Levels, damaged []error, err error) {
	levels = map[sentinel.Table]*Levels{}
	if !slices.ContainsFunc(datasets, func(d Dataset) bool { return d.SLO != nil }) {
		return levels, nil, nil
	}
	states, statesErr := from.States(ctx, levelState)
	last, lastErr := from.LastResults(ctx, store.Filter{})
	labels, labelsErr := from.ExcludedRanges(ctx)
	if err := errors.Join(statesErr, lastErr, labelsErr); err != nil {
		return nil, nil, fmt.Errorf("reading service levels: %w", err)
	}
	saved := map[string][]byte{}
	for _, s := range states {
		saved[s.Key] = s.Data
	}
	results := map[sentinel.Table][]sentinel.Result{}
	for _, r := range last {
		results[r.Table] = append(results[r.Table], r)
	}
	for _, d := range datasets {
		if d.SLO == nil {
			continue
		}
		l, err := NewLevels(d, saved[d.Table.String()], results[d.Table], now)
		if err != nil {
			damaged = append(damaged, fmt.Errorf("the service level of %s begins anew: %w", d.Table, err))
		}
		l.exclude(labels)
		levels[d.Table] = l
	}
	return levels, damaged, nil
}

// exclude leaves out the times that people have labelled for one of the checks.
func (l *Levels) exclude(labels map[string][]store.Range) {
	l.leftOut = nil
	for _, c := range l.dataset.Checks {
		for _, r := range labels[c.Common().ID] {
			l.leftOut = append(l.leftOut, slo.Range{From: r.From, To: r.To})
		}
	}
}

// inWindow reports whether a maintenance window is open for a dataset. The lock is held.
func (a *Agent) inWindow(now time.Time, d Dataset) bool {
	if a.notifications == nil {
		return false
	}
	return windowOpen(a.notifications.Windows, incidentOf(d), now)
}

// incidentOf is what an incident of a dataset would have for a window to match.
func incidentOf(d Dataset) sentinel.Incident {
	owner, tier := ownerAndTier(d)
	return sentinel.Incident{Table: d.Table, Tier: tier, Owner: owner, Tags: d.Tags()}
}

// windowOpen reports whether one of the windows is open for what an incident would be of.
func windowOpen(windows []notify.Window, of sentinel.Incident, now time.Time) bool {
	_, quiet := notify.Quiet{Windows: windows}.Suppressed(of, now)
	return quiet
}

// EndWindows ends the excluded time whose window has closed since it was recorded. Those who
// read the levels beside the agent, or while none runs, need it.
func (l *Levels) EndWindows(now time.Time, windows []notify.Window) {
	of := incidentOf(l.dataset)
	l.endWindow(now, func(at time.Time) bool { return windowOpen(windows, of, at) })
}

// observeLevels takes the results of a dataset into its service level. The lock is held.
func (a *Agent) observeLevels(o checks.Outcome) ([]store.State, error) {
	l := a.levels[o.Job.Table]
	if l == nil {
		return nil, nil
	}
	at := latest(o.Job.Tick, a.incidents.started)
	for _, r := range o.Results {
		l.take(r, at)
	}
	l.pass(at, a.windowsOf(l))
	if l.unsaved {
		a.exportLevels(l, a.now())
	}
	return l.state(at)
}
