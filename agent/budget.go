package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// spend counts what the statements of a part of a tick took, if a warehouse has a budget.
func (t *tickRun) spend(part *batch, outcomes []checks.Outcome) {
	a := t.agent
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.budgets.limits) == 0 {
		return
	}
	for i, o := range outcomes {
		a.budgets.take(o.Job.Table, part.checks[i], o.Spent, now)
	}
}

// fitBudgets chooses again which checks tick more rarely, and has the datasets resolved again if
// others do. The choice is recorded with the tick.
func (t *tickRun) fitBudgets() {
	a := t.agent
	a.mu.Lock()
	if len(a.budgets.limits) == 0 {
		a.mu.Unlock()
		return
	}
	changed := a.budgets.Choose()
	states, err := a.budgets.states()
	t.problems = append(t.problems, err)
	t.deferred.Add(store.Batch{States: states})
	reports := a.budgets.Reports(a.now())
	a.mu.Unlock()
	a.setBudgets(reports)
	if !changed {
		return
	}
	for _, r := range reports {
		a.log.Info("budget: what is too dear ticks more rarely", "warehouse", r.Warehouse, "budget", seconds(r.Budget),
			"all_ticks", seconds(r.Configured), "now", seconds(r.Expected), "datasets", r.Datasets(), "rarer", rarer(r))
	}
	select {
	case a.refresh <- struct{}{}:
	default:
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}

// rarer names the checks that tick more rarely, up to ten of them.
func rarer(r budget.Report) string {
	var out []string
	for _, m := range r.Moved {
		if len(out) == 10 {
			out = append(out, fmt.Sprintf("%d more", len(r.Moved)-10))
			break
		}
		out = append(out, fmt.Sprintf("%s once in %s", strings.Join(m.Checks, " and "), m.Stretch()))
	}
	return strings.Join(out, ", ")
}

// withinBudgets returns the datasets with the schedules that the budgets leave to their checks.
// complete means that they are all datasets of the plan.
func (a *Agent) withinBudgets(plan Plan, datasets []Dataset, complete bool) []Dataset {
	a.mu.Lock()
	a.budgets.Configure(plan.Budgets(), datasets, complete)
	a.budgets.Choose() // a budget, or a limit of a check, may be another one
	out := a.budgets.Rarer(datasets)
	a.mu.Unlock()
	a.exportBudgets()
	return out
}

// Budgets says how the budgets of warehouses stand.
func (a *Agent) Budgets() []budget.Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.budgets == nil {
		return nil
	}
	return a.budgets.Reports(a.now())
}

// exportBudgets exports how the budgets stand.
func (a *Agent) exportBudgets() { a.setBudgets(a.Budgets()) }

func (a *Agent) setBudgets(reports []budget.Report) {
	for _, r := range reports {
		a.metrics.Set(exporters.Budget, r.Budget, r.Warehouse)
		a.metrics.Set(exporters.BudgetUsed, r.Used, r.Warehouse)
		a.metrics.Set(exporters.BudgetExpected, r.Expected, r.Warehouse)
		a.metrics.Set(exporters.BudgetConfigured, r.Configured, r.Warehouse)
		a.metrics.Set(exporters.BudgetDatasets, float64(r.Datasets()), r.Warehouse)
	}
}

// follow continues an entry from one of before that had the same ticks of the same dataset, of
// which a budget left out others. It returns false where there is none. What was left out until
// now is written down as such. The lock is held.
func (l *loop) follow(e *entry, before []*entry, now time.Time) bool {
	at := slices.IndexFunc(before, func(o *entry) bool {
		return o.dataset.Table == e.dataset.Table && o.sched.Configured().String() == e.sched.Configured().String() &&
			slices.ContainsFunc(o.checks, func(c Check) bool { return e.has(c.Common().ID) })
	})
	if at < 0 {
		return false
	}
	o := before[at]
	if o.sched.Stretch() > 0 && !o.last.IsZero() {
		until := now.Add(time.Nanosecond)
		if due := o.sched.Next(o.last); due.Before(until) {
			until = due
		}
		l.leaveOut(o, until)
		o.last = latest(o.last, o.sched.Configured().Prev(until.Add(-time.Nanosecond)))
	}
	e.last, e.since, e.unread, e.leftOut = o.last, o.since, o.unread, o.leftOut
	e.skipped, o.skipped = o.skipped, nil
	o.heirs = append(o.heirs, e.progress)
	if !e.last.IsZero() {
		e.next, e.waits = e.sched.Next(e.last), true
	}
	return true
}

// before returns the entries that a plan replaces: by their ticks, all of them with those in force
// first, and those that others follow while they still run. The lock is held.
func (l *loop) before() (known map[store.TickKey]*entry, all, followed []*entry) {
	known = make(map[store.TickKey]*entry, len(l.entries))
	for _, e := range l.removed {
		switch {
		case len(e.heirs) == 0:
			known[e.key()] = e
		case e.running:
			followed = append(followed, e)
		}
	}
	for _, e := range l.entries {
		known[e.key()] = e
	}
	return known, slices.Concat(l.entries, l.removed), followed
}

// inForce returns the progress itself, or what follows it where a budget has changed its ticks.
func (p *progress) inForce() (all []*progress) {
	if len(p.heirs) == 0 {
		return []*progress{p}
	}
	for _, h := range p.heirs {
		all = append(all, h.inForce()...)
	}
	return all
}

// has reports whether an entry has a check.
func (e *entry) has(id string) bool {
	return slices.ContainsFunc(e.checks, func(c Check) bool { return c.Common().ID == id })
}

// lastOf returns the entry's last tick that is recorded, whichever ticks a budget left then.
func (e *entry) lastOf(recorded map[store.TickKey]time.Time) time.Time {
	all := e.sched.Configured()
	key := store.TickKey{Schedule: all.String(), Table: e.dataset.Table}
	at := recorded[key]
	for _, every := range budget.Stretches() {
		key.Schedule = all.Rarer(every).String()
		at = latest(at, recorded[key])
	}
	return at
}

// leaveOut notes the ticks before until that the budget leaves out. The ones that follow each
// other are one skip. The lock is held.
func (l *loop) leaveOut(e *entry, until time.Time) {
	if e.sched.Stretch() == 0 || e.last.IsZero() {
		return
	}
	why := fmt.Sprintf("%s: one tick in %s is run", forBudget, e.sched.Stretch())
	from, all := latest(e.last, e.leftOut), e.sched.Configured()
	run, n, begins := e.sched.Next(from), 0, true
	var list []skip
	for t := all.Next(from); t.Before(until) && !t.IsZero(); t = all.Next(t) {
		if !t.Before(run) {
			run, begins = e.sched.Next(t), true
			continue
		}
		if n++; begins {
			list, begins = append(list, skip{tick: t, why: why}), false
			continue
		}
		last := &list[len(list)-1]
		last.more++
		last.until = t
	}
	e.leftOut = until
	e.skip(list...)
	if n > 0 {
		l.agent.metrics.Add(exporters.BudgetTicksSkipped, float64(n), l.name)
	}
}
