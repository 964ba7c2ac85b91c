package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// leaf is the partition that is swapped as a whole for the staged table.
type leaf struct {
	Name  string
	Bound string // as PostgreSQL prints it: "FOR VALUES FROM ('2026-03-11') TO ('2026-03-12')"
}

// leafOf finds the partition whose range is exactly the window, because a swap replaces
// all rows of a partition.
func leafOf(target *warehouse.Table, dialect warehouse.Dialect, details planDetails) (*leaf, error) {
	_, swaps := dialect.(warehouse.PartitionSwapper)
	switch {
	case !swaps || target.Kind != warehouse.PartitionedTable && len(target.Partitions) == 0:
		return nil, &repair.RefusedError{Why: "method swap: the table is not partitioned"}
	case len(target.PartitionKey) != 1 || target.PartitionKey[0] != details.Column:
		return nil, repair.Refuse("method swap: the table is partitioned by %s, and the window is one of %s",
			strings.Join(target.PartitionKey, ", "), details.Column)
	}
	for _, c := range target.Columns {
		if strings.HasPrefix(c.Generated, "identity") {
			return nil, &repair.RefusedError{Why: "method swap: " + c.Name +
				" has automatic numbers, which would begin again in a new partition"}
		}
	}
	var ranges []string
	for _, p := range target.Partitions {
		if p.Of != "" {
			continue // the range of its own partition decides
		}
		if p.IsRange && sameInstant(p.From, details.From) && sameInstant(p.To, details.To) {
			if p.By != "" {
				return nil, repair.Refuse("method swap: the partition %s has partitions of its own, by %s: "+
					"use method delete_insert or merge", p.Name, p.By)
			}
			return &leaf{p.Name, p.Bound}, nil
		}
		if p.IsRange && len(ranges) < 3 {
			ranges = append(ranges, p.Name+" from "+p.From+" to "+p.To)
		}
	}
	return nil, &repair.RefusedError{Why: "method swap: no partition holds just the window; there are " +
		strings.Join(ranges, ", ")}
}

// sameInstant reports whether a bound, as the engine prints it, is a bound of the
// window.
func sameInstant(bound string, at time.Time) bool {
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04:05.999999",
		"2006-01-02 15:04:05-07", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05-07:00"} {
		if t, err := time.Parse(layout, bound); err == nil {
			return t.Equal(at)
		}
	}
	return false
}

// partitionSwap is one swap: its names and checkpoints, and the dialect that carries it
// out.
type partitionSwap struct {
	loader
	name    string // name of the partition, unquoted
	parts   warehouse.Swap
	dialect warehouse.PartitionSwapper
}

// newSwap returns the swap of the loader's repair.
func (l loader) newSwap() (swap partitionSwap, err error) {
	dialect, ok := l.writer.Dialect.(warehouse.PartitionSwapper)
	if !ok {
		return swap, &repair.RefusedError{Why: "method swap: the engine has no partitions"}
	}
	schema, err1 := l.writer.Dialect.Quote(l.run.Repair.Table.Schema)
	leafName, err2 := l.writer.Dialect.Quote(l.details.Leaf.Name)
	column, err3 := l.writer.Dialect.Quote(l.details.Column)
	if err := errors.Join(err1, err2, err3); err != nil {
		return swap, &repair.RefusedError{Why: err.Error()}
	}
	const layout = "2006-01-02 15:04:05.999999-07"
	swap = partitionSwap{loader: l, name: l.details.Leaf.Name, dialect: dialect}
	swap.parts = warehouse.Swap{
		Schema:     schema,
		Name:       l.run.Repair.Table.Schema,
		Table:      l.table,
		Leaf:       leafName,
		Bound:      l.details.Leaf.Bound,
		Staged:     l.from,
		StagedName: l.writer.Staging(l.run.Repair, "new").Name,
		KeptName:   l.writer.Staging(l.run.Repair, "old").Name,
		RowCondition: fmt.Sprintf("%s IS NOT NULL AND %s >= '%s' AND %s < '%s'",
			column, column, l.details.From.Format(layout), column, l.details.To.Format(layout)),
	}
	return swap, nil
}

// createStagedPartition creates an empty table that can replace the partition. It
// refuses a partition with constraints of its own, which the new table would not have.
func (swap partitionSwap) createStagedPartition(ctx context.Context) error {
	writer := swap.writer
	if check := swap.dialect.CheckLeaf(swap.parts); check.SQL != "" {
		var own string
		if err := writer.DB.QueryRowContext(ctx, check.SQL, check.Args...).Scan(&own); err != nil {
			return writer.WrapError("reading the partition", err)
		}
		if own != "" {
			return &repair.RefusedError{Why: "method swap: the partition " + swap.name + " has " + own +
				" of its own, which the new one would not have"}
		}
	}
	if has := swap.dialect.HasStaged(swap.parts); has.SQL != "" {
		var there int
		if err := writer.DB.QueryRowContext(ctx, has.SQL, has.Args...).Scan(&there); err != nil {
			return writer.WrapError("reading the staged partition", err)
		}
		if there > 0 {
			return nil
		}
	}
	for _, st := range swap.dialect.MakeStaged(swap.parts) {
		if _, err := writer.DB.ExecContext(ctx, st); err != nil {
			return writer.WrapError("making a partition", err)
		}
	}
	partition := swap.parts.Schema + "." + swap.parts.Leaf
	err := swap.copySettings(ctx, writer.DB, partition, swap.parts.Staged, "staged")
	return writer.WrapError("giving the staged partition its settings", err)
}

// swapInTransaction replaces the partition by the staged one. DETACH and ATTACH run in
// one transaction, with fence and ledger. Readers see either the old or the new
// partition. The old partition is kept whole for a rollback.
func (swap partitionSwap) swapInTransaction(ctx context.Context, step string) error {
	run, writer := swap.loader.run, swap.writer
	if done, err := writer.Done(ctx, run.Repair, step); done || err != nil {
		return err
	}
	if _, err := swap.action.checkUnchanged(ctx, run, swap.details, step); err != nil {
		return err
	}
	if err := swap.checkSource(ctx, step); err != nil {
		return ignoreApplied(err)
	}
	before, err := repair.TableDigest(ctx, writer, writer.DB, run.Repair.Table)
	if err != nil {
		return writer.WrapError("reading the catalog", err)
	}
	run.Failpoint("before_" + step + "_swaps")
	_, err = writer.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if locker, ok := writer.Dialect.(warehouse.TableLocker); ok {
			if err := swap.exec(ctx, tx, locker.LockTable(swap.table, "")...); err != nil {
				return 0, err
			}
		}
		now, err := repair.TableDigest(ctx, writer, tx, run.Repair.Table)
		if err == nil && now != before {
			err = &repair.ChangedError{What: "it was altered a moment ago"}
		}
		if err != nil {
			return 0, err
		}
		move := swap.swapIn
		if step == "rollback" {
			move = swap.swapOut
		}
		rows, err := move(ctx, tx)
		run.Failpoint("after_" + step + "_swaps")
		return rows, err
	})
	return err
}

func (swap partitionSwap) swapIn(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	held := func(mark, from, condition, what string, args ...any) error {
		then, err := swap.checkpoints.get(ctx, tx, mark)
		if err != nil {
			return err
		}
		now, err := swap.checksum(ctx, tx, from, condition, args...)
		if err == nil && string(now) != then {
			err = &repair.ChangedError{What: fmt.Sprintf("%s (%s; then %s)", what, now, cmp.Or(then, "nothing"))}
		}
		return err
	}
	if err := held(windowCheckpoint, swap.table, " WHERE "+swap.where, "rows of the window were written since the source "+
		"was read", swap.args...); err != nil {
		return 0, err
	}
	if err := held(stagedCheckpoint, swap.from, "", "the staged rows are not those that were verified"); err != nil {
		return 0, err
	}
	if err := swap.checkOnce(ctx, tx, "apply"); err != nil {
		return 0, err
	}
	if err := swap.advanceSequences(ctx, tx); err != nil { // while the staged rows have their own name
		return 0, err
	}
	err = swap.replacePartition(ctx, tx, swap.parts.KeptName, swap.dialect.SwapIn(swap.parts))
	if err != nil {
		return 0, err
	}
	if err := swap.checkInPlace(ctx, tx); err != nil {
		return 0, err
	}
	now, err := swap.windowChecksum(ctx, tx)
	if err != nil {
		return 0, err
	}
	return now.rows(), swap.checkpoints.set(ctx, tx, appliedCheckpoint, string(now))
}

func (swap partitionSwap) swapOut(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	if err := swap.checkNotWritten(ctx, tx); err != nil {
		return 0, err
	}
	err = swap.replacePartition(ctx, tx, swap.parts.StagedName, swap.dialect.SwapOut(swap.parts))
	if err != nil {
		return 0, err
	}
	now, err := swap.windowChecksum(ctx, tx)
	return now.rows(), err
}

func (swap partitionSwap) exec(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, st := range statements {
		if _, err := tx.ExecContext(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// checkNotWritten refuses to roll back a window that others have written to. The window
// must hold exactly the rows that this repair put there.
func (swap partitionSwap) checkNotWritten(ctx context.Context, tx *sql.Tx) error {
	put, err := swap.checkpoints.get(ctx, tx, appliedCheckpoint)
	if err != nil {
		return err
	}
	if put == "" {
		return &repair.RefusedError{Why: "the rows that were there before are no longer kept: reload the window from a " +
			"source"}
	}
	now, err := swap.windowChecksum(ctx, tx)
	if err == nil && string(now) != put {
		err = repair.RefuseWritten(string(now), put)
	}
	return err
}
