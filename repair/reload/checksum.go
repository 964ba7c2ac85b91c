package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checksum is the number of rows and the sum of their hashes. A sum, since an
// exclusive or does not see a pair of equal rows.
type checksum string

// checksum reads the checksum of the loaded columns of a table. condition begins
// with " WHERE " or is empty.
func (x reloadRun) checksum(
	ctx context.Context, tx *sql.Tx, table, condition string, args ...any,
) (checksum, error) {
	quoted := make([]string, len(x.names))
	for i, c := range x.names {
		q, err := x.writer.Dialect.Quote(c)
		if err != nil {
			return "", &repair.RefusedError{Why: err.Error()}
		}
		quoted[i] = q
	}
	query, summed := x.writer.Dialect.Checksum(quoted, table+condition)
	if !summed {
		return sumHere(ctx, tx, query, args)
	}
	var rows int64
	var sum string
	err := tx.QueryRowContext(ctx, query, args...).Scan(&rows, &sum)
	return checksum(fmt.Sprintf("%d rows, %s", rows, sum)), err
}

// sumHere adds the hashes up in this process, for an engine without a hash.
func sumHere(ctx context.Context, tx *sql.Tx, query string, args []any) (_ checksum, err error) {
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	var rows int64
	var sum uint64
	var row sql.RawBytes
	for found.Next() {
		if err := found.Scan(&row); err != nil {
			return "", err
		}
		h := fnv.New64a()
		h.Write(row) // never returns an error
		rows, sum = rows+1, sum+h.Sum64()
	}
	return checksum(fmt.Sprintf("%d rows, %d", rows, sum)), found.Err()
}

// marks are what a repair has to remember beside its staged rows: in the same
// database, so that a mark and what it is about commit together.
type marks struct {
	writer *repair.Writer
	table  string
}

// The marks of a reload.
const (
	windowMark  = "window"  // checksum of the window's rows before the source was read
	stagedMark  = "staged"  // checksum of the staged rows, once verified
	appliedMark = "applied" // checksum of the window after the exchange
	batchMark   = "batch"   // how far staging in batches has come
)

// marksOf makes the table of a repair's marks where it is missing.
func marksOf(ctx context.Context, w *repair.Writer, r sentinel.Repair) (marks, error) {
	name, err := w.Name(w.Staging(r, "marks"))
	if err != nil {
		return marks{}, &repair.RefusedError{Why: err.Error()}
	}
	_, err = w.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (name varchar(20) NOT NULL PRIMARY KEY, "+
		"value "+w.Dialect.LongText()+" NOT NULL)")
	return marks{w, name}, w.Classed("making a table of checkpoints", err)
}

// get is "" when there is no such mark.
func (m marks) get(ctx context.Context, q repair.Querier, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, "SELECT value FROM "+m.table+" WHERE name = "+m.writer.Param(1), name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func (m marks) set(ctx context.Context, tx *sql.Tx, name, value string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+m.table+" WHERE name = "+m.writer.Param(1), name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO "+m.table+" (name, value) VALUES ("+m.writer.Param(1)+", "+m.writer.Param(2)+")", name, value)
	return err
}

// realKey reports whether the table itself holds the columns to be unique: only
// then a late writer and a reload cannot leave a row twice.
func realKey(t *warehouse.Table, columns []string) bool {
	keys := t.Unique
	if t.PrimaryKey != nil {
		keys = append([]warehouse.Key{*t.PrimaryKey}, keys...)
	}
	for _, k := range keys {
		within := len(k.Columns) > 0
		for _, c := range k.Columns {
			within = within && indexOf(columns, c) >= 0
		}
		if within {
			return true
		}
	}
	return false
}
