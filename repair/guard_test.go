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
	"github.com/sentinel-dq/sentinel/store"
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

// timed is a bench whose clock the test sets.
func timed(t *testing.T) (b *bench, at *atomic.Int64) {
	t.Helper()
	b, at = newBench(t, "sqlite"), new(atomic.Int64)
	begin := clock()
	b.repair.Now = func() time.Time { return begin.Add(time.Duration(at.Load())) }
	return b, at
}

func (b *bench) stands(r sentinel.Repair, want sentinel.RepairState, says string) {
	b.t.Helper()
	if r.State != want || !strings.Contains(r.Message, says) {
		b.t.Errorf("%s: %s; want %s: %s", r.State, r.Message, want, says)
	}
}

func TestC43AHalfOpenBreakerLetsOneTrialThrough(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	broken := errors.New("broken")
	a := &act{apply: func(context.Context, *repair.Run) error { return broken }}
	p := b.policy("act", a, repair.Auto)
	p.Attempts = 100
	for i := range 3 {
		b.stands(b.repaired(p, b.incident(fmt.Sprint("bad", i))), sentinel.DeadLetter, "broken")
	}
	first, second := b.repaired(p, b.incident("x")), b.repaired(p, b.incident("y"))
	b.stands(first, sentinel.RepairSuppressed, "circuit breaker is open")
	b.stands(second, sentinel.RepairSuppressed, "circuit breaker is open")
	if n := a.applied.Load(); n != 3 {
		t.Fatalf("applied %d times", n)
	}
	at.Store(int64(16 * time.Minute))
	a.apply = func(context.Context, *repair.Run) error {
		return &repair.RunningError{What: "the trial runs", After: time.Minute}
	}
	other := b.newEngine("agent-2")
	other.Now = b.repair.Now
	other.SetPolicies([]*repair.Policy{p})
	var both sync.WaitGroup
	for _, e := range []*repair.Engine{b.repair, other} {
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
		b.must(b.repair.Advance(t.Context()))
	}
	b.stands(b.get(first.ID), sentinel.RepairSucceeded, "")
	b.stands(b.get(second.ID), sentinel.RepairSucceeded, "")
}

func TestABreakerOpensAgainWhenTheTrialFails(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &act{apply: func(context.Context, *repair.Run) error { return errors.New("broken") }}
	p := b.policy("act", a, repair.Auto)
	p.Attempts = 100
	var states []int
	b.repair.Breaker = func(_ string, state int) { states = append(states, state) }
	for i := range 4 {
		b.repaired(p, b.incident(fmt.Sprint("bad", i)))
	}
	at.Store(int64(16 * time.Minute))
	b.must(b.repair.Advance(t.Context()))
	after := b.repaired(p, b.incident("another"))
	b.stands(after, sentinel.RepairSuppressed, "circuit breaker is open")
	if n, want := a.applied.Load(), int32(4); n != want || fmt.Sprint(states) != fmt.Sprint([]int{repair.Closed, repair.Closed, repair.Open, repair.HalfOpen, repair.Open}) {
		t.Errorf("applied %d times, the breaker went through %v", n, states)
	}
}

func TestTheKillSwitchStopsEverythingAtTheNextStep(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var killed atomic.Bool
	b.repair.Killed = killed.Load
	a := &act{stage: func() { killed.Store(true) }}
	p := b.policy("act", a, repair.Auto)
	r := b.repaired(p, b.incident("x"))
	b.stands(r, sentinel.RepairStaged, "")
	r = b.advanced(r.ID)
	if b.stands(r, sentinel.RepairStaged, ""); a.applied.Load() != 0 {
		t.Errorf("applied after the switch was thrown: %s", r.Message)
	}
	b.stands(b.repaired(p, b.incident("y")), sentinel.RepairSuppressed, "the kill switch is thrown")
	killed.Store(false)
	a.stage = nil
	at.Store(int64(2 * time.Minute))
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")
}

// The switch that people throw is kept in the state: for every agent, and over
// restarts.
func TestTheKillSwitchIsRemembered(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	b.repair.Killed = func() bool { _, off := repair.Thrown(t.Context(), b.store); return off }
	if err := repair.Throw(t.Context(), b.store, true, "", "", clock()); err == nil {
		t.Error("thrown by nobody")
	}
	b.must(repair.Throw(t.Context(), b.store, true, "ann", "moving the loader", clock()))
	r := b.repaired(b.policy("act", &act{}, repair.Auto), b.incident("x"))
	b.stands(r, sentinel.RepairSuppressed, "the kill switch is thrown")
	if why, off := repair.Thrown(t.Context(), b.store); !off || !strings.Contains(why, "switched off by ann since") || !strings.Contains(why, "moving the loader") {
		t.Errorf("%t %q", off, why)
	}
	b.must(repair.Throw(t.Context(), b.store, false, "ann", "moved", clock()))
	at.Store(int64(2 * time.Minute))
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")
	log, err := b.store.Audit(t.Context(), "repairs", 10)
	if b.must(err); len(log) != 2 || log[0].What != "repairs.on" || log[1].Detail != "moving the loader" {
		t.Errorf("audit %+v", log)
	}
}

// What is bad again soon after it was repaired was not repaired: three times,
// and the breaker opens.
func TestARepairThatDoesNotLastCountsAsFailed(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	p := b.policy("act", &act{}, repair.Auto)
	p.Attempts = 100
	var states []int
	b.repair.Breaker = func(_ string, state int) { states = append(states, state) }
	for i := range 5 {
		at.Store(int64(time.Duration(i) * 5 * time.Minute))
		r := b.repaired(p, b.incident("x"))
		if r.State == sentinel.RepairSuppressed {
			b.stands(r, sentinel.RepairSuppressed, "circuit breaker is open")
			return
		}
		b.resolve("x")
	}
	t.Errorf("the breaker went through %v", states)
}

func TestABudgetOfAllRepairsTogether(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	b.repair.Budget = 2
	p := b.policy("act", &act{}, repair.Auto)
	p.Attempts = 100
	for i := range 2 {
		b.stands(b.repaired(p, b.incident(fmt.Sprint("bad", i))), sentinel.RepairSucceeded, "")
	}
	r := b.repaired(p, b.incident("another"))
	b.stands(r, sentinel.RepairSuppressed, "as many as repair_budget allows")
	at.Store(int64(61 * time.Minute))
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")
}

func TestTheKillSwitchIsThrownWhileAnotherSystemWorks(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var killed atomic.Bool
	b.repair.Killed = killed.Load
	a := &act{apply: func(context.Context, *repair.Run) error {
		return &repair.RunningError{What: "running", After: time.Minute}
	}}
	r := b.repaired(b.policy("act", a, repair.Auto), b.incident("x"))
	b.stands(r, sentinel.RepairApplying, "running")
	killed.Store(true)
	at.Store(int64(2 * time.Minute))
	if b.stands(b.advanced(r.ID), sentinel.RepairApplying, "running"); a.applied.Load() != 1 {
		t.Error("looked at after the switch was thrown")
	}
	killed.Store(false)
	a.apply = nil
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")
}

func TestC53AMaintenanceWindowIsWaitedOut(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var quiet atomic.Bool
	b.repair.Quiet = func(time.Time, sentinel.Table) (string, bool) { return "maintenance until 06:00", quiet.Load() }
	quiet.Store(true)
	a := &act{}
	p := b.policy("act", a, repair.Auto)
	inside := b.repaired(p, b.incident("inside"))
	b.stands(inside, sentinel.RepairSuppressed, "maintenance until 06:00")
	quiet.Store(false)
	at.Store(int64(2 * time.Minute))
	b.stands(b.advanced(inside.ID), sentinel.RepairSucceeded, "")

	// One that begins while a repair is prepared lets that step end, and no other begin.
	a.stage = func() { quiet.Store(true) }
	during := b.repaired(p, b.incident("during"))
	if b.stands(during, sentinel.RepairSuppressed, "maintenance until 06:00"); a.applied.Load() != 1 {
		t.Error("applied inside the window")
	}
	quiet.Store(false)
	a.stage = nil
	at.Add(int64(2 * time.Minute))
	b.stands(b.advanced(during.ID), sentinel.RepairSucceeded, "")
}

func TestC52AnApprovalThatRanOutIsAskedForAgain(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	var quiet atomic.Bool
	b.repair.Quiet = func(time.Time, sentinel.Table) (string, bool) { return "maintenance", quiet.Load() }
	a := &act{}
	r := b.repaired(b.policy("act", a, repair.Manual), b.incident("x"))
	ann := repair.Decisions{Store: b.store, Now: b.repair.Now, Who: "ann"}
	quiet.Store(true)
	_, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), time.Hour)
	b.must(err)
	b.stands(b.advanced(r.ID), sentinel.RepairSuppressed, "maintenance")
	quiet.Store(false)
	at.Store(int64(2 * time.Hour))
	if b.stands(b.advanced(r.ID), sentinel.AwaitingApproval, "sentinel repair approve"); a.applied.Load() != 0 {
		t.Error("applied on an approval that had run out")
	}
	_, err = ann.Approve(t.Context(), r.ID, r.Plan.Hash(), time.Hour)
	b.must(err)
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")

	late := b.repaired(b.policy("act", a, repair.Manual), b.incident("nobody"))
	at.Add(int64(25 * time.Hour))
	b.stands(b.advanced(late.ID), sentinel.RepairCancelled, "nobody approved the plan within 24h")
	if _, err := ann.Approve(t.Context(), late.ID, "", 0); err == nil || !strings.Contains(err.Error(), "only one that awaits approval") {
		t.Errorf("approved too late: %v", err)
	}
}

func TestARolloutRepairsItsShareOfIncidents(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	a := &act{}
	p := b.policy("act", a, repair.Auto)
	p.Rollout, p.Attempts = 0.3, 1000
	const incidents = 200
	chosen := 0
	for i := range incidents {
		r, err := b.repair.Consider(t.Context(), p, b.incident(fmt.Sprint("finding", i)))
		if err != nil || r == nil {
			t.Fatal(r, err)
		}
		if r.State == sentinel.RepairPlanned {
			chosen++
		} else {
			b.stands(*r, sentinel.ShadowDone, "outside of the roll-out")
		}
		if again, err := b.repair.Consider(t.Context(), p, b.incident(fmt.Sprint("finding", i))); again != nil || err != nil {
			t.Fatalf("decided anew: %+v, %v", again, err)
		}
	}
	if chosen < incidents*20/100 || chosen > incidents*40/100 {
		t.Errorf("%d of %d incidents are repaired", chosen, incidents)
	}
	b.must(b.repair.Advance(t.Context()))
	if n := int(a.applied.Load()); n != chosen {
		t.Errorf("%d applied, %d chosen", n, chosen)
	}
}

func TestADryRunEndsBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	a := &act{}
	p := b.policy("act", a, repair.Auto)
	p.DryRun = true
	b.stands(b.repaired(p, b.incident("x")), sentinel.ShadowDone, "dry_run")
	if again, err := b.repair.Consider(t.Context(), p, b.incident("x")); again != nil || err != nil || a.applied.Load() != 0 {
		t.Errorf("%+v, %v, applied %d times", again, err, a.applied.Load())
	}
}

func TestShadowPlansAreReportedOnAndMakeWayForRepairs(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &act{}
	p := b.policy("act", a, repair.Shadow)
	plan := func(key string) {
		t.Helper()
		r, err := b.repair.Consider(t.Context(), p, b.incident(key))
		if b.must(err); r != nil && r.State != sentinel.ShadowDone && p.Mode == repair.Shadow {
			t.Errorf("%s: %s", key, r.State)
		}
	}
	for _, key := range []string{"itself", "person", "open", "helped", "did not"} {
		plan(key)
	}
	b.must(b.repair.Advance(t.Context()))
	if a.applied.Load() != 0 {
		t.Fatal("a shadow was applied")
	}
	at.Store(int64(5 * time.Minute))
	b.resolve("itself")
	at.Store(int64(3 * time.Hour))
	b.resolve("person")
	// Trusted now: what is still open is repaired.
	p.Mode = repair.Auto
	plan("helped")
	b.must(b.repair.Advance(t.Context()))
	b.bad = func(context.Context) (bool, error) { return true, nil }
	plan("did not")
	b.must(b.repair.Advance(t.Context()))
	reports, err := repair.ShadowReports(t.Context(), b.store, time.Time{}, 15*time.Minute)
	b.must(err)
	want := repair.ShadowReport{Policy: "orders/act", Planned: 5, Confirmed: 1, Contradicted: 1, Needless: 1, Untold: 1, Open: 1}
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
func (b *bench) resolve(key string) {
	b.t.Helper()
	i, ok, err := b.store.Incident(b.t.Context(), "i-"+key)
	if err != nil || !ok {
		b.t.Fatal(ok, err)
	}
	i.State, i.Resolved = sentinel.Resolved, b.repair.Now()
	_, err = b.store.Record(b.t.Context(), store.Batch{Incidents: []sentinel.Incident{i}})
	b.must(err)
}
