package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// ResolveError says that the datasets of one warehouse could not all be resolved.
type ResolveError struct {
	Warehouse string
	Err       error
}

func (e *ResolveError) Error() string { return fmt.Sprintf("warehouse %s: %v", e.Warehouse, e.Err) }
func (e *ResolveError) Unwrap() error { return e.Err }

// unresolved returns the warehouses whose datasets could not all be found. all: the problems
// may be about any dataset.
func unresolved(problems []error) (all bool, warehouses map[string]bool) {
	warehouses = map[string]bool{}
	for _, p := range problems {
		var of *ResolveError
		if !errors.As(p, &of) {
			return true, nil
		}
		warehouses[of.Warehouse] = true
	}
	return false, warehouses
}

// configured is what is configured now.
type configured struct {
	plan     Plan
	tables   map[sentinel.Table]bool
	checks   map[string]bool // by id
	scored   map[string]bool // those of them with `anomaly:`
	problems []error
}

// configuredBy returns what a plan and its datasets configure.
func configuredBy(plan Plan, datasets []Dataset, problems []error) configured {
	c := configured{
		plan: plan, problems: problems,
		tables: map[sentinel.Table]bool{}, checks: map[string]bool{}, scored: map[string]bool{},
	}
	for _, d := range datasets {
		c.tables[d.Table] = true
		for _, one := range d.Checks {
			c.checks[one.Common().ID] = true
			c.scored[one.Common().ID] = one.Common().Anomaly != nil
		}
		c.checks[RiskCheck(d.Table)] = d.Risk != nil
	}
	return c
}

// endUnconfigured ends the findings of warehouses, datasets, checks and rules that are configured
// no more. Where datasets could not be resolved, those of the warehouse stay.
func (a *Agent) endUnconfigured(ctx context.Context, now configured) {
	all, unknown := unresolved(now.problems)
	if all {
		return
	}
	for _, rule := range []struct {
		what string
		gone func(sentinel.Table, sentinel.IncidentFinding) bool
	}{
		{"warehouse", func(t sentinel.Table, _ sentinel.IncidentFinding) bool {
			return now.plan.Warehouses[t.Warehouse] == nil
		}},
		{"dataset", func(t sentinel.Table, _ sentinel.IncidentFinding) bool {
			return !unknown[t.Warehouse] && !now.tables[t]
		}},
		{"check", func(t sentinel.Table, f sentinel.IncidentFinding) bool {
			return !unknown[t.Warehouse] && !now.checks[f.Check]
		}},
		{"anomaly rule", func(t sentinel.Table, f sentinel.IncidentFinding) bool {
			return !unknown[t.Warehouse] && sentinel.RuleOf(f.Key) == sentinel.AnomalyKey && !now.scored[f.Check]
		}},
	} {
		a.logChanges(a.endFindings(ctx, "the "+rule.what+" is no longer configured", rule.gone))
	}
	if len(unknown) == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.incidents.keep(now.tables, now.checks, a.now())
		maps.DeleteFunc(a.confirmations, func(check string, _ map[string]uint64) bool { return !now.checks[check] })
	}
}

// keep forgets what is remembered of checks and tables that are configured no more. Tables that
// come and go would fill the memory. A resolved incident stays for as long as it may be opened
// again.
func (t *incidents) keep(tables map[sentinel.Table]bool, checks map[string]bool, now time.Time) {
	settle := t.policy.flaps().Settle
	for table, i := range t.open {
		_, changes := t.before[table]
		over := i.State == sentinel.Resolved && now.Sub(i.Resolved) > settle
		if !tables[table] && over && !changes && t.drafts[table] == nil {
			delete(t.open, table)
			delete(t.tables, i.ID)
		}
	}
	maps.DeleteFunc(t.lastGood, func(check string, _ time.Time) bool { return !checks[check] })
	maps.DeleteFunc(t.errors, func(check string, _ int) bool { return !checks[check] })
}

// configuredOnly leaves out results of checks that a reload has removed while they ran:
// nobody looks any more, so they must open no incident. The lock is held.
func (a *Agent) configuredOnly(o checks.Outcome, list []*Check) (checks.Outcome, []*Check) {
	removed := func(r sentinel.Result) bool {
		_, ok := a.checks[r.Check]
		return !ok
	}
	if a.inForce == nil || !slices.ContainsFunc(o.Results, removed) {
		return o, list
	}
	var results []sentinel.Result
	var kept []*Check
	for i, r := range o.Results {
		if !removed(r) {
			results, kept = append(results, r), append(kept, list[i])
		}
	}
	o.Results = results
	return o, kept
}
