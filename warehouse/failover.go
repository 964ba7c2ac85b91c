package warehouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
)

const (
	openAfter  = 3                // failed batches in a row that open the breaker of the only server
	firstPause = 2 * time.Second  // first pause of an open breaker; doubled with every failure, with jitter
	lastPause  = 2 * time.Minute  // longest pause
	wellTimes  = 3                // answered probes in a row before checks move back to a server
	wellFor    = 30 * time.Second // shortest time between the first and the last of them
	probeEvery = 10 * time.Second
	probeTime  = 3 * time.Second
)

// place is one server of a warehouse. failover's lock guards it.
type place struct {
	name     string // primary, standby 1, ...
	pool     Sessions
	failures int       // batches and probes in a row that did not reach it
	next     time.Time // not tried before
	well     int       // probes in a row that were answered since it was down
	wellFrom time.Time
	last     error
}

// failover is a warehouse's servers in the order they are preferred: statements
// go to the first that answers. A server that does not answer is left alone for
// a while, longer with every failure (a circuit breaker), and a preferred one is
// used again when it has answered several probes over some time.
type failover struct {
	warehouse string
	now       sentinel.Clock // the zero time switches pauses off
	meter     *Meter

	mu     sync.Mutex
	places []*place
	active int
}

// Run implements Sessions. Statements that did not reach a server are sent to
// the next one; nothing else is: an error in a statement is the same everywhere.
func (f *failover) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	f.comeBack(ctx)
	todo := make([]int, len(statements))
	for i := range todo {
		todo[i] = i
	}
	for {
		p, refused := f.pick()
		if refused != nil {
			for _, i := range todo {
				done(i, nil, refused)
			}
			return
		}
		unreached, cause := f.try(ctx, p, statements, todo, done)
		if len(unreached) == 0 {
			return
		}
		if f.failed(p, cause, len(unreached) == len(todo)); ctx.Err() != nil || !f.another(p) {
			for _, i := range unreached {
				done(i, nil, cause)
			}
			return
		}
		todo = unreached
	}
}

// try sends the statements in todo and returns those that did not reach the
// server. Where there is no other server, everything is answered.
func (f *failover) try(
	ctx context.Context, p *place, statements []Statement, todo []int, done func(int, Rows, error),
) (unreached []int, cause error) {
	part := statements
	if len(todo) < len(statements) {
		part = make([]Statement, len(todo))
		for k, i := range todo {
			part[k] = statements[i]
		}
	}
	var mu sync.Mutex
	p.pool.Run(ctx, part, func(k int, rows Rows, err error) {
		if KindOf(err) == Unreachable {
			mu.Lock()
			defer mu.Unlock()
			unreached, cause = append(unreached, todo[k]), err
			return
		}
		done(todo[k], rows, err)
	})
	if len(unreached) < len(todo) {
		f.answered(p)
	}
	return unreached, cause
}

// pick returns the server to ask, or why none is asked now.
func (f *failover) pick() (*place, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	p := f.places[f.active]
	if now.IsZero() || !now.Before(p.next) {
		return p, nil
	}
	for i, other := range f.places { // all of them are left alone, or the active one has just failed
		if !now.Before(other.next) {
			f.active = i
			return other, nil
		}
	}
	err := fmt.Errorf("%s did not answer %d times in a row and is not asked again before %s: %w",
		p.name, p.failures, p.next.Format(time.TimeOnly), p.last)
	return nil, &Error{Kind: Unreachable, Err: err}
}

// failed counts, leaves the server alone for a while, and moves on.
func (f *failover) failed(p *place, cause error, wholly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.last, p.well = cause, 0
	if wholly {
		p.failures++
	}
	if len(f.places) > 1 || p.failures >= openAfter {
		f.pause(p)
	}
	for i, other := range f.places {
		if other != p && f.places[f.active] == p && !f.now().Before(other.next) {
			f.active = i
			break
		}
	}
}

func (f *failover) pause(p *place) {
	wait := min(lastPause, firstPause<<min(16, max(0, p.failures-1)))
	p.next = f.now().Add(wait/2 + rand.N(wait/2))
	f.state(p)
}

// another reports whether there is a server to ask instead.
func (f *failover) another(p *place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.places[f.active] != p
}

func (f *failover) answered(p *place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.failures > 0 {
		p.failures, p.next, p.last = 0, time.Time{}, nil
		f.state(p)
	}
}

// state tells the meter: 0 closed, 1 half-open, 2 open.
func (f *failover) state(p *place) {
	if f.meter == nil || f.meter.Breaker == nil {
		return
	}
	state := 0
	if p.failures > 0 {
		state = 2
	}
	f.meter.Breaker(p.name, state)
}

// comeBack probes the servers that are preferred over the one in use, and moves
// back to one that has been well for long enough.
func (f *failover) comeBack(ctx context.Context) {
	f.mu.Lock()
	now := f.now()
	var due []*place
	for _, p := range f.places[:f.active] {
		if !now.Before(p.next) {
			p.next = now.Add(probeEvery) // one probe at a time
			due = append(due, p)
		}
	}
	f.mu.Unlock()
	for _, p := range due {
		probe, cancel := context.WithTimeout(ctx, probeTime)
		var err error
		p.pool.Run(probe, []Statement{{SQL: "SELECT 1"}}, func(_ int, _ Rows, failed error) { err = failed })
		cancel()
		f.probed(p, err)
	}
}

func (f *failover) probed(p *place, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if err != nil {
		p.well, p.last = 0, err
		p.failures++
		f.pause(p)
		return
	}
	if p.well++; p.well == 1 {
		p.wellFrom = now
	}
	if p.well < wellTimes || now.Sub(p.wellFrom) < wellFor {
		return
	}
	for i, other := range f.places[:f.active] {
		if other == p {
			f.active, p.failures, p.next = i, 0, time.Time{}
			f.state(p)
			return
		}
	}
}

// Place is the server that is in use: "" for the primary.
func (f *failover) Place() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active == 0 {
		return ""
	}
	return f.places[f.active].name
}

// Close implements Sessions.
func (f *failover) Close() (err error) {
	for _, p := range f.places {
		err = errors.Join(err, p.pool.Close())
	}
	return err
}
