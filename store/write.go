package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// job is one transaction that waits for the goroutine that writes.
type job struct {
	ctx     context.Context
	durable bool
	do      func(context.Context, *txn) error
	guard   func(context.Context) error // runs outside of a transaction, in place of do; nil: do runs
	done    chan error                  // has place for the answer
}

var errClosed = errors.New("the state is closed")

// writeJobs is the goroutine that writes. Only this goroutine uses what is kept between
// transactions.
func (s *Store) writeJobs() {
	defer close(s.ended)
	memory := newMemory()
	for {
		select {
		case j := <-s.jobs:
			err := s.runJob(j, memory)
			if err != nil {
				memory = newMemory() // it may know of rows that were taken back
			}
			j.done <- err
		case <-s.quit:
			return
		}
	}
}

// runJob runs one transaction. A panic is an error of that transaction alone.
func (s *Store) runJob(j job, memory *memory) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v\n%s", p, debug.Stack())
		}
	}()
	if j.guard != nil {
		return j.guard(j.ctx)
	}
	return s.engine.Write(j.ctx, j.durable, func(ctx context.Context, tx *sql.Tx) error {
		return j.do(ctx, &txn{
			Tx: tx, session: s.engine.Session(), sizes: s.engine.InsertSizes(), memory: memory, prepared: map[string]*sql.Stmt{},
		})
	})
}

// write runs do in one transaction. If do fails, nothing of it stays. A commit in a
// SQLite file does not wait for the disk.
func (s *Store) write(ctx context.Context, do func(context.Context, *txn) error) error {
	return s.enqueue(job{ctx: ctx, do: do, done: make(chan error, 1)})
}

// writeDurably is write for what must survive a power cut: repairs, the audit log, the
// outbox. The commit waits for the disk.
func (s *Store) writeDurably(ctx context.Context, do func(context.Context, *txn) error) error {
	return s.enqueue(job{ctx: ctx, durable: true, do: do, done: make(chan error, 1)})
}

// enqueue waits for the end of a transaction that has begun, even after ctx has ended:
// only its end says whether it was committed.
func (s *Store) enqueue(j job) error {
	select {
	case s.jobs <- j:
		return <-j.done
	case <-j.ctx.Done():
		return context.Cause(j.ctx)
	case <-s.quit:
		return errClosed
	}
}

// insert runs one statement in a transaction of its own.
func (s *Store) insert(ctx context.Context, query string, args ...any) error {
	return s.write(ctx, func(ctx context.Context, tx *txn) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// txn is a transaction of the goroutine that writes.
type txn struct {
	*sql.Tx
	session  int64 // see dbEngine
	sizes    []int
	memory   *memory
	prepared map[string]*sql.Stmt // closed by the end of the transaction
}

// memory is what the writing goroutine keeps between transactions. It is discarded
// after an error.
type memory struct {
	series  *numbering[Series]
	names   names
	waiting int64 // values in the table recent; negative: not counted yet
	encoder format.TickEncoder
}

func newMemory() *memory {
	return &memory{series: numberedSeries(), names: numberedNames(), waiting: -1}
}

// statement is an SQL statement with one or many rows of parameters: head, row
// repeated with commas, tail.
type statement struct {
	head, row, tail string
	width           int // parameters a row
}

func (st statement) sql(rows int) string {
	return st.head + st.row + strings.Repeat(", "+st.row, rows-1) + st.tail
}

// exec runs a statement for rows of arguments, some rows at a time.
func (t *txn) exec(ctx context.Context, st statement, args []any) error {
	return t.inParts(ctx, st, args, func(query *sql.Stmt, some []any) error {
		_, err := query.ExecContext(ctx, some...)
		return err
	})
}

// query is exec for a statement that returns rows. do must not use the
// transaction.
func (t *txn) query(ctx context.Context, st statement, args []any, do func(scan func(...any) error) error) error {
	return t.inParts(ctx, st, args, func(query *sql.Stmt, some []any) error {
		return engine.Each(ctx, prepared{query}, "", some, do)
	})
}

func (t *txn) inParts(ctx context.Context, st statement, args []any, run func(*sql.Stmt, []any) error) error {
	for _, rows := range t.sizes {
		for width := rows * st.width; len(args) >= width; args = args[width:] {
			query, err := t.prepare(ctx, st.sql(rows))
			if err == nil {
				err = run(query, args[:width])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *txn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := t.prepared[query]; st != nil {
		return st, nil
	}
	st, err := t.PrepareContext(ctx, query)
	if err == nil {
		t.prepared[query] = st
	}
	return st, err
}
