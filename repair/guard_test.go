package repair_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// act is an action that tests watch and steer.
type act struct {
	plan     sentinel.Plan
	apply    func(ctx context.Context, r *repair.Run) error
	rollback func(ctx context.Context, r *repair.Run) error
	stage    func()
	applied  atomic.Int32
}

func (a *act) Validate() error { return nil }

func (a *act) Plan(_ context.Context, _ *repair.Target, why repair.Trigger) (sentinel.Plan, error) {
	p := a.plan
	p.Table, p.Finding, p.Scope, p.Class = why.Incident.Table, why.Incident.Key, why.Incident.Key, sentinel.ClassAuto
	return p, nil
}

func (a *act) Stage(context.Context, *repair.Run) error {
	if a.stage != nil {
		a.stage()
	}
	return nil
}

func (a *act) Apply(ctx context.Context, r *repair.Run) error {
	a.applied.Add(1)
	if a.apply != nil {
		return a.apply(ctx, r)
	}
	return nil
}

func (a *act) Rollback(ctx context.Context, r *repair.Run) error {
	if a.rollback != nil {
		return a.rollback(ctx, r)
	}
	return nil
}

// timed is a fixture whose clock the test sets.
func timed(t *testing.T) (b *repairtest.Fixture, at *atomic.Int64) {
	t.Helper()
	b, at = repairtest.New(t, "sqlite"), new(atomic.Int64)
	begin := repairtest.Clock.Now()
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time { return begin.Add(time.Duration(at.Load())) })
	return b, at
}

func TestC43HalfOpenBreakerAllowsOneTrial(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	broken := errors.New("broken")
	a := &act{apply: func(context.Context, *repair.Run) error { return broken }}
	p := b.Policy("act", a, repair.Auto)
	p.Attempts = 100
	for i := range 3 {
		b.WantState(b.RunRepair(p, b.OpenIncident(fmt.Sprint("bad", i))), sentinel.DeadLetter, "broken")
	}
	first, second := b.RunRepair(p, b.OpenIncident("x")), b.RunRepair(p, b.OpenIncident("y"))
	b.WantState(first, sentinel.RepairSuppressed, "circuit breaker is open")
	b.WantState(second, sentinel.RepairSuppressed, "circuit breaker is open")
	if n := a.applied.Load(); n != 3 {
		t.Fatalf("applied %d times", n)
	}
	at.Store(int64(16 * time.Minute))
	a.apply = func(context.Context, *repair.Run) error {
		return &repair.RunningError{What: "the trial runs", After: time.Minute}
	}
	other := b.NewAgent("agent-2", nil)
	other.Clock = b.Agent.Clock
	other.SetPolicies([]*repair.Policy{p})
	var both sync.WaitGroup
	for _, e := range []*repairtest.Agent{b.Agent, other} {
		both.Go(func() {
			if err := e.Advance(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if n := a.applied.Load(); n != 4 {
		t.Errorf("%d trials", n-3)
	}
	// The trial helps, and lets the other one through.
	a.apply = nil
	for range 3 {
		at.Add(int64(2 * time.Minute))
		b.Must(b.Agent.Advance(t.Context()))
	}
	b.WantState(b.Get(first.ID), sentinel.RepairSucceeded, "")
	b.WantState(b.Get(second.ID), sentinel.RepairSucceeded, "")
}

func TestBreakerReopensAfterFailedTrial(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &act{apply: func(context.Context, *repair.Run) error { return errors.New("broken") }}
	p := b.Policy("act", a, repair.Auto)
	p.Attempts = 100
	var states []int
	b.Agent.Breaker = func(_ string, state int) { states = append(states, state) }
	for i := range 4 {
		b.RunRepair(p, b.OpenIncident(fmt.Sprint("bad", i)))
	}
	at.Store(int64(16 * time.Minute))
	b.Must(b.Agent.Advance(t.Context()))
	after := b.RunRepair(p, b.OpenIncident("another"))
	b.WantState(after, sentinel.RepairSuppressed, "circuit breaker is open")
	if n, want := a.applied.Load(), int32(4); n != want || fmt.Sprint(states) != fmt.Sprint([]int{repair.Closed, repair.Closed, repair.Open, repair.HalfOpen, repair.Open}) {
		t.Errorf("applied %d times, the breaker went through %v", n, states)
	}
}

func TestKillSwitchStopsAtNextStep(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var killed atomic.Bool
	b.Agent.Killed = killed.Load
	a := &act{stage: func() { killed.Store(true) }}
	p := b.Policy("act", a, repair.Auto)
	r := b.RunRepair(p, b.OpenIncident("x"))
	b.WantState(r, sentinel.RepairStaged, "")
	r = b.AdvanceRepair(r.ID)
	if b.WantState(r, sentinel.RepairStaged, ""); a.applied.Load() != 0 {
		t.Errorf("applied after the switch was set: %s", r.Message)
	}
	b.WantState(b.RunRepair(p, b.OpenIncident("y")), sentinel.RepairSuppressed, "the kill switch is set")
	killed.Store(false)
	a.stage = nil
	at.Store(int64(2 * time.Minute))
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
}

// The switch that people set is kept in the state: for every agent, and over
// restarts.
func TestKillSwitchIsStored(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	b.Agent.Killed = func() bool { return (&repair.StoredKillSwitch{Store: b.Store}).Killed(t.Context()) }
	off := repair.KillSwitchState{Off: true, At: repairtest.Clock.Now()}
	if err := repair.SetKillSwitch(t.Context(), b.Store, off); err == nil {
		t.Error("set by nobody")
	}
	off.Who, off.Why = "ann", "moving the loader"
	b.Must(repair.SetKillSwitch(t.Context(), b.Store, off))
	r := b.RunRepair(b.Policy("act", &act{}, repair.Auto), b.OpenIncident("x"))
	b.WantState(r, sentinel.RepairSuppressed, "the kill switch is set")
	why, isOff := repair.ReadKillSwitch(t.Context(), b.Store)
	if !isOff || !strings.Contains(why, "switched off by ann since") || !strings.Contains(why, "moving the loader") {
		t.Errorf("%t %q", isOff, why)
	}
	on := repair.KillSwitchState{Who: "ann", Why: "moved", At: repairtest.Clock.Now()}
	b.Must(repair.SetKillSwitch(t.Context(), b.Store, on))
	at.Store(int64(2 * time.Minute))
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
	log, err := b.Store.Audit(t.Context(), "repairs", 10)
	if b.Must(err); len(log) != 2 || log[0].What != "repairs.on" || log[1].Detail != "moving the loader" {
		t.Errorf("audit %+v", log)
	}
}

// A kill between the switch and its entry of the audit log would leave one without the other.
func TestKillSwitchIsWrittenWithItsEntry(t *testing.T) {
	t.Parallel()
	b, _ := timed(t)
	const pragma = "?_pragma=busy_timeout(10000)"
	testenv.Exec(t, "sqlite", "file:"+b.State+pragma,
		"CREATE TRIGGER no_entry BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no entry'); END")
	off := repair.KillSwitchState{Off: true, Who: "ann", Why: "moving", At: repairtest.Clock.Now()}
	if err := repair.SetKillSwitch(t.Context(), b.Store, off); err == nil {
		t.Error("set without an entry of the audit log")
	}
	if why, isOff := repair.ReadKillSwitch(t.Context(), b.Store); isOff {
		t.Errorf("off without an entry of the audit log: %s", why)
	}
	testenv.Exec(t, "sqlite", "file:"+b.State+pragma, "DROP TRIGGER no_entry")
	b.Must(repair.SetKillSwitch(t.Context(), b.Store, off))
	if _, isOff := repair.ReadKillSwitch(t.Context(), b.Store); !isOff {
		t.Error("it is not off")
	}
}

// What is bad again soon after it was repaired was not repaired: three times,
// and the breaker opens.
func TestFlappingRepairCountsAsFailed(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	p := b.Policy("act", &act{}, repair.Auto)
	p.Attempts = 100
	var states []int
	b.Agent.Breaker = func(_ string, state int) { states = append(states, state) }
	for i := range 5 {
		at.Store(int64(time.Duration(i) * 5 * time.Minute))
		r := b.RunRepair(p, b.OpenIncident("x"))
		if r.State == sentinel.RepairSuppressed {
			b.WantState(r, sentinel.RepairSuppressed, "circuit breaker is open")
			return
		}
		resolve(b, "x")
	}
	t.Errorf("the breaker went through %v", states)
}

func TestGlobalRepairBudget(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	now := b.Agent.Clock
	b.Agent = b.NewAgent("agent-1", func(c *repair.Config) { c.Budget = 2 })
	b.Agent.Clock = now
	p := b.Policy("act", &act{}, repair.Auto)
	p.Attempts = 100
	for i := range 2 {
		b.WantState(b.RunRepair(p, b.OpenIncident(fmt.Sprint("bad", i))), sentinel.RepairSucceeded, "")
	}
	r := b.RunRepair(p, b.OpenIncident("another"))
	b.WantState(r, sentinel.RepairSuppressed, "as many as repair_budget allows")
	at.Store(int64(61 * time.Minute))
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
}

func TestKillSwitchDuringRemoteJob(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var killed atomic.Bool
	b.Agent.Killed = killed.Load
	a := &act{apply: func(context.Context, *repair.Run) error {
		return &repair.RunningError{What: "running", After: time.Minute}
	}}
	r := b.RunRepair(b.Policy("act", a, repair.Auto), b.OpenIncident("x"))
	b.WantState(r, sentinel.RepairApplying, "running")
	killed.Store(true)
	at.Store(int64(2 * time.Minute))
	if b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairApplying, "running"); a.applied.Load() != 1 {
		t.Error("looked at after the switch was set")
	}
	killed.Store(false)
	a.apply = nil
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
}

func TestC53MaintenanceWindowDelaysRepair(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var quiet atomic.Bool
	b.Agent.Maintenance = func(time.Time, sentinel.Table) (string, bool) { return "maintenance until 06:00", quiet.Load() }
	quiet.Store(true)
	a := &act{}
	p := b.Policy("act", a, repair.Auto)
	inside := b.RunRepair(p, b.OpenIncident("inside"))
	b.WantState(inside, sentinel.RepairSuppressed, "maintenance until 06:00")
	quiet.Store(false)
	at.Store(int64(2 * time.Minute))
	b.WantState(b.AdvanceRepair(inside.ID), sentinel.RepairSucceeded, "")

	// One that begins while a repair is prepared lets that step end, and no other begin.
	a.stage = func() { quiet.Store(true) }
	during := b.RunRepair(p, b.OpenIncident("during"))
	if b.WantState(during, sentinel.RepairSuppressed, "maintenance until 06:00"); a.applied.Load() != 1 {
		t.Error("applied inside the window")
	}
	quiet.Store(false)
	a.stage = nil
	at.Add(int64(2 * time.Minute))
	b.WantState(b.AdvanceRepair(during.ID), sentinel.RepairSucceeded, "")
}

func TestC52ExpiredApprovalIsAskedAgain(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var quiet atomic.Bool
	b.Agent.Maintenance = func(time.Time, sentinel.Table) (string, bool) { return "maintenance", quiet.Load() }
	a := &act{}
	r := b.RunRepair(b.Policy("act", a, repair.Manual), b.OpenIncident("x"))
	ann := repair.Decisions{Store: b.Store, Clock: b.Agent.Clock, Who: "ann"}
	quiet.Store(true)
	_, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), time.Hour)
	b.Must(err)
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSuppressed, "maintenance")
	quiet.Store(false)
	at.Store(int64(2 * time.Hour))
	if b.WantState(b.AdvanceRepair(r.ID), sentinel.AwaitingApproval, "sentinel repair approve"); a.applied.Load() != 0 {
		t.Error("applied on an approval that had run out")
	}
	_, err = ann.Approve(t.Context(), r.ID, r.Plan.Hash(), time.Hour)
	b.Must(err)
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")

	late := b.RunRepair(b.Policy("act", a, repair.Manual), b.OpenIncident("nobody"))
	at.Add(int64(25 * time.Hour))
	b.WantState(b.AdvanceRepair(late.ID), sentinel.RepairCancelled, "nobody approved the plan within 24h")
	if _, err := ann.Approve(t.Context(), late.ID, "", 0); err == nil || !strings.Contains(err.Error(), "only one that awaits approval") {
		t.Errorf("approved too late: %v", err)
	}
}

func TestRolloutRepairsShareOfIncidents(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	a := &act{}
	p := b.Policy("act", a, repair.Auto)
	p.Rollout, p.Attempts = new(repair.Share(0.3)), 1000
	const incidents = 200
	chosen := 0
	for i := range incidents {
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(fmt.Sprint("finding", i)))
		if err != nil || r == nil {
			t.Fatal(r, err)
		}
		if r.State == sentinel.RepairPlanned {
			chosen++
		} else {
			b.WantState(*r, sentinel.ShadowDone, "outside of the roll-out")
		}
		if again, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(fmt.Sprint("finding", i))); again != nil || err != nil {
			t.Fatalf("decided anew: %+v, %v", again, err)
		}
	}
	if chosen < incidents*20/100 || chosen > incidents*40/100 {
		t.Errorf("%d of %d incidents are repaired", chosen, incidents)
	}
	b.Must(b.Agent.Advance(t.Context()))
	if n := int(a.applied.Load()); n != chosen {
		t.Errorf("%d applied, %d chosen", n, chosen)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	a := &act{}
	p := b.Policy("act", a, repair.Auto)
	p.DryRun = true
	b.WantState(b.RunRepair(p, b.OpenIncident("x")), sentinel.ShadowDone, "dry_run")
	if again, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("x")); again != nil || err != nil || a.applied.Load() != 0 {
		t.Errorf("%+v, %v, applied %d times", again, err, a.applied.Load())
	}
}

func TestShadowReports(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &act{}
	p := b.Policy("act", a, repair.Shadow)
	plan := func(key string) {
		t.Helper()
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(key))
		if b.Must(err); r != nil && r.State != sentinel.ShadowDone && p.Mode == repair.Shadow {
			t.Errorf("%s: %s", key, r.State)
		}
	}
	for _, key := range []string{"itself", "person", "open", "helped", "did not"} {
		plan(key)
	}
	b.Must(b.Agent.Advance(t.Context()))
	if a.applied.Load() != 0 {
		t.Fatal("a shadow was applied")
	}
	at.Store(int64(5 * time.Minute))
	resolve(b, "itself")
	at.Store(int64(3 * time.Hour))
	resolve(b, "person")
	// Trusted now: what is still open is repaired.
	p.Mode = repair.Auto
	plan("helped")
	b.Must(b.Agent.Advance(t.Context()))
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	plan("did not")
	b.Must(b.Agent.Advance(t.Context()))
	reports, err := repair.ShadowReports(t.Context(), b.Store, time.Time{}, 15*time.Minute)
	b.Must(err)
	want := repair.ShadowReport{Policy: "orders/act", Planned: 5, Confirmed: 1, Contradicted: 1, Needless: 1, Unknown: 1, Open: 1}
	if len(reports) != 1 || reports[0] != want {
		t.Fatalf("%+v\nwant %+v", reports, want)
	}
	if share, ok := reports[0].Right(); !ok || share < 0.33 || share > 0.34 {
		t.Errorf("right: %v, %v", share, ok)
	}
	if _, ok := (repair.ShadowReport{Planned: 1, Open: 1}).Right(); ok {
		t.Error("a share of nothing")
	}
}

// resolve ends an incident by itself.
func resolve(b *repairtest.Fixture, key string) {
	b.T.Helper()
	i, ok, err := b.Store.Incident(b.T.Context(), "i-"+key)
	if err != nil || !ok {
		b.T.Fatal(ok, err)
	}
	i.State, i.Resolved = sentinel.Resolved, b.Agent.Clock.Now()
	_, err = b.Store.Record(b.T.Context(), store.Batch{Incidents: []sentinel.Incident{i}})
	b.Must(err)
}
