package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// loader is one step of a reload: the database, the names that its statements use, and
// the condition of the window. Names are quoted unless noted.
type loader struct {
	action      *Partition
	run         *repair.Run
	details     planDetails
	writer      *repair.Writer
	checkpoints checkpoints
	target      *warehouse.Table // as the catalog describes it; set while staging

	table   string       // table to be reloaded
	from    string       // table with the new rows
	keep    string       // table that keeps the old rows; "" keeps none
	columns string       // list of columns
	reader  columnReader // of the columns, in the table and in staging tables
	where   string       // condition of the window
	args    []any        // arguments of where
}

// exchange replaces the rows of the window by the staged rows, in one transaction with
// fence and ledger. Apply keeps the old rows. Rollback puts them in place, and keeps
// those of the repair.
func (a *Partition) exchange(ctx context.Context, run *repair.Run, details planDetails, step string) error {
	l, err := a.newExchange(run, details, step)
	if err != nil {
		return err
	}
	writer := l.writer
	if done, err := writer.Done(ctx, run.Repair, step); done || err != nil {
		return err
	}
	if l.target, err = a.checkUnchanged(ctx, run, details, step); err != nil {
		return err
	}
	if l.checkpoints, err = openCheckpoints(ctx, writer, run.Repair); err != nil {
		return err
	}
	if err := l.checkSource(ctx, step); err != nil {
		return ignoreApplied(err)
	}
	whole, err := quoteList(writer.Dialect, l.details.Whole)
	if err != nil {
		return err
	}
	if err := l.createLike(ctx, l.keep, whole); err != nil {
		return err
	}
	_, err = writer.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
		run.Failpoint("before_" + step + "_keeps")
		if err := l.keepRows(ctx, tx, whole); err != nil { // from here on the table cannot be altered
			return 0, err
		}
		run.Failpoint("after_" + step + "_kept")
		staged, err := l.checkKept(ctx, tx, step)
		if err != nil {
			return 0, err
		}
		if _, err := a.checkUnchanged(ctx, run, details, step); err != nil {
			return 0, err
		}
		if a.Method == "merge" {
			rows, err = l.merge(ctx, tx)
		} else {
			rows, err = l.replace(ctx, tx, step, staged)
		}
		if err != nil {
			return 0, err
		}
		run.Failpoint("before_" + step + "_compares")
		if step == "apply" { // a rollback restores other values
			if err := l.checkInPlace(ctx, tx); err != nil {
				return 0, err
			}
		}
		return rows, l.checkWindow(ctx, tx, staged)
	})
	return l.retryConflict(ctx, step, err)
}

// newExchange names the tables of a step. A rollback puts all columns in place.
func (a *Partition) newExchange(run *repair.Run, details planDetails, step string) (loader, error) {
	if step == "rollback" {
		details.Columns, details.Types, details.Fixed = details.Whole, details.WholeTypes, details.WholeFixed
		return a.newLoader(run, details, "old", "undone")
	}
	return a.newLoader(run, details, "new", "old")
}

// newLoader names the tables of a step. from and keep are the suffixes of the repair's
// staging tables.
func (a *Partition) newLoader(run *repair.Run, details planDetails, from, keep string) (loader, error) {
	writer := run.Target.Write
	table := warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name}
	window := windowQuery{dialect: writer.Dialect, table: table, planDetails: details}
	l := loader{action: a, run: run, details: details, writer: writer}
	var errs [6]error
	l.table, errs[0] = writer.Name(table)
	l.from, errs[1] = writer.Name(writer.Staging(run.Repair, from))
	if keep != "" {
		l.keep, errs[2] = writer.Name(writer.Staging(run.Repair, keep))
	}
	l.columns, errs[3] = window.columns()
	l.where, l.args, errs[4] = window.where(1)
	l.reader, errs[5] = newColumnReader(writer.Dialect, details.Columns, details.Types)
	if err := errors.Join(errs[:]...); err != nil {
		return l, &repair.RefusedError{Why: err.Error()}
	}
	return l, nil
}

// windowChecksum returns the checksum of the window's rows in the target, with all
// columns that can be written.
func (l loader) windowChecksum(ctx context.Context, q querier) (checksum, error) {
	return l.wholeChecksum(ctx, q, l.table, " WHERE "+l.where, l.args...)
}

// wholeChecksum returns the checksum of all columns that can be written.
func (l loader) wholeChecksum(
	ctx context.Context, q querier, table, condition string, args ...any,
) (_ checksum, err error) {
	if l.reader, err = newColumnReader(l.writer.Dialect, l.details.Whole, l.details.WholeTypes); err != nil {
		return "", err
	}
	return l.checksum(ctx, q, table, condition, args...)
}

// keepRows puts the window's rows into the table that keeps them, whole. From then on
// nobody can change these rows. Method merge locks them. The others delete them, and
// keep exactly what was deleted.
func (l loader) keepRows(ctx context.Context, tx *sql.Tx, whole string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+l.keep); err != nil {
		return err
	}
	mover, moves := l.writer.Dialect.(warehouse.RowMover)
	if moves && l.action.Method != "merge" {
		_, err := tx.ExecContext(ctx, mover.MoveRows(l.table, l.keep, whole, l.where), l.args...)
		return err
	}
	read := "SELECT " + whole + " FROM " + l.table + " WHERE " + l.where
	if locker, ok := l.writer.Dialect.(warehouse.RowLocker); ok {
		read = locker.LockRows(read)
	}
	kept, err := affected(tx.ExecContext(ctx, "INSERT INTO "+l.keep+" ("+whole+") "+read, l.args...))
	if err != nil || l.action.Method == "merge" {
		return err
	}
	l.run.Failpoint("before_delete")
	// The rows that are kept are locked: as many rows are the same rows.
	deleted, err := affected(tx.ExecContext(ctx, "DELETE FROM "+l.table+" WHERE "+l.where, l.args...))
	if err == nil && deleted != kept {
		err = &repair.ChangedError{What: fmt.Sprintf("%d rows were in the window, and %d a moment later", kept, deleted)}
	}
	return err
}

// rows is the number of rows that a checksum is of.
func (c checksum) rows() (n int64) {
	if _, err := fmt.Sscanf(string(c), "%d rows", &n); err != nil {
		return -1 // of no table
	}
	return n
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// checkKept compares the rows that are kept, and those that are to be put in place, with
// their checkpoints. So rows that were written since then are never replaced unnoticed.
// It returns the checksum of the rows to be put in place.
func (l loader) checkKept(ctx context.Context, tx *sql.Tx, step string) (staged checksum, err error) {
	keptMark, stagedMark := windowCheckpoint, stagedCheckpoint
	if step == "rollback" {
		keptMark, stagedMark = appliedCheckpoint, windowCheckpoint
	}
	then, err := l.checkpoints.get(ctx, tx, keptMark)
	if err != nil {
		return "", err
	}
	if then == "" && step == "rollback" {
		return "", &repair.RefusedError{Why: "the rows that were there before are no longer kept: reload the window " +
			"from a source"}
	}
	now, err := l.wholeChecksum(ctx, tx, l.keep, "")
	if err != nil {
		return "", err
	}
	if string(now) != then {
		if step == "rollback" {
			return "", repair.RefuseWritten(string(now), then)
		}
		return "", &repair.ChangedError{What: fmt.Sprintf("rows of the window were written since the source was read "+
			"(%s; then %s)", now, cmp.Or(then, "nothing"))}
	}
	if then, err = l.checkpoints.get(ctx, tx, stagedMark); err != nil {
		return "", err
	}
	if staged, err = l.checksum(ctx, tx, l.from, ""); err == nil && string(staged) != then {
		err = &repair.ChangedError{What: fmt.Sprintf("the staged rows are not those that were verified (%s; then %s)",
			staged, cmp.Or(then, "nothing"))}
	}
	return staged, err
}

// replace inserts the staged rows. It refuses keys that would stand twice.
func (l loader) replace(ctx context.Context, tx *sql.Tx, step string, staged checksum) (rows int64, err error) {
	if err := l.checkOnce(ctx, tx, step); err != nil {
		return 0, err
	}
	return l.insertAll(ctx, tx, staged)
}

// insertAll inserts the staged rows into the window, which is empty.
func (l loader) insertAll(ctx context.Context, tx *sql.Tx, staged checksum) (rows int64, err error) {
	rows, err = affected(tx.ExecContext(ctx, l.insert("SELECT "+l.columns+" FROM "+l.from)))
	if err != nil {
		return 0, err
	}
	if want := staged.rows(); rows != want {
		return 0, repair.Refuse("%d of %d staged rows were put in: a trigger or a rule of the table keeps rows out", rows,
			want)
	}
	return rows, nil
}

// insert returns an INSERT of the rows that a query answers with.
func (l loader) insert(query string) string {
	if inserter, ok := l.writer.Dialect.(warehouse.RowInserter); ok {
		return inserter.InsertRows(l.table, l.columns, query)
	}
	return "INSERT INTO " + l.table + " (" + l.columns + ") " + query
}

// checkWindow compares the window with the rows that were put in place, and remembers
// what it holds. It moves sequences past the numbers that it holds.
func (l loader) checkWindow(ctx context.Context, tx *sql.Tx, staged checksum) error {
	now, err := l.checksum(ctx, tx, l.table, " WHERE "+l.where, l.args...)
	if err != nil {
		return err
	}
	switch held, want := now.rows(), staged.rows(); {
	case held != want:
		return &repair.TransientError{Err: fmt.Errorf("the window would hold %d rows, and %d were staged: another session "+
			"writes to it, or a trigger of the table moves rows", held, want)}
	case now != staged:
		return repair.Refuse("the window would hold %s, and %s were staged: a trigger or a type of the table changes what "+
			"is written", now, staged)
	}
	if now, err = l.windowChecksum(ctx, tx); err != nil {
		return err
	}
	if err := l.checkpoints.set(ctx, tx, appliedCheckpoint, string(now)); err != nil {
		return err
	}
	return l.advanceSequences(ctx, tx)
}

// retryConflict makes a conflict with a key worth another try. The row may have come from
// another session in the moment of the exchange: the next try finds it in the window. A staged
// row that has the key of a row outside of the window never fits, nor do rows that exchange
// their keys fit a merge.
func (l loader) retryConflict(ctx context.Context, step string, err error) error {
	if warehouse.KindOf(err) != warehouse.Conflict {
		return err
	}
	if step == "apply" {
		if why := l.checkOutsideKeys(ctx); why != nil {
			return why
		}
	}
	if step == "apply" && l.action.Method == "merge" {
		if why := l.checkExchanged(ctx); why != nil {
			return why
		}
	}
	return &repair.TransientError{Err: fmt.Errorf("a unique key of the table does not allow the staged rows beside "+
		"the others: %w", err)}
}

// checkOutsideKeys refuses staged rows with a unique value that a row outside of the window
// has.
func (l loader) checkOutsideKeys(ctx context.Context) error {
	for _, key := range l.uniqueKeys() {
		outside, err := l.countOutside(ctx, l.writer.DB, key.Columns)
		if err != nil {
			return l.writer.WrapError("looking for the key that conflicts", err)
		}
		if outside > 0 {
			return repair.Refuse("%d rows of the source have a value of the unique key (%s) that rows outside of the window "+
				"have", outside, strings.Join(key.Columns, ", "))
		}
	}
	return nil
}
