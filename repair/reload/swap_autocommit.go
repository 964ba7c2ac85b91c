package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// swapAutoCommit exchanges the staged table with the partition on an engine whose
// DDL commits by itself. It writes intent and outcome to the ledger around the
// statement. After a crash the checksum of the staged table says whether the exchange
// was made: it then holds the old rows.
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
	if !(tried && state.exchanged()) {
		if err := state.check(step); err != nil {
			return err
		}
		if _, err := swap.action.checkUnchanged(ctx, run, swap.details, step); err != nil {
			return err
		}
		if err := swap.checkSource(ctx, step); err != nil {
			return ignoreApplied(err)
		}
		if err := swap.checkOnce(ctx, conn, step); err != nil {
			return err
		}
		if err := swap.exchangeLocked(ctx, conn, step, state); err != nil {
			return err
		}
	}
	run.Failpoint("in_" + step + "_txn")
	_, err = writer.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if step == "apply" {
			if err := swap.checkpoints.set(ctx, tx, appliedCheckpoint, state.after); err != nil {
				return 0, err
			}
		}
		return checksum(state.after).rows(), nil
	})
	run.Failpoint("after_" + step + "_commit")
	return err
}

// exchanged reports whether the staged table holds the rows that were in the window. Other
// sessions may have written to the window since. Rows that are still being staged were not
// exchanged.
func (s swapState) exchanged() bool {
	return s.after != "" && s.staged == s.before && s.staged != s.after
}

// check refuses a swap if the window or the staged table does not hold the expected
// rows.
func (s swapState) check(step string) error {
	switch {
	case s.window != s.before && step == "rollback":
		return repair.RefuseWritten(s.window, s.before)
	case s.window != s.before:
		return &repair.ChangedError{What: fmt.Sprintf("rows of the window were written since the source was "+
			"read (%s; then %s)", s.window, cmp.Or(s.before, "nothing"))}
	case s.staged != s.after:
		return &repair.ChangedError{What: fmt.Sprintf("the staged rows are not those that were verified (%s; "+
			"then %s)", s.staged, cmp.Or(s.after, "nothing"))}
	}
	return nil
}

// exchangeLocked locks both tables, compares them with their checkpoints again, and
// exchanges the partition. So no row is written to the window between.
func (swap partitionSwap) exchangeLocked(
	ctx context.Context, conn *sql.Conn, step string, state swapState,
) (err error) {
	if locker, ok := swap.dialect.(warehouse.SwapLocker); ok {
		lock, unlock := locker.LockSwap(swap.parts)
		swap.loader.run.Failpoint("before_" + step + "_swaps")
		if _, err := conn.ExecContext(ctx, lock); err != nil {
			return swap.writer.WrapError("locking the partition", err)
		}
		defer func() {
			soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_, failed := conn.ExecContext(soon, unlock) // the locks also end with the session
			err = errors.Join(err, swap.writer.WrapError("unlocking the partition", failed))
		}()
		window, err1 := swap.windowChecksum(ctx, conn)
		staged, err2 := swap.wholeChecksum(ctx, conn, swap.from, "")
		if err := errors.Join(err1, err2); err != nil {
			return swap.writer.WrapError("reading the window", err)
		}
		state.window, state.staged = string(window), string(staged)
		if err := state.check(step); err != nil {
			return err
		}
	}
	defer swap.loader.run.Failpoint("after_" + step + "_swaps")
	return swap.exchangePartition(ctx, conn)
}

// swappedBeforeCrash reports whether an earlier agent exchanged the partition and
// crashed before it recorded that. The staged table then holds the old rows, and must
// not be staged again.
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
	return state.exchanged(), err
}

// swapState holds checksums: of the window and the staged table now, and of the window
// as it must be before and after the swap.
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
