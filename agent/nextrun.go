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
			e.due = l.begins(e.sched.Next(tick))
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
