package agent

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// ledger says what became of each tick of one schedule.
type ledger map[time.Time]int

// note adds the records of a tick. A record of several ticks counts for each of them.
func (l ledger) note(s schedule.Schedule, ran time.Time, skipped []skip) {
	l[ran]++
	for _, k := range skipped {
		l[k.tick]++
		for t, n := k.tick, 0; n < k.more; n++ {
			t = s.Next(t)
			l[t]++
			if n == k.more-1 && !t.Equal(k.until) {
				l[t] = -1 // the last one is another than it says
			}
		}
	}
}

// TestEveryTickIsRunOrWrittenDown moves a clock at random over a change of the clocks in
// Berlin: ticks that take long, an agent that is frozen or that sleeps, reloads, starts
// and stops. Each tick must be run once, or be recorded once with its reason.
func TestEveryTickIsRunOrWrittenDown(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	specs := []string{"* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0 0,2,3 * * *", "@every 90s"}
	begins := []time.Time{
		time.Date(2026, 3, 28, 20, 0, 30, 0, zone), time.Date(2026, 10, 24, 20, 0, 30, 0, zone),
	}
	for seed := range uint64(48) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s, err := schedule.Parse(specs[rng.IntN(len(specs))], zone)
		if err != nil {
			t.Fatal(err)
		}
		run := simulation{
			t: t, rng: rng, sched: s, now: begins[rng.IntN(len(begins))], seen: ledger{},
			catchUp: []string{"one", "all", "none"}[rng.IntN(3)],
		}
		run.start()
		run.due()
		first := run.tick
		run.end() // before a tick is recorded, a new agent does not know that any was due
		for range 300 {
			run.step()
		}
		run.settle()
		for at, n := first, 0; !at.After(run.last); at, n = s.Next(at), n+1 {
			if run.seen[at] != 1 {
				t.Fatalf("seed %d, %s, catch_up %s: tick %d at %s was noted %d times", seed, s, run.catchUp, n, at, run.seen[at])
			}
			delete(run.seen, at)
		}
		if len(run.seen) > 0 {
			t.Fatalf("seed %d, %s: noted and never due: %v", seed, s, run.seen)
		}
	}
}

// simulation is an agent with one dataset whose clock a test moves.
type simulation struct {
	t       *testing.T
	rng     *rand.Rand
	sched   schedule.Schedule
	catchUp string
	now     time.Time
	loop    *loop
	running []*entry
	tick    time.Time // the running tick
	last    time.Time // the last tick that was recorded
	seen    ledger
}

func (s *simulation) dataset() []Dataset {
	c := &checks.RowCount{}
	c.ID = "rows"
	return []Dataset{{
		Table:  sentinel.Table{Warehouse: "w", Schema: "main", Name: "a"},
		Checks: []Check{{Check: c, Schedule: s.sched}},
	}}
}

// start begins a new agent, which knows from the state the last tick that was recorded.
func (s *simulation) start() {
	now := s.now
	s.loop = newLoop(newAgent(nil, func() time.Time { return now }), "w", Plan{CatchUp: s.catchUp})
	s.loop.set(s.dataset())
}

func (s *simulation) due() {
	recorded := map[store.TickKey]time.Time{}
	if !s.last.IsZero() {
		recorded[s.loop.entries[0].key()] = s.last
	}
	for tick, entries := range s.loop.due(s.now, recorded) {
		s.running, s.tick = entries, tick
	}
}

// end ends the running tick and records it.
func (s *simulation) end() {
	if s.running == nil {
		return
	}
	s.seen.note(s.sched, s.tick, s.running[0].skipped)
	for _, r := range s.loop.appendTicks(nil, s.running[0], s.tick) {
		if s.last.Before(r.Tick) {
			s.last = r.Tick
		}
	}
	s.loop.release(s.running)
	s.running = nil
}

// reload replaces the plan. A running tick ends under the plan before, unless it still
// waits for its delay: then it is given back, and is due again. The loop may look at what is
// due in between.
func (s *simulation) reload() {
	s.loop.replace(newRunning(Plan{CatchUp: s.catchUp}), s.dataset())
	if s.rng.IntN(2) == 0 {
		s.due()
	}
	if s.running != nil && s.rng.IntN(2) == 0 && s.loop.giveBack(s.tick, s.running) {
		s.running = nil
	}
}

func (s *simulation) step() {
	switch s.rng.IntN(12) {
	case 0: // frozen, or asleep
		s.now = s.now.Add(time.Duration(s.rng.IntN(4*3600)) * time.Second)
	case 1:
		s.reload()
	case 2: // a stop finishes the running tick
		s.end()
		s.now = s.now.Add(time.Duration(s.rng.IntN(3600)) * time.Second)
		s.start()
	case 3, 4, 5:
		s.end()
	default:
		s.now = s.now.Add(time.Duration(s.rng.IntN(200)) * time.Second)
	}
	s.due()
}

// settle lets everything that is owed be run.
func (s *simulation) settle() {
	for range 5000 {
		s.end()
		s.due()
		if s.running == nil {
			break
		}
	}
	s.now = s.sched.Next(s.now)
	s.due()
	s.end()
}
