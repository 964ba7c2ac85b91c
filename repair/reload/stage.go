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
func (a *Partition) Stage(ctx context.Context, run *repair.Run) error {
	details, err := a.decodeDetails(run)
	if err != nil {
		return err
	}
	writer := run.Target.Write
	if err := writer.Prepare(ctx, run.Repair.Table.Schema); err != nil {
		return err
	}
	if applied, err := writer.Done(ctx, run.Repair, "apply"); applied || err != nil {
		return err // by an agent that could not say so: nothing is staged anew
	}
	if err := checkTransactional(ctx, writer, run.Repair.Table); err != nil {
		return err
	}
	if swapped, err := a.swappedBeforeCrash(ctx, run, details); swapped || err != nil {
		return err
	}
	run.Failpoint("before_stage")
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	if repair.Fingerprint(target, repair.Dependencies{}) != run.Repair.Plan.Fingerprint {
		return &repair.ChangedError{What: "its columns, keys or partitions are others now"}
	}
	var problems []error
	for i, source := range details.sources() {
		err := a.stageFrom(ctx, run, details, source, target)
		if err == nil {
			if run.Source = ""; i > 0 {
				run.Source = source.String()
			}
			run.Failpoint("staged")
			return nil
		}
		var fenced *repair.FencedError
		if errors.As(err, &fenced) || run.Alive() != nil || ctx.Err() != nil {
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

// checkTransactional refuses tables that do not roll back.
func checkTransactional(ctx context.Context, writer *repair.Writer, t sentinel.Table) error {
	checker, ok := writer.Dialect.(warehouse.RollbackChecker)
	if !ok {
		return nil
	}
	var problem string
	if err := writer.DB.QueryRowContext(ctx, checker.WithoutRollback(), t.Schema, t.Name).Scan(&problem); err != nil {
		return writer.WrapError("reading the table's engine", err)
	}
	if problem != "" {
		return &repair.RefusedError{Why: problem}
	}
	return nil
}

// createLike makes an empty table with the columns of another, without its keys.
func createLike(ctx context.Context, writer *repair.Writer, name, table, columns string) error {
	st := "CREATE TABLE IF NOT EXISTS " + name + " AS SELECT " + columns + " FROM " + table + " WHERE 1 = 0"
	if _, err := writer.DB.ExecContext(ctx, st); err != nil {
		return writer.WrapError("making a staging table", err)
	}
	return nil
}

func (a *Partition) stageFrom(
	ctx context.Context, run *repair.Run, details planDetails, source sourceRef, target *warehouse.Table,
) error {
	expected, err := a.countSource(ctx, run.Target, source, details)
	if err != nil {
		return err
	}
	l, err := a.newLoader(run, details, "new", "")
	if err != nil {
		return err
	}
	l.target = target
	if l.table, err = l.writer.Name(target.TableName); err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	if l.checkpoints, err = openCheckpoints(ctx, l.writer, run.Repair); err != nil {
		return err
	}
	if err := l.createStagingTable(ctx); err != nil {
		return err
	}
	switch {
	case source.path != "":
		err = l.copyFile(ctx, source.path)
	case source.table.Warehouse == run.Repair.Table.Warehouse:
		err = l.copyWithinServer(ctx, source.table)
	default:
		err = l.copyFromWarehouse(ctx, source.table, expected)
	}
	if err != nil {
		return err
	}
	if err := l.verifyStaged(ctx, expected); err != nil {
		return err
	}
	return l.writer.RunFenced(ctx, run, "remembering what was staged", func(tx *sql.Tx) error {
		staged, err := l.checksum(ctx, tx, l.from, "")
		if err != nil {
			return err
		}
		return l.checkpoints.set(ctx, tx, stagedCheckpoint, string(staged))
	})
}

// saveWindowChecksum saves what the window holds before the source is read: what comes to
// it from there on is seen, and not deleted.
func (l loader) saveWindowChecksum(ctx context.Context, tx *sql.Tx) error {
	now, err := l.windowChecksum(ctx, tx)
	if err != nil {
		return err
	}
	return l.checkpoints.set(ctx, tx, windowCheckpoint, string(now))
}

// copyWithinServer copies inside one server, in one transaction with one snapshot of
// the source, and holds what was copied to the checksum of what is there.
func (l loader) copyWithinServer(ctx context.Context, source sentinel.Table) error {
	from, err := l.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	return l.writer.RunFenced(ctx, l.run, "staging from "+source.String(), func(tx *sql.Tx) error {
		if err := l.saveWindowChecksum(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+l.from); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx,
			"INSERT INTO "+l.from+" ("+l.columns+") SELECT "+l.columns+" FROM "+from+" WHERE "+l.where, l.args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n > l.action.MaxRows {
			return repair.Refuse("%d rows are more than max_rows %d", n, l.action.MaxRows)
		}
		if err := l.checkCopied(ctx, tx, from); err != nil {
			return err
		}
		l.run.Failpoint("staging_batch")
		return nil
	})
}

// checkCopied compares what was staged with its source: a type that holds less, or a
// writer in between, shows.
func (l loader) checkCopied(ctx context.Context, tx *sql.Tx, source string) error {
	there, err := l.checksum(ctx, tx, source, " WHERE "+l.where, l.args...)
	if err != nil {
		return err
	}
	here, err := l.checksum(ctx, tx, l.from, "")
	if err != nil {
		return err
	}
	if here != there {
		return &repair.TransientError{Err: fmt.Errorf("what was copied (%s) is not what the source holds (%s): "+
			"it is being written to, or a type of the table's holds less than the source's", here, there)}
	}
	return nil
}
