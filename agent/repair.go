package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// These are the intervals of the repair loop.
const (
	advanceEvery     = 5 * time.Second // advance repairs, while one is active
	advanceIdleEvery = time.Minute     // advance repairs, while none is active
	sweepEvery       = time.Hour       // drop staging tables that no repair needs
)

// configuredCheck is a check with its dataset.
type configuredCheck struct {
	dataset *Dataset
	check   *Check
}

// checksByID returns all checks of datasets by id.
func checksByID(datasets []Dataset) map[string]configuredCheck {
	n := 0
	for _, d := range datasets {
		n += len(d.Checks)
	}
	m := make(map[string]configuredCheck, n)
	for i := range datasets {
		d := &datasets[i]
		for k := range d.Checks {
			m[d.Checks[k].Common().ID] = configuredCheck{d, &d.Checks[k]}
		}
	}
	return m
}

// repairHost implements the interface of the engine of repairs to the agent.
type repairHost struct{ agent *Agent }

// plan returns the plan in force. While repairs are carried out it is not closed before
// releasePlans, whatever is reloaded meanwhile.
func (h repairHost) plan() Plan {
	a := h.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.inForce
	if r == nil {
		return a.plan
	}
	if a.repairing && !slices.Contains(a.held, r) {
		r.begin(repairWork)
		a.held = append(a.held, r)
	}
	return r.plan
}

// repairWork is what is running under a plan while a repair uses it.
const repairWork = "a step of a repair"

// releasePlans ends the use of the plans that repairs were given. repairing says that more
// are given.
func (a *Agent) releasePlans(repairing bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.held {
		r.end(repairWork)
	}
	a.held, a.repairing = nil, repairing
}

// Target implements [repair.Host].
func (h repairHost) Target(_ context.Context, t sentinel.Table) (*repair.Target, error) {
	return h.plan().target(t, h.agent.clock)
}

// Maintenance implements [repair.Host].
func (h repairHost) Maintenance(now time.Time, t sentinel.Table) (why string, quiet bool) {
	return h.agent.underMaintenance(now, t)
}

// RepairChanged implements [repair.Host].
func (h repairHost) RepairChanged(ctx context.Context, r sentinel.Repair) {
	h.agent.watcher.Repaired(r)
	h.agent.repairMoved(ctx, r)
}

// BreakerChanged implements [repair.Host].
func (h repairHost) BreakerChanged(name string, state int) {
	h.agent.metrics.Set(exporters.BreakerState, float64(state), name)
}

// Panicked implements [repair.Host].
func (h repairHost) Panicked(ctx context.Context, bug *repair.PanicError) {
	h.agent.recovered(ctx, "repair", &panics.Error{Value: bug.Value, Stack: bug.Stack})
}

// setPlan puts a plan in force for repairs.
func (a *Agent) setPlan(plan Plan) {
	a.mu.Lock()
	before := a.plan
	a.plan = plan
	a.mu.Unlock()
	a.expectPlan(plan, before)
}

// Open implements [repair.Sources].
func (p Plan) Open(name string) (*warehouse.DB, error) { return p.open(name) }

// target returns what a repair of a table acts on.
func (p Plan) target(t sentinel.Table, clock sentinel.Clock) (*repair.Target, error) {
	db, err := p.open(t.Warehouse)
	if err != nil {
		return nil, err
	}
	return &repair.Target{Read: db, Write: p.Writers[t.Warehouse], Sources: p, Clock: clock}, nil
}

// setDatasets puts datasets in force for incidents and repairs. problems are those of finding
// the datasets: what they are about is not taken as no longer configured.
func (a *Agent) setDatasets(datasets []Dataset, problems ...error) {
	byID := checksByID(datasets)
	var policies []*repair.Policy
	for _, d := range datasets {
		policies = append(policies, d.Repairs...)
	}
	upstreams := map[sentinel.Table][]sentinel.Table{}
	for _, d := range datasets {
		if len(d.DependsOn) > 0 {
			upstreams[d.Table] = d.DependsOn
		}
	}
	a.mu.Lock()
	a.datasets = datasets
	a.resolved = a.resolved || len(datasets) > 0 || len(problems) == 0 // not if resolving failed as a whole
	a.checks = byID
	a.incidents.upstreams = upstreams
	a.incidents.reads = readers(byID)
	a.watcher.Configured(datasets)
	a.mu.Unlock()
	if a.engine != nil {
		// A repair that finds no policy meanwhile waits.
		a.engine.SetUnresolved(func(sentinel.Table) bool { return true })
		a.engine.SetPolicies(policies)
		all, warehouses := unresolved(problems)
		a.engine.SetUnresolved(func(t sentinel.Table) bool { return all || warehouses[t.Warehouse] })
	}
}

// runRepairs plans and carries out repairs until ctx ends. An active repair then stops
// before its next step. The next agent resumes it.
func (a *Agent) runRepairs(ctx context.Context, plan Plan) {
	if a.engine == nil {
		return
	}
	select {
	case a.repairs <- struct{}{}: // a step of the plan before has ended
		defer func() { <-a.repairs }()
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(wait.On(a.clock, advanceEvery))
	defer tick.Stop()
	a.releasePlans(true)
	defer a.releasePlans(false)
	var swept, advanced time.Time
	var idle bool
	var seen uint64
	for {
		select {
		case <-ctx.Done():
			return
		case why := <-a.triggers:
			a.consider(ctx, why)
		case <-tick.C:
		}
		a.releasePlans(true)
		now, written := a.now(), a.store.RepairsWritten()
		if idle && written == seen && now.Sub(advanced) < advanceIdleEvery {
			continue
		}
		seen, advanced = written, now
		err := a.engine.Advance(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Error("running repairs", "error", err)
		}
		active, counted := a.countRepairs(ctx)
		idle = err == nil && counted && active == 0
		if now.Sub(swept) >= sweepEvery {
			swept = now
			a.sweep(ctx, plan)
		}
	}
}

// repairMoved logs and counts a transition of a repair, and updates its incident.
func (a *Agent) repairMoved(ctx context.Context, r sentinel.Repair) {
	level := a.log.Info
	switch r.State {
	case sentinel.DeadLetter, sentinel.RolledBack, sentinel.WouldNotHelp:
		level = a.log.Warn
	}
	level("repair "+string(r.State), "repair", r.ID, "dataset", r.Table, "action", r.Plan.Action,
		"incident", r.Incident, "message", r.Message)
	dataset := exporters.DatasetLabel(r.Table)
	if r.State.Final() {
		a.metrics.Add(exporters.Repairs, 1, r.Table.Warehouse, dataset, r.Plan.Action, string(r.State))
	}
	switch r.State {
	case sentinel.RepairSucceeded:
		a.metrics.Observe(exporters.TimeToRepair, r.Finished.Sub(r.Created).Seconds(), r.Plan.Action)
	case sentinel.RetryWait:
		a.metrics.Add(exporters.Retries, 1, "repair")
	}
	to := incidentStateOf(r.State)
	if to == sentinel.Repairing && len(r.Unhelpful) > 0 && r.State != sentinel.RepairApplying {
		to = "" // people know of the source that did not help, until one is found that does
	}
	if to != "" {
		a.setIncidentState(ctx, r.Incident, to, repairNote(r))
	}
	switch r.State {
	case sentinel.RepairSucceeded:
		a.afterRepair(ctx, r)
	case sentinel.Superseded:
		a.openAfterRepair(ctx, r.Incident, repairNote(r))
	}
}

// incidentStateOf returns the state of an incident whose repair is in state s; "" if
// the state does not change. An incident is escalated if the repair has failed or needs
// a person.
func incidentStateOf(s sentinel.RepairState) sentinel.IncidentState {
	switch s {
	case sentinel.RepairQueued, sentinel.RepairPreflight, sentinel.RepairApplying:
		return sentinel.Repairing
	case sentinel.RepairVerifying:
		return sentinel.Verifying
	case sentinel.AwaitingApproval, sentinel.DeadLetter, sentinel.RolledBack, sentinel.RepairCancelled,
		sentinel.WouldNotHelp:
		return sentinel.Escalated
	}
	return ""
}

// repairNote describes the outcome of a repair, and what a person can do about it.
func repairNote(r sentinel.Repair) string {
	note := fmt.Sprintf("repair %s (%s): %s", r.ID, r.Plan.Action, strings.ReplaceAll(string(r.State), "_", " "))
	if r.Message != "" {
		note += ": " + r.Message
	}
	if r.State == sentinel.AwaitingApproval {
		note += "; sentinel repair approve " + r.ID
	}
	return note
}

// setIncidentState records the new state of an incident, if its state has changed.
func (a *Agent) setIncidentState(ctx context.Context, id string, to sentinel.IncidentState, note string) {
	rec, ok := a.submitIncidentState(ctx, id, to, note)
	if !ok {
		return
	}
	if err := a.await(rec); err != nil && !errors.Is(err, errBehind) {
		a.log.Error("recording an incident's state", "incident", id, "error", err)
	}
}

// submitIncidentState changes an incident's state, and submits the record of it. It
// returns false if the state does not change.
func (a *Agent) submitIncidentState(
	ctx context.Context, id string, to sentinel.IncidentState, note string,
) (*record, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.incidents.set(id, to, note)
	if !ok {
		return nil, false
	}
	return a.submit(ctx, store.Batch{Incidents: []sentinel.Incident{i}}, a.incidents.takeChanges()), true
}
