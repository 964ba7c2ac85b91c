package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/store"
)

// The steps of a repair that change something.
const (
	stepStage    = "stage"
	stepApply    = "apply"
	stepRollback = "roll_back"
)

// Task is one step of a repair as data, which another agent can carry out. The engine
// that submits it holds the lease and saves the outcome.
type Task struct {
	Step    string          `json:"step"`
	Repair  sentinel.Repair `json:"repair"`
	Resumed bool            `json:"resumed,omitempty"`
}

// TaskResult is what became of a task, as data.
type TaskResult struct {
	Source  string        `json:"from,omitempty"` // the fallback source, where one was used
	Outcome string        `json:"outcome"`        // done, or the kind of error
	Message string        `json:"message,omitempty"`
	After   time.Duration `json:"after,omitempty"`
	Restage bool          `json:"restage,omitempty"`
	Stack   []byte        `json:"stack,omitempty"` // of a panic
	Lost    *LostError    `json:"lost,omitempty"`
	Written bool          `json:"written,omitempty"` // of [RefusedError]
}

// Stepper carries single steps of repairs out on other agents.
type Stepper interface {
	// Step has another agent carry out a step. It returns [ErrNoOtherAgent] if there is
	// none. Any other error means that the outcome is not known.
	Step(ctx context.Context, t Task) (TaskResult, error)
}

// ErrNoOtherAgent means that no other agent can carry out a step.
var ErrNoOtherAgent = errors.New("there is no other agent")

// Do carries the task out on this agent. control is asked before every change.
func (t Task) Do(ctx context.Context, p *Policy, target *Target, control Control) TaskResult {
	run := &Run{
		Repair: t.Repair, Target: target, Resumed: t.Resumed, Control: control, MayLose: p.mayLose(t.Repair.Plan),
	}
	err := p.runAction(ctx, t.Step, run)
	d := TaskResult{Source: run.Source, Outcome: "done"}
	var transient *TransientError
	var unknown *UnknownError
	var changed *ChangedError
	var fenced *FencedError
	var running *RunningError
	var refused *RefusedError
	var unhelpful *UnhelpfulError
	var bug *PanicError
	switch {
	case err == nil:
		return d
	case errors.As(err, &d.Lost):
		d.Outcome = "lost"
	case errors.As(err, &unhelpful):
		d.Outcome, d.Message = "unhelpful", unhelpful.Why
		return d
	case errors.As(err, &bug):
		d.Outcome, d.Message, d.Stack = "panicked", fmt.Sprint(bug.Value), bug.Stack
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
		d.Outcome, d.Message = "transient", transient.Err.Error()
		d.After, d.Restage = transient.After, transient.Restage
		return d
	case errors.As(err, &changed):
		d.Outcome, d.Message = "changed", changed.What
		return d
	case errors.As(err, &refused):
		d.Outcome, d.Message, d.Written = "refused", refused.Why, refused.Written
		return d
	default:
		d.Outcome = "failed"
	}
	d.Message = err.Error()
	return d
}

// err is the error that the outcome of a step was.
func (d TaskResult) err(step string, fence int64) error {
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
		return &TransientError{Err: errors.New(d.Message), After: d.After, Restage: d.Restage}
	case "changed":
		return &ChangedError{What: d.Message}
	case "refused":
		return &RefusedError{Why: d.Message, Written: d.Written}
	case "lost":
		return d.Lost
	case "unhelpful":
		return &UnhelpfulError{Why: d.Message}
	case "panicked":
		return &PanicError{Doing: "the step " + step, Value: d.Message, Stack: d.Stack}
	}
	return errors.New(d.Message)
}

// runAction runs a step of the policy's action on this agent. A panic is the step's
// error. No error holds a secret of the action.
func (p *Policy) runAction(ctx context.Context, step string, run *Run) (err error) {
	ctx = p.Outbound.In(ctx)
	unread := secrets.Of(p.Action).Refresh(ctx)
	run.Hide(settings.Secrets(p.Action)...)
	defer func() {
		if err = run.scrub(err); err != nil && unread != nil {
			err = fmt.Errorf("%w (and %w)", err, unread)
		}
	}()
	defer recoverPanic("the step "+step, &err)
	switch step {
	case stepStage:
		return p.Action.Stage(ctx, run)
	case stepApply:
		return p.Action.Apply(ctx, run)
	case stepRollback:
		return p.Action.Rollback(ctx, run)
	}
	return fmt.Errorf("this version does not support step %q", step)
}

// runStep runs a step on this agent or on another. If no agent answers, the step is run
// again from the saved state with a newer fence, as after a crash.
func (e *Engine) runStep(ctx context.Context, p *Policy, step string, run *Run) error {
	if e.Remote == nil {
		return p.runAction(ctx, step, run)
	}
	did, err := e.Remote.Step(ctx, Task{Step: step, Repair: run.Repair, Resumed: run.Resumed})
	switch {
	case errors.Is(err, ErrNoOtherAgent):
		return p.runAction(ctx, step, run)
	case err != nil:
		return fmt.Errorf("%w: %w", errNotAlive, err)
	}
	run.Source = did.Source
	return did.err(step, run.Repair.Fence)
}

// TaskControl is the [Control] of a task on the agent that carries it out. It fails
// when the engine that submitted the task no longer holds the repair.
type TaskControl struct {
	Context    context.Context // of the task
	Store      *store.Store
	Task       Task
	Clock      sentinel.Clock
	KillSwitch KillSwitch // the kill switch; nil: it is never set
}

// Alive implements [Control].
func (h TaskControl) Alive() error {
	held, err := h.Store.RepairHeld(h.Context, h.Task.Repair.ID, h.Task.Repair.Fence, h.Clock.Now())
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errNotAlive, err)
	case !held || h.Context.Err() != nil || h.KillSwitch != nil && h.KillSwitch.Killed(h.Context):
		return errNotAlive
	}
	return nil
}

// Failpoint implements [Control].
func (h TaskControl) Failpoint(string) {}
