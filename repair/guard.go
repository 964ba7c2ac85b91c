package repair

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// suppressionInterval is how long a suppressed repair waits before the guard decides
// again.
const suppressionInterval = time.Minute

// guard decides about a planned repair: refuse it, ask a person, wait, or proceed.
func (e *Engine) guard(ctx context.Context, p *Policy, r sentinel.Repair) (sentinel.Repair, error) {
	if r.Plan.Class == sentinel.ClassRefused {
		return e.transition(ctx, r, sentinel.DeadLetter, "refused: "+r.Plan.Why)
	}
	if gone, err := e.superseded(ctx, r); gone || err != nil {
		if err != nil {
			return r, err
		}
		return e.transition(ctx, r, sentinel.Superseded, "the incident ended before anything was applied")
	}
	if why := e.blocked(ctx, r.Table); why != "" {
		return e.suppress(ctx, r, why)
	}
	if why, err := e.budgetExhausted(ctx, p, r); why != "" || err != nil {
		if err != nil {
			return r, err
		}
		return e.suppress(ctx, r, why)
	}
	if why := e.approvalReason(p, r); why != "" && !e.approved(r) {
		r.NextAt = time.Time{}
		return e.transition(ctx, r, sentinel.AwaitingApproval, why+": sentinel repair approve "+r.ID)
	}
	if p.DryRun {
		return e.transition(ctx, r, sentinel.ShadowDone, "dry_run: it would have been applied now")
	}
	ok, err := e.tryBreaker(ctx, BreakerName(p), r.ID)
	if err != nil {
		return r, err
	}
	if !ok {
		return e.suppress(ctx, r, "the circuit breaker is open: the last repairs of this kind failed")
	}
	r.NextAt = time.Time{}
	return e.transition(ctx, r, sentinel.RepairQueued, "")
}

// BreakerName returns the name of the circuit breaker of a policy on its table.
func BreakerName(p *Policy) string { return p.ID + " " + p.Table.String() }

// suppress waits; saying the same again is not a transition.
func (e *Engine) suppress(ctx context.Context, r sentinel.Repair, why string) (sentinel.Repair, error) {
	if r.State == sentinel.RepairSuppressed && r.Message == why {
		return r, nil
	}
	r.NextAt = e.Clock.Now().Add(suppressionInterval)
	return e.transition(ctx, r, sentinel.RepairSuppressed, why)
}

// blocked says what keeps everything on a table from being touched now.
func (e *Engine) blocked(ctx context.Context, t sentinel.Table) string {
	if e.killed(ctx) {
		return "the kill switch is set"
	}
	if why, quiet := e.host.Maintenance(e.Clock.Now(), t); quiet {
		return why
	}
	return ""
}

// recordFlap counts the last repair as a failure if its finding is back within the flap
// window. A repair that is needed again and again opens its breaker like one that does
// not work.
func (e *Engine) recordFlap(ctx context.Context, p *Policy, r sentinel.Repair) error {
	past, err := e.Store.Repairs(ctx, store.RepairFilter{Check: r.Check,
		Since: e.Clock.Now().Add(-*p.FlapWindow - p.Window), Limit: 100})
	if err != nil || r.State.Final() {
		return err
	}
	for _, o := range past { // newest first
		if o.ID == r.ID || o.Policy != r.Policy || o.Table != r.Table || o.Plan.Scope != r.Plan.Scope {
			continue
		}
		if o.State == sentinel.RepairSucceeded && e.Clock.Now().Sub(o.Finished) <= *p.FlapWindow {
			return e.recordOutcome(ctx, BreakerName(p), false)
		}
		return nil
	}
	return nil
}

// budgetExhausted says which budget is used up: that of the policy or that of all
// policies.
func (e *Engine) budgetExhausted(ctx context.Context, p *Policy, r sentinel.Repair) (string, error) {
	past, err := e.Store.Repairs(ctx, store.RepairFilter{Since: e.Clock.Now().Add(-max(p.Window+*p.Cooldown, time.Hour)),
		Limit: 10000})
	if err != nil {
		return "", err
	}
	begun, all := 0, 0
	var last time.Time
	for _, o := range past {
		if o.ID != r.ID && o.Attempts > 0 && e.Clock.Now().Sub(o.Created) < time.Hour {
			all++
		}
		if e.Clock.Now().Sub(o.Created) > p.Window+*p.Cooldown {
			continue
		}
		if o.Policy != p.ID || o.Table != r.Table || o.ID == r.ID || o.Attempts == 0 ||
			o.State == sentinel.WouldNotHelp {
			continue
		}
		begun++
		if o.Updated.After(last) {
			last = o.Updated
		}
	}
	if all >= e.Budget && r.Attempts == 0 {
		return fmt.Sprintf("%d repairs began within the hour, as many as repair_budget allows", all), nil
	}
	if begun < p.Attempts {
		return "", nil
	}
	until := last.Add(*p.Cooldown)
	if !e.Clock.Now().Before(until) {
		return "", nil
	}
	return fmt.Sprintf("%d repairs within %s: cooling down until %s", begun, p.Window+*p.Cooldown,
		until.UTC().Format("15:04 UTC")), nil
}

// approvalReason says why a person has to decide.
func (e *Engine) approvalReason(p *Policy, r sentinel.Repair) string {
	switch {
	case r.Plan.Lost > p.MaxLost:
		return fmt.Sprintf("%v, and max_lost is %d", LostOf(r.Plan), p.MaxLost)
	case p.Mode != Auto:
		return "mode " + string(p.Mode) + " wants a person's approval"
	case r.Plan.Class != sentinel.ClassAuto:
		return cmp.Or(r.Plan.Why, "plans of class "+string(r.Plan.Class)+" want a person's approval")
	case r.Plan.Rows > p.MaxRows:
		return fmt.Sprintf("it writes %d rows, more than max_rows %d", r.Plan.Rows, p.MaxRows)
	}
	return ""
}

// approved reports whether a person's yes to this very plan still holds.
func (e *Engine) approved(r sentinel.Repair) bool {
	return r.Approval != nil && r.Approval.Hash == r.Plan.Hash() && e.Clock.Now().Before(r.Approval.Expires)
}

// awaitApproval continues an approved plan, and lets a plan expire that nobody
// approved.
func (e *Engine) awaitApproval(ctx context.Context, p *Policy, r sentinel.Repair) (sentinel.Repair, error) {
	if e.approved(r) {
		return e.guard(ctx, p, r)
	}
	if e.Clock.Now().Sub(r.Updated) > p.Approval { // it was asked then, or answered last
		return e.transition(ctx, r, sentinel.RepairCancelled, fmt.Sprintf("nobody approved the plan within %s", p.Approval))
	}
	if gone, err := e.superseded(ctx, r); gone || err != nil {
		if err != nil {
			return r, err
		}
		return e.transition(ctx, r, sentinel.Superseded, "the incident ended before anything was applied")
	}
	return r, nil
}

// superseded reports whether the incident that the repair is for has ended.
func (e *Engine) superseded(ctx context.Context, r sentinel.Repair) (bool, error) {
	if r.Incident == "" || !r.Applied.IsZero() {
		return false, nil
	}
	i, ok, err := e.Store.Incident(ctx, r.Incident)
	if err != nil || !ok {
		return false, err
	}
	for _, f := range i.Findings {
		if f.Check == r.Check && f.Key == r.Plan.Finding {
			return !f.Open(), nil // the incident may go on with other findings
		}
	}
	return i.State == sentinel.Resolved, nil
}
