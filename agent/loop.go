package agent

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// loop finds the due ticks of one warehouse. All checks due at one instant run
// as one batch, so that the catalog is read once and statements share a pipeline.
type loop struct {
	agent  *Agent
	name   string
	open   func(name string) (*warehouse.DB, error) // all warehouses, for comparisons
	jitter time.Duration
	// catchUp says what is done of the ticks slept through: one (the latest), all
	// (each, the oldest first), none (of those before started).
	catchUp string
	started time.Time

	changed chan struct{} // a new set of datasets is there

	mu      sync.Mutex
	entries []*entry
	busy    map[sentinel.Table]bool // in a running batch: one at a time a dataset
	running map[store.TickKey]bool  // entries in a running batch
}

// catchUpMost bounds how many ticks are run afterwards, one by one.
const catchUpMost = 500

// missedMost bounds how many missed ticks are counted, and written down, at once.
const missedMost = 1000

func newLoop(a *Agent, name string, open func(string) (*warehouse.DB, error), jitter time.Duration, catchUp string) *loop {
	return &loop{
		agent: a, name: name, open: open, jitter: jitter, catchUp: catchUp, started: a.Now(),
		changed: make(chan struct{}, 1), busy: map[sentinel.Table]bool{}, running: map[store.TickKey]bool{},
	}
}

// entry is one schedule of one dataset.
type entry struct {
	dataset *Dataset
	sched   schedule.Schedule
	checks  []Check
	last    time.Time // the last tick that was started or counted as missed
	next    time.Time
	waits   bool   // nothing is due before next
	skipped []skip // not run, and not yet written down
}

// skip is a tick that is not run, and why.
type skip struct {
	tick time.Time
	why  string
}

// The reasons.
const (
	stillRunning = "the tick before was still running"
	nobodyRan    = "no agent ran at that time"
)

// skip keeps the newest reasons of an entry to be written down with its next tick.
func (e *entry) skip(why string, ticks ...time.Time) {
	for _, t := range ticks {
		e.skipped = append(e.skipped, skip{t, why})
	}
	if extra := len(e.skipped) - missedMost; extra > 0 {
		e.skipped = e.skipped[extra:]
	}
}

// set replaces the datasets. Ticks already started stay started.
func (l *loop) set(datasets []Dataset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := map[store.TickKey]*entry{}
	for _, e := range l.entries {
		known[e.key()] = e
	}
	var entries []*entry
	for i := range datasets {
		for _, e := range splitBySchedule(&datasets[i]) {
			if old := known[e.key()]; old != nil {
				e.last, e.skipped = old.last, old.skipped
			}
			entries = append(entries, e)
		}
	}
	l.entries = entries
	l.wake()
}

func (l *loop) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func splitBySchedule(d *Dataset) []*entry {
	if len(d.Checks) > 0 && !slices.ContainsFunc(d.Checks, func(c Check) bool { return c.Schedule.String() != d.Checks[0].Schedule.String() }) {
		return []*entry{{dataset: d, sched: d.Checks[0].Schedule, checks: d.Checks}} // as nearly always: nothing is copied
	}
	var entries []*entry
	for _, c := range d.Checks {
		i := slices.IndexFunc(entries, func(e *entry) bool { return e.sched.String() == c.Schedule.String() })
		if i < 0 {
			entries = append(entries, &entry{dataset: d, sched: c.Schedule})
			i = len(entries) - 1
		}
		entries[i].checks = append(entries[i].checks, c)
	}
	return entries
}

func (e *entry) key() store.TickKey {
	return store.TickKey{Schedule: e.sched.String(), Table: e.dataset.Table}
}

// run starts batches until ctx ends and waits for the last of them.
func (l *loop) run(ctx context.Context) {
	var batches sync.WaitGroup
	defer batches.Wait()
	recorded, err := l.agent.Store.LastTicks(ctx)
	if err != nil {
		l.agent.Log.Error("reading the last ticks", "warehouse", l.name, "error", err)
	}
	for ctx.Err() == nil {
		now := l.agent.Now()
		for tick, due := range l.due(now, recorded) {
			batches.Go(func() {
				sentinel.GrowStack()
				if sleep(ctx, l.delay(tick)) {
					l.agent.ticking.Add(1)
					l.agent.tick(ctx, l, tick, due)
					defer l.agent.rest()
				}
				l.release(due)
			})
		}
		l.wait(ctx, now)
	}
}

// lookAgain is how long a clock that jumps, or a machine that sleeps, goes
// unnoticed: timers go by a clock that does neither.
const lookAgain = time.Minute

// wait returns at the next tick or after lookAgain, when the datasets change, or
// when ctx ends.
func (l *loop) wait(ctx context.Context, now time.Time) {
	l.mu.Lock()
	next := now.Add(lookAgain)
	for _, e := range l.entries {
		if e.next.Before(next) && !e.next.IsZero() {
			next = e.next
		}
	}
	l.mu.Unlock()
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.changed:
	case <-timer.C:
	}
}

// due takes the entries whose tick has come, grouped by tick, and counts the
// ticks that are not run: those slept through (the latest runs once) and those
// that come while the same entry is still running. An entry whose dataset is
// busy with another schedule's checks waits until that batch is done.
func (l *loop) due(now time.Time, recorded map[store.TickKey]time.Time) map[time.Time][]*entry {
	said := remarks{}
	defer func() { said.tell(l.agent.Log) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	due := map[time.Time][]*entry{}
	var last *entry // most have the schedule of the one before
	var before, after time.Time
	for i, e := range l.entries {
		if e.waits && now.Before(e.next) {
			continue
		}
		e.waits = false
		if e.last.IsZero() {
			e.last = recorded[e.key()]
		}
		if last == nil || last.sched.String() != e.sched.String() {
			last, before, after = e, e.sched.Prev(now), e.sched.Next(now)
		}
		tick := before
		e.next = after
		if tick.IsZero() || !tick.After(e.last) {
			e.waits = true
			continue
		}
		if l.running[e.key()] {
			said.add("ticks skipped: the last ones are still running", e.dataset.Table, 1, e.last)
			e.last = tick
			e.skip(stillRunning, tick)
			l.agent.Metrics.JobSkipped(e.dataset.Table)
			continue
		}
		if l.busy[e.dataset.Table] && !slices.ContainsFunc(due[tick], func(d *entry) bool { return d.dataset.Table == e.dataset.Table }) {
			continue
		}
		missed := e.missed(tick)
		switch {
		case l.catchUp == "all" && len(missed) > 0 && len(missed) <= catchUpMost:
			tick, missed = e.sched.Next(e.last), nil // the rest follow when this one is done
		case l.catchUp == "none" && !e.last.IsZero() && tick.Before(l.started):
			missed = append(missed, tick)
			e.skip(nobodyRan, missed...)
			l.agent.Metrics.TicksMissed(e.dataset.Table, len(missed))
			said.add("ticks missed, and not run afterwards", e.dataset.Table, len(missed), e.last)
			e.last = tick
			continue
		}
		if len(missed) > 0 {
			e.skip(nobodyRan, missed...)
			l.agent.Metrics.TicksMissed(e.dataset.Table, len(missed))
			said.add("ticks missed", e.dataset.Table, len(missed), e.last)
		}
		e.last = tick
		l.busy[e.dataset.Table], l.running[e.key()] = true, true
		if due[tick] == nil {
			due[tick] = make([]*entry, 0, min(len(l.entries)-i, 1024))
		}
		due[tick] = append(due[tick], e)
	}
	return due
}

// missed are the ticks between the last one and tick, the first missedMost.
func (e *entry) missed(tick time.Time) (ticks []time.Time) {
	if e.last.IsZero() {
		return nil
	}
	for t := e.sched.Next(e.last); t.Before(tick) && !t.IsZero() && len(ticks) < missedMost; t = e.sched.Next(t) {
		ticks = append(ticks, t)
	}
	return ticks
}

// told takes what is to be written down of an entry's ticks.
func (l *loop) told(e *entry) []skip {
	l.mu.Lock()
	defer l.mu.Unlock()
	skipped := e.skipped
	e.skipped = nil
	return skipped
}

func (l *loop) release(due []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range due {
		delete(l.busy, e.dataset.Table)
		delete(l.running, e.key())
	}
	l.wake()
}

// delay spreads the batches of different warehouses and schedules inside the
// jitter, always the same for the same tick of day.
func (l *loop) delay(tick time.Time) time.Duration {
	if l.jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(l.name + tick.Format("15:04:05")))
	return time.Duration(h.Sum64() % uint64(l.jitter))
}

// work is what is due at one tick: one job a dataset, with its checks, in the
// job's order, and the entries it comes from.
type work struct {
	jobs    []checks.Job
	checks  [][]*Check
	entries [][]*entry
}

// merge makes the entries of one tick work.
func merge(at time.Time, due []*entry) work {
	var w work
	index := make(map[sentinel.Table]int, len(due))
	w.jobs, w.checks, w.entries = make([]checks.Job, 0, len(due)), make([][]*Check, 0, len(due)), make([][]*entry, 0, len(due))
	for n, e := range due {
		i, ok := index[e.dataset.Table]
		if !ok {
			i = len(w.jobs)
			index[e.dataset.Table] = i
			w.jobs = append(w.jobs, checks.Job{Table: e.dataset.Table, TimeColumn: e.dataset.TimeColumn, Location: e.dataset.Location, Tick: at, Checks: make([]checks.Check, 0, len(e.checks))})
			w.checks, w.entries = append(w.checks, make([]*Check, 0, len(e.checks))), append(w.entries, due[n:n+1:n+1])
		} else {
			w.entries[i] = append(w.entries[i], e)
		}
		for k := range e.checks {
			w.jobs[i].Checks, w.checks[i] = append(w.jobs[i].Checks, e.checks[k].Check), append(w.checks[i], &e.checks[k])
		}
	}
	return w
}
