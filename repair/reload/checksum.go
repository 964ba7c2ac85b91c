package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checksum is the number of rows and the sum of their hashes. A sum, since an
// exclusive or does not see a pair of equal rows.
type checksum string

// checksumOf reads the checksum of some columns of a table. condition begins
// with " WHERE " or is empty.
func checksumOf(ctx context.Context, w *repair.Writer, tx *sql.Tx, table string, columns []string, condition string, args ...any) (checksum, error) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		q, err := w.Dialect.Quote(c)
		if err != nil {
			return "", &repair.RefusedError{Why: err.Error()}
		}
		quoted[i] = q
	}
	switch w.Engine {
	case "postgres":
		return sumOf(ctx, tx, "hashtextextended(ROW("+strings.Join(quoted, ", ")+")::text, 0)::numeric", "text", table+condition, args)
	case "mysql":
		for i, q := range quoted { // lengths, so that no two rows are spelt alike; binary, so that collations do not clash
			quoted[i] = "COALESCE(CONCAT(LENGTH(" + q + "), ':', CAST(" + q + " AS BINARY)), 'n')"
		}
		return sumOf(ctx, tx, "CAST(CONV(LEFT(MD5(CONCAT("+strings.Join(quoted, ", ',', ")+")), 15), 16, 10) AS UNSIGNED)", "char", table+condition, args)
	}
	for i, q := range quoted {
		quoted[i] = "quote(" + q + ")"
	}
	return sumHere(ctx, tx, "SELECT "+strings.Join(quoted, " || ',' || ")+" FROM "+table+condition, args)
}

// sumOf lets the server add the hashes up.
func sumOf(ctx context.Context, tx *sql.Tx, hash, text, from string, args []any) (checksum, error) {
	var rows int64
	var sum string
	err := tx.QueryRowContext(ctx, "SELECT count(*), CAST(COALESCE(sum("+hash+"), 0) AS "+text+") FROM "+from, args...).Scan(&rows, &sum)
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
	text := map[string]string{"mysql": "longtext"}[w.Engine]
	_, err = w.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (name varchar(20) NOT NULL PRIMARY KEY, value "+cmp.Or(text, "text")+" NOT NULL)")
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
	_, err := tx.ExecContext(ctx, "INSERT INTO "+m.table+" (name, value) VALUES ("+m.writer.Param(1)+", "+m.writer.Param(2)+")", name, value)
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
