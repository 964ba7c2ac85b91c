package warehouse

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Timings remembers how long the statements of one warehouse took when they were last
// answered, by their text. Its memory is bounded. All methods may be called concurrently.
type Timings struct {
	clock sentinel.Clock
	seed  maphash.Seed

	mu     sync.Mutex
	recent map[uint64]time.Duration
	older  map[uint64]time.Duration // what recent was when it was last full
	trip   time.Duration            // the last round trip to the server
}

// rememberedTimings is the number of statements after which the oldest are forgotten.
const rememberedTimings = 1 << 16

// NewTimings returns an empty memory. A nil clock measures nothing.
func NewTimings(clock sentinel.Clock) *Timings {
	if clock == nil {
		clock = sentinel.ClockFunc(func() time.Time { return time.Time{} })
	}
	return &Timings{clock: clock, seed: maphash.MakeSeed(), recent: map[uint64]time.Duration{}}
}

// Took returns how long a statement took when it was last answered, or was given up because it
// took too long; false if it is not known.
func (t *Timings) Took(sql string) (time.Duration, bool) { return t.load(t.key(sql)) }

// load returns what the statement with the key took; false if it is not known.
func (t *Timings) load(key uint64) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	took, known := t.recent[key]
	if !known {
		took, known = t.older[key]
	}
	return took, known
}

func (t *Timings) store(key uint64, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.recent) >= rememberedTimings {
		t.older, t.recent = t.recent, map[uint64]time.Duration{}
	}
	t.recent[key] = took
}

func (t *Timings) loadTrip() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trip
}

func (t *Timings) storeTrip(trip time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trip = trip
}

func (t *Timings) key(sql string) uint64 { return maphash.String(t.seed, sql) }
