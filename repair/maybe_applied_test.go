package repair_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// A repair that may have been applied is never cancelled: no person can reject it, and
// without its policy it becomes a dead letter that people look at.
func TestMaybeAppliedIsNotCancelled(t *testing.T) {
	t.Parallel()
	down := errors.New("the database went away")
	for state, err := range map[sentinel.RepairState]error{
		sentinel.RepairApplying: &repair.RunningError{What: "running", After: time.Minute},
		sentinel.OutcomeUnknown: &repair.UnknownError{Err: down},
		sentinel.RetryWait:      &repair.TransientError{Err: down, After: time.Minute},
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			b, at := timed(t)
			a := &act{plan: sentinel.Plan{Guarantee: sentinel.ExactlyOnce}}
			a.apply = func(context.Context, *repair.Run) error { return err }
			r := b.RunRepair(b.Policy("act", a, repair.Auto), b.OpenIncident("x"))
			b.WantState(r, state, "")
			ann := repair.Decisions{Store: b.Store, Clock: b.Agent.Clock, Who: "ann"}
			if _, err := ann.Reject(t.Context(), r.ID, "no"); err == nil {
				t.Error("rejected")
			}
			b.WantState(b.Get(r.ID), state, "")
			b.Agent.SetPolicies(nil)
			at.Store(int64(time.Hour))
			b.WantState(b.AdvanceRepair(r.ID), sentinel.DeadLetter, "it may have been applied, and its policy is no longer configured")
		})
	}
	t.Run("not yet", func(t *testing.T) {
		t.Parallel()
		b := repairtest.New(t, "sqlite")
		r := b.RunRepair(b.Policy("act", &act{}, repair.Manual), b.OpenIncident("x"))
		b.Agent.SetPolicies(nil)
		b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairCancelled, "its policy is no longer configured")
	})
}
