package reload

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checkMethod refuses a method that the table does not support, and adds the hazards of
// the method to the plan.
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
		if details.Unit+details.Format != "" {
			return &repair.RefusedError{Why: "method swap: " + details.Column + " is no date or timestamp"}
		}
		if details.Leaf, err = leafOf(target, dialect, *details); err != nil {
			return err
		}
		if _, ok := dialect.(warehouse.AutoCommitter); ok {
			plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the window shows whether it was done
		}
		if slices.ContainsFunc(target.Partitions, func(p warehouse.Partition) bool { return p.Default && p.Of == "" }) {
			plan.Hazards = append(plan.Hazards, "the DEFAULT partition is locked and looked through when the "+
				"new one is attached")
		}
		plan.Hazards = append(plan.Hazards, "the table is locked, for a moment, against readers too")
	}
	return nil
}

// steps describes the statements of the method, and how it is rolled back.
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
			insert + ", updating rows whose key exists",
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

// createStagingTable creates the table of staged rows. For the method swap it is a
// future partition.
func (l loader) createStagingTable(ctx context.Context) error {
	if l.details.Leaf == nil {
		return l.createLike(ctx, l.from, l.columns)
	}
	swap, err := l.newSwap()
	if err != nil {
		return err
	}
	return swap.createStagedPartition(ctx)
}

// putInPlace puts the staged rows into the table by the planned method. In a rollback
// it puts the old rows there.
func (a *Partition) putInPlace(ctx context.Context, run *repair.Run, details planDetails, step string) error {
	if details.Leaf == nil {
		return a.exchange(ctx, run, details, step)
	}
	swap, err := a.openSwap(ctx, run, details)
	if err != nil {
		return err
	}
	if swap.writer.AutoCommits() {
		return swap.swapAutoCommit(ctx, step)
	}
	return swap.swapInTransaction(ctx, step)
}

// openSwap returns the names and checkpoints of a repair's swap.
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
