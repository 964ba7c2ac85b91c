package repair_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// panics is an action with a defect in one of its methods.
type panics struct{ in string }

func init() { repair.Register("test_panics", func() repair.Action { return &panics{in: "plan"} }) }

func (a *panics) check(method string) {
	if a.in == method {
		panic("a bug of this action")
	}
}

func (a *panics) Validate() error { return nil }

func (a *panics) Plan(_ context.Context, _ *repair.Target, why repair.Trigger) (sentinel.Plan, error) {
	a.check("plan")
	i := why.Incident
	return sentinel.Plan{Table: i.Table, Finding: i.Key, Scope: i.Key, Class: sentinel.ClassAuto}, nil
}

func (a *panics) Stage(context.Context, *repair.Run) error {
	a.check("stage")
	return nil
}

func (a *panics) Apply(ctx context.Context, r *repair.Run) error {
	a.check("apply")
	_, err := r.Target.Write.ApplyOnce(ctx, r, "apply", func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET note = 'half' WHERE id = 1"); err != nil {
			return 0, err
		}
		a.check("transaction")
		return 1, nil
	})
	return err
}

func (a *panics) Rollback(context.Context, *repair.Run) error {
	a.check("roll_back")
	return nil
}

// TestPanicEndsOnlyItsRepair: a defect in an action is the error of its own
// repair. Others go on, nothing stays locked, and the engine lives.
func TestPanicEndsOnlyItsRepair(t *testing.T) {
	t.Parallel()
	for in, step := range map[string]string{
		"stage": "the step stage panicked", "apply": "the step apply panicked",
		"transaction": "the step apply panicked", "roll_back": "the step roll_back panicked",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
				b.CreateOrders()
				before := b.Rows("orders")
				b.StillBad = func(context.Context) (bool, error) { return in == "roll_back", nil }
				broken := b.Policy("test_panics", &panics{in: in}, repair.Auto)
				r, err := b.Agent.PlanRepair(t.Context(), broken, b.OpenIncident("broken"))
				b.Must(err)
				sound := *broken
				sound.ID, sound.Action = "orders/sound", &panics{}
				b.Agent.SetPolicies([]*repair.Policy{broken, &sound})
				b.WantState(b.AdvanceRepair(r.ID), sentinel.DeadLetter, step+": a bug of this action")
				if p := b.Agent.Panics(); len(p) != 1 || !strings.Contains(string(p[0].Stack), "panic_test.go") {
					t.Errorf("the host was told of panics %v", p)
				}
				if got := b.Rows("orders"); in != "roll_back" && got != before {
					t.Errorf("half of a transaction stayed:\n%s", got)
				}
				b.StillBad = func(context.Context) (bool, error) { return false, nil }
				next := b.RunRepair(&sound, b.OpenIncident("sound"))
				b.WantState(next, sentinel.RepairSucceeded, "")
			})
		})
	}
}

func TestPanicWhilePlanning(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	a, err := repair.New("test_panics")
	b.Must(err)
	p := b.Policy("test_panics", a, repair.Auto)
	r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("x"))
	if r != nil || err == nil || !strings.Contains(err.Error(), "planning panicked: a bug of this action") {
		t.Errorf("planned %+v, %v", r, err)
	}
}

// TestAPanicOfAWorkerKeepsItsStack: the panic of a step on another agent comes back
// with the stack of that agent.
func TestAPanicOfAWorkerKeepsItsStack(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.Policy("test_panics", &panics{in: "apply"}, repair.Auto)
	b.Agent.Remote = func(ctx context.Context, task repair.Task) (did repair.TaskResult, err error) {
		data, err := json.Marshal(task.Do(ctx, p, &repair.Target{Read: b.Read, Write: b.Write}, repairtest.Control{}))
		if err != nil {
			return did, err
		}
		return did, json.Unmarshal(data, &did)
	}
	b.WantState(b.RunRepair(p, b.OpenIncident("x")), sentinel.DeadLetter, "the step apply panicked: a bug of this action")
	if got := b.Agent.Panics(); len(got) != 1 || !strings.Contains(string(got[0].Stack), "panic_test.go") {
		t.Errorf("the host was told of panics %v", got)
	}
}

// TestPanicWhileVerifyingIsRetried: the check that verifies panics, as a check
// may; the repair waits as it does for one that cannot run.
func TestPanicWhileVerifyingIsRetried(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.Policy("test_panics", &panics{}, repair.Auto)
	b.Agent.Check = func(context.Context, sentinel.Repair) (sentinel.Result, error) { panic("boom") }
	b.WantState(b.RunRepair(p, b.OpenIncident("x")), sentinel.RetryWait, "running the check again panicked: boom")
}
