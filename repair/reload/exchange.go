package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// reloadRun is one step of a reload: what it works with, the names that its
// statements use, and the window's condition. Names are quoted unless said.
type reloadRun struct {
	action *Partition
	run    *repair.Run
	plan   reload
	writer *repair.Writer
	marks  marks
	here   *warehouse.Table // as the catalog describes it; set while staging

	table   string   // to be reloaded
	from    string   // whose rows come in
	keep    string   // where those that were there are kept; "" keeps none
	columns string   // a list
	names   []string // of the columns, unquoted
	where   string   // the window
	args    []any    // of where
}

// exchange puts staged rows in place of the window's, in one transaction, with
// fence and ledger. On the way there the old rows are kept; on the way back they
// are what is put in place.
func (a *Partition) exchange(ctx context.Context, r *repair.Run, w reload, step string) error {
	from, keep := "new", "old"
	if step == "rollback" {
		from, keep = "old", ""
	}
	x, err := a.newRun(r, w, from, keep)
	if err != nil {
		return err
	}
	writer := x.writer
	if done, err := writer.Done(ctx, r.Repair, step); done || err != nil {
		return err
	}
	if err := same(ctx, r, step); err != nil {
		return err
	}
	if x.marks, err = marksOf(ctx, writer, r.Repair); err != nil {
		return err
	}
	if keep != "" {
		if err := makeLike(ctx, writer, x.keep, x.table, x.columns); err != nil {
			return err
		}
	}
	_, err = writer.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		there, err := x.unchanged(ctx, tx) // from here on nobody alters the table
		if err != nil {
			return 0, err
		}
		if err := same(ctx, r, step); err != nil {
			return 0, err
		}
		if a.Method == "merge" {
			return x.merge(ctx, tx)
		}
		return x.replace(ctx, tx, there)
	})
	return err
}

// same holds the table to the one that was planned against: one that was made
// anew, or altered, is planned for anew. The way back asks for the rows alone.
func same(ctx context.Context, r *repair.Run, step string) error {
	if step != "apply" || r.Repair.Plan.Fingerprint == "" {
		return nil
	}
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if repair.Fingerprint(here, repair.Surroundings{}) != r.Repair.Plan.Fingerprint {
		return &repair.ChangedError{What: "it was made anew, or its columns, keys or partitions are others now"}
	}
	return nil
}

// newRun names what a step works with: from and keep are the ends of the names of
// the repair's staging tables.
func (a *Partition) newRun(r *repair.Run, w reload, from, keep string) (reloadRun, error) {
	writer := r.Target.Write
	table := warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name}
	s := scope{writer.Dialect, table, w}
	x := reloadRun{action: a, run: r, plan: w, writer: writer, names: w.Columns}
	var errs [5]error
	x.table, errs[0] = writer.Name(table)
	x.from, errs[1] = writer.Name(writer.Staging(r.Repair, from))
	if keep != "" {
		x.keep, errs[2] = writer.Name(writer.Staging(r.Repair, keep))
	}
	x.columns, errs[3] = s.columns()
	x.where, x.args, errs[4] = s.where(1)
	if err := errors.Join(errs[:]...); err != nil {
		return x, &repair.RefusedError{Why: err.Error()}
	}
	return x, nil
}

// window is the checksum of what the window of the target holds.
func (x reloadRun) window(ctx context.Context, tx *sql.Tx) (checksum, error) {
	return x.checksum(ctx, tx, x.table, " WHERE "+x.where, x.args...)
}

// unchanged keeps the window's rows and holds them, and the rows that are to
// come, to what was remembered of them: before staging for a reload, after the
// exchange for the way back. Rows that came late are not deleted unseen. It
// answers how many rows there are.
func (x reloadRun) unchanged(ctx context.Context, tx *sql.Tx) (there int64, err error) {
	if x.keep == "" {
		return x.untouched(ctx, tx)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+x.keep); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx,
		"INSERT INTO "+x.keep+" ("+x.columns+") SELECT "+x.columns+" FROM "+x.table+" WHERE "+x.where, x.args...)
	if err != nil {
		return 0, err
	}
	for _, held := range []struct{ mark, table, what string }{
		{windowMark, x.keep, "rows of the window were written since the source was read"},
		{stagedMark, x.from, "the staged rows are not those that were verified"},
	} {
		then, err := x.marks.get(ctx, tx, held.mark)
		if err != nil {
			return 0, err
		}
		now, err := x.checksum(ctx, tx, held.table, "")
		if err != nil {
			return 0, err
		}
		if string(now) != then {
			what := fmt.Sprintf("%s (%s; then %s)", held.what, now, cmp.Or(then, "nothing"))
			return 0, &repair.ChangedError{What: what}
		}
	}
	return res.RowsAffected()
}

// untouched refuses to take back what others have written to: the window must
// hold exactly what this repair put there.
func (x reloadRun) untouched(ctx context.Context, tx *sql.Tx) (there int64, err error) {
	put, err := x.marks.get(ctx, tx, appliedMark)
	if err != nil {
		return 0, err
	}
	if put == "" {
		return 0, &repair.RefusedError{Why: "the rows that were there before are no longer kept: reload the " +
			"window from a source"}
	}
	now, err := x.window(ctx, tx)
	if err != nil {
		return 0, err
	}
	if string(now) != put {
		return 0, repair.Refuse("somebody has written to the window since: it holds %s by now, and the repair "+
			"put %s there", now, put)
	}
	_, err = fmt.Sscanf(put, "%d rows", &there)
	return there, err
}

// replace deletes the window's rows, of which there are as many as there were a
// moment ago, and puts the staged ones in their place.
func (x reloadRun) replace(ctx context.Context, tx *sql.Tx, there int64) (rows int64, err error) {
	res, err := tx.ExecContext(ctx, "DELETE FROM "+x.table+" WHERE "+x.where, x.args...)
	if err != nil {
		return 0, err
	}
	deleted, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	if deleted != there {
		return 0, &repair.ChangedError{What: fmt.Sprintf("%d rows were in the window, and %d a moment later", there,
			deleted)}
	}
	if res, err = tx.ExecContext(ctx,
		"INSERT INTO "+x.table+" ("+x.columns+") SELECT "+x.columns+" FROM "+x.from); err != nil {
		return 0, err
	}
	if rows, err = res.RowsAffected(); err != nil {
		return 0, err
	}
	now, err := x.window(ctx, tx)
	if err != nil {
		return 0, err
	}
	var held int64
	if _, err := fmt.Sscanf(string(now), "%d rows", &held); err != nil {
		return 0, err
	}
	if held != rows {
		return 0, &repair.TransientError{Err: fmt.Errorf("the window would hold %d rows, and %d were staged: "+
			"something else writes to it", held, rows)}
	}
	return rows, x.marks.set(ctx, tx, appliedMark, string(now))
}
