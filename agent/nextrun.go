package agent

import "time"

// announce exports when the checks of all entries run next, after the datasets were
// replaced. What a new entry owes is due now: nobody could run it before. The lock is
// held.
func (l *loop) announce(now time.Time) {
	for _, e := range l.entries {
		switch {
		case !e.due.IsZero(): // known from the time before
		case e.waits:
			e.due = l.begins(e.next)
		default:
			e.due = now
		}
		l.export(e)
	}
}

// export exports when the checks of an entry run next. The lock is held.
func (l *loop) export(e *entry) {
	for _, c := range e.checks {
		l.agent.metrics.NextRun(e.dataset.Table, c.Common().ID, e.due)
	}
}

// longRun is how long a batch runs before it is taken for a long one. SentinelCheckStopped
// waits longer, for a check that was due and has no result. runLimit is when the results of a
// long one are due.
const (
	longRun  = 10 * time.Minute
	runLimit = 2 * time.Hour
)

// runsLong exports that the results of a batch which still runs are due later.
func (l *loop) runsLong(due []*entry) {
	now := l.agent.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range due {
		if e.running && !e.answered {
			e.due = now.Add(runLimit)
			l.export(e)
		}
	}
}

// passOver says when an entry runs next after a tick was skipped that came when the results
// of the one before were there already. The lock is held.
func (l *loop) passOver(e *entry, skipped time.Time) {
	if e.answered {
		e.due = l.begins(e.sched.Next(skipped))
		l.export(e)
	}
}

// begins returns when a tick is started; zero for none.
func (l *loop) begins(tick time.Time) time.Time {
	if tick.IsZero() {
		return tick
	}
	return tick.Add(l.delay(l.plan.plan.Jitter, tick))
}

// answered says when entries run next whose tick has results. It is exported with these.
func (l *loop) answered(tick time.Time, entries [][]*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, of := range entries {
		for _, e := range of {
			e.answered = true
			e.due = l.begins(e.sched.Next(latest(tick, e.last))) // ticks that came meanwhile are skipped
			if e.plan != l.plan {
				l.changes = true // the entry of the plan in force is exported with its own checks
				continue
			}
			for _, c := range e.checks {
				l.agent.metrics.RunsNext(c.Common().ID, e.due)
			}
		}
	}
}
