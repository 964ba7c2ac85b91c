package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// keysOfPage is how many keys are handed over together.
const keysOfPage = 10_000

// keyRow is a key with its number of rows.
type keyRow struct {
	key  []string
	rows int64
}

// keyStream is the keys of one side, in the order of their bytes.
type keyStream struct {
	table sentinel.Table
	most  int64
	pages chan []keyRow
	err   error // set before pages is closed
	page  []keyRow
	last  []string
	read  int64
}

// foreignMerge is held while keys of two warehouses are compared: a comparison takes a connection
// of each, and two that each hold what the other waits for would never end.
var foreignMerge = make(chan struct{}, 1)

// askForeign answers the questions for keys of other warehouses, one after the other. Each takes
// one statement a side.
func (e *executor) askForeign(ctx context.Context) {
	for _, q := range e.foreign {
		answer := Answer{Err: ctx.Err()}
		if answer.Err == nil {
			answer = e.mergeKeys(ctx, q)
		}
		answer.AsOf = q.from.target.Known.Catalog.AsOf
		q.answer(answer)
	}
	e.foreign = nil
}

// foreignStatements writes the statements of both sides.
func (e *executor) foreignStatements(q question) (out [2]planned, err error) {
	f, to := q.ask.Foreign, q.from.needs.Like
	there, err := e.env.Warehouse(to.Warehouse)
	if err != nil {
		return out, err
	}
	if err := q.ask.sqlError(there.Dialect); err != nil {
		return out, err
	}
	for s, of := range []source{e.sourceOf(q), e.otherSource(q)} {
		st, err := f.statement(rowdiff.Side(s), of)
		if err != nil {
			return out, err
		}
		st.VisibleRows = visibleRows(q.from.check)
		out[s] = planned{Statement: st, db: []*warehouse.DB{e.db, there}[s], questions: []question{q}}
	}
	return out, nil
}

// mergeKeys reads the keys of both sides, and compares them in their order. The keys that are
// referred to are read from when the others have begun to arrive: they are of a later time, so
// that rows which were inserted in the order of their references have their partners. A side of
// too many keys is an error, and never an answer of a part of them.
func (e *executor) mergeKeys(ctx context.Context, q question) Answer {
	statements, err := e.foreignStatements(q)
	if err != nil {
		return Answer{Err: err}
	}
	select {
	case foreignMerge <- struct{}{}:
		defer func() { <-foreignMerge }()
	case <-ctx.Done():
		return Answer{Err: ctx.Err()}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var sides [2]*keyStream
	for s, table := range []sentinel.Table{q.from.target.Table, *q.from.needs.Like} {
		sides[s] = &keyStream{table: table, most: q.ask.Foreign.Most, pages: make(chan []keyRow)}
		running.Go(func() { sides[s].fill(ctx, statements[s].db, statements[s].Statement) })
		if s == 0 {
			sides[s].page = <-sides[s].pages // nil if there are no keys, or the statement failed
		}
	}
	rows, bad, orphans, err := mergeStreams(sides[0], sides[1], q.ask.Foreign.Named)
	cancel() // the rest of the other side says no more
	running.Wait()
	for _, p := range statements {
		e.noteSent(p.db, p.SQL, p.questions)
	}
	if err != nil {
		return Answer{Err: err}
	}
	return Answer{Values: []sentinel.Number{sentinel.Int(rows), sentinel.Int(bad)}, Orphans: orphans,
		Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
}

// mergeStreams counts the rows of one side, and those whose key the other does not have. It names
// so many of these keys, those with the most rows.
func mergeStreams(of, to *keyStream, named int) (rows, bad int64, orphans []keyRow, err error) {
	partner, more, err := to.next()
	if err != nil {
		return 0, 0, nil, err
	}
	for {
		r, is, err := of.next()
		if err != nil || !is {
			return rows, bad, orphans, err
		}
		for more && slices.Compare(partner.key, r.key) < 0 {
			if partner, more, err = to.next(); err != nil {
				return 0, 0, nil, err
			}
		}
		rows += r.rows
		if !more || !slices.Equal(partner.key, r.key) {
			bad += r.rows
			orphans = keepOrphan(orphans, r, named)
		}
	}
}

// next returns the next key; ok is false at the end.
func (s *keyStream) next() (r keyRow, ok bool, err error) {
	if len(s.page) == 0 {
		page, open := <-s.pages
		if !open {
			return r, false, s.err
		}
		s.page = page
	}
	r, s.page = s.page[0], s.page[1:]
	if s.read++; s.read > s.most {
		return r, false, fmt.Errorf(
			"%s has more than %s different keys: look at fewer rows by `where`, `to_where` or `bucket`, "+
				"or raise max_keys",
			s.table,
			groupDigits(sentinel.Int(s.most)),
		)
	}
	if s.last != nil && slices.Compare(s.last, r.key) >= 0 {
		return r, false, fmt.Errorf("%s does not sort keys by their bytes", s.table)
	}
	s.last = r.key
	return r, true, nil
}

// fill reads the keys of a side. A statement that is sent again after keys were handed over has
// failed.
func (s *keyStream) fill(ctx context.Context, db *warehouse.DB, st warehouse.Statement) {
	defer close(s.pages)
	var page []keyRow
	handed := false
	hand := func() error {
		select {
		case s.pages <- page:
			page, handed = nil, true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	st.Each = func() func([]warehouse.Cell) error {
		again := handed
		page = nil
		return func(row []warehouse.Cell) error {
			if again {
				return errors.New("the connection was lost while the keys were read")
			}
			r, err := decodeKeyRow(row)
			if page = append(page, r); err != nil || len(page) < keysOfPage {
				return err
			}
			return hand()
		}
	}
	failed := errNotAnswered
	bug := panics.Catch(func() error {
		db.Run(ctx, []warehouse.Statement{st}, func(_ int, _ warehouse.Rows, err error) { failed = err })
		return nil
	})
	if s.err = bug; s.err == nil {
		s.err = failed
	}
	if s.err == nil && len(page) > 0 {
		s.err = hand()
	}
}

func decodeKeyRow(row []warehouse.Cell) (r keyRow, err error) {
	for _, c := range row[:len(row)-1] {
		if c.Null {
			return r, errors.New("a column of the key holds a value that has no text")
		}
		r.key = append(r.key, c.Text)
	}
	n, err := row[len(row)-1].Number()
	r.rows, _ = n.Int64() // a count is an integer
	return r, err
}
