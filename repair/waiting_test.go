package repair_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestWaitForAPolicyEnds: a repair whose policy was removed ends, although one dataset of its
// warehouse never resolves.
func TestWaitForAPolicyEnds(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	var minutes atomic.Int64
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time {
		return repairtest.Clock.Now().Add(time.Duration(minutes.Load()) * time.Minute)
	})
	p := b.Policy("reload_partition", b.ReloadFromStaging(), repair.Manual)
	r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
	b.WantState(r, sentinel.AwaitingApproval, "")
	b.Agent.SetUnresolved(func(sentinel.Table) bool { return true })
	after := func(span int64, policies ...*repair.Policy) sentinel.Repair {
		b.Agent.SetPolicies(policies)
		minutes.Add(span)
		return b.AdvanceRepair(r.ID)
	}
	b.WantState(after(0), sentinel.AwaitingApproval, "")
	b.WantState(after(40, p), sentinel.AwaitingApproval, "") // it is known again
	b.WantState(after(0), sentinel.AwaitingApproval, "")
	b.WantState(after(59), sentinel.AwaitingApproval, "")
	b.WantState(after(1), sentinel.RepairCancelled, "its policy has not been found for 1h0m0s")
}
