package repair

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Decisions record what a person decides about a repair. They need only the store, so a
// command can record them while the agent is down.
type Decisions struct {
	Store *store.Store
	Clock sentinel.Clock
	Who   string
}

func (d Decisions) repair(ctx context.Context, id string) (sentinel.Repair, error) {
	found, err := d.Store.Repairs(ctx, store.RepairFilter{ID: id})
	if err != nil {
		return sentinel.Repair{}, err
	}
	if len(found) == 0 {
		return sentinel.Repair{}, fmt.Errorf("there is no repair %q: `sentinel repair list` shows all of them", id)
	}
	return found[0], nil
}

func (d Decisions) save(ctx context.Context, r sentinel.Repair, what, detail string) (sentinel.Repair, error) {
	r.Updated = d.Clock.Now()
	if r.State.Final() {
		r.Finished = r.Updated
	}
	return d.Store.MoveRepair(ctx, r, store.AuditEntry{At: d.Clock.Now(), Actor: d.Who, What: "repair." + what,
		Subject: r.ID, Detail: detail})
}

// Approve approves one plan. hash is the hash of the plan that was read; "" takes the
// current plan. A plan that has changed since is not approved. A second approval
// changes nothing.
func (d Decisions) Approve(ctx context.Context, id, hash string, within time.Duration) (sentinel.Repair, error) {
	r, err := d.repair(ctx, id)
	if err != nil {
		return r, err
	}
	current := r.Plan.Hash()
	switch {
	case hash != "" && hash != current:
		return r, fmt.Errorf("repair %s: the plan has changed since it was read (%s, now %s): "+
			"read it again with `sentinel repair show %s`", id, hash, current, id)
	case r.Approval != nil && r.Approval.Hash == current && d.Clock.Now().Before(r.Approval.Expires):
		return r, nil
	case r.State != sentinel.AwaitingApproval:
		return r, fmt.Errorf("repair %s is %s: only one that awaits approval can be approved", id, r.State)
	}
	r.Approval = &sentinel.Approval{By: d.Who, At: d.Clock.Now(), Hash: current, Expires: d.Clock.Now().Add(cmp.Or(within,
		time.Hour))}
	r.Message = "approved by " + d.Who
	return d.save(ctx, r, "approved", current)
}

// Reject rejects a plan. The repair ends, and the same plan is not made again for the
// same incident. A repair that is being staged ends too, also if no agent gets on with it:
// nothing was changed yet, and the agent at work cannot save its next state.
func (d Decisions) Reject(ctx context.Context, id, why string) (sentinel.Repair, error) {
	r, err := d.repair(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State.Final() || !r.Applied.IsZero() {
		return r, fmt.Errorf("repair %s is %s: it is too late to reject it", id, r.State)
	}
	if mayBeApplied(r) {
		return r, fmt.Errorf("repair %s may have been applied (%s): wait for its end, and take it back with "+
			"`sentinel repair rollback %s`; the kill switch holds it meanwhile", id, r.State, id)
	}
	r.State, r.Message = sentinel.RepairCancelled, "rejected by "+d.Who+": "+why
	return d.save(ctx, r, "rejected", why)
}

// mayBeApplied reports whether the target may already have what the repair does.
func mayBeApplied(r sentinel.Repair) bool {
	return r.State == sentinel.RepairApplying || r.State == sentinel.OutcomeUnknown ||
		r.Resume == sentinel.RepairApplying || !r.Applied.IsZero()
}

// Rollback asks for an applied repair to be taken back; the agent does it.
func (d Decisions) Rollback(ctx context.Context, id, why string) (sentinel.Repair, error) {
	r, err := d.repair(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State != sentinel.RepairSucceeded && r.State != sentinel.DeadLetter || r.Applied.IsZero() {
		return r, fmt.Errorf("repair %s is %s: only one that was applied can be rolled back", id, r.State)
	}
	r.State = sentinel.RollingBack
	r.Message = "asked for by " + d.Who + ": " + why
	r.Attempts = 1
	r.NextAt = time.Time{}
	r.Finished = time.Time{}
	return d.save(ctx, r, "rollback_asked", why)
}

// Retry makes a new repair of one that was given up, linked to it.
func (d Decisions) Retry(ctx context.Context, id string) (sentinel.Repair, error) {
	old, err := d.repair(ctx, id)
	if err != nil {
		return old, err
	}
	if old.State != sentinel.DeadLetter || old.Plan.Class == sentinel.ClassRefused {
		return old, fmt.Errorf("repair %s is %s: only a dead letter whose plan was not refused can be retried",
			id, old.State)
	}
	if _, err := d.Discard(ctx, id, "tried again"); err != nil {
		return old, err
	}
	now := d.Clock.Now()
	r := old
	r.ID = newID(now)
	r.Linked = old.ID
	r.State = sentinel.RepairPlanned
	r.Version = 1
	r.Fence = 0
	r.Holder = ""
	r.Attempts = 0
	r.Resume = ""
	r.Approval = nil
	r.Proof = nil
	r.Unhelpful = nil // a person wants them tried again
	r.Message = ""
	r.Created = now
	r.Updated = now
	r.NextAt = time.Time{}
	r.Applied = time.Time{}
	r.Asked = time.Time{}
	r.Finished = time.Time{}
	created, err := d.Store.AddRepair(ctx, r, store.AuditEntry{At: now, Actor: d.Who, What: "repair.retried",
		Subject: r.ID, Detail: "after " + old.ID})
	if err == nil && !created {
		err = fmt.Errorf("another repair of the same data is active: see `sentinel repair list`")
	}
	return r, err
}

// Discard acknowledges a dead letter: it is kept, and no longer counted.
func (d Decisions) Discard(ctx context.Context, id, why string) (sentinel.Repair, error) {
	r, err := d.repair(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State != sentinel.DeadLetter {
		return r, fmt.Errorf("repair %s is %s, not a dead letter", id, r.State)
	}
	r.State, r.Message = sentinel.RepairFailed, r.Message+" (acknowledged by "+d.Who+": "+why+")"
	return d.save(ctx, r, "discarded", why)
}

// Decision is one decision of a person on one repair.
type Decision struct {
	Kind string // approve, reject, rollback, retry or discard
	ID   string // of the repair
	Hash string // approve: the hash of the plan that was read; "" takes the current plan
	Why  string // reject, rollback, discard: the reason, for the audit log
}

// Decide takes a decision of any kind and returns the repair as it is then.
func (d Decisions) Decide(ctx context.Context, decision Decision) (sentinel.Repair, error) {
	switch decision.Kind {
	case "approve":
		return d.Approve(ctx, decision.ID, decision.Hash, 0)
	case "reject":
		return d.Reject(ctx, decision.ID, decision.Why)
	case "rollback":
		return d.Rollback(ctx, decision.ID, decision.Why)
	case "retry":
		return d.Retry(ctx, decision.ID)
	case "discard":
		return d.Discard(ctx, decision.ID, decision.Why)
	}
	return sentinel.Repair{}, fmt.Errorf("unknown decision %q: want approve, reject, rollback, retry or discard",
		decision.Kind)
}
