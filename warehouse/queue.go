package warehouse

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// slowAfter divides slow statements from quick ones.
	slowAfter = 50 * time.Millisecond
	// leastShare and mostShare bound the work that a connection is given at once.
	leastShare, mostShare = 10 * time.Millisecond, 500 * time.Millisecond
	// mostStatements is the largest number of statements that a connection is given at once.
	mostStatements = 128
	// joinAfter is how long a statement of unknown length is not answered until all
	// connections are worth it, and joinLate is that of one that was quick before.
	joinAfter, joinLate = 25 * time.Millisecond, 500 * time.Millisecond
	// joinFor is the work that another connection is worth.
	joinFor = 200 * time.Millisecond
	// growth is how many statements of unknown length are sent at once, for each that was
	// answered before.
	growth = 3
)

// Queue spreads the statements of one [Sessions.Run] over connections. Slow statements start
// first, the longest before the others, each on a connection of its own. Quick ones share
// round trips. Those of unknown length start apart, and share round trips as far as
// those before them were quick. The first [Lane] begins at the quick end, so that slow
// statements hold up no quick ones. A statement that will wait for a lock comes last and
// alone. All methods may be called concurrently.
type Queue struct {
	timings *Timings
	most    int // connections

	mu      sync.Mutex
	items   []queued      // by index of the statement
	order   []int         // that wait: slow ones, unknown ones, quick ones
	locked  []int         // that wait, and will wait for a lock
	known   time.Duration // sum of what is expected of those in order
	unknown int           // number of those in order of unknown length
	proven  int           // statements of unknown length that were answered
	logs    float64       // sum of the logarithms of their lengths
	lanes   []*Lane
	empty   chan struct{} // closed when no statement waits
}

// queued is a statement in a queue.
type queued struct {
	key      uint64
	expected time.Duration // -1: it is unknown
}

// NewQueue makes a queue for up to most connections. timings may be nil.
func NewQueue(timings *Timings, statements []Statement, most int) *Queue {
	if timings == nil {
		timings = NewTimings(nil)
	}
	q := &Queue{timings: timings, most: most, empty: make(chan struct{}), items: make([]queued, len(statements)),
		order: make([]int, 0, len(statements))}
	for i, st := range statements {
		item := queued{key: timings.key(st.SQL), expected: -1}
		if took, known := timings.load(item.key); known {
			item.expected = took
		}
		q.items[i] = item
		switch {
		case st.Locked:
			q.locked = append(q.locked, i)
			continue
		case item.expected < 0:
			q.unknown++
		default:
			q.known += item.expected
		}
		q.order = append(q.order, i)
	}
	slices.SortStableFunc(q.order, func(a, b int) int {
		x, y := q.items[a], q.items[b]
		return cmp.Or(x.class()-y.class(), cmp.Compare(y.expected, x.expected))
	})
	if len(statements) == 0 {
		close(q.empty)
	}
	return q
}

// class orders slow statements before unknown ones, and those before quick ones.
func (i queued) class() int {
	switch {
	case i.expected < 0:
		return 1
	case i.expected >= slowAfter:
		return 0
	}
	return 2
}

// Most returns the largest number of connections.
func (q *Queue) Most() int { return q.most }

// Empty is closed when no statement waits any more.
func (q *Queue) Empty() <-chan struct{} { return q.empty }

// typical is the length that is expected of a statement of unknown length: the geometric
// mean of those that were answered, which a few slow ones among them move little.
func (q *Queue) typical() time.Duration {
	if q.proven == 0 {
		return 0
	}
	return time.Duration(math.Exp(q.logs / float64(q.proven)))
}

// expected returns the length that is expected of a statement.
func (q *Queue) expected(i int) time.Duration {
	if q.items[i].expected < 0 {
		return q.typical()
	}
	return q.items[i].expected
}

// work is the time that the statements that wait would take one after another.
func (q *Queue) work() time.Duration { return q.known + time.Duration(q.unknown)*q.typical() }

// Connections returns how many connections there is work for now. The number grows when
// statements take long.
func (q *Queue) Connections() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := max(1+int(min(q.work()/joinFor, math.MaxInt32)), (len(q.order)+mostStatements-1)/mostStatements, len(q.locked))
	now, trips := q.timings.clock.Now(), 2*q.timings.loadTrip()
	for _, l := range q.lanes {
		if len(l.part) == 0 {
			continue
		}
		patience := joinAfter
		if q.items[l.part[0]].expected >= 0 {
			patience = joinLate
		}
		if now.IsZero() || now.Sub(l.since) > patience+trips {
			n = q.most
		}
	}
	return min(n, q.most, len(q.lanes)+len(q.order)+len(q.locked))
}

// Lane is one connection's part in a queue. One goroutine uses it.
type Lane struct {
	queue *Queue
	quick bool      // it begins at the quick end
	since time.Time // when the statement under way was sent, or could begin
	part  []int     // statements that it was given and that are not answered
}

// Lane adds a connection to the queue.
func (q *Queue) Lane() *Lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &Lane{queue: q, quick: len(q.lanes) == 0}
	q.lanes = append(q.lanes, l)
	return l
}

// Take returns the indexes of the statements that the connection sends next, in one round
// trip; none when no statement waits.
func (l *Lane) Take() []int { return l.take(mostStatements) }

// TakeOne is [Lane.Take] for engines that take one statement at a time.
func (l *Lane) TakeOne() (i int, ok bool) {
	part := l.take(1)
	if len(part) == 0 {
		return 0, false
	}
	return part[0], true
}

func (l *Lane) take(most int) (part []int) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	l.since = q.timings.clock.Now()
	share := q.work() / time.Duration(2*q.most)
	share = max(min(share, mostShare), leastShare, q.timings.loadTrip())
	var sum time.Duration
	unknown := 0
	for len(q.order) > 0 && len(part) < most {
		at := 0
		if l.quick {
			at = len(q.order) - 1
		}
		i := q.order[at]
		isUnknown := q.items[i].expected < 0
		sum += q.expected(i)
		if len(part) > 0 && (sum > share || isUnknown && unknown >= growth*q.proven) {
			break
		}
		if isUnknown {
			unknown++
			q.unknown--
		} else {
			q.known -= q.items[i].expected
		}
		if part = append(part, i); l.quick {
			q.order = q.order[:at]
		} else {
			q.order = q.order[1:]
		}
	}
	if len(part) == 0 && len(q.locked) > 0 {
		part, q.locked = q.locked[:1:1], q.locked[1:]
	}
	if len(part) > 0 && len(q.order)+len(q.locked) == 0 {
		close(q.empty)
	}
	l.part = part
	return part
}

// Sent says that statements were sent just now, should that be later than they were taken.
func (l *Lane) Sent() {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.since = l.queue.timings.clock.Now()
}

// SentFar says that statements were sent just now to a server that is a round trip away, and
// that says nothing when it begins.
func (l *Lane) SentFar(trip time.Duration) {
	now := l.queue.timings.clock.Now()
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.queue.timings.storeTrip(trip)
	l.since = now.Add(trip)
}

// Began says that the server has begun with what was sent. The time since it was sent is
// a round trip.
func (l *Lane) Began() {
	now := l.queue.timings.clock.Now()
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.queue.timings.storeTrip(now.Sub(l.since))
	l.since = now
}

// Answered says that statement i was answered. The time of an answer, and of one that took
// too long, is remembered.
func (l *Lane) Answered(i int, err error) {
	q := l.queue
	now := q.timings.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	took := max(0, now.Sub(l.since))
	l.since = now
	if len(l.part) > 0 {
		l.part = l.part[1:]
	}
	if now.IsZero() {
		took = leastShare
	}
	if q.items[i].expected < 0 {
		q.proven++
		q.logs += math.Log(float64(max(took, time.Microsecond)))
	}
	if !now.IsZero() && (err == nil || KindOf(err) == TimedOut) {
		q.timings.store(q.items[i].key, took)
	}
}
