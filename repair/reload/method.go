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

// suits refuses a method that the table cannot take, and says what is special.
func (a *Partition) suits(
	here *warehouse.Table, dialect warehouse.Dialect, w *reload, plan *sentinel.Plan,
) (err error) {
	switch a.Method {
	case "merge":
		if !realKey(here, w.Key) {
			return &repair.RefusedError{Why: "method merge: no unique key of the table is within " +
				cmp.Or(strings.Join(w.Key, ", "), "its columns")}
		}
	case "swap":
		if w.Leaf, err = leafOf(here, dialect, *w); err != nil {
			return err
		}
		if _, ok := dialect.(warehouse.AutoCommitter); ok {
			plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the window tells whether it was done
		}
		if slices.ContainsFunc(here.Partitions, func(p warehouse.Partition) bool { return p.Default }) {
			plan.Hazards = append(plan.Hazards, "the DEFAULT partition is locked and looked through when the "+
				"new one is attached")
		}
		plan.Hazards = append(plan.Hazards, "the table is locked, for a moment, against readers too")
	}
	return nil
}

// steps words what the method does, and how it is taken back.
func (a *Partition) steps(s scope, table, where, columns string) (do []string, undo string) {
	insert := "INSERT INTO " + table + " (" + columns + ") SELECT " + columns + " FROM staging"
	kept := " kept for " + a.KeepFor.String()
	swapper, swaps := s.dialect.(warehouse.PartitionSwapper)
	_, commits := s.dialect.(warehouse.AutoCommitter)
	switch {
	case a.Method == "merge":
		return []string{
			"DELETE FROM " + table + " WHERE " + where + " AND the key (" + strings.Join(s.Key, ", ") +
				") is not in staging",
			insert + ", updating rows whose key is there",
		}, "the same with the rows that were there," + kept
	case a.Method == "swap" && swaps && commits:
		return swapper.DescribeSwap(table, s.Leaf.Name, s.Leaf.Bound),
			"the same again: the partition that was there is" + kept
	case a.Method == "swap" && swaps:
		return swapper.DescribeSwap(table, s.Leaf.Name, s.Leaf.Bound),
			"the same with the partition that was there," + kept
	}
	return []string{"DELETE FROM " + table + " WHERE " + where, insert},
		"the same with the rows that were there," + kept
}

// makeStage makes the table that rows are staged in: a partition to be, where it
// is to be swapped in.
func (x reloadRun) makeStage(ctx context.Context) error {
	if x.plan.Leaf == nil {
		return makeLike(ctx, x.writer, x.from, x.table, x.columns)
	}
	s, err := x.swap()
	if err != nil {
		return err
	}
	return s.makeStaged(ctx)
}

// place puts the staged rows, or on the way back the old ones, into the table by
// the method that was planned.
func (a *Partition) place(ctx context.Context, r *repair.Run, w reload, step string) error {
	if w.Leaf == nil {
		return a.exchange(ctx, r, w, step)
	}
	s, err := a.swapOf(ctx, r, w)
	if err != nil {
		return err
	}
	if s.writer.AutoCommits() {
		return s.swapByItself(ctx, r, step)
	}
	return s.swapInOneTransaction(ctx, r, step)
}

// swapOf are the names and marks of a repair's swap.
func (a *Partition) swapOf(ctx context.Context, r *repair.Run, w reload) (s swapped, err error) {
	x, err := a.newRun(r, w, "new", "")
	if err != nil {
		return s, err
	}
	if x.marks, err = marksOf(ctx, x.writer, r.Repair); err != nil {
		return s, err
	}
	return x.swap()
}

// merge deletes the window's rows that are not staged, and inserts or updates
// those that are. Rows that stay as they are are not written, so that nobody who
// follows the table sees them come and go.
func (x reloadRun) merge(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	quote := func(names []string, format string) (out []string, err error) {
		for _, n := range names {
			q, err := x.writer.Dialect.Quote(n)
			if err != nil {
				return nil, &repair.RefusedError{Why: err.Error()}
			}
			out = append(out, strings.ReplaceAll(format, "?", q))
		}
		return out, nil
	}
	same, err := quote(x.plan.Key, "s.? = t.?")
	if err != nil {
		return 0, err
	}
	key, err := quote(x.plan.Key, "?")
	if err != nil {
		return 0, err
	}
	inKey := func(column string) bool { return slices.Contains(x.plan.Key, column) }
	rest := slices.DeleteFunc(slices.Clone(x.plan.Columns), inKey)
	count := func(query string, args ...any) (n int64, err error) {
		err = tx.QueryRowContext(ctx, query, args...).Scan(&n)
		return n, err
	}
	column := x.quotedColumn()
	outside, err := count(fmt.Sprintf(`SELECT count(*)
		FROM %s t
		JOIN %s s ON %s
		WHERE NOT (%s)`,
		x.table, x.from, strings.Join(same, " AND "), strings.ReplaceAll(x.where, column, "t."+column)), x.args...)
	if err != nil {
		return 0, err
	}
	if outside > 0 {
		return 0, repair.Refuse("%d keys of the source belong to rows outside of the window, which would be "+
			"moved into it", outside)
	}
	gone, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s
		WHERE %s AND NOT EXISTS (SELECT 1 FROM %s s WHERE %s)`,
		x.table, x.where, x.from, strings.ReplaceAll(strings.Join(same, " AND "), "t.", x.table+".")), x.args...)
	if err != nil {
		return 0, err
	}
	columns, err := quote(x.plan.Columns, "?")
	if err != nil {
		return 0, err
	}
	others, err := quote(rest, "?")
	if err != nil {
		return 0, err
	}
	st := x.writer.Dialect.Upsert(warehouse.Upsert{Table: x.table, From: x.from, Columns: columns, Key: key,
		Rest: others})
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
	now, err := x.window(ctx, tx)
	if err != nil {
		return 0, err
	}
	staged, err := x.checksum(ctx, tx, x.from, "")
	if err != nil {
		return 0, err
	}
	if now != staged {
		return 0, &repair.TransientError{Err: fmt.Errorf("the window would hold %s, and %s were staged: "+
			"something else writes to it", now, staged)}
	}
	return rows + deleted, x.marks.set(ctx, tx, appliedMark, string(now))
}

func (x reloadRun) quotedColumn() string {
	q, err := x.writer.Dialect.Quote(x.plan.Column)
	if err != nil {
		return x.plan.Column // the condition was written with it before
	}
	return q
}
