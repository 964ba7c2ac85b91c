package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/store"
)

// Retries wait a random part of a span that doubles with each try (full jitter).
const (
	retryBase = 5 * time.Second
	retryCap  = 15 * time.Minute
)

// execute takes a lease on a repair and goes through its steps until it ends or has to
// wait.
func (e *Engine) execute(ctx context.Context, p *Policy, r sentinel.Repair) (sentinel.Repair, error) {
	begin := e.Clock.Now()
	r, err := e.Store.ClaimRepair(ctx, r, e.Holder, e.Clock.Now(), e.Clock.Now().Add(e.Lease))
	if err != nil {
		return r, err
	}
	h := &leaseKeeper{engine: e, id: r.ID, fence: r.Fence, lease: e.Lease, ctx: ctx}
	ctx, stop := h.start(ctx, begin)
	defer stop()
	target, err := e.host.Target(ctx, r.Table)
	if err != nil {
		return e.afterError(ctx, p, r, &TransientError{Err: err})
	}
	resumed := r.State == sentinel.RepairApplying
	for !r.State.Final() {
		if err := h.Alive(); err != nil {
			return r, nil // the next agent continues from the saved state
		}
		before := r.State
		run := &Run{Repair: r, Target: target, Resumed: resumed, Control: h, MayLose: p.mayLose(r.Plan)}
		resumed = false
		r, err = e.step(ctx, p, r, run)
		if err != nil {
			return r, err
		}
		if r.State == before || r.State == sentinel.RetryWait || r.State == sentinel.OutcomeUnknown ||
			r.State == sentinel.AwaitingApproval || r.NextAt.After(e.Clock.Now()) {
			break
		}
	}
	return r, nil
}

// step does what the repair's state says comes next, and saves the new state.
func (e *Engine) step(ctx context.Context, p *Policy, r sentinel.Repair, run *Run) (sentinel.Repair, error) {
	switch r.State {
	case sentinel.RepairQueued, sentinel.RetryWait, sentinel.OutcomeUnknown:
		return e.resume(ctx, r)
	case sentinel.RepairPreflight:
		if why := e.blocked(ctx, r.Table); why != "" {
			return e.suppress(ctx, r, why)
		}
		return e.transition(ctx, r, sentinel.RepairStaging, "")
	case sentinel.RepairStaging:
		if err := e.runStep(ctx, p, stepStage, run); err != nil {
			return e.afterError(ctx, p, r, err)
		}
		r.Source = run.Source
		return e.transition(ctx, r, sentinel.RepairStaged, "")
	case sentinel.RepairStaged:
		if why := e.blocked(ctx, r.Table); why != "" {
			return e.suppress(ctx, r, why)
		}
		if gone, err := e.superseded(ctx, r); gone || err != nil {
			if err != nil {
				return r, err
			}
			return e.transition(ctx, r, sentinel.Superseded, "the incident ended before anything was applied")
		}
		return e.prove(ctx, p, r, run)
	case sentinel.RepairApplying:
		if err := e.runStep(ctx, p, stepApply, run); err != nil {
			return e.afterError(ctx, p, r, err)
		}
		r.Applied, r.NextAt, r.Asked = e.Clock.Now(), e.Clock.Now().Add(p.Settle), time.Time{}
		r.Attempts = 1 // the verification has tries of its own
		return e.transition(ctx, r, sentinel.RepairApplied, r.Plan.Summary)
	case sentinel.RepairApplied:
		return e.transition(ctx, r, sentinel.RepairVerifying, "")
	case sentinel.RepairVerifying:
		return e.verify(ctx, p, r)
	case sentinel.RollingBack:
		return e.rollBack(ctx, p, r, run)
	}
	return r, fmt.Errorf("this version does not support state %q", r.State)
}

// resume goes back to where a repair waited: a new try of what was tried.
func (e *Engine) resume(ctx context.Context, r sentinel.Repair) (sentinel.Repair, error) {
	to := cmp.Or(r.Resume, sentinel.RepairPreflight)
	if to == sentinel.RepairStaging || to == sentinel.RepairPreflight {
		to = sentinel.RepairPreflight // whether it may go ahead is asked again
	}
	if r.State == sentinel.RepairQueued {
		r.Attempts++
	}
	r.Resume, r.NextAt = "", time.Time{}
	return e.transition(ctx, r, to, "")
}

func (e *Engine) succeed(ctx context.Context, p *Policy, r sentinel.Repair, message string) (sentinel.Repair, error) {
	if err := e.recordOutcome(ctx, BreakerName(p), true); err != nil {
		return r, err
	}
	return e.transition(ctx, r, sentinel.RepairSucceeded, message)
}

func (e *Engine) rollBack(ctx context.Context, p *Policy, r sentinel.Repair, run *Run) (sentinel.Repair, error) {
	why := r.Message
	err := e.runStep(ctx, p, stepRollback, run)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		if !refused.Written || !r.Proof.Whole() {
			r.Unhelpful = addUnhelpful(r, why)
		}
		return e.transition(ctx, r, sentinel.DeadLetter, "applied, did not help, and stays: "+refused.Why)
	case err != nil:
		return e.afterError(ctx, p, r, err)
	}
	r.Unhelpful = addUnhelpful(r, why)
	return e.transition(ctx, r, sentinel.RolledBack, "rolled back. "+why)
}

// afterError saves what an error means: wait and try again, ask for the outcome, plan
// again, or give up and notify people.
func (e *Engine) afterError(ctx context.Context, p *Policy, r sentinel.Repair, err error) (sentinel.Repair, error) {
	ctx = context.WithoutCancel(ctx)
	e.reportPanic(ctx, err)
	var transient *TransientError
	var unknown *UnknownError
	var changed *ChangedError
	var fenced *FencedError
	var running *RunningError
	var lost *LostError
	var unhelpful *UnhelpfulError
	switch {
	case errors.As(err, &unhelpful):
		return e.transition(ctx, r, sentinel.WouldNotHelp, "nothing was applied: "+unhelpful.Why)
	case errors.As(err, &fenced):
		return r, fmt.Errorf("%w: %w", store.ErrStale, err)
	case errors.Is(err, errNotAlive):
		return r, nil
	case errors.As(err, &running):
		r.Asked, r.NextAt, r.Attempts = cmp.Or(r.Asked, e.Clock.Now()), e.Clock.Now().Add(running.After), 1
		if r.State == sentinel.RollingBack { // whose message is why
			return e.transition(ctx, r, r.State, r.Message)
		}
		return e.transition(ctx, r, r.State, running.What)
	case errors.As(err, &unknown) && r.Plan.Guarantee != sentinel.AtLeastOnce && r.Attempts <= *p.Retries:
		return e.retryLater(ctx, r, sentinel.OutcomeUnknown, retryBase, err)
	case errors.As(err, &transient) && r.Attempts <= *p.Retries:
		after := max(min(transient.After, outbound.LongestWait), backoff(r.Attempts))
		if transient.Restage && r.State == sentinel.RepairApplying {
			r.State = sentinel.RepairStaging
		}
		return e.retryLater(ctx, r, sentinel.RetryWait, after, err)
	case errors.As(err, &lost) && r.Applied.IsZero():
		r.Plan.Lost, r.Plan.LostKeys, r.Resume = lost.Rows, lost.Keys, ""
		r.Plan.Overwritten, r.Plan.OverwrittenKeys = lost.Overwritten, lost.OverwrittenKeys
		return e.transition(ctx, r, sentinel.AwaitingApproval, e.approvalReason(p, r)+": sentinel repair approve "+r.ID)
	case errors.As(err, &changed) && r.Applied.IsZero():
		r.Again = true
		return e.transition(ctx, r, sentinel.RepairCancelled, err.Error()+"; it is planned again while the check fails")
	}
	if err := e.recordOutcome(ctx, BreakerName(p), false); err != nil {
		return r, err
	}
	return e.transition(ctx, r, sentinel.DeadLetter, fmt.Sprintf("while %s: %v", r.State, err))
}

func (e *Engine) retryLater(
	ctx context.Context, r sentinel.Repair, state sentinel.RepairState, span time.Duration, err error,
) (sentinel.Repair, error) {
	r.Resume, r.NextAt = r.State, e.Clock.Now().Add(span)
	r.Attempts++
	return e.transition(ctx, r, state, err.Error())
}

// backoff is the full jitter of the n-th try: uniform from 0 to base*2^n, capped.
func backoff(n int) time.Duration {
	span := min(retryCap, retryBase<<min(n, 20))
	return time.Duration(rand.Int64N(int64(span)))
}
