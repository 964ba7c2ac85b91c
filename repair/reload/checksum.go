package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// checksum is the number of rows and the sum of their hashes, as the engine computes it.
// It is for comparing a table with its own past. What is compared with another table is a
// [digest].
type checksum string

// checksum reads the checksum of the loaded columns of a table. condition begins
// with " WHERE " or is empty.
func (l loader) checksum(
	ctx context.Context, q querier, table, condition string, args ...any,
) (checksum, error) {
	query, summed := l.writer.Dialect.Checksum(l.reader.exprs, table+condition)
	if !summed {
		return sumHashes(ctx, q, query, args)
	}
	var rows int64
	var sum string
	err := q.QueryRowContext(ctx, query, args...).Scan(&rows, &sum)
	return checksum(fmt.Sprintf("%d rows, %s", rows, sum)), err
}

// sumHashes adds up the hashes in this process, for an engine without a hash function.
func sumHashes(ctx context.Context, q querier, query string, args []any) (_ checksum, err error) {
	found, err := q.QueryContext(ctx, query, args...)
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

// hasUniqueKey reports whether the table enforces that the columns are unique. Without
// such a key, a concurrent writer and a reload can leave a row twice.
func hasUniqueKey(t *warehouse.Table, columns []string) bool {
	keys := t.Unique
	if t.PrimaryKey != nil {
		keys = append([]warehouse.Key{*t.PrimaryKey}, keys...)
	}
	for _, k := range keys {
		within := len(k.Columns) > 0
		for _, c := range k.Columns {
			within = within && slices.Index(columns, c) >= 0
		}
		if within {
			return true
		}
	}
	return false
}
