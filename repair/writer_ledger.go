package repair

import (
	"context"
	"database/sql"

	"github.com/sentinel-dq/sentinel"
)

// Done reports whether the ledger says that a step was done.
func (w *Writer) Done(ctx context.Context, r sentinel.Repair, step string) (bool, error) {
	if err := w.Prepare(ctx, r.Table.Schema); err != nil {
		return false, err
	}
	done, err := w.ledgerHas(ctx, w.DB, r, step)
	return done, w.WrapError("reading the ledger", err)
}

type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (w *Writer) ledgerHas(ctx context.Context, q Querier, r sentinel.Repair, step string) (bool, error) {
	n := 0
	err := q.QueryRowContext(ctx, "SELECT count(*) FROM "+w.ownTable(r.Table.Schema,
		"ledger")+" WHERE repair_id = "+w.Param(1)+" AND step = "+w.Param(2), r.ID, step).Scan(&n)
	return n > 0, err
}

// DoneIn is Done as a transaction sees it. Behind the fence, in [Writer.RunFenced], it is
// final: no earlier agent can do the step afterwards.
func (w *Writer) DoneIn(ctx context.Context, tx *sql.Tx, r sentinel.Repair, step string) (bool, error) {
	return w.ledgerHas(ctx, tx, r, step)
}
