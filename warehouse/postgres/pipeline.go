package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentinel-dq/sentinel/warehouse"
)

var (
	// errSilent is the error of a connection whose server did not answer in time.
	errSilent = errors.New("the server did not answer in time")
	// errRestNotRead is the error of a connection that was given up because more rows
	// came than are read.
	errRestNotRead = errors.New("the rest of the answer was not read")
)

// pipeline is statements that are sent on a connection in one go. The parts of a
// statement end with a Sync, and so are one implicit transaction. A Sync before the first
// tells when the server begins: the time from there to an answer is the statement's own.
type pipeline struct {
	*session
	guard      guard         // of statements that must see all rows
	visible    guard         // of statements that read what row security leaves
	limit      time.Duration // of the answer to each statement
	statements []warehouse.Statement
	began      func() // the server begins with the first statement
	done       answers

	silent atomic.Bool
	timer  *time.Timer
}

// run sends all statements and reads their answers in order. It returns the error of a
// connection that broke.
func (p *pipeline) run(ctx context.Context) error {
	network := p.conn.Conn()
	p.timer = time.AfterFunc(p.limit, func() {
		p.silent.Store(true)
		_ = network.SetDeadline(time.Unix(1, 0)) // wakes who waits; a closed connection needs nothing
	})
	defer p.timer.Stop()
	sent := p.conn.StartPipeline(ctx)
	sent.SendPipelineSync()
	for _, st := range p.statements {
		p.send(sent, st)
	}
	err := sent.Flush()
	if err == nil {
		err = p.read(sent)
	}
	if closeErr := sent.Close(); err == nil && !errors.As(closeErr, new(*pgconn.PgError)) {
		err = closeErr // a statement's own error is answered already
	}
	if p.silent.Load() && ctx.Err() == nil {
		return errSilent
	}
	return err
}

// rollBack undoes what a statement has set or made, although it only reads. BEGIN turns
// the implicit transaction into an open one, which can be rolled back without a warning.
// Where a statement fails, the server skips the rest and rolls back by itself.
var rollBack = []string{"BEGIN", "ROLLBACK"}

// unlock frees what ROLLBACK does not.
const unlock = "SELECT pg_catalog.pg_advisory_unlock_all()"

// send sends a statement, behind a pooler with the guard before it. What a user's own
// statement sets is rolled back everywhere, and behind a pooler that of all.
func (p *pipeline) send(sent *pgconn.Pipeline, st warehouse.Statement) {
	if p.guarded(st) {
		sent.SendQueryParams(p.guardOf(st).transaction, nil, nil, nil, nil)
	}
	sent.SendQueryParams(st.SQL, textArgs(st.Args), nil, nil, nil)
	if p.guarded(st) {
		for _, text := range rollBack {
			sent.SendQueryParams(text, nil, nil, nil, nil)
		}
	}
	if st.Custom {
		sent.SendQueryParams(unlock, nil, nil, nil, nil)
	}
	sent.SendPipelineSync()
}

// guarded reports whether a statement brings its guard.
func (p *pipeline) guarded(st warehouse.Statement) bool {
	return st.Custom || st.VisibleRows || !p.direct
}

// guardOf returns the guard that a statement brings.
func (p *pipeline) guardOf(st warehouse.Statement) guard {
	if st.VisibleRows {
		return p.visible
	}
	return p.guard
}

// read reads the answers to all statements.
func (p *pipeline) read(sent *pgconn.Pipeline) error {
	if _, err := sent.GetResults(); err != nil {
		return err
	}
	p.began()
	for i, st := range p.statements {
		a, err := p.readOne(sent, st)
		if err != nil && !errors.Is(err, errRestNotRead) {
			return err
		}
		p.timer.Reset(p.limit)
		p.done(i, a.rows, a.failed)
		if err != nil {
			return err
		}
	}
	return nil
}

// answer is the answer to one statement.
type answer struct {
	rows   warehouse.Rows
	failed error // of the statement or its guard
	part   int   // results read so far: the guard's, the statement's, and what follows it
}

// readOne reads the results up to the Sync after a statement. The error is that of a
// broken connection.
func (p *pipeline) readOne(sent *pgconn.Pipeline, st warehouse.Statement) (a answer, err error) {
	if !p.guarded(st) {
		a.part = 1
	}
	for {
		result, err := sent.GetResults()
		var server *pgconn.PgError
		switch {
		case errors.As(err, &server):
			if fatal(server) {
				return a, err
			}
			p.fail(&a, st, err)
			continue
		case err != nil:
			return a, err
		}
		switch r := result.(type) {
		case *pgconn.ResultReader:
			if err := p.result(&a, st, r); err != nil {
				return a, err
			}
		case *pgconn.PipelineSync:
			return a, nil
		case nil:
			return a, errors.New("the server ended the pipeline early")
		}
	}
}

// fail keeps the first error of a statement.
func (p *pipeline) fail(a *answer, st warehouse.Statement, err error) {
	switch {
	case a.failed != nil:
	case a.part == 0:
		a.failed = p.guardOf(st).failure(context.Background(), err)
	default:
		a.failed = classify(err)
	}
}

// result reads one result. The error is that of a broken connection.
func (p *pipeline) result(a *answer, st warehouse.Statement, r *pgconn.ResultReader) error {
	more := false
	switch {
	case a.part == 0:
		a.failed = p.confirm(st, r)
	case a.part > 1:
	case a.failed != nil: // what runs without its guard is not read
	case st.Each != nil:
		a.failed = eachRow(r, st.Each())
	case st.Custom:
		a.rows, more = readRows(r, warehouse.CustomRows)
	default:
		a.rows, more = readRows(r, 0)
	}
	if more {
		_ = p.conn.Conn().SetDeadline(time.Unix(1, 0)) // the connection cancels the statement, and closes
		_, _ = r.Close()
		return errRestNotRead
	}
	// Close reads the rest of the answer and returns the error that ended it.
	_, err := r.Close()
	var server *pgconn.PgError
	switch {
	case errors.As(err, &server) && !fatal(server):
		p.fail(a, st, err)
	case err != nil:
		return err
	}
	a.part++
	return nil
}

// confirm reads back what a guard has set.
func (p *pipeline) confirm(st warehouse.Statement, r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil // the guard failed: its error comes next
	}
	return p.guardOf(st).verify(r.Values())
}

// readRows keeps all rows, or as many as limit if that is above 0. The cells of a row are
// cut from one string, and those of many rows from one slice.
func readRows(r *pgconn.ResultReader, limit int) (rows warehouse.Rows, more bool) {
	var cells []warehouse.Cell
	for r.NextRow() {
		if limit > 0 && len(rows) == limit {
			return rows, true
		}
		values := r.Values()
		if len(cells) < len(values) {
			cells = make([]warehouse.Cell, len(values)*min(len(rows)+1, 64))
		}
		row := cells[:len(values):len(values)]
		cells = cells[len(values):]
		size := 0
		for _, v := range values {
			size += len(v)
		}
		var text strings.Builder
		text.Grow(size)
		for _, v := range values {
			text.Write(v)
		}
		rest := text.String()
		for i, v := range values {
			row[i] = warehouse.Cell{Text: rest[:len(v)], Null: v == nil}
			rest = rest[len(v):]
		}
		rows = append(rows, row)
	}
	return rows, false
}

// eachRow calls take with every row, until take returns an error.
func eachRow(r *pgconn.ResultReader, take func([]warehouse.Cell) error) error {
	var row []warehouse.Cell
	known := new(words)
	for r.NextRow() {
		values := r.Values()
		if row == nil {
			row = make([]warehouse.Cell, len(values))
		}
		for i, v := range values {
			if row[i].Null = v == nil; row[i].Text != string(v) { // else it is that of the row before
				row[i].Text = known.text(v)
			}
		}
		if err := take(row); err != nil {
			return err
		}
	}
	return nil
}

// words keeps the last texts of an answer, of which most come many times, such as the
// names of types. Its size is fixed.
type words [1 << 10]string

// longestWord is the length above which a text, such as a view's, is not kept.
const longestWord = 64

var wordSeed = maphash.MakeSeed()

func (w *words) text(b []byte) string {
	if len(b) > longestWord {
		return string(b)
	}
	kept := &w[maphash.Bytes(wordSeed, b)%uint64(len(w))]
	if *kept != string(b) {
		*kept = string(b)
	}
	return *kept
}

// textArgs gives arguments in text form; the server infers their types.
func textArgs(args []any) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case nil:
		case time.Time:
			out[i] = v.UTC().AppendFormat(nil, "2006-01-02 15:04:05.999999Z07:00")
		case string:
			out[i] = []byte(v)
		case []byte:
			out[i] = fmt.Appendf(nil, `\x%x`, v)
		default:
			out[i] = fmt.Append(nil, v)
		}
	}
	return out
}
