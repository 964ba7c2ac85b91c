package warehouse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// openAfter is the number of failed batches in a row that open the breaker of the only
	// server. A silent server opens it at once.
	openAfter     = 3
	firstPause    = 2 * time.Second  // first pause of an open breaker; doubled with every failure, with jitter
	longestPause  = 2 * time.Minute  // longest pause
	probesToMove  = 3                // answered probes in a row before statements move back to a server
	probesFor     = 30 * time.Second // shortest time between the first and the last of them
	probeInterval = 10 * time.Second
	probeTimeout  = 3 * time.Second
)

// server is one server of a warehouse. The lock of failover guards its fields.
type server struct {
	name       string // primary, standby 1, ...
	sessions   Sessions
	failures   int       // batches and probes in a row that did not reach it
	next       time.Time // not tried before
	probes     int       // probes in a row that were answered since it failed
	firstProbe time.Time // the first of them
	lastErr    error
}

// failover is the servers of a warehouse in the order of preference. Statements go to
// the first server that answers. A server that does not answer gets no statements for a
// pause, which grows with every failure (a circuit breaker). A preferred server is used
// again after it has answered several probes over some time.
type failover struct {
	now      func() time.Time // the zero time switches pauses off
	observer Observer

	mu      sync.Mutex
	servers []*server
	active  int
}

// Run implements Sessions. It sends statements that did not reach a server to the next
// one, and no others: an error in a statement is the same on all servers.
func (f *failover) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	f.probePreferred(ctx)
	todo := make([]int, len(statements))
	for i := range todo {
		todo[i] = i
	}
	for {
		s, refused := f.pick()
		if refused != nil {
			for _, i := range todo {
				done(i, nil, refused)
			}
			return
		}
		unreached, cause := f.try(ctx, s, statements, todo, done)
		if len(unreached) == 0 {
			return
		}
		if f.failed(s, cause, len(unreached) == len(todo)); ctx.Err() != nil || !f.movedFrom(s) {
			for _, i := range unreached {
				done(i, nil, cause)
			}
			return
		}
		todo = unreached
	}
}

// try sends the statements with the indexes in todo. It returns the indexes of those
// that did not reach the server, and calls done for all others.
func (f *failover) try(
	ctx context.Context, s *server, statements []Statement, todo []int, done func(int, Rows, error),
) (unreached []int, cause error) {
	part := statements
	if len(todo) < len(statements) {
		part = make([]Statement, len(todo))
		for k, i := range todo {
			part[k] = statements[i]
		}
	}
	var mu sync.Mutex
	s.sessions.Run(ctx, part, func(k int, rows Rows, err error) {
		if KindOf(err) == Unreachable {
			mu.Lock()
			defer mu.Unlock()
			unreached, cause = append(unreached, todo[k]), err
			return
		}
		done(todo[k], rows, err)
	})
	if len(unreached) < len(todo) {
		f.answered(s)
	}
	return unreached, cause
}

// pick returns the server to use. The error says why no server is used now.
func (f *failover) pick() (*server, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	s := f.servers[f.active]
	if now.IsZero() || !now.Before(s.next) {
		return s, nil
	}
	for i, other := range f.servers {
		if !now.Before(other.next) {
			f.active = i
			return other, nil
		}
	}
	times := fmt.Sprintf("%d times in a row", s.failures)
	if e := (*Error)(nil); errors.As(s.lastErr, &e) && e.Silent {
		times = "in its time"
	}
	err := fmt.Errorf("%s did not answer %s and is not asked again before %s: %w",
		s.name, times, s.next.Format(time.TimeOnly), s.lastErr)
	return nil, &Error{Kind: Unreachable, Err: err}
}

// failed counts a failure, pauses the server, and makes another server active. wholly
// says that no statement of the batch reached the server.
func (f *failover) failed(s *server, cause error, wholly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.lastErr, s.probes = cause, 0
	if wholly {
		s.failures++
	}
	if e := (*Error)(nil); errors.As(cause, &e) && e.Silent {
		s.failures = max(s.failures, openAfter) // every further try would take its whole time limit
	}
	if len(f.servers) > 1 || s.failures >= openAfter {
		f.pause(s)
	}
	for i, other := range f.servers {
		if other != s && f.servers[f.active] == s && !f.now().Before(other.next) {
			f.active = i
			break
		}
	}
}

func (f *failover) pause(s *server) {
	wait := min(longestPause, firstPause<<min(16, max(0, s.failures-1)))
	s.next = f.now().Add(wait/2 + rand.N(wait/2))
	f.reportBreaker(s)
}

// movedFrom reports whether another server than s is active now.
func (f *failover) movedFrom(s *server) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[f.active] != s
}

func (f *failover) answered(s *server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.failures > 0 {
		s.failures, s.next, s.lastErr = 0, time.Time{}, nil
		f.reportBreaker(s)
	}
}

func (f *failover) reportBreaker(s *server) {
	state := 0
	if s.failures > 0 {
		state = 2
	}
	f.observer.Breaker(s.name, state)
}

// probePreferred probes the servers that are preferred over the active one. It makes
// one active that has answered for long enough.
func (f *failover) probePreferred(ctx context.Context) {
	f.mu.Lock()
	now := f.now()
	var due []*server
	for _, s := range f.servers[:f.active] {
		if !now.Before(s.next) {
			s.next = now.Add(probeInterval) // one probe at a time
			due = append(due, s)
		}
	}
	f.mu.Unlock()
	for _, s := range due {
		probe, cancel := context.WithTimeout(ctx, probeTimeout)
		var err error
		s.sessions.Run(probe, []Statement{{SQL: "SELECT 1"}}, func(_ int, _ Rows, failed error) { err = failed })
		cancel()
		f.probed(s, err)
	}
}

func (f *failover) probed(s *server, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if err != nil {
		s.probes, s.lastErr = 0, err
		s.failures++
		f.pause(s)
		return
	}
	if s.probes++; s.probes == 1 {
		s.firstProbe = now
	}
	if s.probes < probesToMove || now.Sub(s.firstProbe) < probesFor {
		return
	}
	for i, other := range f.servers[:f.active] {
		if other == s {
			f.active, s.failures, s.next = i, 0, time.Time{}
			f.reportBreaker(s)
			return
		}
	}
}

// Server names the active server. It is empty for the primary.
func (f *failover) Server() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active == 0 {
		return ""
	}
	return f.servers[f.active].name
}

// Close implements Sessions.
func (f *failover) Close() (err error) {
	for _, s := range f.servers {
		err = errors.Join(err, s.sessions.Close())
	}
	return err
}
