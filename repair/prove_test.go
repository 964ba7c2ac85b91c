package repair_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
)

// against is a proof that speaks against a repair.
func against(message string) sentinel.Proof {
	return sentinel.Proof{Judged: []string{"orders/check"}, Against: []sentinel.Objection{{
		Check: "orders/check", Still: true, Finding: sentinel.Finding{Status: sentinel.Fail, Message: message},
	}}}
}

// A source that would not help is read again after a pause that doubles, however often the
// check fails meanwhile. It counts in no budget, and opens no breaker.
func TestUnhelpfulSourceIsReadSeldom(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.ReloadPolicy(repair.Auto)
	why := b.OpenIncident(repairtest.MissingDay)
	now := repairtest.Clock()
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time { return now })
	b.Agent.Prove = func(context.Context, sentinel.Repair, *repair.Staged) (sentinel.Proof, error) {
		return against("8 rows"), nil
	}
	before := b.Rows("orders")
	var at []time.Duration
	for begin := now; now.Sub(begin) < 4*time.Hour; now = now.Add(time.Minute) {
		r, err := b.Agent.PlanRepair(t.Context(), p, why)
		b.Must(err)
		if r != nil {
			b.WantState(b.AdvanceRepair(r.ID), sentinel.WouldNotHelp, "orders/check would still fail: 8 rows")
			at = append(at, now.Sub(begin).Round(time.Minute))
		}
	}
	want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}
	for i := range want {
		if want[i] *= time.Minute; i >= len(at) || at[i] != want[i] {
			t.Fatalf("the source was read after %v", at)
		}
	}
	if len(at) != len(want) || b.Rows("orders") != before {
		t.Errorf("the source was read after %v", at)
	}
	b.Exec("DELETE FROM staging WHERE id = 107") // another plan does not wait
	b.Agent.Prove = func(context.Context, sentinel.Repair, *repair.Staged) (sentinel.Proof, error) {
		return sentinel.Proof{}, nil
	}
	b.WantState(b.RunRepair(p, why), sentinel.RepairSucceeded, "verified")
	if n, _, err := b.Store.VerifyAudit(t.Context()); err != nil || n == 0 {
		t.Errorf("%d entries: %v", n, err)
	}
}

// Staged rows that cannot be judged now are judged later. A panic of a check ends the
// repair, with the table as it was.
func TestProofThatFails(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.ReloadPolicy(repair.Auto)
	why := b.OpenIncident(repairtest.MissingDay)
	before := b.Rows("orders")
	now := repairtest.Clock()
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time { return now })
	asked := 0
	b.Agent.Prove = func(_ context.Context, r sentinel.Repair, staged *repair.Staged) (sentinel.Proof, error) {
		if staged.Content == "" || staged.Source != b.Table("staging").String() {
			t.Errorf("staged %+v", staged)
		}
		if asked++; asked == 1 {
			return sentinel.Proof{}, errors.New("the database is away")
		}
		return sentinel.Proof{}, nil
	}
	r := b.RunRepair(p, why)
	b.WantState(r, sentinel.RetryWait, "judging the staged rows: the database is away")
	if b.Rows("orders") != before {
		t.Fatal("applied without a proof")
	}
	now = now.Add(time.Hour)
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "verified")

	b.Agent.Prove = func(context.Context, sentinel.Repair, *repair.Staged) (sentinel.Proof, error) { panic("boom") }
	after := b.Rows("orders")
	now = now.Add(3 * time.Hour)
	r = b.RunRepair(p, b.OpenIncident("missing_partition:2026-03-11"))
	for range 20 {
		if r = b.AdvanceRepair(r.ID); r.State.Final() {
			break
		}
		now = now.Add(time.Hour)
	}
	if r.State == sentinel.RepairSucceeded || !strings.Contains(r.Message, "boom") || b.Rows("orders") != after {
		t.Errorf("%s: %s", r.State, r.Message)
	}
	if len(b.Agent.Panics()) == 0 {
		t.Error("the panic was not reported")
	}
}

// A person who wants a dead letter tried again wants its source tried again.
func TestRetryTriesTheSameSource(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.ReloadPolicy(repair.Auto)
	p.OnFailure = "escalate"
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
	b.WantState(r, sentinel.DeadLetter, "still bad")
	if len(r.Unhelpful) != 1 || !r.Unhelpful[0].Applied {
		t.Errorf("unhelpful %+v", r.Unhelpful)
	}
	b.StillBad = func(context.Context) (bool, error) { return false, nil }
	again, err := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}.Retry(t.Context(), r.ID)
	b.Must(err)
	b.WantState(b.AdvanceRepair(again.ID), sentinel.RepairSucceeded, "verified")
	found, err := b.Store.Repairs(t.Context(), store.RepairFilter{State: sentinel.RepairSucceeded})
	if err != nil || len(found) != 1 || found[0].Proof == nil || found[0].Proof.Content == "" {
		t.Errorf("%+v, %v", found, err)
	}
}
