package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// pipeline sends all statements and reads their answers in order. It returns how
// many were answered, and the error of a connection that broke.
func (c *session) pipeline(ctx context.Context, statements []warehouse.Statement, done answers) (int, error) {
	p := c.conn.StartPipeline(ctx)
	for _, st := range statements {
		p.SendQueryParams(st.SQL, textArgs(st.Args), nil, nil, nil)
		p.SendPipelineSync()
	}
	answered := 0
	err := p.Flush()
	if err == nil {
		answered, err = readPipeline(p, statements, done)
	}
	if closeErr := p.Close(); err == nil && answered < len(statements) {
		err = closeErr
		if err == nil {
			err = errors.New("the server ended the pipeline early")
		}
	}
	return answered, err
}

// readPipeline reads the answers to all statements, and returns how many came.
func readPipeline(p *pgconn.Pipeline, statements []warehouse.Statement, done answers) (answered int, err error) {
	var rows warehouse.Rows
	var failed error
	for answered < len(statements) {
		result, err := p.GetResults()
		var server *pgconn.PgError
		switch {
		case errors.As(err, &server):
			failed = classify(err)
			continue
		case err != nil:
			return answered, err
		}
		switch r := result.(type) {
		case *pgconn.ResultReader:
			if each := statements[answered].Each; each != nil {
				failed = eachRow(r, each())
			} else {
				rows = readRows(r)
			}
			// Close reads the rest of the answer and returns the error that ended it.
			if _, err := r.Close(); err != nil {
				if !errors.As(err, &server) {
					return answered, err
				}
				if failed == nil {
					failed = classify(err)
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
func readRows(r *pgconn.ResultReader) (rows warehouse.Rows) {
	var cells []warehouse.Cell
	for r.NextRow() {
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
	return rows
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
		default:
			out[i] = fmt.Append(nil, v)
		}
	}
	return out
}
