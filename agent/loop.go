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
	// catchUp says which missed ticks are run: one (the latest), all (each, the oldest
	// first), none (of those before started).
	catchUp string
	started time.Time

	changed chan struct{} // wakes the loop

	mu      sync.Mutex
	entries []*entry // the entries of a dataset stand together
	removed []*entry // no longer configured, and still in a running batch
	hasNew  bool     // the last tick of an entry has to be read from the store
}

// maxCatchUp bounds how many missed ticks are run, one by one.
const maxCatchUp = 500

// maxMissed bounds how many missed ticks are counted and recorded at once.
const maxMissed = 1000

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

// progress says which ticks of an entry have been run. It is kept when the datasets
// are replaced.
type progress struct {
	last    time.Time // the last tick that was started or counted as missed
	skipped []skip    // ticks that were not run, and are not yet recorded
	running bool      // the entry is in a running batch
}

// skip is a tick that is not run, and why.
type skip struct {
	tick time.Time
	why  string
}

// The reasons why a tick is not run.
const (
	stillRunning = "the tick before was still running"
	noAgent      = "no agent ran at that time"
	panicked     = "a bug ended the tick; the agent's log has its stack"
)

// skip notes why ticks were not run. They are recorded with the entry's next tick.
func (e *entry) skip(why string, ticks ...time.Time) {
	for _, t := range ticks {
		e.skipped = append(e.skipped, skip{t, why})
	}
	if extra := len(e.skipped) - maxMissed; extra > 0 {
		e.skipped = e.skipped[extra:]
	}
}

// set replaces the datasets by those of the loop's warehouse. datasets has each one
// once. Running ticks go on.
func (l *loop) set(datasets []Dataset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make(map[store.TickKey]*entry, len(l.entries))
	for _, e := range slices.Concat(l.removed, l.entries) {
		known[e.key()] = e
	}
	l.entries, l.removed = nil, nil
	for i := range datasets {
		if datasets[i].Table.Warehouse != l.name {
			continue
		}
		for _, e := range splitBySchedule(&datasets[i]) {
			if old := known[e.key()]; old != nil {
				e.progress = old.progress
				delete(known, e.key())
			} else {
				l.hasNew = true
			}
			l.entries = append(l.entries, e)
		}
	}
	for _, e := range known {
		if e.running {
			l.removed = append(l.removed, e)
		}
	}
	l.wake()
}

// wake makes wait return.
func (l *loop) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// splitBySchedule makes an entry of each schedule of a dataset.
func splitBySchedule(d *Dataset) []*entry {
	differs := func(c Check) bool { return c.Schedule.String() != d.Checks[0].Schedule.String() }
	if len(d.Checks) > 0 && !slices.ContainsFunc(d.Checks, differs) {
		// Nearly always. The checks are not copied.
		return []*entry{{dataset: d, sched: d.Checks[0].Schedule, checks: d.Checks, progress: &progress{}}}
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
			batches.Go(func() { l.runDue(ctx, tick, due) })
		}
		l.wait(ctx, now)
	}
}

// runDue runs one batch after its delay, and releases its entries. The agent is idle
// only after that.
func (l *loop) runDue(ctx context.Context, tick time.Time, due []*entry) {
	if !sleep(ctx, l.delay(tick)) {
		l.release(due)
		return
	}
	l.agent.ticking.Add(1)
	defer l.agent.tickEnded()
	defer l.release(due)
	l.agent.runTick(ctx, l, tick, due)
}

// recorded reads the last ticks from the store. It returns nil where no entry needs
// them.
func (l *loop) recorded(ctx context.Context) map[store.TickKey]time.Time {
	l.mu.Lock()
	hasNew := l.hasNew
	l.mu.Unlock()
	if !hasNew {
		return nil
	}
	recorded, err := l.agent.store.LastTicks(ctx)
	if err != nil {
		l.agent.log.Error("reading the last ticks", "warehouse", l.name, "error", err)
		return map[store.TickKey]time.Time{}
	}
	return recorded
}

// maxSleep bounds how long the loop misses that the clock was set or the machine
// was suspended: timers use the monotonic clock.
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

// due takes the entries whose tick has come, grouped by tick. It counts the ticks
// that are not run: those missed while no agent ran (the latest one runs), and those
// that come while the entry's last tick still runs. An entry waits while another
// schedule of its dataset runs. Nothing is due as long as the last ticks of new
// entries have to be read from the store.
func (l *loop) due(now time.Time, recorded map[store.TickKey]time.Time) map[time.Time][]*entry {
	skipped := skipLog{}
	defer func() { skipped.write(l.agent.log) }() // after the lock is released
	l.mu.Lock()
	defer l.mu.Unlock()
	due := map[time.Time][]*entry{}
	if l.hasNew && recorded == nil {
		return due // the new entries have woken the loop
	}
	l.hasNew = false
	var last *entry // most entries have the schedule of the one before
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
		e.next = after
		if before.IsZero() || !before.After(e.last) {
			e.waits = true
			continue
		}
		if !e.running && l.busy(i, due[before]) {
			continue
		}
		tick, ok := l.start(e, before, skipped)
		if !ok {
			continue
		}
		if due[tick] == nil {
			due[tick] = make([]*entry, 0, min(len(l.entries)-i, 1024))
		}
		due[tick] = append(due[tick], e)
	}
	return due
}

// start starts the entry's newest tick, or the oldest missed one where all are to be
// run. It returns false where the tick is skipped. The lock is held.
func (l *loop) start(e *entry, newest time.Time, skipped skipLog) (tick time.Time, ok bool) {
	if e.running {
		skipped.add("ticks skipped: the last ones are still running", e.dataset.Table, 1, e.last)
		e.last = newest
		e.skip(stillRunning, newest)
		l.agent.metrics.JobSkipped(e.dataset.Table, 1)
		return newest, false
	}
	missed := e.missed(newest)
	switch {
	case l.catchUp == "all" && len(missed) > 0 && len(missed) <= maxCatchUp:
		// The others follow when this one has ended.
		e.last, e.running = e.sched.Next(e.last), true
		return e.last, true
	case l.catchUp == "none" && !e.last.IsZero() && newest.Before(l.started):
		l.miss(e, "ticks missed, and not run afterwards", append(missed, newest), skipped)
		e.last = newest
		return newest, false
	}
	l.miss(e, "ticks missed", missed, skipped)
	e.last, e.running = newest, true
	return newest, true
}

// miss counts an entry's ticks that no agent ran. The lock is held.
func (l *loop) miss(e *entry, message string, missed []time.Time, skipped skipLog) {
	if len(missed) == 0 {
		return
	}
	e.skip(noAgent, missed...)
	l.agent.metrics.TicksMissed(e.dataset.Table, len(missed))
	skipped.add(message, e.dataset.Table, len(missed), e.last)
}

// busy reports whether a running batch, other than the one that is being made, has
// an entry of the dataset of entry i. A dataset is in one batch at a time.
func (l *loop) busy(i int, batch []*entry) bool {
	table := l.entries[i].dataset.Table
	inOtherBatch := func(e *entry) bool {
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
	return slices.ContainsFunc(l.entries[from:to], inOtherBatch) || slices.ContainsFunc(l.removed, inOtherBatch)
}

// missed returns the ticks between the last one and tick, up to maxMissed.
func (e *entry) missed(tick time.Time) (ticks []time.Time) {
	if e.last.IsZero() {
		return nil
	}
	for t := e.sched.Next(e.last); t.Before(tick) && !t.IsZero() && len(ticks) < maxMissed; t = e.sched.Next(t) {
		ticks = append(ticks, t)
	}
	return ticks
}

// tickRecords returns the records of an entry's ticks: the one that was run, and
// those that were skipped before it.
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

// skipAfterPanic notes that a panic ended a tick before entries were judged.
func (l *loop) skipAfterPanic(at time.Time, unjudged [][]*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entries := range unjudged {
		for _, e := range entries {
			e.skip(panicked, at)
			l.agent.metrics.JobSkipped(e.dataset.Table, 1)
		}
	}
}

// release ends the batch of entries that were due.
func (l *loop) release(due []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range due {
		e.running = false
	}
	l.wake()
}

// delay spreads the batches of different warehouses and schedules over the jitter. A
// tick has the same delay every day.
func (l *loop) delay(tick time.Time) time.Duration {
	if l.jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(l.name + tick.Format("15:04:05")))
	return time.Duration(h.Sum64() % uint64(l.jitter))
}
