package repair_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// onAnotherAgent makes another agent of the fixture carry steps out: what goes there and
// back goes as bytes. after may lose an answer.
func onAnotherAgent(b *repairtest.Fixture, p *repair.Policy, after func(repair.Task) error) (tasks func() []repair.Task) {
	var mu sync.Mutex
	var seen []repair.Task
	b.Agent.Remote = func(ctx context.Context, t repair.Task) (did repair.TaskResult, err error) {
		sent, err := json.Marshal(t)
		if err != nil {
			return did, err
		}
		var got repair.Task
		if err := json.Unmarshal(sent, &got); err != nil {
			return did, err
		}
		mu.Lock()
		seen = append(seen, got)
		mu.Unlock()
		target, err := b.Agent.Target(ctx, got.Repair.Table)
		if err != nil {
			return did, err
		}
		answer, err := json.Marshal(got.Do(ctx, p, target, repair.TaskControl{Context: ctx, Store: b.Store, Task: got, Clock: repairtest.Clock}))
		if err != nil {
			return did, err
		}
		if after != nil {
			if err := after(got); err != nil {
				return did, err
			}
		}
		return did, json.Unmarshal(answer, &did)
	}
	return func() []repair.Task {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func steps(tasks []repair.Task) string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Step)
	}
	return strings.Join(names, " ")
}

// TestRemoteAgentRunsRepair: what is changed, and taken back, is the same.
func TestRemoteAgentRunsRepair(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.ReloadPolicy(repair.Auto)
		tasks := onAnotherAgent(b, p, nil)
		if r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.RepairSucceeded || !strings.Contains(b.Rows("orders"), "new") {
			t.Fatalf("%s: %s\n%s", r.State, r.Message, b.Rows("orders"))
		}
		if got := steps(tasks()); got != "stage apply" {
			t.Errorf("carried out remotely: %s", got)
		}
	})
}

func TestRemoteAgentRollsBack(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		b.StillBad = func(context.Context) (bool, error) { return true, nil }
		p := b.ReloadPolicy(repair.Auto)
		tasks := onAnotherAgent(b, p, nil)
		if r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Fatalf("%s: %s\n%s", r.State, r.Message, b.Rows("orders"))
		}
		if got := steps(tasks()); got != "stage apply roll_back" {
			t.Errorf("carried out remotely: %s", got)
		}
	})
}

// TestRemoteAnswerLost: the step was done, and nobody heard of it. It is taken
// up again with a newer fence, finds that it was done, and does it no second time.
func TestRemoteAnswerLost(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.ReloadPolicy(repair.Auto)
		lost := map[string]bool{}
		tasks := onAnotherAgent(b, p, func(task repair.Task) error {
			if lost[task.Step] {
				return nil
			}
			lost[task.Step] = true
			return errors.New("the agent is gone")
		})
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		for range 5 {
			if r.State.Final() {
				break
			}
			r = b.AdvanceRepair(r.ID)
		}
		if r.State != sentinel.RepairSucceeded {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		all := tasks()
		if got := steps(all); got != "stage stage apply apply" {
			t.Errorf("carried out remotely: %s", got)
		}
		if first, second := all[2], all[3]; second.Repair.Fence <= first.Repair.Fence || !second.Resumed {
			t.Errorf("the second try has fence %d after %d, resumed %v", second.Repair.Fence, first.Repair.Fence, second.Resumed)
		}
		ledger := "sentinel_ledger"
		if b.Engine == "postgres" {
			ledger = "sentinel.ledger"
		}
		if rows := repairtest.Query(t, b.Driver, b.Owner, "SELECT step FROM "+ledger); strings.Count(rows, "apply") != 1 {
			t.Errorf("the ledger has %s", rows)
		}
		// Who had it and comes back late changes nothing: somebody else holds it now.
		before := b.Rows("orders")
		for _, late := range []repair.Task{all[0], all[2]} {
			late.Do(t.Context(), p, b.Target(), repair.TaskControl{Context: t.Context(), Store: b.Store, Task: late, Clock: repairtest.Clock})
		}
		if b.Rows("orders") != before || strings.Count(repairtest.Query(t, b.Driver, b.Owner, "SELECT step FROM "+ledger), "apply") != 1 {
			t.Error("a late one changed the table again")
		}
	})
}

// TestNoOtherAgent: steps are carried out here while this agent is alone.
func TestNoOtherAgent(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	b.Agent.Remote = func(context.Context, repair.Task) (repair.TaskResult, error) {
		return repair.TaskResult{}, repair.ErrNoOtherAgent
	}
	if r := b.RunRepair(b.ReloadPolicy(repair.Auto), b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.RepairSucceeded {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

// TestRemoteErrorsKeepTheirKind mean what they mean here.
func TestRemoteErrorsKeepTheirKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want sentinel.RepairState
	}{
		{&repair.RefusedError{Why: "no"}, sentinel.DeadLetter},
		{&repair.TransientError{Err: errors.New("busy")}, sentinel.RetryWait},
		{&repair.UnknownError{Err: errors.New("cut off")}, sentinel.OutcomeUnknown},
		{&repair.ChangedError{What: "another column"}, sentinel.RepairCancelled},
		{&repair.RunningError{What: "the job runs", After: 1}, sentinel.RepairApplying},
		{&repair.LostError{Rows: 7, Keys: []string{"id 1", "id 2"}}, sentinel.AwaitingApproval},
		{errors.New("broken"), sentinel.DeadLetter},
	} {
		b := repairtest.New(t, "sqlite")
		b.CreateOrders()
		p := b.Policy("act", &act{apply: func(context.Context, *repair.Run) error { return c.err }}, repair.Auto)
		here := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		other := repairtest.New(t, "sqlite")
		other.CreateOrders()
		q := other.Policy("act", &act{apply: func(context.Context, *repair.Run) error { return c.err }}, repair.Auto)
		onAnotherAgent(other, q, nil)
		there := other.RunRepair(q, other.OpenIncident(repairtest.MissingDay))
		here.Message = strings.ReplaceAll(here.Message, here.ID, there.ID)
		if here.State != c.want || there.State != here.State || there.Message != here.Message || there.Plan.Lost != here.Plan.Lost {
			t.Errorf("%T: here %s (%s), remotely %s (%s), want %s", c.err, here.State, here.Message, there.State, there.Message, c.want)
		}
	}
}

// TestRemoteAgentFindsNoSourceLeft: the engine that judges may be another than the one that
// stages.
func TestRemoteAgentFindsNoSourceLeft(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	before := b.Rows("orders")
	p := b.ReloadPolicy(repair.Auto)
	tasks := onAnotherAgent(b, p, nil)
	b.Agent.Prove = func(context.Context, sentinel.Repair, *repair.Staged) (sentinel.Proof, error) {
		return against("8 rows"), nil
	}
	b.WantState(b.RunRepair(p, b.OpenIncident(repairtest.MissingDay)), sentinel.WouldNotHelp,
		"nothing was applied: "+b.Table("staging").String()+": orders/check would still fail: 8 rows")
	if got := steps(tasks()); got != "stage stage" || b.Rows("orders") != before {
		t.Errorf("carried out remotely: %s", got)
	}
}
