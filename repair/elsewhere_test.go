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
)

// elsewhere makes another agent of the bench carry steps out: what goes there and
// back goes as bytes. after may lose an answer.
func (b *bench) elsewhere(p *repair.Policy, after func(repair.Task) error) (tasks func() []repair.Task) {
	var mu sync.Mutex
	var seen []repair.Task
	b.repair.Elsewhere = func(ctx context.Context, t repair.Task) (did repair.Did, err error) {
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
		target, err := b.repair.Target(ctx, got.Repair.Table)
		if err != nil {
			return did, err
		}
		answer, err := json.Marshal(got.Do(ctx, p, target, func() error { return repair.Held(ctx, b.store, got, clock(), false) }))
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

// TestAnotherAgentCarriesARepairOut: what is changed, and taken back, is the same.
func TestAnotherAgentCarriesARepairOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		p := b.reload(repair.Auto)
		tasks := b.elsewhere(p, nil)
		if r := b.repaired(p, b.incident(tuesday)); r.State != sentinel.RepairSucceeded || !strings.Contains(b.content("orders"), "new") {
			t.Fatalf("%s: %s\n%s", r.State, r.Message, b.content("orders"))
		}
		if got := steps(tasks()); got != "stage apply" {
			t.Errorf("carried out elsewhere: %s", got)
		}
	})
}

func TestAnotherAgentTakesARepairBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		b.bad = func(context.Context) (bool, error) { return true, nil }
		p := b.reload(repair.Auto)
		tasks := b.elsewhere(p, nil)
		if r := b.repaired(p, b.incident(tuesday)); r.State != sentinel.RolledBack || b.content("orders") != before {
			t.Fatalf("%s: %s\n%s", r.State, r.Message, b.content("orders"))
		}
		if got := steps(tasks()); got != "stage apply roll_back" {
			t.Errorf("carried out elsewhere: %s", got)
		}
	})
}

// TestAnAnswerThatIsLost: the step was done, and nobody heard of it. It is taken
// up again with a newer fence, finds that it was done, and does it no second time.
func TestAnAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		p := b.reload(repair.Auto)
		lost := map[string]bool{}
		tasks := b.elsewhere(p, func(task repair.Task) error {
			if lost[task.Step] {
				return nil
			}
			lost[task.Step] = true
			return errors.New("the agent is gone")
		})
		r := b.repaired(p, b.incident(tuesday))
		for range 5 {
			if r.State.Final() {
				break
			}
			r = b.advanced(r.ID)
		}
		if r.State != sentinel.RepairSucceeded {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		all := tasks()
		if got := steps(all); got != "stage stage apply apply" {
			t.Errorf("carried out elsewhere: %s", got)
		}
		if first, second := all[2], all[3]; second.Repair.Fence <= first.Repair.Fence || !second.Resumed {
			t.Errorf("the second try has fence %d after %d, resumed %v", second.Repair.Fence, first.Repair.Fence, second.Resumed)
		}
		ledger := "sentinel_ledger"
		if b.engine == "postgres" {
			ledger = "sentinel.ledger"
		}
		if rows := queryAll(t, b.driver, b.dsn, "SELECT step FROM "+ledger); strings.Count(rows, "apply") != 1 {
			t.Errorf("the ledger has %s", rows)
		}
		// Who had it and comes back late changes nothing: somebody else holds it now.
		before := b.content("orders")
		for _, late := range []repair.Task{all[0], all[2]} {
			late.Do(t.Context(), p, b.target(), func() error { return repair.Held(t.Context(), b.store, late, clock(), false) })
		}
		if b.content("orders") != before || strings.Count(queryAll(t, b.driver, b.dsn, "SELECT step FROM "+ledger), "apply") != 1 {
			t.Error("a late one changed the table again")
		}
	})
}

// TestNobodyElse: steps are carried out here while this agent is alone.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	b.orders()
	b.repair.Elsewhere = func(context.Context, repair.Task) (repair.Did, error) { return repair.Did{}, repair.ErrNobody }
	if r := b.repaired(b.reload(repair.Auto), b.incident(tuesday)); r.State != sentinel.RepairSucceeded {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

// TestErrorsFromElsewhere mean what they mean here.
func TestErrorsFromElsewhere(t *testing.T) {
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
		{errors.New("broken"), sentinel.DeadLetter},
	} {
		b := newBench(t, "sqlite")
		b.orders()
		p := b.policy("act", &act{apply: func(context.Context, *repair.Run) error { return c.err }}, repair.Auto)
		here := b.repaired(p, b.incident(tuesday))
		other := newBench(t, "sqlite")
		other.orders()
		q := other.policy("act", &act{apply: func(context.Context, *repair.Run) error { return c.err }}, repair.Auto)
		other.elsewhere(q, nil)
		there := other.repaired(q, other.incident(tuesday))
		if here.State != c.want || there.State != here.State || there.Message != here.Message {
			t.Errorf("%T: here %s (%s), elsewhere %s (%s), want %s", c.err, here.State, here.Message, there.State, there.Message, c.want)
		}
	}
}
