package warehouse

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pipeline sends all statements and reads their answers in order, which take about
// each. It returns how many were answered, and the error of a connection that broke.
func (c *pgSession) pipeline(ctx context.Context, statements []Statement, each time.Duration, done func(int, Rows, error)) (int, error) {
	p := c.conn.StartPipeline(ctx)
	answered, err := 0, error(nil)
	for i := 0; i < len(statements) && err == nil; i++ {
		p.SendQueryParams(statements[i].SQL, textArgs(statements[i].Args), nil, nil, nil)
		p.SendPipelineSync()
		c.wire.more.Store(i < len(statements)-1)
		err = p.Flush() // pgx gives the memory of what is sent away, but for little
	}
	c.wire.more.Store(false)
	if err == nil {
		left := len(statements)
		if left > 1 || statements[0].Each != nil { // many answers, or one of many rows
			c.wire.awaited.Store(int64(each) * int64(left))
		}
		answered, err = readPipeline(p, statements, func(i int, rows Rows, err error) {
			left--
			c.wire.awaited.Store(int64(each) * int64(left))
			done(i, rows, err)
		})
		c.wire.awaited.Store(0)
	}
	if closeErr := p.Close(); err == nil && answered < len(statements) {
		err = closeErr
		if err == nil {
			err = errors.New("the server ended the pipeline early")
		}
	}
	return answered, err
}

func readPipeline(p *pgconn.Pipeline, statements []Statement, done func(int, Rows, error)) (answered int, err error) {
	var rows Rows
	var failed error
	for answered < len(statements) {
		result, err := p.GetResults()
		var server *pgconn.PgError
		switch {
		case errors.As(err, &server):
			failed = pgError(err)
			continue
		case err != nil:
			return answered, err
		}
		switch r := result.(type) {
		case *pgconn.ResultReader:
			if each := statements[answered].Each; each != nil {
				failed = handRows(r, each())
			} else {
				rows = readRows(r)
			}
			// What is left of the answer is read, and what ended it comes to light.
			if _, err := r.Close(); err != nil {
				if !errors.As(err, &server) {
					return answered, err
				}
				if failed == nil {
					failed = pgError(err)
				}
			}
		case *pgconn.PipelineSync:
			done(answered, rows, failed)
			answered++
			rows, failed = nil, nil
		case nil:
			return answered, errors.New("the server ended the pipeline early")
		}
	}
	return answered, nil
}

// readRows keeps all rows. The cells of a row are cut from one string, and those
// of many rows from one slice.
func readRows(r *pgconn.ResultReader) (rows Rows) {
	var cells []Cell
	for r.NextRow() {
		values := r.Values()
		if len(cells) < len(values) {
			cells = make([]Cell, len(values)*min(len(rows)+1, 64))
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
			row[i] = Cell{Text: rest[:len(v)], Null: v == nil}
			rest = rest[len(v):]
		}
		rows = append(rows, row)
	}
	return rows
}

// handRows hands every row to take until that refuses one.
func handRows(r *pgconn.ResultReader, take func([]Cell) error) error {
	var row []Cell
	known := new(words)
	for r.NextRow() {
		values := r.Values()
		if row == nil {
			row = make([]Cell, len(values))
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

// words keeps the texts of an answer that came last, where most come many times:
// the names of types, not those of tables. It does not grow.
type words [1 << 10]string

// longestWord: a longer text, such as a view's, hardly comes again.
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
		default:
			out[i] = fmt.Append(nil, v)
		}
	}
	return out
}
