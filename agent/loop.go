package agent

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

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
	entries []*entry // those of a dataset stand together
	gone    []*entry // not configured any more, and maybe still in a running batch
	begun   bool     // an entry is there whose last tick the store must be asked for
}

// catchUpMost bounds how many ticks are run afterwards, one by one.
const catchUpMost = 500

// missedMost bounds how many missed ticks are counted, and written down, at once.
const missedMost = 1000

func newLoop(a *Agent, name string, plan Plan) *loop {
	return &loop{
		agent:   a,
		name:    name,
		open:    plan.open,
		jitter:  plan.Jitter,
		catchUp: plan.CatchUp,
		started: a.now(),
		changed: make(chan struct{}, 1),
	}
}

// entry is one schedule of one dataset.
type entry struct {
	dataset *Dataset
	sched   schedule.Schedule
	checks  []Check
	next    time.Time
	waits   bool // nothing is due before next
	*progress
}

// progress is how far the ticks of a schedule of a dataset have come. It goes on
// when the datasets are replaced.
type progress struct {
	last    time.Time // the last tick that was started or counted as missed
	skipped []skip    // not run, and not yet written down
	running bool      // in a running batch
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
	bugEnded     = "a bug ended the tick; the agent's log has its stack"
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

// set replaces the datasets, by those of the warehouse, each of which is there once.
// Ticks already started stay started.
func (l *loop) set(datasets []Dataset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make(map[store.TickKey]*entry, len(l.entries))
	for _, e := range slices.Concat(l.gone, l.entries) {
		known[e.key()] = e
	}
	l.entries, l.gone = nil, nil
	for i := range datasets {
		if datasets[i].Table.Warehouse != l.name {
			continue
		}
		for _, e := range splitBySchedule(&datasets[i]) {
			if old := known[e.key()]; old != nil {
				e.progress = old.progress
				delete(known, e.key())
			} else {
				l.begun = true
			}
			l.entries = append(l.entries, e)
		}
	}
	for _, e := range known {
		if e.running {
			l.gone = append(l.gone, e)
		}
	}
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
		return []*entry{{dataset: d, sched: d.Checks[0].Schedule, checks: d.Checks, progress: &progress{}}} // as nearly always: nothing is copied
	}
	var entries []*entry
	for _, c := range d.Checks {
		i := slices.IndexFunc(entries, func(e *entry) bool { return e.sched.String() == c.Schedule.String() })
		if i < 0 {
			entries = append(entries, &entry{dataset: d, sched: c.Schedule, progress: &progress{}})
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
	for ctx.Err() == nil {
		recorded := l.recorded(ctx)
		now := l.agent.now()
		for tick, due := range l.due(now, recorded) {
			batches.Go(func() {
				defer l.release(due)
				if sleep(ctx, l.delay(tick)) {
					l.agent.ticking.Add(1)
					defer l.agent.tickEnded()
					l.agent.runTick(ctx, l, tick, due)
				}
			})
		}
		l.wait(ctx, now)
	}
}

// recorded are the ticks the store knows, nil where nobody asks: they are not held.
func (l *loop) recorded(ctx context.Context) map[store.TickKey]time.Time {
	l.mu.Lock()
	begun := l.begun
	l.mu.Unlock()
	if !begun {
		return nil
	}
	recorded, err := l.agent.store.LastTicks(ctx)
	if err != nil {
		l.agent.log.Error("reading the last ticks", "warehouse", l.name, "error", err)
		return map[store.TickKey]time.Time{}
	}
	return recorded
}

// maxSleep bounds how long a clock that jumps, or a machine that sleeps, goes
// unnoticed: timers follow a clock that does neither.
const maxSleep = time.Minute

// wait returns at the next tick or after maxSleep, when the datasets change, or
// when ctx ends.
func (l *loop) wait(ctx context.Context, now time.Time) {
	l.mu.Lock()
	next := now.Add(maxSleep)
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
// busy with another schedule's checks waits until that batch is done. Nothing is due
// while recorded must be asked for.
func (l *loop) due(now time.Time, recorded map[store.TickKey]time.Time) map[time.Time][]*entry {
	skipped := skipLog{}
	defer func() { skipped.write(l.agent.log) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	due := map[time.Time][]*entry{}
	if l.begun && recorded == nil {
		return due // entries have come since then, and have woken the loop
	}
	l.begun = false
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
		if e.running {
			skipped.add("ticks skipped: the last ones are still running", e.dataset.Table, 1, e.last)
			e.last = tick
			e.skip(stillRunning, tick)
			l.agent.metrics.JobSkipped(e.dataset.Table, 1)
			continue
		}
		if l.busy(i, due[tick]) {
			continue
		}
		missed := e.missed(tick)
		switch {
		case l.catchUp == "all" && len(missed) > 0 && len(missed) <= catchUpMost:
			tick, missed = e.sched.Next(e.last), nil // the rest follow when this one is done
		case l.catchUp == "none" && !e.last.IsZero() && tick.Before(l.started):
			missed = append(missed, tick)
			e.skip(nobodyRan, missed...)
			l.agent.metrics.TicksMissed(e.dataset.Table, len(missed))
			skipped.add("ticks missed, and not run afterwards", e.dataset.Table, len(missed), e.last)
			e.last = tick
			continue
		}
		if len(missed) > 0 {
			e.skip(nobodyRan, missed...)
			l.agent.metrics.TicksMissed(e.dataset.Table, len(missed))
			skipped.add("ticks missed", e.dataset.Table, len(missed), e.last)
		}
		e.last, e.running = tick, true
		if due[tick] == nil {
			due[tick] = make([]*entry, 0, min(len(l.entries)-i, 1024))
		}
		due[tick] = append(due[tick], e)
	}
	return due
}

// busy reports whether another entry of the dataset of entry i is in a running batch,
// and not in the one that is put together: a dataset is in one at a time.
func (l *loop) busy(i int, batch []*entry) bool {
	table := l.entries[i].dataset.Table
	elsewhere := func(e *entry) bool {
		if !e.running || e.dataset.Table != table {
			return false
		}
		for k := len(batch) - 1; k >= 0 && batch[k].dataset.Table == table; k-- {
			if batch[k] == e {
				return false
			}
		}
		return true
	}
	from, to := i, i+1
	for from > 0 && l.entries[from-1].dataset.Table == table {
		from--
	}
	for to < len(l.entries) && l.entries[to].dataset.Table == table {
		to++
	}
	return slices.ContainsFunc(l.entries[from:to], elsewhere) || slices.ContainsFunc(l.gone, elsewhere)
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

// tickRecords are what is to be recorded of an entry's ticks: the one that was run,
// and those that were skipped before it.
func (l *loop) tickRecords(e *entry, at time.Time) []store.TickRecord {
	l.mu.Lock()
	skipped := e.skipped
	e.skipped = nil
	l.mu.Unlock()
	name := e.sched.String()
	records := []store.TickRecord{{Schedule: name, Table: e.dataset.Table, Tick: at}}
	for _, s := range skipped {
		records = append(records, store.TickRecord{Schedule: name, Table: e.dataset.Table, Tick: s.tick, Skipped: s.why})
	}
	return records
}

// skipAfterPanic notes that a bug kept a tick of entries from being judged.
func (l *loop) skipAfterPanic(at time.Time, of [][]*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entries := range of {
		for _, e := range entries {
			e.skip(bugEnded, at)
			l.agent.metrics.JobSkipped(e.dataset.Table, 1)
		}
	}
}

func (l *loop) release(due []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range due {
		e.running = false
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
