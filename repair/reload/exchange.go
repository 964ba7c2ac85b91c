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

// loader is one step of a reload: what it works with, the names that its
// statements use, and the window's condition. Names are quoted unless said.
type loader struct {
	action      *Partition
	run         *repair.Run
	details     planDetails
	writer      *repair.Writer
	checkpoints checkpoints
	target      *warehouse.Table // as the catalog describes it; set while staging

	table       string   // to be reloaded
	from        string   // whose rows come in
	keep        string   // where those that were there are kept; "" keeps none
	columns     string   // a list
	columnNames []string // of the columns, unquoted
	where       string   // the window
	args        []any    // of where
}

// exchange puts staged rows in place of the window's, in one transaction, with
// fence and ledger. On the way there the old rows are kept; on the way back they
// are what is put in place.
func (a *Partition) exchange(ctx context.Context, run *repair.Run, details planDetails, step string) error {
	from, keep := "new", "old"
	if step == "rollback" {
		from, keep = "old", ""
	}
	l, err := a.newLoader(run, details, from, keep)
	if err != nil {
		return err
	}
	writer := l.writer
	if done, err := writer.Done(ctx, run.Repair, step); done || err != nil {
		return err
	}
	if err := checkUnchanged(ctx, run, step); err != nil {
		return err
	}
	if l.checkpoints, err = openCheckpoints(ctx, writer, run.Repair); err != nil {
		return err
	}
	if keep != "" {
		if err := createLike(ctx, writer, l.keep, l.table, l.columns); err != nil {
			return err
		}
	}
	_, err = writer.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		there, err := l.keepOldRows(ctx, tx) // from here on nobody alters the table
		if err != nil {
			return 0, err
		}
		if err := checkUnchanged(ctx, run, step); err != nil {
			return 0, err
		}
		if a.Method == "merge" {
			return l.merge(ctx, tx)
		}
		return l.replace(ctx, tx, there)
	})
	return err
}

// checkUnchanged holds the table to the one that was planned against: one that was made
// anew, or altered, is planned for anew. The way back asks for the rows alone.
func checkUnchanged(ctx context.Context, run *repair.Run, step string) error {
	if step != "apply" || run.Repair.Plan.Fingerprint == "" {
		return nil
	}
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	if repair.Fingerprint(target, repair.Dependencies{}) != run.Repair.Plan.Fingerprint {
		return &repair.ChangedError{What: "it was created again, or its columns, keys or partitions have changed"}
	}
	return nil
}

// newLoader names what a step works with: from and keep are the ends of the names of
// the repair's staging tables.
func (a *Partition) newLoader(run *repair.Run, details planDetails, from, keep string) (loader, error) {
	writer := run.Target.Write
	table := warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name}
	window := windowQuery{writer.Dialect, table, details}
	l := loader{action: a, run: run, details: details, writer: writer, columnNames: details.Columns}
	var errs [5]error
	l.table, errs[0] = writer.Name(table)
	l.from, errs[1] = writer.Name(writer.Staging(run.Repair, from))
	if keep != "" {
		l.keep, errs[2] = writer.Name(writer.Staging(run.Repair, keep))
	}
	l.columns, errs[3] = window.columns()
	l.where, l.args, errs[4] = window.where(1)
	if err := errors.Join(errs[:]...); err != nil {
		return l, &repair.RefusedError{Why: err.Error()}
	}
	return l, nil
}

// windowChecksum is the checksum of what the window of the target holds.
func (l loader) windowChecksum(ctx context.Context, tx *sql.Tx) (checksum, error) {
	return l.checksum(ctx, tx, l.table, " WHERE "+l.where, l.args...)
}

// keepOldRows keeps the window's rows and holds them, and the rows that are to
// come, to what was remembered of them: before staging for a reload, after the
// exchange for the way back. Rows that came late are not deleted unseen. It
// answers how many rows there are.
func (l loader) keepOldRows(ctx context.Context, tx *sql.Tx) (there int64, err error) {
	if l.keep == "" {
		return l.checkNotWritten(ctx, tx)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+l.keep); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx,
		"INSERT INTO "+l.keep+" ("+l.columns+") SELECT "+l.columns+" FROM "+l.table+" WHERE "+l.where, l.args...)
	if err != nil {
		return 0, err
	}
	for _, held := range []struct{ mark, table, what string }{
		{windowCheckpoint, l.keep, "rows of the window were written since the source was read"},
		{stagedCheckpoint, l.from, "the staged rows are not those that were verified"},
	} {
		then, err := l.checkpoints.get(ctx, tx, held.mark)
		if err != nil {
			return 0, err
		}
		now, err := l.checksum(ctx, tx, held.table, "")
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

// checkNotWritten refuses to take back what others have written to: the window must
// hold exactly what this repair put there.
func (l loader) checkNotWritten(ctx context.Context, tx *sql.Tx) (there int64, err error) {
	put, err := l.checkpoints.get(ctx, tx, appliedCheckpoint)
	if err != nil {
		return 0, err
	}
	if put == "" {
		return 0, &repair.RefusedError{Why: "the rows that were there before are no longer kept: reload the " +
			"window from a source"}
	}
	now, err := l.windowChecksum(ctx, tx)
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
func (l loader) replace(ctx context.Context, tx *sql.Tx, there int64) (rows int64, err error) {
	res, err := tx.ExecContext(ctx, "DELETE FROM "+l.table+" WHERE "+l.where, l.args...)
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
		"INSERT INTO "+l.table+" ("+l.columns+") SELECT "+l.columns+" FROM "+l.from); err != nil {
		return 0, err
	}
	if rows, err = res.RowsAffected(); err != nil {
		return 0, err
	}
	now, err := l.windowChecksum(ctx, tx)
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
	return rows, l.checkpoints.set(ctx, tx, appliedCheckpoint, string(now))
}
