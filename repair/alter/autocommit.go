package alter

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// alterAutoCommit is for engines whose DDL commits by itself: intent and outcome are marked around
// it, and the catalog says whether an intent without an outcome was carried out.
func (a *Table) alterAutoCommit(
	ctx context.Context, run *repair.Run, step, print string, change alteration, statement string,
) error {
	writer := run.Target.Write
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
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	if !(tried && isAltered(target, change, step)) {
		if err := a.checkUnchanged(ctx, run, print); err != nil {
			return err
		}
		if step == "rollback" {
			tx, err := writer.DB.BeginTx(ctx, nil)
			if err != nil {
				return writer.WrapError("looking at the column", err)
			}
			if err := errors.Join(checkColumnUnused(ctx, tx, run, change), tx.Rollback()); err != nil {
				return writer.WrapError("looking at the column", err)
			}
		}
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+run.Repair.ID+" */ "+statement); err != nil {
			return writer.WrapError("altering", err)
		}
	}
	run.Failpoint("in_" + step + "_txn")
	_, err = writer.RecordStep(ctx, run, step)
	run.Failpoint("after_" + step + "_commit")
	return err
}

// isAltered reports whether the table is as the statement would have made it.
func isAltered(target *warehouse.Table, change alteration, step string) bool {
	column := target.Column(change.Column)
	if step == "rollback" {
		return column == nil
	}
	return column != nil && (change.Kind == sentinel.ColumnAdded || column.Type.Native == change.Type)
}
