package reload

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checkMethod refuses a method that the table cannot take, and says what is special.
func (a *Partition) checkMethod(
	target *warehouse.Table, dialect warehouse.Dialect, details *planDetails, plan *sentinel.Plan,
) (err error) {
	switch a.Method {
	case "merge":
		if !hasUniqueKey(target, details.Key) {
			return &repair.RefusedError{Why: "method merge: no unique key of the table is within " +
				cmp.Or(strings.Join(details.Key, ", "), "its columns")}
		}
	case "swap":
		if details.Leaf, err = leafOf(target, dialect, *details); err != nil {
			return err
		}
		if _, ok := dialect.(warehouse.AutoCommitter); ok {
			plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the window tells whether it was done
		}
		if slices.ContainsFunc(target.Partitions, func(p warehouse.Partition) bool { return p.Default }) {
			plan.Hazards = append(plan.Hazards, "the DEFAULT partition is locked and looked through when the "+
				"new one is attached")
		}
		plan.Hazards = append(plan.Hazards, "the table is locked, for a moment, against readers too")
	}
	return nil
}

// steps words what the method does, and how it is taken back.
func (a *Partition) steps(window windowQuery, table, where, columns string) (do []string, undo string) {
	insert := "INSERT INTO " + table + " (" + columns + ") SELECT " + columns + " FROM staging"
	kept := " kept for " + a.KeepFor.String()
	swapper, swaps := window.dialect.(warehouse.PartitionSwapper)
	_, commits := window.dialect.(warehouse.AutoCommitter)
	switch {
	case a.Method == "merge":
		return []string{
			"DELETE FROM " + table + " WHERE " + where + " AND the key (" + strings.Join(window.Key, ", ") +
				") is not in staging",
			insert + ", updating rows whose key is there",
		}, "the same with the rows that were there," + kept
	case a.Method == "swap" && swaps && commits:
		return swapper.DescribeSwap(table, window.Leaf.Name, window.Leaf.Bound),
			"the same again: the partition that was there is" + kept
	case a.Method == "swap" && swaps:
		return swapper.DescribeSwap(table, window.Leaf.Name, window.Leaf.Bound),
			"the same with the partition that was there," + kept
	}
	return []string{"DELETE FROM " + table + " WHERE " + where, insert},
		"the same with the rows that were there," + kept
}

// createStagingTable makes the table that rows are staged in: a partition to be, where it
// is to be swapped in.
func (l loader) createStagingTable(ctx context.Context) error {
	if l.details.Leaf == nil {
		return createLike(ctx, l.writer, l.from, l.table, l.columns)
	}
	swap, err := l.newSwap()
	if err != nil {
		return err
	}
	return swap.createStagedPartition(ctx)
}

// putInPlace puts the staged rows, or on the way back the old ones, into the table by
// the method that was planned.
func (a *Partition) putInPlace(ctx context.Context, run *repair.Run, details planDetails, step string) error {
	if details.Leaf == nil {
		return a.exchange(ctx, run, details, step)
	}
	swap, err := a.openSwap(ctx, run, details)
	if err != nil {
		return err
	}
	if swap.writer.AutoCommits() {
		return swap.swapAutoCommit(ctx, run, step)
	}
	return swap.swapInTransaction(ctx, run, step)
}

// openSwap are the names and marks of a repair's swap.
func (a *Partition) openSwap(ctx context.Context, run *repair.Run, details planDetails) (swap partitionSwap, err error) {
	l, err := a.newLoader(run, details, "new", "")
	if err != nil {
		return swap, err
	}
	if l.checkpoints, err = openCheckpoints(ctx, l.writer, run.Repair); err != nil {
		return swap, err
	}
	return l.newSwap()
}

// merge deletes the window's rows that are not staged, and inserts or updates
// those that are. Rows that stay as they are are not written, so that nobody who
// follows the table sees them come and go.
func (l loader) merge(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	quote := func(names []string, format string) (out []string, err error) {
		for _, n := range names {
			q, err := l.writer.Dialect.Quote(n)
			if err != nil {
				return nil, &repair.RefusedError{Why: err.Error()}
			}
			out = append(out, strings.ReplaceAll(format, "?", q))
		}
		return out, nil
	}
	same, err := quote(l.details.Key, "s.? = t.?")
	if err != nil {
		return 0, err
	}
	key, err := quote(l.details.Key, "?")
	if err != nil {
		return 0, err
	}
	inKey := func(column string) bool { return slices.Contains(l.details.Key, column) }
	rest := slices.DeleteFunc(slices.Clone(l.details.Columns), inKey)
	count := func(query string, args ...any) (n int64, err error) {
		err = tx.QueryRowContext(ctx, query, args...).Scan(&n)
		return n, err
	}
	column := l.quotedColumn()
	outside, err := count(fmt.Sprintf(`SELECT count(*)
		FROM %s t
		JOIN %s s ON %s
		WHERE NOT (%s)`,
		l.table, l.from, strings.Join(same, " AND "), strings.ReplaceAll(l.where, column, "t."+column)), l.args...)
	if err != nil {
		return 0, err
	}
	if outside > 0 {
		return 0, repair.Refuse("%d keys of the source belong to rows outside of the window, which would be "+
			"moved into it", outside)
	}
	gone, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s
		WHERE %s AND NOT EXISTS (SELECT 1 FROM %s s WHERE %s)`,
		l.table, l.where, l.from, strings.ReplaceAll(strings.Join(same, " AND "), "t.", l.table+".")), l.args...)
	if err != nil {
		return 0, err
	}
	columns, err := quote(l.details.Columns, "?")
	if err != nil {
		return 0, err
	}
	others, err := quote(rest, "?")
	if err != nil {
		return 0, err
	}
	st := l.writer.Dialect.Upsert(warehouse.Upsert{Table: l.table, From: l.from, Columns: columns, Key: key,
		NonKey: others})
	put, err := tx.ExecContext(ctx, st)
	if err != nil {
		return 0, err
	}
	if rows, err = put.RowsAffected(); err != nil {
		return 0, err
	}
	deleted, err := gone.RowsAffected()
	if err != nil {
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

func (l loader) quotedColumn() string {
	q, err := l.writer.Dialect.Quote(l.details.Column)
	if err != nil {
		return l.details.Column // the condition was written with it before
	}
	return q
}
