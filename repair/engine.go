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
	Clock  sentinel.Clock
	// KillSwitch is asked before every change. If it is nil, it is never set.
	KillSwitch KillSwitch
	// Remote has other agents carry steps out. Nil: this agent does all of them.
	Remote Stepper
	// Budget is how many repairs of all policies together may begin in an hour. 0 means
	// 60.
	Budget int
	// Lease is how long a repair belongs to the agent that took it. 0 means 30s.
	Lease time.Duration
	// Failpoints is called at named places, where a test stops the process. If it is
	// nil, nothing is called.
	Failpoints Failpoints
}

// Host is what an engine needs of its agent. Its methods are called concurrently, for
// one repair of a table at a time.
type Host interface {
	// Target opens what a repair of a table acts on.
	Target(ctx context.Context, t sentinel.Table) (*Target, error)
	// Check runs the check that failed again, and with it all checks of the dataset that
	// have an open incident.
	Check(ctx context.Context, r sentinel.Repair) (Verification, error)
	// Prove judges staged rows by the checks of the dataset, and by those of its direct
	// dependents that read it. Nil staged rows judge the tables as they are, for Before of
	// the proof alone. It changes nothing, and records nothing.
	Prove(ctx context.Context, r sentinel.Repair, staged *Staged) (sentinel.Proof, error)
	// Maintenance returns why a table must not be changed now, such as a maintenance
	// window.
	Maintenance(now time.Time, t sentinel.Table) (why string, quiet bool)
	// RepairChanged is called after every saved transition of a repair.
	RepairChanged(ctx context.Context, r sentinel.Repair)
	// BreakerChanged is called after every saved change of a circuit breaker. The state
	// is [Closed], [HalfOpen] or [Open].
	BreakerChanged(name string, state int)
	// Panicked is called after every panic of an action, or of a check that verifies one.
	Panicked(ctx context.Context, bug *PanicError)
}

// Engine takes repairs through their states. It saves every transition before the act
// that the transition announces. After kill -9 at any point the next engine finds the
// repair, and continues it or rolls it back. Its methods may be called concurrently.
type Engine struct {
	Config
	host Host

	mu       sync.Mutex
	policies []*Policy
	byTable  map[sentinel.Table][]*Policy
	tables   []sentinel.Table // keys of byTable, in the order of the policies

	unresolved func(sentinel.Table) bool // see SetUnresolved; nil: none is
	waiting    map[string]time.Time      // since when repairs wait for their policy, by id
}

// policyWait is how long a repair waits for a policy that is not known, because datasets of
// its warehouse could not be resolved.
const policyWait = time.Hour

// NewEngine makes an engine without policies.
func NewEngine(c Config, host Host) *Engine {
	c.Budget = cmp.Or(c.Budget, 60)
	c.Lease = cmp.Or(c.Lease, 30*time.Second)
	return &Engine{Config: c, host: host, waiting: map[string]time.Time{}}
}

// SetPolicies replaces the configured repairs. A running repair keeps its plan. Its
// action is found by its policy's id.
func (e *Engine) SetPolicies(policies []*Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.policies, e.byTable, e.tables = policies, map[sentinel.Table][]*Policy{}, nil
	for _, p := range policies {
		if e.byTable[p.Table] == nil {
			e.tables = append(e.tables, p.Table)
		}
		e.byTable[p.Table] = append(e.byTable[p.Table], p)
	}
}

// SetUnresolved says of which tables the configured repairs may not all be known, because
// their datasets could not be resolved. Their repairs wait where their policy is not known.
func (e *Engine) SetUnresolved(unresolved func(sentinel.Table) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unresolved = unresolved
}

// waitsForPolicy reports whether the policies of a repair's table may not all be known yet.
// why is set instead once it has waited for long enough.
func (e *Engine) waitsForPolicy(r sentinel.Repair) (waits bool, why string) {
	now := e.Clock.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unresolved == nil || !e.unresolved(r.Table) {
		delete(e.waiting, r.ID)
		return false, "its policy is no longer configured"
	}
	since, ok := e.waiting[r.ID]
	if !ok {
		e.waiting[r.ID], since = now, now
	}
	if now.Sub(since) < policyWait {
		return true, ""
	}
	delete(e.waiting, r.ID)
	return false, fmt.Sprintf("its policy has not been found for %s: it is no longer configured, or its dataset cannot "+
		"be resolved, as others of warehouse %s", policyWait, r.Table.Warehouse)
}

// stopWaiting forgets that a repair waited for its policy, which is known.
func (e *Engine) stopWaiting(r sentinel.Repair) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiting, r.ID)
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

// Tables returns the tables that policies are for, each once.
func (e *Engine) Tables() []sentinel.Table {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.tables)
}

// PoliciesFor returns the policies that are for an incident.
func (e *Engine) PoliciesFor(i sentinel.Incident) (out []*Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.byTable[i.Table] {
		if p.Matches(i) {
			out = append(out, p)
		}
	}
	return out
}

// PlanRepair plans a repair for an incident and saves the plan. It returns nil without
// an error if there is nothing to do, or if a repair of the same thing is running. It
// changes only the store.
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

// savePlan saves a plan as a repair. It returns nil if the same plan was decided on
// before, or if a repair of the same thing is running.
func (e *Engine) savePlan(ctx context.Context, p *Policy, why Trigger, plan sentinel.Plan) (*sentinel.Repair, error) {
	now := e.Clock.Now()
	r := sentinel.Repair{
		ID: why.id(p, now), Key: p.key(plan), Policy: p.ID, Incident: why.Incident.ID, Check: why.Incident.Check,
		Table: p.Table,
		Plan:  plan, Mode: string(p.Mode), State: sentinel.RepairPlanned, Version: 1, Created: now, Updated: now,
	}
	if p.Mode == Shadow || !p.inRollout(why.Incident.ID) {
		r.State, r.Finished = sentinel.ShadowDone, now
		r.Message = "planned only: " + map[bool]string{true: "mode shadow",
			false: "outside of the roll-out"}[p.Mode == Shadow]
	}
	past, err := e.Store.Repairs(ctx, store.RepairFilter{Key: r.Key, Limit: 50})
	if err != nil || alreadyDecided(past, p, r, why.Result.Tick) || e.pausing(past, r) {
		return nil, err
	}
	r.Unhelpful = unhelpfulSources(past, r)
	created, err := e.Store.AddRepair(ctx, r, e.audit(r, "planned", plan.Hash()+" "+plan.Summary))
	if err != nil || !created {
		return nil, err
	}
	e.host.RepairChanged(ctx, r)
	return &r, nil
}

// alreadyDecided reports whether the same plan for the same incident has ended in a way
// that a new try would not change: it was refused or rejected, or it is still in
// shadow. A result of before the end of a repair says nothing of the data after it. tick
// is the result's, or zero.
func alreadyDecided(past []sentinel.Repair, p *Policy, r sentinel.Repair, tick time.Time) bool {
	return slices.ContainsFunc(past, func(o sentinel.Repair) bool {
		if o.Key != r.Key || o.Incident != r.Incident {
			return false
		}
		if !tick.IsZero() && o.Finished.After(tick) {
			return true
		}
		switch o.State {
		case sentinel.ShadowDone:
			return (p.DryRun || r.State == sentinel.ShadowDone) && o.Plan.SamePlan(r.Plan)
		case sentinel.RepairCancelled, sentinel.DeadLetter:
			return !o.Again && o.Plan.SamePlan(r.Plan)
		}
		return false
	})
}

// id is the id of a policy's repair.
func (t Trigger) id(p *Policy, now time.Time) string {
	if t.Occasion != "" {
		return occasionID(p, t.Occasion)
	}
	return newID(now)
}

// newID is sortable by time and unique.
func newID(now time.Time) string {
	return fmt.Sprintf("r%s%08x", strings.ReplaceAll(now.UTC().Format("20060102t150405.000"), ".", ""), rand.Uint32())
}

func (e *Engine) audit(r sentinel.Repair, what, detail string) store.AuditEntry {
	return store.AuditEntry{At: e.Clock.Now(), Actor: e.Holder, What: "repair." + what, Subject: r.ID, Detail: detail}
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
	r.State, r.Message, r.Updated = to, message, e.Clock.Now()
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

// Advance takes every repair that has something to do as far as possible now. Repairs
// of different tables run concurrently. A state that cannot be written stops them all
// (fail closed). The errors of single repairs are joined.
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

// reportPanic reports an error that is a panic to the host.
func (e *Engine) reportPanic(ctx context.Context, err error) {
	var bug *PanicError
	if errors.As(err, &bug) {
		e.host.Panicked(ctx, bug)
	}
}

// advance moves one repair until it ends, waits, or ctx is done.
func (e *Engine) advance(ctx context.Context, r sentinel.Repair) error {
	for !r.State.Final() && ctx.Err() == nil && !r.NextAt.After(e.Clock.Now()) {
		p := e.policy(r.Policy)
		if p != nil {
			e.stopWaiting(r)
		}
		var next sentinel.Repair
		var err error
		switch {
		case p == nil:
			waits, why := e.waitsForPolicy(r)
			if waits {
				return nil
			}
			next, err = e.endWithoutPolicy(ctx, r, why)
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

// endWithoutPolicy ends a repair whose policy is not known.
func (e *Engine) endWithoutPolicy(ctx context.Context, r sentinel.Repair, why string) (sentinel.Repair, error) {
	switch {
	case !r.Applied.IsZero():
		return e.transition(ctx, r, sentinel.DeadLetter, "applied, and "+why+": verify it manually")
	case mayBeApplied(r):
		return e.transition(ctx, r, sentinel.DeadLetter, "it may have been applied, and "+why+
			": look at the table, or configure the policy and try it again with `sentinel repair retry "+r.ID+"`")
	}
	return e.transition(ctx, r, sentinel.RepairCancelled, why)
}
