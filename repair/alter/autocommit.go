package alter

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// alterByItself is for engines whose DDL commits by itself: intent and outcome are marked around
// it, and the catalog says whether an intent without an outcome was carried out.
func (a *Table) alterByItself(
	ctx context.Context, r *repair.Run, step, print string, c alteration, statement string,
) error {
	w := r.Target.Write
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
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if !(tried && carriedOut(here, c, step)) {
		if err := a.same(ctx, r, print); err != nil {
			return err
		}
		if step == "rollback" {
			tx, err := w.DB.BeginTx(ctx, nil)
			if err != nil {
				return w.Classed("looking at the column", err)
			}
			if err := errors.Join(untouched(ctx, tx, r, c), tx.Rollback()); err != nil {
				return w.Classed("looking at the column", err)
			}
		}
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+r.Repair.ID+" */ "+statement); err != nil {
			return w.Classed("altering", err)
		}
	}
	r.Reached("in_" + step + "_txn")
	_, err = w.Mark(ctx, r, step)
	r.Reached("after_" + step + "_commit")
	return err
}

// carriedOut reports whether the table is as the statement would have made it.
func carriedOut(here *warehouse.Table, c alteration, step string) bool {
	column := here.Column(c.Column)
	if step == "rollback" {
		return column == nil
	}
	return column != nil && (c.Kind == sentinel.ColumnAdded || column.Type.Native == c.Type)
}
