package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// The steps of a repair that change something.
const (
	stepStage    = "stage"
	stepApply    = "apply"
	stepRollback = "roll_back"
)

// Task is one step of a repair as data, for another agent to carry out. The
// engine that hands it out holds the lease, and saves what became of it.
type Task struct {
	Step    string          `json:"step"`
	Repair  sentinel.Repair `json:"repair"`
	Resumed bool            `json:"resumed,omitempty"`
}

// Did is what became of a task, as data.
type Did struct {
	From    string        `json:"from,omitempty"` // the fallback source, where one was used
	Outcome string        `json:"outcome"`        // done, or the kind of error
	Message string        `json:"message,omitempty"`
	After   time.Duration `json:"after,omitempty"`
}

// ErrNobody: there is no other agent to carry a step out.
var ErrNobody = errors.New("there is no other agent")

// Do carries the task out on this agent. alive is asked before every act.
func (t Task) Do(ctx context.Context, p *Policy, target *Target, alive func() error) Did {
	run := &Run{Repair: t.Repair, Target: target, Resumed: t.Resumed, Alive: alive, Failpoint: func(string) {}, Progress: func(string) {}}
	err := p.do(ctx, t.Step, run)
	d := Did{From: run.From, Outcome: "done"}
	var transient *TransientError
	var unknown *UnknownError
	var changed *ChangedError
	var fenced *FencedError
	var running *RunningError
	var refused *RefusedError
	switch {
	case err == nil:
		return d
	case errors.As(err, &fenced):
		d.Outcome = "fenced"
	case errors.Is(err, errNotAlive):
		d.Outcome = "not_alive"
	case errors.As(err, &running):
		d.Outcome, d.Message, d.After = "running", running.What, running.After
		return d
	case errors.As(err, &unknown):
		d.Outcome, d.Message = "unknown", unknown.Err.Error()
		return d
	case errors.As(err, &transient):
		d.Outcome, d.Message, d.After = "transient", transient.Err.Error(), transient.After
		return d
	case errors.As(err, &changed):
		d.Outcome, d.Message = "changed", changed.What
		return d
	case errors.As(err, &refused):
		d.Outcome, d.Message = "refused", refused.Why
		return d
	default:
		d.Outcome = "failed"
	}
	d.Message = err.Error()
	return d
}

// err is the error that the outcome was.
func (d Did) err(fence int64) error {
	switch d.Outcome {
	case "done":
		return nil
	case "fenced":
		return &FencedError{Fence: fence}
	case "not_alive":
		return errNotAlive
	case "running":
		return &RunningError{What: d.Message, After: d.After}
	case "unknown":
		return &UnknownError{Err: errors.New(d.Message)}
	case "transient":
		return &TransientError{Err: errors.New(d.Message), After: d.After}
	case "changed":
		return &ChangedError{What: d.Message}
	case "refused":
		return &RefusedError{Why: d.Message}
	}
	return errors.New(d.Message)
}

// do is a step of the policy's action, here.
func (p *Policy) do(ctx context.Context, step string, run *Run) error {
	switch step {
	case stepStage:
		return p.Action.Stage(ctx, run)
	case stepApply:
		return p.Action.Apply(ctx, run)
	case stepRollback:
		return p.Action.Rollback(ctx, run)
	}
	return fmt.Errorf("step %q is not known to this version", step)
}

// act carries a step out, here or elsewhere. One that nobody answers for is taken
// up again from the saved state, with a newer fence, as after a crash.
func (e *Engine) act(ctx context.Context, p *Policy, step string, run *Run) error {
	if e.Elsewhere == nil {
		return p.do(ctx, step, run)
	}
	did, err := e.Elsewhere(ctx, Task{Step: step, Repair: run.Repair, Resumed: run.Resumed})
	switch {
	case errors.Is(err, ErrNobody):
		return p.do(ctx, step, run)
	case err != nil:
		return fmt.Errorf("%w: %w", errNotAlive, err)
	}
	run.From = did.From
	return did.err(run.Repair.Fence)
}

// Held fails when the repair of a task is held no longer by the engine that handed
// it out: what an agent that carries it out asks before every act.
func Held(ctx context.Context, s *store.Store, t Task, now time.Time, killed bool) error {
	held, err := s.RepairHeld(ctx, t.Repair.ID, t.Repair.Fence, now)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errNotAlive, err)
	case !held || killed || ctx.Err() != nil:
		return errNotAlive
	}
	return nil
}
