package warehouse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// simulation runs statements of given lengths on a queue, on a clock of its own. Every
// connection is there at once, and sends what it is given in one round trip.
type simulation struct {
	now     time.Time
	timings *Timings
	trip    time.Duration
	most    int
}

func newSimulation(most int, trip time.Duration) *simulation {
	s := &simulation{now: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), trip: trip, most: most}
	s.timings = NewTimings(sentinel.ClockFunc(func() time.Time { return s.now }))
	return s
}

// looked is what one Run did.
type looked struct {
	took        time.Duration
	trips       int   // round trips of all connections
	connections int   // that sent something
	opened      int   // connections that were opened
	answered    []int // in the order of the answers
}

// connection is one of a simulation. It is idle, or at some step of what it has sent.
type connection struct {
	lane *Lane
	part []int
	at   time.Time // of its next step
	sent bool      // the server has begun
}

// look runs all statements once.
func (s *simulation) look(t *testing.T, statements []Statement, lengths []time.Duration) (l looked) {
	t.Helper()
	begin := s.now
	q := NewQueue(s.timings, statements, s.most)
	var all []*connection
	next := s.now
	for len(l.answered) < len(statements) {
		s.now = next
		for len(all) < q.Connections() {
			all = append(all, &connection{lane: q.Lane()})
		}
		next = s.now.Add(20 * time.Millisecond) // Connections is asked again
		for _, c := range all {
			l.step(s, c, lengths)
			if len(c.part) > 0 && c.at.Before(next) {
				next = c.at
			}
		}
		if s.now.Sub(begin) > time.Hour {
			t.Fatalf("%d of %d statements are answered", len(l.answered), len(statements))
		}
	}
	for _, c := range all {
		if c.sent {
			l.connections++
		}
	}
	l.took, l.opened = s.now.Sub(begin), len(all)
	return l
}

// step does what is due on a connection.
func (l *looked) step(s *simulation, c *connection, lengths []time.Duration) {
	for {
		switch {
		case len(c.part) == 0:
			if c.part = c.lane.Take(); len(c.part) == 0 {
				return
			}
			c.lane.Sent()
			l.trips++
			c.at, c.sent = s.now.Add(s.trip), false
		case c.at.After(s.now):
			return
		case !c.sent:
			c.lane.Began()
			c.at, c.sent = s.now.Add(lengths[c.part[0]]), true
		default:
			l.answered = append(l.answered, c.part[0])
			c.lane.Answered(c.part[0], nil)
			if c.part = c.part[1:]; len(c.part) > 0 {
				c.at = s.now.Add(lengths[c.part[0]])
			}
		}
	}
}

func statementsOf(n int) []Statement {
	statements := make([]Statement, n)
	for i := range statements {
		statements[i].SQL = fmt.Sprintf("SELECT %d", i)
	}
	return statements
}

func same(n int, length time.Duration) []time.Duration {
	return slices.Repeat([]time.Duration{length}, n)
}

// TestQueueUsesTheConnections: slow statements run side by side, also at the first look.
func TestQueueUsesTheConnections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, most       int
		length, trip  time.Duration
		first, second time.Duration // at most
	}{
		{8, 4, time.Second, 0, 2100 * time.Millisecond, 2 * time.Second},
		{16, 4, time.Second, 0, 4100 * time.Millisecond, 4 * time.Second},
		{40, 4, time.Second, 0, 10100 * time.Millisecond, 10 * time.Second},
		{40, 4, 20 * time.Millisecond, 0, 350 * time.Millisecond, 220 * time.Millisecond},
		{1000, 4, 20 * time.Millisecond, 0, 5200 * time.Millisecond, 5100 * time.Millisecond},
		{200, 4, 300 * time.Microsecond, 40 * time.Millisecond, 320 * time.Millisecond, 130 * time.Millisecond},
		{250, 1, time.Millisecond, 40 * time.Millisecond, 700 * time.Millisecond, 550 * time.Millisecond},
	} {
		name := fmt.Sprintf("%d of %v on %d with %v", c.n, c.length, c.most, c.trip)
		s := newSimulation(c.most, c.trip)
		statements, lengths := statementsOf(c.n), same(c.n, c.length)
		first, second := s.look(t, statements, lengths), s.look(t, statements, lengths)
		t.Logf("%s: %v in %d trips, then %v in %d", name, first.took, first.trips, second.took, second.trips)
		if first.took > c.first || second.took > c.second {
			t.Errorf("%s took %v, then %v; want %v, then %v at most", name, first.took, second.took, c.first, c.second)
		}
	}
}

// TestQuickStatementsNeedFewConnections: no connection is opened that is not worth it.
func TestQuickStatementsNeedFewConnections(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 40, 250} {
		s := newSimulation(8, 100*time.Microsecond)
		for look := range 3 {
			if l := s.look(t, statementsOf(n), same(n, 500*time.Microsecond)); l.connections > 2 {
				t.Errorf("look %d at %d quick statements: %d connections", look, n, l.connections)
			}
		}
	}
}

// TestAStallOpensNoConnections: one more connection does the work of one that stalls, and what
// was not sent behind the stalled statement does not wait for it.
func TestAStallOpensNoConnections(t *testing.T) {
	t.Parallel()
	for _, stall := range []time.Duration{300 * time.Millisecond, 3 * time.Second} {
		s := newSimulation(8, 0)
		statements, lengths := statementsOf(250), same(250, 500*time.Microsecond)
		s.look(t, statements, lengths)
		lengths[249] = stall
		l := s.look(t, statements, lengths)
		if l.opened != 2 {
			t.Errorf("a stall of %v opens %d connections, want one more", stall, l.opened)
		}
		if before := slices.Index(l.answered, 249); before < 250-mostStatements {
			t.Errorf("%d statements are answered before one that takes %v", before, stall)
		}
	}
}

// TestQueueLaws draws statements. Each is answered once, whatever is known of it. Where the
// lengths are known, the time is at most what Graham's bound for the longest first (1969)
// allows, and the round trips that the work is worth.
func TestQueueLaws(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newSimulation(1+r.IntN(8), time.Duration(r.IntN(3))*20*time.Millisecond)
		n := 1 + r.IntN(300)
		statements, lengths := statementsOf(n), make([]time.Duration, n)
		locked := 0
		var sum, longest time.Duration
		for i := range lengths {
			lengths[i] = time.Duration(1+r.IntN(2000)) * time.Microsecond
			if r.IntN(10) == 0 {
				lengths[i] = time.Duration(r.IntN(20_000)) * time.Millisecond
			}
			if r.IntN(50) == 0 {
				statements[i].Locked = true
				locked++
			}
			sum, longest = sum+lengths[i], max(longest, lengths[i])
		}
		for look := range 3 {
			l := s.look(t, statements, lengths)
			once := slices.Clone(l.answered)
			slices.Sort(once)
			if len(slices.Compact(once)) != n || len(l.answered) != n {
				t.Fatalf("seed %d: %d answers to %d statements", seed, len(l.answered), n)
			}
			if look == 0 || locked > 0 {
				continue
			}
			slow := time.Duration(0) // round trips of statements that travel alone
			for _, length := range lengths {
				if length >= leastShare {
					slow++
				}
			}
			// A share may end late by itself, and each connection pays for its round trips.
			trips := slow/time.Duration(s.most) + time.Duration(n)*2*time.Millisecond/leastShare/time.Duration(s.most) + 6
			limit := max(sum/time.Duration(s.most), longest)*4/3 + mostShare + trips*s.trip
			if l.took > limit {
				t.Errorf("seed %d: %v for %d statements on %d connections, want %v at most (in all %v, the longest %v)",
					seed, l.took, n, s.most, limit, sum, longest)
			}
		}
	}
}

// TestQueueOrder: the longest first, what is quick on a connection of its own, and what
// will wait for a lock last.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	s := newSimulation(2, 0)
	statements := statementsOf(6)
	ms := time.Millisecond
	lengths := []time.Duration{1000 * ms, 3000 * ms, ms, 2000 * ms, ms, ms}
	s.look(t, statements, lengths)
	statements[1].Locked = true
	q := NewQueue(s.timings, statements, 2)
	quick, slow := q.Lane(), q.Lane()
	if got, want := slow.Take(), []int{3}; !slices.Equal(got, want) {
		t.Errorf("the slow end begins with %v, want %v", got, want)
	}
	if got := quick.Take(); !slices.Contains(got, 2) || !slices.Contains(got, 4) || !slices.Contains(got, 5) {
		t.Errorf("the quick end begins with %v", got)
	}
	for _, want := range [][]int{{0}, {1}, nil} {
		if got := slow.Take(); !slices.Equal(got, want) {
			t.Errorf("then comes %v, want %v", got, want)
		}
	}
}

// TestTimingsAreBounded stores more than are kept.
func TestTimingsAreBounded(t *testing.T) {
	t.Parallel()
	timings := NewTimings(nil)
	for i := range uint64(5 * rememberedTimings) {
		timings.store(i, time.Duration(i))
	}
	if n := len(timings.recent) + len(timings.older); n > 2*rememberedTimings {
		t.Errorf("%d timings are kept", n)
	}
	if took, known := timings.load(5*rememberedTimings - 1); !known || took != 5*rememberedTimings-1 {
		t.Errorf("the last one is %v, %v", took, known)
	}
}
