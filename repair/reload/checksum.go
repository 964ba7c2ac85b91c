package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// checksum is the number of rows and the sum of their hashes. A sum, since an
// exclusive or does not see a pair of equal rows.
type checksum string

// checksum reads the checksum of the loaded columns of a table. condition begins
// with " WHERE " or is empty.
func (l loader) checksum(
	ctx context.Context, tx *sql.Tx, table, condition string, args ...any,
) (checksum, error) {
	quoted, err := l.quoteAll(l.columnNames)
	if err != nil {
		return "", err
	}
	query, summed := l.writer.Dialect.Checksum(quoted, table+condition)
	if !summed {
		return sumHashes(ctx, tx, query, args)
	}
	var rows int64
	var sum string
	err = tx.QueryRowContext(ctx, query, args...).Scan(&rows, &sum)
	return checksum(fmt.Sprintf("%d rows, %s", rows, sum)), err
}

// sumHashes adds the hashes up in this process, for an engine without a hash.
func sumHashes(ctx context.Context, tx *sql.Tx, query string, args []any) (_ checksum, err error) {
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

// hasUniqueKey reports whether the table itself holds the columns to be unique: only
// then a late writer and a reload cannot leave a row twice.
func hasUniqueKey(t *warehouse.Table, columns []string) bool {
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
