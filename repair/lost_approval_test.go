package repair_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// A person who said yes before rows were found that only the table has is asked again with
// their number, and has the whole time for the answer.
func TestLostRowsAreAskedAboutWithTheirNumber(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &act{apply: func(context.Context, *repair.Run) error { return &repair.LostError{Rows: 7} }}
	r := b.RunRepair(b.Policy("act", a, repair.Manual), b.OpenIncident("x"))
	b.WantState(r, sentinel.AwaitingApproval, "mode "+string(repair.Manual)+" wants")
	at.Store(int64(23 * time.Hour))
	_, err := repair.Decisions{Store: b.Store, Clock: b.Agent.Clock, Who: "ann"}.Approve(t.Context(), r.ID, "", 0)
	b.Must(err)
	b.WantState(b.AdvanceRepair(r.ID), sentinel.AwaitingApproval, "7 rows of the table are not in the source")
	at.Store(int64(46 * time.Hour))
	b.WantState(b.AdvanceRepair(r.ID), sentinel.AwaitingApproval, "7 rows of the table are not in the source")
	at.Store(int64(48 * time.Hour))
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairCancelled, "nobody approved the plan within 24h")
}
