package repair_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestStagingCanBeRejected: a repair that is being staged ends when a person rejects it,
// whether an agent is at work on it or has died over it. Nothing was changed yet.
func TestStagingCanBeRejected(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"after_preflight", "after_staging", "after_staged"} {
		for _, dies := range []bool{true, false} {
			repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
				b.CreateOrders()
				before := b.Rows("orders")
				p := b.ReloadPolicy(repair.Auto)
				r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay))
				b.Must(err)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
				reject := func() {
					_, err := ann.Reject(t.Context(), r.ID, "not today")
					b.Must(err)
				}
				b.Agent.Failpoint = func(name string) {
					switch {
					case name != place:
					case dies:
						stop()
					default:
						reject()
					}
				}
				b.Must(b.Agent.Advance(ctx))
				if dies {
					reject()
				}
				next := b.NewAgent("agent-2", nil)
				next.SetPolicies([]*repair.Policy{p})
				next.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Clock.Now().Add(time.Minute) })
				b.Must(next.Advance(t.Context()))
				b.WantState(b.Get(r.ID), sentinel.RepairCancelled, "rejected by ann: not today")
				if got := b.Rows("orders"); got != before {
					t.Errorf("the table holds\n%s", got)
				}
				if again, err := next.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay)); again != nil || err != nil {
					t.Errorf("planned again: %+v, %v", again, err)
				}
			})
		}
	}
}

// TestChangedTableIsPlannedAgain: a repair that ended because somebody wrote to the table
// is planned again, also if the plan is the same as before.
func TestChangedTableIsPlannedAgain(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.ReloadPolicy(repair.Auto)
		b.Agent.Failpoint = func(name string) {
			if name == "after_staged" {
				b.Exec("UPDATE orders SET note = 'mine' WHERE id = 101") // as many rows as before
			}
		}
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		b.WantState(r, sentinel.RepairCancelled, "it is planned again while the check fails")
		b.Agent.Failpoint = func(string) {}
		next := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		b.WantState(next, sentinel.RepairSucceeded, "")
		if next.Plan.Hash() != r.Plan.Hash() {
			t.Errorf("the plans differ, so that this shows nothing")
		}
	})
}

// TestOldResultsPlanNothing: results of ticks that passed while a repair ran say nothing of
// what the table holds since.
func TestOldResultsPlanNothing(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.ReloadPolicy(repair.Auto)
	before := repairtest.Clock.Now()
	b.WantState(b.RunRepair(p, b.OpenIncident(repairtest.MissingDay)), sentinel.RepairSucceeded, "")
	why := b.OpenIncident(repairtest.MissingDay)
	for i, tick := range []time.Time{before, repairtest.Clock.Now().Add(time.Second)} {
		why.Result.Tick = tick
		r, err := b.Agent.PlanRepair(t.Context(), p, why)
		b.Must(err)
		if planned := r != nil; planned != (i == 1) {
			t.Errorf("a result of %s: planned %t", tick, planned)
		}
	}
}
