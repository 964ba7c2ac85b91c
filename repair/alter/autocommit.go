package alter

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// alterAutoCommit runs the ALTER on an engine whose DDL commits by itself. It
// writes intent and outcome to the ledger around the statement. The catalog says
// whether an intent without an outcome was carried out.
func (e execution) alterAutoCommit(ctx context.Context) error {
	writer := e.run.Target.Write
	if done, err := writer.Done(ctx, e.run.Repair, e.step); done || err != nil {
		return err
	}
	conn, unlock, err := writer.Lock(ctx, e.run)
	if err != nil {
		return err
	}
	defer unlock()
	tried, err := writer.RecordStep(ctx, e.run, e.step+"_intent")
	if err != nil {
		return err
	}
	target, err := repair.ReadTable(ctx, e.run.Target.Read, e.run.Repair.Table)
	if err != nil {
		return err
	}
	if !(tried && isAltered(target, e.change, e.step)) {
		if err := e.check(ctx); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+e.run.Repair.ID+" */ "+e.statement); err != nil {
			return writer.WrapError("altering", err)
		}
	}
	e.run.Failpoint("in_" + e.step + "_txn")
	_, err = writer.RecordStep(ctx, e.run, e.step)
	e.run.Failpoint("after_" + e.step + "_commit")
	return err
}

// check refuses a table that has changed since the plan, and a rollback that would
// drop values.
func (e execution) check(ctx context.Context) error {
	if err := e.action.checkUnchanged(ctx, e.run, e.fingerprint); err != nil {
		return err
	}
	if e.step != "rollback" {
		return nil
	}
	writer := e.run.Target.Write
	tx, err := writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return writer.WrapError("reading the column", err)
	}
	err = errors.Join(checkColumnUnused(ctx, tx, e.run, e.change), tx.Rollback())
	return writer.WrapError("reading the column", err)
}

// isAltered reports whether the table is as the statement would have made it.
func isAltered(target *warehouse.Table, change alteration, step string) bool {
	column := target.Column(change.Column)
	if step == "rollback" {
		return column == nil
	}
	return column != nil && (change.Kind == sentinel.ColumnAdded || column.Type.Native == change.Type)
}
