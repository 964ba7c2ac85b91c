package agent

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// loop finds the due ticks of one warehouse. All checks due at one instant run
// as one batch, so that the catalog is read once and statements share a pipeline.
type loop struct {
	agent *Agent
	name  string

	changed chan struct{} // wakes the loop

	mu      sync.Mutex
	plan    *running // whose datasets the entries are
	entries []*entry // the entries of a dataset are adjacent
	removed []*entry // no longer configured, and still in a running batch
	hasNew  bool     // the last tick of an entry has to be read from the store
	changes bool     // the entries were replaced since the last look at what is due
	ended   bool     // the loop takes no more datasets
}

// maxCatchUp bounds how many missed ticks are run, one by one.
const maxCatchUp = 500

// newLoop makes a loop without datasets. A loop outlives its plan, so that a reload
// neither loses nor repeats a tick.
func newLoop(a *Agent, name string, plan Plan) *loop {
	l := &loop{agent: a, name: name, changed: make(chan struct{}, 1), plan: newRunning(plan)}
	l.plan.users.Add(1)
	return l
}

// entry is one schedule of one dataset.
type entry struct {
	plan    *running // of the dataset
	dataset *Dataset
	sched   schedule.Schedule
	checks  []Check
	next    time.Time
	*progress
}

// progress says which ticks of an entry have been run. It is kept when the datasets
// are replaced.
type progress struct {
	last     time.Time   // the last tick that was started or counted as missed
	owed     time.Time   // every tick until then is run, one after the other
	skipped  []skip      // ticks that were not run, and are not yet recorded
	running  bool        // the entry is in a running batch
	answered bool        // the running batch has its results
	waits    bool        // nothing is due before the entry's next tick
	leftOut  time.Time   // ticks until then that the budget leaves out are noted
	due      time.Time   // when the first tick without results begins, as exported; zero: not known yet
	unread   bool        // the last tick has to be read from the store
	since    time.Time   // when the agent first had the entry
	heirs    []*progress // of the entries that follow this one: see follow
}

// set replaces the datasets by others of the same plan: see replace.
func (l *loop) set(datasets []Dataset) { l.replace(l.plan, datasets) }

// abandon drops all datasets, and takes no more. The loop must have ended.
func (l *loop) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.ended = nil, true
	l.plan.users.Done()
}

// replace replaces the datasets by those of the loop's warehouse. datasets has each one
// once. Running ticks continue, also of the plan before. Ticks run in the order of the
// tables, so that the store finds its records of a part of a tick without reading the
// other parts.
func (l *loop) replace(plan *running, datasets []Dataset) {
	now := l.agent.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	if l.plan != plan {
		plan.users.Add(1)
		l.plan.users.Done()
		l.plan = plan
	}
	known, before, followed := l.before()
	l.entries, l.removed = nil, followed
	for i := range datasets {
		if datasets[i].Table.Warehouse != l.name {
			continue
		}
		for _, e := range splitBySchedule(plan, &datasets[i]) {
			if old := known[e.key()]; old != nil {
				e.progress = old.progress
				e.heirs = nil
				delete(known, e.key())
			} else if !l.follow(e, before, now) {
				e.since, e.unread, l.hasNew = now, true, true
			}
			l.entries = append(l.entries, e)
		}
	}
	slices.SortStableFunc(l.entries, func(a, b *entry) int { return a.dataset.Table.Compare(b.dataset.Table) })
	for _, e := range known {
		if e.running {
			l.removed = append(l.removed, e)
		}
	}
	l.changes = true
	l.wake()
}

// wake ends a running wait.
func (l *loop) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// splitBySchedule makes an entry for each schedule of a dataset.
func splitBySchedule(plan *running, d *Dataset) []*entry {
	differs := func(c Check) bool { return c.Schedule.String() != d.Checks[0].Schedule.String() }
	if len(d.Checks) > 0 && !slices.ContainsFunc(d.Checks, differs) {
		// Nearly all datasets have one schedule. Their checks are not copied.
		return []*entry{{plan: plan, dataset: d, sched: d.Checks[0].Schedule, checks: d.Checks, progress: &progress{}}}
	}
	var entries []*entry
	for _, c := range d.Checks {
		i := slices.IndexFunc(entries, func(e *entry) bool { return e.sched.String() == c.Schedule.String() })
		if i < 0 {
			entries = append(entries, &entry{plan: plan, dataset: d, sched: c.Schedule, progress: &progress{}})
			i = len(entries) - 1
		}
		entries[i].checks = append(entries[i].checks, c)
	}
	return entries
}

func (e *entry) key() store.TickKey {
	return store.TickKey{Schedule: e.sched.String(), Table: e.dataset.Table}
}

// run starts batches until ctx ends. Then it waits for the last of them.
func (l *loop) run(ctx context.Context) {
	var batches sync.WaitGroup
	defer batches.Wait()
	for ctx.Err() == nil {
		recorded, err := l.recorded(ctx)
		now := l.agent.now()
		for tick, due := range l.due(now, recorded) {
			batches.Go(func() { l.runDue(ctx, tick, due) })
		}
		if err != nil {
			wait.Wake(ctx, readAgain, l.changed)
			continue
		}
		l.wait(ctx, now)
	}
}

// readAgain is how soon the last ticks are read again after an error.
const readAgain = time.Second

// runDue runs one batch after its delay, and releases its entries. If their plan is
// replaced during the delay, the tick is due again, by the new plan.
func (l *loop) runDue(ctx context.Context, tick time.Time, due []*entry) {
	waited := wait.For(ctx, wait.On(l.agent.clock, l.delay(due[0].plan.plan.Jitter, tick)))
	if l.giveBack(tick, due) {
		return
	}
	defer l.release(due)
	if waited {
		long := time.AfterFunc(wait.On(l.agent.clock, longRun), func() { l.runsLong(due) })
		defer long.Stop()
		l.agent.runTick(ctx, l, tick, due)
	}
}

// recorded reads the last ticks from the store. It returns nil if no entry needs them, and
// on an error.
func (l *loop) recorded(ctx context.Context) (map[store.TickKey]time.Time, error) {
	l.mu.Lock()
	hasNew := l.hasNew
	l.mu.Unlock()
	if !hasNew {
		return nil, nil
	}
	recorded, err := l.agent.store.LastTicks(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.agent.log.Error("reading the last ticks: new datasets wait for them", "warehouse", l.name, "error", err)
		}
		return nil, err
	}
	return recorded, nil
}

// maxSleep bounds how late the loop notices that the clock was set or the machine was
// suspended, because timers use the monotonic clock.
const maxSleep = time.Minute

// wait returns at the next tick, after maxSleep, when the datasets change, or when ctx
// ends.
func (l *loop) wait(ctx context.Context, now time.Time) {
	l.mu.Lock()
	next := now.Add(maxSleep)
	for _, e := range l.entries {
		if e.next.Before(next) && !e.next.IsZero() {
			next = e.next
		}
	}
	l.mu.Unlock()
	wait.Wake(ctx, wait.On(l.agent.clock, next.Sub(now)), l.changed)
}

// due takes the entries whose tick has come, grouped by tick. It counts the ticks that
// are not run. These are ticks missed while no agent ran, of which the latest one runs,
// and ticks that come while the entry's last tick still runs. An entry waits while
// another schedule of its dataset runs. A new entry is not due until its last tick has been
// read from the store: what it missed since would be lost.
func (l *loop) due(now time.Time, recorded map[store.TickKey]time.Time) map[time.Time][]*entry {
	skipped := skipLog{}
	defer func() { skipped.write(l.agent.log) }() // after the lock is released
	l.mu.Lock()
	defer l.mu.Unlock()
	due := map[time.Time][]*entry{}
	l.hasNew = l.hasNew && recorded == nil
	var last *entry // most entries have the schedule of their predecessor
	var before, after time.Time
	for i, e := range l.entries {
		if e.waits && now.Before(e.next) {
			continue
		}
		e.waits = false
		if e.unread && recorded == nil {
			continue
		}
		if e.unread = false; e.last.IsZero() {
			e.last = e.lastOf(recorded)
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
	for range due {
		l.plan.begin(l.work())
	}
	if l.changes {
		l.changes = false
		l.announce(now)
	}
	return due
}

// work is what is running under a plan while a batch of the loop runs.
func (l *loop) work() string { return "checks of " + l.name }

// start starts the entry's newest tick, or the oldest missed one where all are to be
// run. It returns false where no tick is started: all that have passed are then skipped,
// or wait until the running one has ended. The lock is held.
func (l *loop) start(e *entry, newest time.Time, skipped skipLog) (tick time.Time, ok bool) {
	if e.running && e.last.Before(e.owed) {
		return newest, false // they are run one after the other
	}
	why := noAgent
	if e.running {
		why = stillRunning
	}
	missed, n := e.missed(newest, why)
	all := append(missed, skip{tick: newest, why: why})
	l.leaveOut(e, newest)
	switch {
	case e.running:
		skipped.add("ticks skipped: the last ones are still running", e.dataset.Table, n+1, e.last)
		e.skip(all...)
		e.last = newest
		l.passOver(e, newest)
		l.agent.metrics.JobSkipped(e.dataset.Table, n+1)
		return newest, false
	case e.plan.plan.CatchUp == "all" && n > 0 && n <= maxCatchUp:
		// The others follow when this one has ended.
		e.last, e.owed, e.running, e.answered = e.sched.Next(e.last), newest, true, false
		return e.last, true
	case e.plan.plan.CatchUp == "none" && !e.last.IsZero() && newest.Before(e.since):
		l.miss(e, "ticks missed, and not run afterwards", all, n+1, skipped)
		e.last = newest
		e.waits = true
		return newest, false
	}
	l.miss(e, "ticks missed", missed, n, skipped)
	e.last, e.running, e.answered = newest, true, false
	return newest, true
}

// miss counts n ticks of an entry that no agent ran. The lock is held.
func (l *loop) miss(e *entry, message string, missed []skip, n int, skipped skipLog) {
	if n == 0 {
		return
	}
	e.skip(missed...)
	l.agent.metrics.TicksMissed(e.dataset.Table, n)
	skipped.add(message, e.dataset.Table, n, e.last)
}

// busy reports whether another running batch than this one has an entry of the dataset
// of entry i. A dataset is in one batch at a time.
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

// skipAfterPanic notes that a panic ended a tick before entries were judged.
func (l *loop) skipAfterPanic(at time.Time, unjudged [][]*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entries := range unjudged {
		for _, e := range entries {
			e.skip(skip{tick: at, why: panicked})
			l.agent.metrics.JobSkipped(e.dataset.Table, 1)
		}
	}
}

// release ends the batch of entries that were due.
func (l *loop) release(due []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(due)
}

// end ends a batch. The lock is held.
func (l *loop) end(due []*entry) {
	for _, e := range due {
		e.running = false
	}
	due[0].plan.end(l.work())
	l.wake()
}

// delay spreads the batches of different warehouses and schedules over the jitter. A
// tick has the same delay every day.
func (l *loop) delay(jitter time.Duration, tick time.Time) time.Duration {
	if jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(l.name + tick.Format("15:04:05")))
	return time.Duration(h.Sum64() % uint64(jitter))
}
