package warehouse

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
)

// Observer follows the statements that a warehouse runs, for metrics and traces. Its
// methods are called concurrently and must not block. Embed [NopObserver] to implement
// only some of them.
type Observer interface {
	// Statement reports that one statement was answered. kind is empty when it succeeded.
	Statement(kind ErrorKind)
	// Panicked reports that a statement ended in a panic, which was recovered from. The
	// error has its stack.
	Panicked(bug error)
	// Batch reports the time from sending a batch of statements to its last answer.
	Batch(took time.Duration)
	// Connected reports that a connection was opened. Dialects call it.
	Connected()
	// Breaker reports the state of the circuit breaker of a server. server is "primary",
	// "standby 1", and so on. state is 0 for closed and 2 for open.
	Breaker(server string, state int)
	// Lag reports, after each reading of a catalog, whether a standby answered, and how
	// far it is behind its primary.
	Lag(standby bool, lag Lag)
	// Abandoned reports that a session of a repair was given up and could not be ended on the
	// server, where its transaction may hold locks until somebody ends it. Dialects call it.
	Abandoned(err error)
	// Trace reports that a statement is sent. text has no bound values. done is called
	// with the number of rows and the error of the answer. A nil done is not called.
	Trace(ctx context.Context, text string) (done func(rows int, err error))
}

// NopObserver is the [Observer] that does nothing.
type NopObserver struct{}

// Statement implements Observer.
func (NopObserver) Statement(ErrorKind) {}

// Panicked implements Observer.
func (NopObserver) Panicked(error) {}

// Batch implements Observer.
func (NopObserver) Batch(time.Duration) {}

// Connected implements Observer.
func (NopObserver) Connected() {}

// Breaker implements Observer.
func (NopObserver) Breaker(string, int) {}

// Lag implements Observer.
func (NopObserver) Lag(bool, Lag) {}

// Abandoned implements Observer.
func (NopObserver) Abandoned(error) {}

// Trace implements Observer.
func (NopObserver) Trace(context.Context, string) (done func(int, error)) { return nil }

// observed reports to an observer what its sessions run.
type observed struct {
	Sessions
	observer Observer
	now      func() time.Time
}

// Run implements Sessions.
func (s *observed) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	start := s.now()
	finished := make([]func(int, error), len(statements))
	counts := make([]int, len(statements)) // rows that went to the statement's Each
	sent := slices.Clone(statements)
	for i, st := range statements {
		finished[i] = s.observer.Trace(ctx, st.SQL)
		if st.Each != nil && finished[i] != nil {
			sent[i].Each = countRows(st.Each, &counts[i])
		}
	}
	s.Sessions.Run(ctx, sent, func(i int, rows Rows, err error) {
		if finished[i] != nil {
			finished[i](len(rows)+counts[i], err)
		}
		kind := KindOf(err)
		if err != nil && kind == "" {
			kind = "other"
		}
		s.observer.Statement(kind)
		if errors.As(err, new(*panics.Error)) {
			s.observer.Panicked(err)
		}
		done(i, rows, err)
	})
	if len(statements) > 0 {
		s.observer.Batch(s.now().Sub(start))
	}
}

// countRows wraps a statement's Each. It sets n to the number of rows of the last try.
func countRows(each func() func([]Cell) error, n *int) func() func([]Cell) error {
	return func() func([]Cell) error {
		add := each()
		*n = 0
		return func(row []Cell) error {
			*n++
			return add(row)
		}
	}
}
