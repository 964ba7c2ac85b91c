package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/repair"
)

// swapAutoCommit exchanges the staged table with the partition. DDL commits by
// itself here: intent and outcome are marked around it, and after a crash the window
// tells which of the two it holds. The staged table holds the old rows then.
func (swap partitionSwap) swapAutoCommit(ctx context.Context, run *repair.Run, step string) error {
	writer := swap.writer
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
	before, after := windowCheckpoint, stagedCheckpoint
	if step == "rollback" {
		before, after = appliedCheckpoint, windowCheckpoint
	}
	state, err := swap.readState(ctx, before, after)
	if err != nil {
		return err
	}
	switch {
	case state.window == state.after && tried: // it was carried out, and nobody could say so
	case state.window != state.before && step == "rollback":
		return repair.Refuse("somebody has written to the window since: it holds %s by now, and the repair put "+
			"%s there", state.window, state.before)
	case state.window != state.before:
		return &repair.ChangedError{What: fmt.Sprintf("rows of the window were written since the source was "+
			"read (%s; then %s)", state.window, cmp.Or(state.before, "nothing"))}
	case state.staged != state.after:
		return &repair.ChangedError{What: fmt.Sprintf("the staged rows are not those that were verified (%s; "+
			"then %s)", state.staged, cmp.Or(state.after, "nothing"))}
	default:
		if err := checkUnchanged(ctx, run, step); err != nil {
			return err
		}
		if err := swap.exchangePartition(ctx, run, conn); err != nil {
			return err
		}
		// Rows that came in the last moment went out with the old partition.
		if now, err := swap.readState(ctx, before, after); err != nil {
			return err
		} else if now.staged != state.before {
			return errors.Join(&repair.ChangedError{What: "rows were written to the window in the moment of the " +
				"swap, which is taken back"}, swap.exchangePartition(ctx, run, conn))
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
	state, err := swap.readState(ctx, windowCheckpoint, stagedCheckpoint)
	return state.window == state.after && state.staged == state.before, err
}

// swapState are checksums: of the window and of the staged table as they are, and
// of the window as it must be before and after the swap.
type swapState struct{ window, staged, before, after string }

func (swap partitionSwap) readState(ctx context.Context, before, after string) (state swapState, err error) {
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

func (swap partitionSwap) exchangePartition(ctx context.Context, run *repair.Run, conn *sql.Conn) error {
	for _, st := range swap.dialect.SwapIn(swap.parts) {
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+run.Repair.ID+" */ "+st); err != nil {
			return swap.writer.WrapError("exchanging the partition", err)
		}
	}
	return nil
}
