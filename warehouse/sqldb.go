package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"
)

// sqlSessions is a pool over database/sql for engines without a pipeline. Each
// statement has its own deadline, since not every engine can be told one.
type sqlSessions struct {
	db      *sql.DB
	max     int
	timeout time.Duration
	class   func(error) error
	args    func([]any) []any
}

// Run implements Sessions.
func (s *sqlSessions) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	spread(s.max, len(statements), func(i int) {
		rows, err := s.query(ctx, statements[i])
		done(i, rows, err)
	})
}

// spread calls do for 0 to n-1 from up to workers goroutines and waits.
func spread(workers, n int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func (s *sqlSessions) query(ctx context.Context, st Statement) (Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	rows, err := s.db.QueryContext(ctx, st.SQL, s.args(st.Args)...)
	if err != nil {
		return nil, s.class(errors.Join(err, ctx.Err()))
	}
	defer rows.Close()
	a, err := scanRows(rows, st)
	if err = errors.Join(err, rows.Err()); err != nil {
		return nil, s.class(errors.Join(err, ctx.Err()))
	}
	return a.rows, a.refused
}

// answer is what a statement answers: its rows, or what the one who takes them
// said of one.
type answer struct {
	rows    Rows
	refused error
}

func scanRows(rows *sql.Rows, st Statement) (a answer, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return a, err
	}
	row := make([]Cell, len(columns))
	take := func(row []Cell) error {
		a.rows = append(a.rows, slices.Clone(row))
		return nil
	}
	if st.Each != nil {
		take = st.Each()
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if st.names {
		for i, c := range columns {
			row[i].Text = c
		}
		a.refused = take(row)
	}
	for a.refused == nil && rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return a, err
		}
		for i, v := range values {
			row[i] = Cell{Text: v.String, Null: !v.Valid}
		}
		a.refused = take(row)
	}
	return a, nil
}

// Close implements Sessions.
func (s *sqlSessions) Close() error { return s.db.Close() }

// readAll runs the catalog's statements and returns their answers in order; the
// first error ends it, so that half a catalog is never taken for a whole one.
func readAll(ctx context.Context, s Sessions, statements []Statement) ([]Rows, error) {
	answers := make([]Rows, len(statements))
	errs := make([]error, len(statements))
	s.Run(ctx, statements, func(i int, rows Rows, err error) { answers[i], errs[i] = rows, err })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}
