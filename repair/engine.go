package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Config says what an [Engine] works with.
type Config struct {
	Store  *store.Store
	Holder string // names this agent; two agents never share a name
	Now    sentinel.Clock
	// KillSwitch is the kill switch, asked before every change. Nil: it is never set.
	KillSwitch KillSwitch
	// Remote has other agents carry steps out. Nil: this agent does all of them.
	Remote Stepper
	// Budget is how many repairs, of all policies together, may begin in an hour;
	// 0 means 60.
	Budget int
	// Lease is how long a repair that was taken up belongs to this agent; 0 means 30s.
	Lease time.Duration
	// Failpoints is called at named places, for tests that stop the process there.
	// Nil calls nothing.
	Failpoints Failpoints
}

// Host is what an engine needs of the agent around it. Its methods are called
// concurrently, one repair of a table at a time.
type Host interface {
	// Target opens what a repair of a table acts on.
	Target(ctx context.Context, t sentinel.Table) (*Target, error)
	// Check runs the check that failed again and returns its new result.
	Check(ctx context.Context, r sentinel.Repair) (sentinel.Result, error)
	// Maintenance says why nothing may be done to a table now, such as a maintenance window.
	Maintenance(now time.Time, t sentinel.Table) (why string, quiet bool)
	// RepairChanged is called after every saved transition of a repair.
	RepairChanged(ctx context.Context, r sentinel.Repair)
	// BreakerChanged is called after every saved change of a circuit breaker. The state
	// is [Closed], [HalfOpen] or [Open].
	BreakerChanged(name string, state int)
	// Panicked is called after every panic of an action, or of a check that verifies one.
	Panicked(ctx context.Context, bug *PanicError)
}

// Engine carries repairs through their states. Every transition is saved
// before the act it announces, so that after kill -9 at any point the next
// engine finds the repair and goes on, or takes it back. Its methods may be
// called concurrently.
type Engine struct {
	Config
	host Host

	mu       sync.Mutex
	policies []*Policy
}

// NewEngine makes an engine without policies.
func NewEngine(c Config, host Host) *Engine {
	c.Budget = cmp.Or(c.Budget, 60)
	c.Lease = cmp.Or(c.Lease, 30*time.Second)
	return &Engine{Config: c, host: host}
}

// SetPolicies replaces the configured repairs. A repair under way keeps the
// plan it has; its action is looked up by its policy's id.
func (e *Engine) SetPolicies(policies []*Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.policies = policies
}

func (e *Engine) policy(id string) *Policy {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.policies {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// PoliciesFor returns the policies that are for an incident.
func (e *Engine) PoliciesFor(i sentinel.Incident) (out []*Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.policies {
		if p.Matches(i) {
			out = append(out, p)
		}
	}
	return out
}

// PlanRepair plans a repair for an incident and saves the plan. It answers nil
// without an error when there is nothing to do, or a repair of the same thing
// is under way already. Nothing is changed anywhere but in the store.
func (e *Engine) PlanRepair(ctx context.Context, p *Policy, why Trigger) (*sentinel.Repair, error) {
	target, err := e.host.Target(ctx, p.Table)
	if err != nil {
		return nil, err
	}
	plan, err := p.plan(ctx, target, why)
	e.reportPanic(ctx, err)
	var refused *RefusedError
	switch {
	case errors.Is(err, ErrNothing):
		return nil, nil
	case errors.As(err, &refused):
		plan = sentinel.Plan{
			Action: p.Kind, Table: p.Table, Scope: why.Incident.Key, Summary: "nothing: " + refused.Why,
			Class: sentinel.ClassRefused, Why: refused.Why,
		}
	case err != nil:
		return nil, fmt.Errorf("planning %s of %s: %w", p.Kind, p.Table, err)
	}
	plan.Action = p.Kind
	r, err := e.savePlan(ctx, p, why, plan)
	if err != nil || r == nil {
		return nil, err
	}
	return r, e.recordFlap(ctx, p, *r)
}

// savePlan saves a plan as a repair. It answers nil when the same plan was decided
// on before, or a repair of the same thing is under way.
func (e *Engine) savePlan(ctx context.Context, p *Policy, why Trigger, plan sentinel.Plan) (*sentinel.Repair, error) {
	now := e.Now()
	r := sentinel.Repair{
		ID: newID(now), Key: p.key(plan), Policy: p.ID, Incident: why.Incident.ID, Check: why.Incident.Check,
		Table: p.Table,
		Plan:  plan, Mode: string(p.Mode), State: sentinel.RepairPlanned, Version: 1, Created: now, Updated: now,
	}
	if p.Mode == Shadow || !p.inRollout(why.Incident.ID) {
		r.State, r.Finished = sentinel.ShadowDone, now
		r.Message = "planned only: " + map[bool]string{true: "mode shadow",
			false: "outside of the roll-out"}[p.Mode == Shadow]
	}
	if again, err := e.alreadyDecided(ctx, p, r); again || err != nil {
		return nil, err
	}
	created, err := e.Store.AddRepair(ctx, r, e.audit(r, "planned", plan.Hash()+" "+plan.Summary))
	if err != nil || !created {
		return nil, err
	}
	e.host.RepairChanged(ctx, r)
	return &r, nil
}

// alreadyDecided reports whether the same plan for the same incident has ended
// in a way that a new try would not change: refused, rejected, or in shadow while
// it still is.
func (e *Engine) alreadyDecided(ctx context.Context, p *Policy, r sentinel.Repair) (bool, error) {
	past, err := e.Store.Repairs(ctx, store.RepairFilter{Check: r.Check, Limit: 50})
	return slices.ContainsFunc(past, func(o sentinel.Repair) bool {
		if o.Key != r.Key || o.Incident != r.Incident {
			return false
		}
		switch o.State {
		case sentinel.ShadowDone:
			return (p.DryRun || r.State == sentinel.ShadowDone) && o.Plan.Hash() == r.Plan.Hash()
		case sentinel.RepairCancelled, sentinel.DeadLetter:
			return o.Plan.Hash() == r.Plan.Hash()
		}
		return false
	}), err
}

// newID is sortable by time and unique.
func newID(now time.Time) string {
	return fmt.Sprintf("r%s%08x", strings.ReplaceAll(now.UTC().Format("20060102t150405.000"), ".", ""), rand.Uint32())
}

func (e *Engine) audit(r sentinel.Repair, what, detail string) store.AuditEntry {
	return store.AuditEntry{At: e.Now(), Actor: e.Holder, What: "repair." + what, Subject: r.ID, Detail: detail}
}

func (e *Engine) failpoint(name string) {
	if e.Failpoints != nil {
		e.Failpoints.Failpoint(name)
	}
}

// transition saves a transition.
func (e *Engine) transition(
	ctx context.Context, r sentinel.Repair, to sentinel.RepairState, message string,
) (sentinel.Repair, error) {
	r.State, r.Message, r.Updated = to, message, e.Now()
	if to.Final() {
		r.Finished = r.Updated
	}
	e.failpoint("before_" + string(to))
	r, err := e.Store.MoveRepair(ctx, r, e.audit(r, string(to), message))
	if err != nil {
		return r, err
	}
	e.failpoint("after_" + string(to))
	e.host.RepairChanged(ctx, r)
	return r, nil
}

// Advance carries every repair that has something to do as far as it goes now.
// Repairs of different tables go side by side; a state that cannot be written
// stops them all (fail closed). The errors of single repairs are joined.
func (e *Engine) Advance(ctx context.Context) error {
	active, err := e.Store.Repairs(ctx, store.RepairFilter{Active: true})
	if err != nil {
		return err
	}
	slices.Reverse(active) // oldest first
	byTable := map[sentinel.Table][]sentinel.Repair{}
	for _, r := range active {
		byTable[r.Table] = append(byTable[r.Table], r)
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(active))
	for _, repairs := range byTable {
		wg.Go(func() {
			for _, r := range repairs {
				if err := e.advanceSafely(ctx, r); err != nil && !errors.Is(err, store.ErrStale) {
					errs <- fmt.Errorf("repair %s of %s: %w", r.ID, r.Table, err)
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// advanceSafely is advance where a panic is that repair's error.
func (e *Engine) advanceSafely(ctx context.Context, r sentinel.Repair) (err error) {
	defer func() { e.reportPanic(ctx, err) }()
	defer recoverPanic("carrying it out", &err)
	return e.advance(ctx, r)
}

// reportPanic tells the host where an error is a panic.
func (e *Engine) reportPanic(ctx context.Context, err error) {
	var bug *PanicError
	if errors.As(err, &bug) {
		e.host.Panicked(ctx, bug)
	}
}

// advance moves one repair until it ends, waits, or ctx is done.
func (e *Engine) advance(ctx context.Context, r sentinel.Repair) error {
	for !r.State.Final() && ctx.Err() == nil && !r.NextAt.After(e.Now()) {
		p := e.policy(r.Policy)
		var next sentinel.Repair
		var err error
		switch {
		case p == nil && r.Applied.IsZero():
			next, err = e.transition(ctx, r, sentinel.RepairCancelled, "its policy is no longer configured")
		case p == nil:
			next, err = e.transition(ctx, r, sentinel.DeadLetter, "applied, and its policy is no longer configured: "+
				"verify it manually")
		case r.State == sentinel.RepairPlanned, r.State == sentinel.RepairSuppressed:
			next, err = e.guard(ctx, p, r)
		case r.State == sentinel.AwaitingApproval:
			next, err = e.awaitApproval(ctx, p, r)
		default:
			next, err = e.execute(ctx, p, r)
		}
		if err != nil {
			return err
		}
		if next.Version == r.Version || next.State == r.State {
			return nil // nothing to do for now; taking it up alone is a new version
		}
		r = next
	}
	return nil
}
