package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Stage implements Action: the window of the first source that passes is copied
// to a staging table and verified there. The target is not touched.
func (a *Partition) Stage(ctx context.Context, r *repair.Run) error {
	w, err := a.details(r)
	if err != nil {
		return err
	}
	writer := r.Target.Write
	if err := writer.Prepare(ctx, r.Repair.Table.Schema); err != nil {
		return err
	}
	if applied, err := writer.Done(ctx, r.Repair, "apply"); applied || err != nil {
		return err // by an agent that could not say so: nothing is staged anew
	}
	if err := transactional(ctx, writer, r.Repair.Table); err != nil {
		return err
	}
	if swapped, err := a.swappedUntold(ctx, r, w); swapped || err != nil {
		return err
	}
	r.Reached("before_stage")
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if repair.Fingerprint(here, repair.Surroundings{}) != r.Repair.Plan.Fingerprint {
		return &repair.ChangedError{What: "its columns, keys or partitions are others now"}
	}
	var problems []error
	for i, source := range w.sources() {
		err := a.stageFrom(ctx, r, w, source, here)
		if err == nil {
			if r.From = ""; i > 0 {
				r.From = source.String()
			}
			r.Reached("staged")
			return nil
		}
		var fenced *repair.FencedError
		if errors.As(err, &fenced) || r.Alive() != nil || ctx.Err() != nil {
			return err // nothing that another source could help
		}
		problems = append(problems, fmt.Errorf("%s: %w", source, err))
	}
	// A source that may come back is worth another try; refusals are final.
	all := errors.Join(problems...)
	if isTransient(all) {
		return &repair.TransientError{Err: all}
	}
	return &repair.RefusedError{Why: strings.ReplaceAll(all.Error(), "\n", "; ")}
}

func isTransient(err error) bool {
	var t *repair.TransientError
	return errors.As(err, &t)
}

// transactional refuses tables that do not roll back.
func transactional(ctx context.Context, w *repair.Writer, t sentinel.Table) error {
	checker, ok := w.Dialect.(warehouse.RollbackChecker)
	if !ok {
		return nil
	}
	var problem string
	if err := w.DB.QueryRowContext(ctx, checker.WithoutRollback(), t.Schema, t.Name).Scan(&problem); err != nil {
		return w.Classed("looking at the table's engine", err)
	}
	if problem != "" {
		return &repair.RefusedError{Why: problem}
	}
	return nil
}

// makeLike makes an empty table with the columns of another, without its keys.
func makeLike(ctx context.Context, w *repair.Writer, name, table, columns string) error {
	st := "CREATE TABLE IF NOT EXISTS " + name + " AS SELECT " + columns + " FROM " + table + " WHERE 1 = 0"
	if _, err := w.DB.ExecContext(ctx, st); err != nil {
		return w.Classed("making a staging table", err)
	}
	return nil
}

func (a *Partition) stageFrom(
	ctx context.Context, r *repair.Run, w reload, source source, here *warehouse.Table,
) error {
	expected, err := a.ready(ctx, r.Target, source, w)
	if err != nil {
		return err
	}
	x, err := a.newRun(r, w, "new", "")
	if err != nil {
		return err
	}
	x.here = here
	if x.table, err = x.writer.Name(here.TableName); err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	if x.marks, err = marksOf(ctx, x.writer, r.Repair); err != nil {
		return err
	}
	if err := x.makeStage(ctx); err != nil {
		return err
	}
	switch {
	case source.path != "":
		err = x.copyFile(ctx, source.path)
	case source.table.Warehouse == r.Repair.Table.Warehouse:
		err = x.copyWithin(ctx, source.table)
	default:
		err = x.copyAcross(ctx, source.table, expected)
	}
	if err != nil {
		return err
	}
	if err := x.verifyStaged(ctx, expected); err != nil {
		return err
	}
	return x.writer.Fenced(ctx, r, "remembering what was staged", func(tx *sql.Tx) error {
		staged, err := x.checksum(ctx, tx, x.from, "")
		if err != nil {
			return err
		}
		return x.marks.set(ctx, tx, stagedMark, string(staged))
	})
}

// remember saves what the window holds before the source is read: what comes to
// it from there on is seen, and not deleted.
func (x reloadRun) remember(ctx context.Context, tx *sql.Tx) error {
	now, err := x.window(ctx, tx)
	if err != nil {
		return err
	}
	return x.marks.set(ctx, tx, windowMark, string(now))
}

// copyWithin copies inside one server, in one transaction with one snapshot of
// the source, and holds what was copied to the checksum of what is there.
func (x reloadRun) copyWithin(ctx context.Context, source sentinel.Table) error {
	from, err := x.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	return x.writer.Fenced(ctx, x.run, "staging from "+source.String(), func(tx *sql.Tx) error {
		if err := x.remember(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+x.from); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx,
			"INSERT INTO "+x.from+" ("+x.columns+") SELECT "+x.columns+" FROM "+from+" WHERE "+x.where, x.args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n > x.action.MaxRows {
			return repair.Refuse("%d rows are more than max_rows %d", n, x.action.MaxRows)
		}
		if err := x.sameAs(ctx, tx, from); err != nil {
			return err
		}
		x.run.Reached("staging_batch")
		return nil
	})
}

// sameAs compares what was staged with its source: a type that holds less, or a
// writer in between, shows.
func (x reloadRun) sameAs(ctx context.Context, tx *sql.Tx, source string) error {
	there, err := x.checksum(ctx, tx, source, " WHERE "+x.where, x.args...)
	if err != nil {
		return err
	}
	here, err := x.checksum(ctx, tx, x.from, "")
	if err != nil {
		return err
	}
	if here != there {
		return &repair.TransientError{Err: fmt.Errorf("what was copied (%s) is not what the source holds (%s): "+
			"it is being written to, or a type of the table's holds less than the source's", here, there)}
	}
	return nil
}
