package reload

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// merge deletes the window's rows whose keys are not staged, and inserts or
// updates those that are. It does not write rows that stay the same, so that
// nobody who follows the table sees them deleted and inserted.
func (l loader) merge(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	if err := l.checkKeysInside(ctx, tx); err != nil {
		return 0, err
	}
	deleted, err := l.deleteUnstaged(ctx, tx)
	if err != nil {
		return 0, err
	}
	if rows, err = l.upsert(ctx, tx); err != nil {
		return 0, err
	}
	now, err := l.windowChecksum(ctx, tx)
	if err != nil {
		return 0, err
	}
	staged, err := l.checksum(ctx, tx, l.from, "")
	if err != nil {
		return 0, err
	}
	if now != staged {
		return 0, &repair.TransientError{Err: fmt.Errorf("the window would hold %s, and %s were staged: "+
			"something else writes to it", now, staged)}
	}
	return rows + deleted, l.checkpoints.set(ctx, tx, appliedCheckpoint, string(now))
}

// checkKeysInside refuses keys that belong to rows outside of the window: an upsert
// would move those rows into it.
func (l loader) checkKeysInside(ctx context.Context, tx *sql.Tx) error {
	sameKey, err := l.sameKey("t")
	if err != nil {
		return err
	}
	column := l.quotedColumn()
	var outside int64
	err = tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*)
		FROM %s t
		JOIN %s s ON %s
		WHERE NOT (%s)`,
		l.table, l.from, sameKey, strings.ReplaceAll(l.where, column, "t."+column)), l.args...).Scan(&outside)
	if err != nil {
		return err
	}
	if outside > 0 {
		return repair.Refuse("%d keys of the source belong to rows outside of the window, which would be "+
			"moved into it", outside)
	}
	return nil
}

// deleteUnstaged deletes the window's rows whose keys are not staged.
func (l loader) deleteUnstaged(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	sameKey, err := l.sameKey(l.table)
	if err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s
		WHERE %s AND NOT EXISTS (SELECT 1 FROM %s s WHERE %s)`,
		l.table, l.where, l.from, sameKey), l.args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// upsert inserts the staged rows, and updates those whose key is there.
func (l loader) upsert(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	inKey := func(column string) bool { return slices.Contains(l.details.Key, column) }
	u := warehouse.Upsert{Table: l.table, From: l.from}
	if u.Columns, err = l.quoteAll(l.details.Columns); err != nil {
		return 0, err
	}
	if u.Key, err = l.quoteAll(l.details.Key); err != nil {
		return 0, err
	}
	if u.NonKey, err = l.quoteAll(slices.DeleteFunc(slices.Clone(l.details.Columns), inKey)); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, l.writer.Dialect.Upsert(u))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// sameKey is the condition that a row of s and a row of another table have the
// same key. other is that table's name or alias.
func (l loader) sameKey(other string) (string, error) {
	key, err := l.quoteAll(l.details.Key)
	if err != nil {
		return "", err
	}
	for i, column := range key {
		key[i] = "s." + column + " = " + other + "." + column
	}
	return strings.Join(key, " AND "), nil
}

// quoteAll quotes names of columns.
func (l loader) quoteAll(names []string) ([]string, error) {
	quoted := make([]string, len(names))
	for i, name := range names {
		q, err := l.writer.Dialect.Quote(name)
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		quoted[i] = q
	}
	return quoted, nil
}

func (l loader) quotedColumn() string {
	q, err := l.writer.Dialect.Quote(l.details.Column)
	if err != nil {
		return l.details.Column // the condition was written with it before
	}
	return q
}
