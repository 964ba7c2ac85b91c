package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/repair"
)

// swapByItself exchanges the staged table with the partition. DDL commits by
// itself here: intent and outcome are marked around it, and after a crash the window
// tells which of the two it holds. The staged table holds the old rows then.
func (s swapped) swapByItself(ctx context.Context, r *repair.Run, step string) error {
	w := s.writer
	if done, err := w.Done(ctx, r.Repair, step); done || err != nil {
		return err
	}
	conn, unlock, err := w.Locked(ctx, r)
	if err != nil {
		return err
	}
	defer unlock()
	tried, err := w.Mark(ctx, r, step+"_intent")
	if err != nil {
		return err
	}
	before, after := windowMark, stagedMark
	if step == "rollback" {
		before, after = appliedMark, windowMark
	}
	at, err := s.stands(ctx, before, after)
	if err != nil {
		return err
	}
	switch {
	case at.window == at.after && tried: // it was carried out, and nobody could say so
	case at.window != at.before && step == "rollback":
		return repair.Refuse("somebody has written to the window since: it holds %s by now, and the repair put "+
			"%s there", at.window, at.before)
	case at.window != at.before:
		return &repair.ChangedError{What: fmt.Sprintf("rows of the window were written since the source was "+
			"read (%s; then %s)", at.window, cmp.Or(at.before, "nothing"))}
	case at.staged != at.after:
		return &repair.ChangedError{What: fmt.Sprintf("the staged rows are not those that were verified (%s; "+
			"then %s)", at.staged, cmp.Or(at.after, "nothing"))}
	default:
		if err := same(ctx, r, step); err != nil {
			return err
		}
		if err := s.exchangePartition(ctx, r, conn); err != nil {
			return err
		}
		// Rows that came in the last moment went out with the old partition.
		if now, err := s.stands(ctx, before, after); err != nil {
			return err
		} else if now.staged != at.before {
			return errors.Join(&repair.ChangedError{What: "rows were written to the window in the moment of the " +
				"swap, which is taken back"}, s.exchangePartition(ctx, r, conn))
		}
	}
	r.Reached("in_" + step + "_txn")
	_, err = w.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
		if step == "apply" {
			if err := s.marks.set(ctx, tx, appliedMark, at.after); err != nil {
				return 0, err
			}
		}
		_, err = fmt.Sscanf(at.after, "%d rows", &rows)
		return rows, err
	})
	r.Reached("after_" + step + "_commit")
	return err
}

// swappedUntold reports whether the partition was exchanged for an agent
// that could not say so: the staged table holds the old rows then, and must not
// be staged anew.
func (a *Partition) swappedUntold(ctx context.Context, r *repair.Run, w reload) (bool, error) {
	if w.Leaf == nil || !r.Target.Write.AutoCommits() {
		return false, nil
	}
	if tried, err := r.Target.Write.Done(ctx, r.Repair, "apply_intent"); !tried || err != nil {
		return false, err
	}
	s, err := a.swapOf(ctx, r, w)
	if err != nil {
		return false, err
	}
	at, err := s.stands(ctx, windowMark, stagedMark)
	return at.window == at.after && at.staged == at.before, err
}

// standing are checksums: of the window and of the staged table as they are, and
// of the window as it must be before and after the swap.
type standing struct{ window, staged, before, after string }

func (s swapped) stands(ctx context.Context, before, after string) (at standing, err error) {
	tx, err := s.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return at, s.writer.Classed("reading the window", err)
	}
	window, err1 := s.window(ctx, tx)
	staged, err2 := s.checksum(ctx, tx, s.from, "")
	at.window, at.staged = string(window), string(staged)
	var err3, err4 error
	at.before, err3 = s.marks.get(ctx, tx, before)
	at.after, err4 = s.marks.get(ctx, tx, after)
	return at, s.writer.Classed("reading the window", errors.Join(err1, err2, err3, err4, tx.Rollback()))
}

func (s swapped) exchangePartition(ctx context.Context, r *repair.Run, conn *sql.Conn) error {
	for _, st := range s.dialect.SwapIn(s.parts) {
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+r.Repair.ID+" */ "+st); err != nil {
			return s.writer.Classed("exchanging the partition", err)
		}
	}
	return nil
}
