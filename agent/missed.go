package agent

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

// maxMissed bounds how many ticks that were not run are recorded one by one. Older ones
// are recorded together.
const maxMissed = 1000

// skip is a tick that is not run, and why. It stands for more ticks after it if there
// are too many.
type skip struct {
	tick  time.Time
	why   string
	more  int       // number of further ticks that it stands for
	until time.Time // the last of them
}

// ticks is the number of ticks that the skip stands for.
func (s skip) ticks() int { return 1 + s.more }

// reason is the text that is recorded.
func (s skip) reason() string {
	if s.more == 0 {
		return s.why
	}
	return fmt.Sprintf("%s; so were %d more until %s", s.why, s.more, s.until.Format(time.RFC3339))
}

// The reasons why a tick is not run.
const (
	stillRunning = "the tick before was still running"
	reloaded     = "the configuration was reloaded before the tick had begun"
	noAgent      = "no agent ran at that time"
	forBudget    = "left out for the budget of the warehouse"
	panicked     = "a bug ended the tick; the agent's log has its stack"
)

// skip notes ticks that were not run. They are recorded with the entry's next tick.
func (p *progress) skip(ticks ...skip) { p.skipped = fold(append(p.skipped, ticks...)) }

// fold makes one skip of the oldest ones, so that there are at most maxMissed.
func fold(list []skip) []skip {
	extra := len(list) - maxMissed
	if extra <= 0 {
		return list
	}
	first := list[0]
	for _, s := range list[1 : extra+1] {
		first.more += s.ticks()
		first.until = s.tick
		if s.more > 0 {
			first.until = s.until
		}
	}
	return append([]skip{first}, list[extra+1:]...)
}

// missed returns the ticks after the entry's last one and before tick, as skips for a
// reason, and their number.
func (e *entry) missed(tick time.Time, why string) (list []skip, n int) {
	if e.last.IsZero() {
		return nil, 0
	}
	for t := e.sched.Next(e.last); t.Before(tick) && !t.IsZero(); t = e.sched.Next(t) {
		n++
		if list = append(list, skip{tick: t, why: why}); len(list) >= 2*maxMissed {
			list = fold(list)
		}
	}
	return fold(list), n
}

// appendTicks appends the records of an entry's ticks: the one that was run, and
// those that were skipped before it.
func (l *loop) appendTicks(records []store.TickRecord, e *entry, at time.Time) []store.TickRecord {
	l.mu.Lock()
	skipped := e.skipped
	e.skipped = nil
	l.mu.Unlock()
	name := e.sched.String()
	records = append(records, store.TickRecord{Schedule: name, Table: e.dataset.Table, Tick: at})
	for _, s := range skipped {
		records = append(records, store.TickRecord{
			Schedule: name, Table: e.dataset.Table, Tick: s.tick, Skipped: s.reason(),
		})
	}
	return records
}

// giveBack ends a batch that has not run, and makes its tick due again, if its plan has been
// replaced. No other batch of its entries begins in between.
func (l *loop) giveBack(tick time.Time, due []*entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if due[0].plan == l.plan {
		return false
	}
	for _, e := range due {
		for _, p := range e.inForce() {
			if p.last.Equal(tick) {
				p.last = tick.Add(-time.Nanosecond) // the ticks before are written down already
				p.waits = false
				continue
			}
			p.skip(skip{tick: tick, why: reloaded}) // and so are later ones; nothing was too slow
		}
	}
	l.end(due)
	return true
}
