package warehouse

import (
	"context"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Meter observes what a warehouse is asked, for metrics. Its functions are called
// concurrently and must not block. Nil functions are left out.
type Meter struct {
	Statement func(kind ErrorKind)     // one statement was answered; "" without an error
	Batch     func(took time.Duration) // from sending a batch to its last answer
	Connected func()                   // a connection was opened
	// Breaker gets the state of the circuit breaker of a server (primary, standby 1,
	// ...): 2 is open, 0 is closed.
	Breaker func(place string, state int)
	// Lag gets, for every catalog that is read, whether a standby answered and how far it
	// is behind.
	Lag func(standby bool, lag Lag)
	// Trace gets the text of a statement that is sent, without the bound values. It
	// returns a function for the answer, or nil.
	Trace func(ctx context.Context, text string) (done func(rows int, err error))
}

// CountConnection counts a connection that was opened; m may be nil. Dialects call it.
func (m *Meter) CountConnection() {
	if m != nil && m.Connected != nil {
		m.Connected()
	}
}

// metered counts what its pool is asked.
type metered struct {
	Sessions
	meter *Meter
	now   sentinel.Clock
}

// Run implements Sessions.
func (s *metered) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	start := s.now()
	var finished []func(int, error)
	var taken []int // rows that Each has taken
	if s.meter.Trace != nil {
		finished = make([]func(int, error), len(statements))
		taken = make([]int, len(statements))
		statements = slices.Clone(statements)
		for i, st := range statements {
			finished[i] = s.meter.Trace(ctx, st.SQL)
			if st.Each != nil {
				statements[i].Each = counted(st.Each, &taken[i])
			}
		}
	}
	s.Sessions.Run(ctx, statements, func(i int, rows Rows, err error) {
		if finished != nil && finished[i] != nil {
			finished[i](len(rows)+taken[i], err)
		}
		if s.meter.Statement != nil {
			kind := KindOf(err)
			if err != nil && kind == "" {
				kind = "other"
			}
			s.meter.Statement(kind)
		}
		done(i, rows, err)
	})
	if s.meter.Batch != nil && len(statements) > 0 {
		s.meter.Batch(s.now().Sub(start))
	}
}

// counted counts the rows that each takes of one answer.
func counted(each func() func([]Cell) error, n *int) func() func([]Cell) error {
	return func() func([]Cell) error {
		take := each()
		*n = 0
		return func(row []Cell) error {
			*n++
			return take(row)
		}
	}
}
