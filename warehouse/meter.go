package warehouse

import (
	"context"
	"slices"
	"time"
)

// Meter hears what a warehouse is asked, for metrics. Its functions are called
// concurrently and must not block; nil ones are left out.
type Meter struct {
	Statement func(kind ErrorKind)     // one statement was answered; "" without an error
	Batch     func(took time.Duration) // from sending a batch to its last answer
	Connected func()                   // a connection was opened
	// Breaker hears that a server (primary, standby 1, ...) is left alone for a
	// while (2), or is asked again (0).
	Breaker func(place string, state int)
	// Lag hears, whenever a catalog is read, whether a standby answered, and how far
	// it is behind.
	Lag func(standby bool, lag Lag)
	// Trace hears of a statement that is sent, without the values bound to it, and
	// returns what is told of the answer; nil where nobody wants to know.
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
	now   func() time.Time
}

// Run implements Sessions.
func (s *metered) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	start := s.now()
	var told []func(int, error)
	var handed []int // rows that Each has taken
	if s.meter.Trace != nil {
		told, handed, statements = make([]func(int, error), len(statements)), make([]int, len(statements)), slices.Clone(statements)
		for i, st := range statements {
			told[i] = s.meter.Trace(ctx, st.SQL)
			if st.Each != nil {
				statements[i].Each = counted(st.Each, &handed[i])
			}
		}
	}
	s.Sessions.Run(ctx, statements, func(i int, rows Rows, err error) {
		if told != nil && told[i] != nil {
			told[i](len(rows)+handed[i], err)
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
