package repair_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
)

func TestReloadReplacesOnlyTheWindow(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		p := b.ReloadPolicy(repair.Auto)
		why := b.OpenIncident(repairtest.MissingDay)
		planned, err := b.Agent.PlanRepair(t.Context(), p, why)
		if err != nil || planned == nil || b.Rows("orders") != before {
			t.Fatalf("planning: %+v, %v; a plan leaves the table as it is", planned, err)
		}
		if planned.Plan.Rows != 13 || planned.Plan.Guarantee != sentinel.ExactlyOnce || !strings.Contains(planned.Plan.Summary, "8 rows in place of 5") {
			t.Errorf("plan %+v", planned.Plan)
		}
		r := b.AdvanceRepair(planned.ID)
		if r.State != sentinel.RepairSucceeded {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		after := b.Rows("orders")
		if strings.Count(after, "new") != 8 || strings.Count(after, "old") != 10 {
			t.Errorf("the table holds\n%s", after)
		}
		if _, err := (repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}).Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Errorf("taken back: %s %s\n%s", r.State, r.Message, b.Rows("orders"))
		}
		b.Sweep()
	})
}

func TestC44UnhelpfulRepairIsRolledBack(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		p := b.ReloadPolicy(repair.Auto)
		b.StillBad = func(context.Context) (bool, error) { return true, nil }
		why := b.OpenIncident(repairtest.MissingDay)
		if r := b.RunRepair(p, why); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Errorf("%s: %s\n%s", r.State, r.Message, b.Rows("orders"))
		}
		b.WantState(b.RunRepair(p, why), sentinel.WouldNotHelp, "its rows are those that repair")
		for id := range 2 { // two more failures open the breaker, and the budget is three
			b.Exec(fmt.Sprintf("DELETE FROM staging WHERE id = %d", 105+id)) // a source that has changed is tried
			b.WantState(b.RunRepair(p, why), sentinel.RolledBack, "")
		}
		b.Exec("DELETE FROM staging WHERE id = 107")
		if r := b.RunRepair(p, why); r.State != sentinel.RepairSuppressed {
			t.Errorf("the fourth within the hour: %s %s", r.State, r.Message)
		}
		if _, _, err := b.Store.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestC49ShrunkSourceIsRefused(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		b.Exec("DELETE FROM staging WHERE id >= 102")
		p := b.ReloadPolicy(repair.Auto)
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "its 2 rows are fewer than 90%") || b.Rows("orders") != before {
			t.Errorf("%s: %s", r.State, r.Message)
		}
		if again, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay)); again != nil || err != nil {
			t.Errorf("the same refusal is not said again: %+v, %v", again, err)
		}
		b.Exec("DELETE FROM staging")
		if r := b.RunRepair(p, b.OpenIncident("missing_partition:2026-03-12")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "no rows for the window") {
			t.Errorf("%s: %s", r.State, r.Message)
		}
	})
}

func TestFallbackSourcesAreTriedInOrder(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("nowhere"), b.Table("staging")}}, repair.Auto)
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		if r.State != sentinel.RepairSucceeded || r.Source != b.Table("staging").String() {
			t.Errorf("%s: %s, from %q", r.State, r.Message, r.Source)
		}
	})
}

func TestC50DuplicatesFailInStaging(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE staging DROP CONSTRAINT staging_pkey", "INSERT INTO staging SELECT * FROM staging WHERE id = 103")
	before := b.Rows("orders")
	if r := b.RunRepair(b.ReloadPolicy(repair.Auto), b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "more than once") || b.Rows("orders") != before {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

func TestC20InvalidWindowIsRefused(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	r := b.RunRepair(b.ReloadPolicy(repair.Auto), b.OpenIncident("missing_partition:2026-01-01'; DROP TABLE orders;--"))
	if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "is no date") {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

func TestC52ApprovalBindsToPlan(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	r := b.RunRepair(b.ReloadPolicy(repair.Manual), b.OpenIncident(repairtest.MissingDay))
	if r.State != sentinel.AwaitingApproval {
		t.Fatalf("%s: %s", r.State, r.Message)
	}
	ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
	if _, err := ann.Approve(t.Context(), r.ID, "another", 0); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a plan that was not read: %v", err)
	}
	for range 2 {
		if _, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0); err != nil {
			t.Errorf("approving twice: %v", err)
		}
	}
	if r := b.AdvanceRepair(r.ID); r.State != sentinel.RepairSucceeded || r.Approval.By != "ann" {
		t.Errorf("%s: %s", r.State, r.Message)
	}
	second := b.RunRepair(b.ReloadPolicy(repair.Manual), b.OpenIncident("missing_partition:2026-03-12"))
	if second.State == sentinel.AwaitingApproval {
		if _, err := ann.Reject(t.Context(), second.ID, "not today"); err != nil {
			t.Error(err)
		}
		if _, err := ann.Approve(t.Context(), second.ID, "", 0); err == nil {
			t.Error("a rejected plan was approved")
		}
	}
}

func TestC31TwoAgentsOneRepair(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.ReloadPolicy(repair.Auto)
		other := b.NewAgent("agent-2", nil)
		other.SetPolicies([]*repair.Policy{p})
		why := b.OpenIncident(repairtest.MissingDay)
		done := make(chan error, 2)
		for _, e := range []*repairtest.Agent{b.Agent, other} {
			go func() {
				_, err := e.PlanRepair(t.Context(), p, why)
				if err == nil {
					err = e.Advance(t.Context())
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if err := b.Agent.Advance(t.Context()); err != nil {
			t.Error(err)
		}
		all, err := b.Store.Repairs(t.Context(), store.RepairFilter{})
		if err != nil || len(all) == 0 || all[len(all)-1].State != sentinel.RepairSucceeded {
			t.Fatalf("%d repairs, %v: %+v", len(all), err, all)
		}
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC32FenceRefusesOvertakenAgent(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		target, err := b.Agent.Target(t.Context(), b.Table("orders"))
		if err != nil {
			t.Fatal(err)
		}
		run := func(fence int64) error {
			r := &repair.Run{Repair: sentinel.Repair{ID: "r1", Key: "k", Table: b.Table("orders"), Fence: fence, Attempts: 1}, Target: target}
			_, err := b.Write.ApplyOnce(t.Context(), r, fmt.Sprint("step", fence), func(ctx context.Context, tx *sql.Tx) (int64, error) {
				_, err := tx.ExecContext(ctx, "UPDATE orders SET note = 'fence "+fmt.Sprint(fence)+"'")
				return 1, err
			})
			return err
		}
		for _, fence := range []int64{5, 7} {
			if err := run(fence); err != nil {
				t.Fatal(err)
			}
		}
		var fenced *repair.FencedError
		if err := run(6); err == nil || !errors.As(err, &fenced) || !strings.Contains(b.Rows("orders"), "fence 7") {
			t.Errorf("%v\n%s", err, b.Rows("orders"))
		}
	})
}
