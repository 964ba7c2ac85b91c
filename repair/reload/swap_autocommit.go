package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/repair"
)

// swapAutoCommit exchanges the staged table with the partition on an engine whose
// DDL commits by itself. It writes intent and outcome to the ledger around the
// statement. After a crash the window's checksum says whether the exchange was
// made: the staged table then holds the old rows.
func (swap partitionSwap) swapAutoCommit(ctx context.Context, step string) error {
	run, writer := swap.loader.run, swap.writer
	if done, err := writer.Done(ctx, run.Repair, step); done || err != nil {
		return err
	}
	conn, unlock, err := writer.Lock(ctx, run)
	if err != nil {
		return err
	}
	defer unlock()
	tried, err := writer.RecordStep(ctx, run, step+"_intent")
	if err != nil {
		return err
	}
	state, err := swap.readState(ctx, step)
	if err != nil {
		return err
	}
	if !(tried && state.window == state.after) {
		if err := state.check(step); err != nil {
			return err
		}
		if err := checkUnchanged(ctx, run, step); err != nil {
			return err
		}
		if err := swap.exchangeOrRevert(ctx, conn, step, state); err != nil {
			return err
		}
	}
	run.Failpoint("in_" + step + "_txn")
	_, err = writer.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
		if step == "apply" {
			if err := swap.checkpoints.set(ctx, tx, appliedCheckpoint, state.after); err != nil {
				return 0, err
			}
		}
		_, err = fmt.Sscanf(state.after, "%d rows", &rows)
		return rows, err
	})
	run.Failpoint("after_" + step + "_commit")
	return err
}

// check refuses a swap when the window or the staged table do not hold what they
// must hold before it.
func (s swapState) check(step string) error {
	switch {
	case s.window != s.before && step == "rollback":
		return repair.Refuse("somebody has written to the window since: it holds %s by now, and the repair put "+
			"%s there", s.window, s.before)
	case s.window != s.before:
		return &repair.ChangedError{What: fmt.Sprintf("rows of the window were written since the source was "+
			"read (%s; then %s)", s.window, cmp.Or(s.before, "nothing"))}
	case s.staged != s.after:
		return &repair.ChangedError{What: fmt.Sprintf("the staged rows are not those that were verified (%s; "+
			"then %s)", s.staged, cmp.Or(s.after, "nothing"))}
	}
	return nil
}

// exchangeOrRevert exchanges the partition, and exchanges it back when rows were
// written to the window at the last moment: they went out with the old partition.
func (swap partitionSwap) exchangeOrRevert(ctx context.Context, conn *sql.Conn, step string, state swapState) error {
	if err := swap.exchangePartition(ctx, conn); err != nil {
		return err
	}
	now, err := swap.readState(ctx, step)
	if err != nil {
		return err
	}
	if now.staged != state.before {
		return errors.Join(&repair.ChangedError{What: "rows were written to the window in the moment of the " +
			"swap, which is reversed"}, swap.exchangePartition(ctx, conn))
	}
	return nil
}

// swappedBeforeCrash reports whether the partition was exchanged for an agent
// that could not say so: the staged table holds the old rows then, and must not
// be staged anew.
func (a *Partition) swappedBeforeCrash(ctx context.Context, run *repair.Run, details planDetails) (bool, error) {
	if details.Leaf == nil || !run.Target.Write.AutoCommits() {
		return false, nil
	}
	if tried, err := run.Target.Write.Done(ctx, run.Repair, "apply_intent"); !tried || err != nil {
		return false, err
	}
	swap, err := a.openSwap(ctx, run, details)
	if err != nil {
		return false, err
	}
	state, err := swap.readState(ctx, "apply")
	return state.window == state.after && state.staged == state.before, err
}

// swapState are checksums: of the window and of the staged table as they are, and
// of the window as it must be before and after the swap.
type swapState struct{ window, staged, before, after string }

// readState reads the checksums that a step compares.
func (swap partitionSwap) readState(ctx context.Context, step string) (state swapState, err error) {
	before, after := windowCheckpoint, stagedCheckpoint
	if step == "rollback" {
		before, after = appliedCheckpoint, windowCheckpoint
	}
	tx, err := swap.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return state, swap.writer.WrapError("reading the window", err)
	}
	window, err1 := swap.windowChecksum(ctx, tx)
	staged, err2 := swap.checksum(ctx, tx, swap.from, "")
	state.window, state.staged = string(window), string(staged)
	var err3, err4 error
	state.before, err3 = swap.checkpoints.get(ctx, tx, before)
	state.after, err4 = swap.checkpoints.get(ctx, tx, after)
	return state, swap.writer.WrapError("reading the window", errors.Join(err1, err2, err3, err4, tx.Rollback()))
}

func (swap partitionSwap) exchangePartition(ctx context.Context, conn *sql.Conn) error {
	for _, st := range swap.dialect.SwapIn(swap.parts) {
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+swap.loader.run.Repair.ID+" */ "+st); err != nil {
			return swap.writer.WrapError("exchanging the partition", err)
		}
	}
	return nil
}
