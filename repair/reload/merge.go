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

// merge deletes those of the kept rows whose keys are not staged, updates the others, and
// inserts the rest. It does not write unchanged rows, so that consumers of the table's
// changes do not see them deleted and inserted. The kept rows are locked. No other row is
// written: one that another session inserts meanwhile is a conflict.
func (l loader) merge(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	if err := l.checkKeys(ctx, tx); err != nil {
		return 0, err
	}
	key, err := l.rowKey()
	if err != nil {
		return 0, err
	}
	deleted, err := affected(tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s
		WHERE %s
		AND EXISTS (SELECT 1 FROM %s k WHERE %s)
		AND NOT EXISTS (SELECT 1 FROM %s s WHERE %s)`,
		l.table, l.where,
		l.keep, warehouse.SameKey(key, "k", l.table),
		l.from, warehouse.SameKey(key, "s", l.table)), l.args...))
	if err != nil {
		return 0, err
	}
	updated, err := l.updateKept(ctx, tx, key)
	if err != nil {
		return 0, err
	}
	l.run.Failpoint("before_merge_inserts")
	inserted, err := affected(tx.ExecContext(ctx, l.insert(fmt.Sprintf(`SELECT %s FROM %s s
		WHERE NOT EXISTS (SELECT 1 FROM %s k WHERE %s)`,
		l.columns, l.from, l.keep, warehouse.SameKey(key, "k", "s")))))
	return deleted + updated + inserted, err
}

// updateKept updates the kept rows that are staged too.
func (l loader) updateKept(ctx context.Context, tx *sql.Tx, key []string) (rows int64, err error) {
	fixed := func(column string) bool { return slices.Contains(l.details.Fixed, column) }
	loaded := func(column string) bool { return slices.Contains(l.details.Columns, column) }
	u := warehouse.RowUpdate{Table: l.table, From: l.from, Among: l.keep, Key: key}
	if u.Columns, err = quoteAll(l.writer.Dialect, slices.DeleteFunc(slices.Clone(l.details.Columns), fixed)); err != nil {
		return 0, err
	}
	if u.Kept, err = quoteAll(l.writer.Dialect, slices.DeleteFunc(slices.Clone(l.details.Whole), loaded)); err != nil {
		return 0, err
	}
	return affected(tx.ExecContext(ctx, l.writer.Dialect.UpdateRows(u)))
}

// rowKey returns the columns, quoted, that tell rows apart. A column that cannot be updated
// makes a row another row.
func (l loader) rowKey() ([]string, error) {
	same := slices.Concat(l.details.Key, l.details.Fixed)
	slices.Sort(same)
	return quoteAll(l.writer.Dialect, slices.Compact(same))
}

// checkKeys refuses rows without a key, which cannot be told apart, and keys that belong
// to rows outside of the window, which would be moved into it.
func (l loader) checkKeys(ctx context.Context, tx *sql.Tx) error {
	key, err := quoteAll(l.writer.Dialect, l.details.Key)
	if err != nil {
		return err
	}
	for _, table := range []string{l.keep, l.from} {
		var nameless int64
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE "+strings.Join(key, " IS NULL OR ")+
			" IS NULL").Scan(&nameless)
		if err != nil {
			return err
		}
		if nameless > 0 {
			return repair.Refuse("method merge: %d rows have no value in a column of the key (%s)", nameless,
				strings.Join(l.details.Key, ", "))
		}
	}
	return l.checkOutside(ctx, tx)
}

// checkOnce refuses keys that would stand twice, in the window and outside of it: the table
// need not enforce the key. A rollback restores what was there.
func (l loader) checkOnce(ctx context.Context, q querier, step string) error {
	if step != "apply" || len(l.details.Key) == 0 {
		return nil
	}
	return l.checkOutside(ctx, q)
}

// checkOutside refuses keys of staged rows that belong to rows outside of the window. A row
// without a time is outside of it.
func (l loader) checkOutside(ctx context.Context, q querier) error {
	outside, err := l.countOutside(ctx, q, l.details.Key)
	if err != nil {
		return err
	}
	if outside > 0 {
		return repair.Refuse("%d keys of the source belong to rows outside of the window, which would be "+
			"moved into it or stand twice", outside)
	}
	return nil
}

// countOutside counts the staged rows whose key a row outside of the window has.
func (l loader) countOutside(ctx context.Context, q querier, columns []string) (outside int64, err error) {
	key, err := quoteAll(l.writer.Dialect, columns)
	if err != nil {
		return 0, err
	}
	where, err := l.whereOf("t")
	if err != nil {
		return 0, err
	}
	err = q.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*)
		FROM %s t
		JOIN %s s ON %s
		WHERE (%s) IS NOT TRUE`,
		l.table, l.from, warehouse.SameKey(key, "s", "t"), where), l.args...).Scan(&outside)
	return outside, err
}

// whereOf returns the condition of the window for a table with an alias.
func (l loader) whereOf(alias string) (string, error) {
	window := windowQuery{dialect: l.writer.Dialect, planDetails: l.details, alias: alias + "."}
	if window.named() {
		where, _, err := window.where(1)
		return where, err
	}
	column, err := l.writer.Dialect.Quote(l.details.Column)
	return strings.ReplaceAll(l.where, column, window.alias+column), err
}

// checkExchanged refuses rows that give their values of a unique key to each other. Engines
// check the key at each row that is updated, and not at the end of the statement. Rows that are
// inserted come after the updates, and may take what an update has given up.
func (l loader) checkExchanged(ctx context.Context) error {
	row, err := l.rowKey()
	if err != nil {
		return err
	}
	where, err := l.whereOf("t")
	if err != nil {
		return err
	}
	for _, key := range l.uniqueKeys() {
		columns, err := quoteAll(l.writer.Dialect, key.Columns)
		if err != nil {
			return err
		}
		var exchanged int64
		err = l.writer.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*)
			FROM %s t
			JOIN %s s ON %s
			WHERE (%s) AND NOT (%s)
			AND EXISTS (SELECT 1 FROM %s k WHERE %s)
			AND EXISTS (SELECT 1 FROM %s u WHERE %s)`, // in the window: checkKeys refuses others
			l.table, l.from, warehouse.SameKey(columns, "s", "t"),
			where, warehouse.SameKey(row, "s", "t"),
			l.from, warehouse.SameKey(row, "k", "t"),
			l.table, warehouse.SameKey(row, "u", "s")), l.args...).Scan(&exchanged)
		if err != nil {
			return l.writer.WrapError("looking for the key that conflicts", err)
		}
		if exchanged > 0 {
			return repair.Refuse("%d rows get a value of the unique key (%s) that another row of the table gives up, which "+
				"an update of one row after the other cannot do: reload their window by the method delete_insert", exchanged,
				strings.Join(key.Columns, ", "))
		}
	}
	return nil
}
