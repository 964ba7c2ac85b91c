// Package sqlpool runs a warehouse's statements through database/sql. It is for
// dialects of engines that have no pipeline: [Pool] is the whole of
// [warehouse.Sessions], and [Each] and [Scan] are its parts for a dialect with
// sessions of its own.
package sqlpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Translator is what a driver needs done to arguments and errors.
type Translator interface {
	// Bind turns arguments into what the driver takes. It leaves args as it is.
	Bind(args []any) []any
	// Classify turns an error of the driver into a [warehouse.Error].
	Classify(err error) error
}

// Pool is a pool over database/sql. Each statement has a deadline of its own, for
// engines that cannot be given one. The driver must end a running statement when
// its context ends.
type Pool struct {
	DB             *sql.DB
	MaxConnections int           // statements that run at once
	Timeout        time.Duration // of one statement
	Translator     Translator
	Timings        *warehouse.Timings // nil: what statements took is not remembered
}

// Run implements warehouse.Sessions.
func (p *Pool) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	query := func(st warehouse.Statement, _ func()) (warehouse.Rows, error) { return p.query(ctx, st) }
	Each(warehouse.NewQueue(p.Timings, statements, p.MaxConnections), statements, query, done)
}

// Close implements warehouse.Sessions.
func (p *Pool) Close() error { return p.DB.Close() }

func (p *Pool) query(ctx context.Context, st warehouse.Statement) (warehouse.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	rows, err := p.DB.QueryContext(ctx, st.SQL, p.Translator.Bind(st.Args)...)
	if err != nil {
		return nil, p.Translator.Classify(errors.Join(err, ctx.Err()))
	}
	defer rows.Close()
	answer, err := Scan(rows, st)
	if err = errors.Join(err, rows.Err()); err != nil {
		return nil, p.Translator.Classify(errors.Join(err, ctx.Err()))
	}
	return answer.Rows, answer.Refused
}

// Each calls query with each statement of a queue from as many goroutines as the queue has
// connections, and waits. It calls done with the index of the statement and what query
// returned. query calls sent when the statement has a connection, so that a wait for one does
// not count as its length. A panic of query is the error of its statement.
func Each(
	queue *warehouse.Queue, statements []warehouse.Statement,
	query func(st warehouse.Statement, sent func()) (warehouse.Rows, error), done func(int, warehouse.Rows, error),
) {
	var wg sync.WaitGroup
	for range min(queue.Most(), len(statements)) {
		lane := queue.Lane()
		wg.Go(func() {
			for i, ok := lane.TakeOne(); ok; i, ok = lane.TakeOne() {
				var rows warehouse.Rows
				err := panics.Catch(func() (err error) {
					rows, err = query(statements[i], lane.Sent)
					return err
				})
				lane.Answered(i, err)
				done(i, rows, err)
			}
		})
	}
	wg.Wait()
}

// Answer is the answer to a statement.
type Answer struct {
	Rows    warehouse.Rows // nil where the statement has Each
	Refused error          // what Each answered to a row
	More    bool           // there are more rows than are read of a custom statement
}

// Scan reads the rows of a statement's answer, or hands them to its Each. An error
// comes from the driver; rows.Err is left to the caller.
func Scan(rows *sql.Rows, st warehouse.Statement) (a Answer, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return a, err
	}
	take := func(row []warehouse.Cell) error {
		a.Rows = append(a.Rows, slices.Clone(row))
		return nil
	}
	if st.Each != nil {
		take = st.Each()
	}
	row := make([]warehouse.Cell, len(columns))
	if st.Header {
		for i, c := range columns {
			row[i].Text = c
		}
		a.Refused = take(row)
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = (*cell)(&row[i])
	}
	for a.Refused == nil && rows.Next() {
		if a.More = st.Custom && len(a.Rows) == warehouse.CustomRows; a.More {
			break
		}
		if err := rows.Scan(into...); err != nil {
			return a, err
		}
		a.Refused = take(row)
	}
	return a, nil
}

// cell takes a driver's value in text form.
type cell warehouse.Cell

// Scan implements sql.Scanner.
func (c *cell) Scan(value any) error {
	*c = cell{}
	switch v := value.(type) {
	case nil:
		c.Null = true
	case string:
		c.Text = v
	case []byte:
		c.Text = string(v)
	case int64:
		c.Text = strconv.FormatInt(v, 10)
	case float64:
		c.Text = strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		c.Text = strconv.FormatFloat(float64(v), 'g', -1, 32)
	case bool:
		c.Text = strconv.FormatBool(v)
	case time.Time:
		c.Text = v.Format(time.RFC3339Nano)
	case *big.Int:
		c.Text = v.String()
	default: // other integers, and types of the driver that print themselves
		c.Text = fmt.Sprint(v)
	}
	return nil
}
