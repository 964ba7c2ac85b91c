package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// How often the repair loop does something.
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

// repairHost is the agent as the engine of repairs sees it.
type repairHost struct{ agent *Agent }

// plan returns the plan in force.
func (h repairHost) plan() Plan {
	h.agent.mu.Lock()
	defer h.agent.mu.Unlock()
	return h.agent.plan
}

// Target implements [repair.Host].
func (h repairHost) Target(_ context.Context, t sentinel.Table) (*repair.Target, error) {
	return h.plan().target(t, h.agent.now)
}

// Check implements [repair.Host].
func (h repairHost) Check(ctx context.Context, r sentinel.Repair) (sentinel.Result, error) {
	if result, ok := h.agent.currentRisk(r.Check); ok {
		return result, nil
	}
	return h.agent.checkAgain(ctx, h.plan(), r.Check)
}

// Maintenance implements [repair.Host].
func (h repairHost) Maintenance(now time.Time, t sentinel.Table) (why string, quiet bool) {
	return h.agent.underMaintenance(now, t)
}

// RepairChanged implements [repair.Host].
func (h repairHost) RepairChanged(ctx context.Context, r sentinel.Repair) {
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
	defer a.mu.Unlock()
	a.plan = plan
}

// Open implements [repair.Sources].
func (p Plan) Open(name string) (*warehouse.DB, error) { return p.open(name) }

// target returns what a repair of a table acts on.
func (p Plan) target(t sentinel.Table, now sentinel.Clock) (*repair.Target, error) {
	db, err := p.open(t.Warehouse)
	if err != nil {
		return nil, err
	}
	return &repair.Target{Read: db, Write: p.Writers[t.Warehouse], Sources: p, Now: now}, nil
}

// setDatasets puts datasets in force for incidents and repairs.
func (a *Agent) setDatasets(datasets []Dataset) {
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
	a.checks = byID
	a.incidents.upstreams = upstreams
	a.mu.Unlock()
	if a.engine != nil {
		a.engine.SetPolicies(policies)
	}
}

// checkAgain runs one check outside of its schedule. It records the result like that
// of a tick, so that the check's incident is updated at once.
func (a *Agent) checkAgain(ctx context.Context, plan Plan, id string) (sentinel.Result, error) {
	a.mu.Lock()
	at, known := a.checks[id]
	a.mu.Unlock()
	if !known {
		return sentinel.Result{}, fmt.Errorf("check %s is no longer configured", id)
	}
	env := checks.Env{Warehouse: plan.open, History: knownHistory{a.history}, Now: a.now, Cache: &checks.Cache{}}
	job := checks.Job{
		Table:      at.dataset.Table,
		TimeColumn: at.dataset.TimeColumn,
		Location:   at.dataset.Location,
		Tick:       a.now(),
		Checks:     []checks.Check{at.check.Check},
	}
	outcomes := checks.Run(ctx, env, at.dataset.Table.Warehouse, []checks.Job{job})
	b := &batch{checks: [][]*Check{{at.check}}}
	detectors := a.loadDetectors(ctx, b, outcomes)
	rec, err := a.judgeAgain(ctx, outcomes[0], at.check, detectors)
	if bug := (*panics.Error)(nil); errors.As(err, &bug) {
		a.recovered(ctx, "repair", bug)
	}
	if waited := a.await(rec); waited != nil && !errors.Is(waited, errBehind) {
		err = errors.Join(err, waited)
	}
	a.export(ctx, rec.batch)
	return rec.batch.Results[0], err
}

// judgeAgain judges the outcome of one check outside of its schedule, and submits the
// record of it.
func (a *Agent) judgeAgain(
	ctx context.Context, o checks.Outcome, c *Check, detectors *anomaly.Watch,
) (*record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Merge(detectors)
	judged, err := a.judge(ctx, o, []*Check{c})
	observed := map[sentinel.Table]bool{}
	a.observeArrivals(o, observed)
	risks, riskErr := a.judgeRisks(a.now(), observed)
	judged.Add(risks)
	return a.submit(ctx, judged, a.incidents.takeChanges()), errors.Join(err, riskErr)
}

// triggerRepairs queues the incidents of a batch for the repair loop. It never blocks:
// an incident that does not fit into the queue comes again at the next tick.
func (a *Agent) triggerRepairs(batch store.Batch) {
	if a.engine == nil || len(batch.Incidents) == 0 {
		return
	}
	results := map[string]sentinel.Result{}
	for _, r := range batch.Results {
		results[r.Check] = r
	}
	for _, i := range batch.Incidents {
		if i.State == sentinel.Resolved || i.Monitor || len(a.engine.PoliciesFor(i)) == 0 {
			continue
		}
		select {
		case a.triggers <- new(a.trigger(i, results[i.Check])):
		default:
		}
	}
}

// trigger returns what the engine of repairs needs to know of an incident.
func (a *Agent) trigger(i sentinel.Incident, r sentinel.Result) repair.Trigger {
	a.mu.Lock()
	at, known := a.checks[i.Check]
	a.mu.Unlock()
	t := repair.Trigger{Incident: i, Result: r}
	if !known {
		return t
	}
	t.TimeColumn, t.Location = at.dataset.TimeColumn, at.dataset.Location
	if s, ok := at.check.Check.(checks.SchemaCheck); ok {
		t.Like, t.Declared = s.Reference()
	}
	return t
}

// runRepairs plans and carries out repairs until ctx ends. An active repair then stops
// at its next step; the next agent resumes it.
func (a *Agent) runRepairs(ctx context.Context, plan Plan) {
	if a.engine == nil {
		return
	}
	tick := time.NewTicker(advanceEvery)
	defer tick.Stop()
	var swept, advanced time.Time
	var idle bool
	var seen uint64
	for {
		select {
		case <-ctx.Done():
			return
		case why := <-a.triggers:
			a.consider(ctx, *why)
		case <-tick.C:
		}
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

// consider plans the repairs of an incident. An incident that waits for a repair and
// gets none is escalated.
func (a *Agent) consider(ctx context.Context, why repair.Trigger) {
	for _, p := range a.engine.PoliciesFor(why.Incident) {
		if _, err := a.engine.PlanRepair(ctx, p, why); err != nil && ctx.Err() == nil {
			a.log.Error("planning a repair", "policy", p.ID, "incident", why.Incident.ID, "error", err)
		}
	}
	if why.Incident.Standing() != sentinel.Repairing {
		return
	}
	active, err := a.store.Repairs(ctx, store.RepairFilter{Active: true, Check: why.Incident.Check})
	if err != nil {
		a.log.Error("reading active repairs", "incident", why.Incident.ID, "error", err)
		return
	}
	if !slices.ContainsFunc(active, func(r sentinel.Repair) bool { return r.Incident == why.Incident.ID }) {
		a.setIncidentState(ctx, why.Incident.ID, sentinel.Escalated, "no repair is planned: a person must act")
	}
}

// RepairAlert plans the repairs of the policies for alert.NAME of a table. It returns
// how many were planned.
func (a *Agent) RepairAlert(
	ctx context.Context, name string, table sentinel.Table, labels map[string]string,
) (planned int, err error) {
	if a.engine == nil {
		return 0, errors.New("repairs are off")
	}
	i := sentinel.Incident{
		ID:      "alert-" + labels["fingerprint"],
		Kind:    "alert." + name,
		Table:   table,
		Message: labels["summary"],
		Opened:  a.now(),
	}
	for _, p := range a.engine.PoliciesFor(i) {
		r, considered := a.engine.PlanRepair(ctx, p, repair.Trigger{Incident: i, Labels: labels})
		err = errors.Join(err, considered)
		if r != nil {
			planned++
		}
	}
	return planned, err
}

// repairMoved logs and counts a transition of a repair, and updates its incident.
func (a *Agent) repairMoved(ctx context.Context, r sentinel.Repair) {
	level := a.log.Info
	if r.State == sentinel.DeadLetter || r.State == sentinel.RolledBack {
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
	if to := incidentStateOf(r.State); to != "" {
		a.setIncidentState(ctx, r.Incident, to, repairNote(r))
	}
}

// incidentStateOf returns the state of an incident whose repair is in state s; "" if
// it does not change. An incident is escalated where the repair has failed or needs a
// person.
func incidentStateOf(s sentinel.RepairState) sentinel.IncidentState {
	switch s {
	case sentinel.RepairQueued, sentinel.RepairPreflight, sentinel.RepairApplying:
		return sentinel.Repairing
	case sentinel.RepairVerifying:
		return sentinel.Verifying
	case sentinel.AwaitingApproval, sentinel.DeadLetter, sentinel.RolledBack, sentinel.RepairCancelled:
		return sentinel.Escalated
	}
	return ""
}

// repairNote words the outcome of a repair, and what a person can do about it.
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

// setIncidentState records an incident's new state, if it is one.
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
// returns false where the state does not change.
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
