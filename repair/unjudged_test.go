package repair_test

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// A check that cannot judge the finding that a repair is for does not verify the repair. It
// is run again, and the repair ends as it does if the check cannot run.
func TestUnknownIsNoVerification(t *testing.T) {
	t.Parallel()
	unknown := func(key string) []sentinel.Finding {
		return []sentinel.Finding{{Key: key, Status: sentinel.Unknown, Message: "not all there yet"}}
	}
	recovering := []sentinel.Score{{State: sentinel.Recovering}}
	segments := []sentinel.Observation{{Segment: "x", Value: sentinel.Int(1)}}
	for name, c := range map[string]struct {
		is   sentinel.Result
		want sentinel.RepairState
	}{
		"a standby is behind":     {sentinel.Result{Status: sentinel.Unknown}, sentinel.DeadLetter},
		"its finding":             {sentinel.Result{Status: sentinel.Warn, Findings: unknown("x")}, sentinel.DeadLetter},
		"its segment":             {sentinel.Result{Status: sentinel.Unknown, Findings: unknown("x"), Observations: segments}, sentinel.DeadLetter},
		"another segment":         {sentinel.Result{Status: sentinel.Unknown, Findings: unknown("y"), Observations: segments}, sentinel.RepairSucceeded},
		"a value back in range":   {sentinel.Result{Status: sentinel.Unknown, Findings: unknown("anomaly"), Scores: recovering}, sentinel.RepairSucceeded},
		"back in range, and more": {sentinel.Result{Status: sentinel.Unknown, Findings: unknown("z"), Scores: recovering}, sentinel.DeadLetter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, at := timed(t)
			p := b.Policy("act", &act{}, repair.Auto)
			tries := 0
			b.Agent.Check = func(context.Context, sentinel.Repair) (sentinel.Result, error) {
				tries++
				c.is.Message = "8 rows"
				return c.is, nil
			}
			r := b.RunRepair(p, b.OpenIncident("x"))
			if c.want == sentinel.DeadLetter {
				b.WantState(r, sentinel.RetryWait, "verifying: the check cannot judge it: 8 rows")
			}
			for range 20 {
				if r.State.Final() {
					break
				}
				at.Add(int64(time.Hour))
				r = b.AdvanceRepair(r.ID)
			}
			if b.WantState(r, c.want, "8 rows"); c.want == sentinel.DeadLetter && tries < 2 {
				t.Errorf("%d tries", tries)
			}
		})
	}
	for name, bad := range map[string]bool{"a standby of before that passes": false, "a standby of before that fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, at := timed(t)
			is := sentinel.Result{Status: sentinel.Pass, Message: "8 rows"}
			if bad {
				is.Status, is.Findings = sentinel.Fail, []sentinel.Finding{{Key: "x", Status: sentinel.Fail, Message: "8 rows"}}
			}
			b.Agent.Check = func(_ context.Context, r sentinel.Repair) (sentinel.Result, error) {
				is.Tick, is.Evidence.Lag = r.Applied.Add(time.Minute), sentinel.Float(3600)
				return is, nil
			}
			r := b.RunRepair(b.Policy("act", &act{}, repair.Auto), b.OpenIncident("x"))
			b.WantState(r, sentinel.RetryWait, "a standby answers, which may not have yet what was applied: 8 rows")
			b.Agent.Check = func(_ context.Context, r sentinel.Repair) (sentinel.Result, error) {
				return sentinel.Result{Status: sentinel.Pass, Message: "9 rows", Tick: r.Applied.Add(2 * time.Hour),
					Evidence: sentinel.Evidence{Lag: sentinel.Float(3600)}}, nil
			}
			at.Store(int64(2 * time.Hour))
			b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "verified: 9 rows")
		})
	}
	t.Run("later", func(t *testing.T) {
		t.Parallel()
		b, at := timed(t)
		is := sentinel.Unknown
		b.Agent.Check = func(context.Context, sentinel.Repair) (sentinel.Result, error) {
			return sentinel.Result{Status: is, Message: "8 rows"}, nil
		}
		r := b.RunRepair(b.Policy("act", &act{}, repair.Auto), b.OpenIncident("x"))
		b.WantState(r, sentinel.RetryWait, "cannot judge it")
		is = sentinel.Pass
		at.Store(int64(time.Hour))
		b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "verified: 8 rows")
	})
}

// A standby of before the repair is no witness either where an alert has started it: then
// only the other checks speak.
func TestOtherChecksOfAStandbyOfBeforeVerifyNothing(t *testing.T) {
	t.Parallel()
	for _, check := range []string{"", "orders/check"} {
		b, at := timed(t)
		b.Agent.Check = func(_ context.Context, r sentinel.Repair) (sentinel.Result, error) {
			if check == "" {
				return sentinel.Result{}, nil
			}
			return sentinel.Result{Check: check, Status: sentinel.Pass, Tick: b.Agent.Clock.Now()}, nil
		}
		now := b.Agent.Clock.Now()
		late := sentinel.Result{Check: "late", Status: sentinel.Pass, Message: "7 rows", Tick: now,
			Evidence: sentinel.Evidence{Lag: sentinel.Float(3600)}}
		b.Agent.Others = []sentinel.Result{{Check: "fresh", Status: sentinel.Pass, Tick: now}, late}
		trigger := b.OpenIncident("x")
		trigger.Incident.Check = check
		r := b.RunRepair(b.Policy("act", &act{}, repair.Auto), trigger)
		b.WantState(r, sentinel.RetryWait, "a standby answers, which may not have yet what was applied: 7 rows")
		at.Store(int64(2 * time.Hour))
		b.Agent.Others[1].Tick = now.Add(2 * time.Hour)
		b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
	}
}
