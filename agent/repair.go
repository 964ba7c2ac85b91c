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

// repairEvery is how often repairs are looked at besides when one is planned, and
// repairIdle how often while none is under way that this process knows of.
const repairEvery, repairIdle = 5 * time.Second, time.Minute

// sweepEvery is how often staging tables that nobody needs are dropped.
const sweepEvery = time.Hour

// located is a check with the dataset it belongs to.
type located struct {
	dataset *Dataset
	check   *Check
}

func byID(datasets []Dataset) map[string]located {
	n := 0
	for _, d := range datasets {
		n += len(d.Checks)
	}
	m := make(map[string]located, n)
	for i := range datasets {
		d := &datasets[i]
		for k := range d.Checks {
			m[d.Checks[k].Common().ID] = located{d, &d.Checks[k]}
		}
	}
	return m
}

// repairHost is what the engine of repairs needs of the agent.
type repairHost struct{ agent *Agent }

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
	if result, ok := h.agent.riskNow(r.Check); ok {
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

// target opens what a repair of a table acts on.
func (p Plan) target(t sentinel.Table, now sentinel.Clock) (*repair.Target, error) {
	db, err := p.open(t.Warehouse)
	if err != nil {
		return nil, err
	}
	return &repair.Target{Read: db, Write: p.Writers[t.Warehouse], Sources: p, Now: now}, nil
}

// setDatasets keeps where each check belongs, and hands the engine its policies.
func (a *Agent) setDatasets(datasets []Dataset) {
	byID := byID(datasets)
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
	a.located = byID
	a.incidents.upstreams = upstreams
	a.mu.Unlock()
	if a.engine != nil {
		a.engine.SetPolicies(policies)
	}
}

// checkAgain runs one check outside of its schedule, and records what it finds
// like a tick's result, so that its incident ends, or goes on, at once.
func (a *Agent) checkAgain(ctx context.Context, plan Plan, id string) (sentinel.Result, error) {
	a.mu.Lock()
	at, known := a.located[id]
	a.mu.Unlock()
	if !known {
		return sentinel.Result{}, fmt.Errorf("check %s is not configured any more", id)
	}
	env := checks.Env{Warehouse: plan.open, History: knownHistory{a.history}, Now: a.now, Cache: &checks.Cache{}}
	job := checks.Job{Table: at.dataset.Table, TimeColumn: at.dataset.TimeColumn, Location: at.dataset.Location, Tick: a.now(), Checks: []checks.Check{at.check.Check}}
	outcomes := checks.Run(ctx, env, at.dataset.Table.Warehouse, []checks.Job{job})
	b := &batch{checks: [][]*Check{{at.check}}}
	learnt := a.loadSeries(ctx, b, outcomes)
	rec, err := a.judgeAgain(ctx, outcomes[0], at.check, learnt)
	if waited := a.await(rec); waited != nil && !errors.Is(waited, errBehind) {
		err = errors.Join(err, waited)
	}
	a.publish(ctx, rec.batch)
	return rec.batch.Results[0], err
}

// judgeAgain judges the outcome of one check outside of its schedule, and submits
// what is to be recorded.
func (a *Agent) judgeAgain(ctx context.Context, o checks.Outcome, c *Check, learnt *anomaly.Watch) (*record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Merge(learnt)
	judged, err := a.judge(ctx, o, []*Check{c})
	observed := map[sentinel.Table]bool{}
	a.learnArrivals(o, observed)
	judged.Add(a.judgeRisks(a.now(), observed))
	return a.submit(ctx, judged, a.incidents.take()), err
}

// triggerRepairs tells the repair loop of incidents that are bad now. It never
// waits: what does not fit comes again at the next tick.
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

func (a *Agent) trigger(i sentinel.Incident, r sentinel.Result) repair.Trigger {
	a.mu.Lock()
	at, known := a.located[i.Check]
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

// repairs plans and carries out until ctx ends; a repair under way then stops
// at its next step and is taken up by whoever runs next.
func (a *Agent) repairs(ctx context.Context, plan Plan) {
	if a.engine == nil {
		return
	}
	tick := time.NewTicker(repairEvery)
	defer tick.Stop()
	var swept, looked time.Time
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
		if idle && written == seen && now.Sub(looked) < repairIdle {
			continue
		}
		seen, looked = written, now
		err := a.engine.Advance(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Error("repairing", "error", err)
		}
		active, counted := a.countRepairs(ctx)
		idle = err == nil && counted && active == 0
		if now.Sub(swept) >= sweepEvery {
			swept = now
			a.sweep(ctx, plan)
		}
	}
}

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
		a.log.Error("looking for repairs under way", "incident", why.Incident.ID, "error", err)
		return
	}
	if !slices.ContainsFunc(active, func(r sentinel.Repair) bool { return r.Incident == why.Incident.ID }) {
		a.setIncidentState(ctx, why.Incident.ID, sentinel.Escalated, "no repair is planned: a person must act")
	}
}

// RepairAlert plans what the policies named alert.NAME for a table want done.
// It answers how many repairs were planned.
func (a *Agent) RepairAlert(ctx context.Context, name string, table sentinel.Table, labels map[string]string) (planned int, err error) {
	if a.engine == nil {
		return 0, errors.New("repairs are off")
	}
	i := sentinel.Incident{ID: "alert-" + labels["fingerprint"], Kind: "alert." + name, Table: table, Message: labels["summary"], Opened: a.now()}
	for _, p := range a.engine.PoliciesFor(i) {
		r, considered := a.engine.PlanRepair(ctx, p, repair.Trigger{Incident: i, Labels: labels})
		err = errors.Join(err, considered)
		if r != nil {
			planned++
		}
	}
	return planned, err
}

// repairMoved follows a repair: its incident says where it stands, and metrics
// and log tell of it.
func (a *Agent) repairMoved(ctx context.Context, r sentinel.Repair) {
	level := a.log.Info
	if r.State == sentinel.DeadLetter || r.State == sentinel.RolledBack {
		level = a.log.Warn
	}
	level("repair "+string(r.State), "repair", r.ID, "dataset", r.Table, "action", r.Plan.Action, "incident", r.Incident, "message", r.Message)
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

// incidentStateOf is what a repair's state makes of its incident: people hear
// of it only where automatic recovery has failed or may not go on by itself.
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

// repairNote says what a repair came to, and what a person can do about it.
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

func (a *Agent) setIncidentState(ctx context.Context, id string, to sentinel.IncidentState, note string) {
	a.mu.Lock()
	i, ok := a.incidents.set(id, to, note)
	if !ok {
		a.mu.Unlock()
		return
	}
	rec := a.submit(ctx, store.Batch{Incidents: []sentinel.Incident{i}}, a.incidents.take())
	a.mu.Unlock()
	if err := a.await(rec); err != nil && !errors.Is(err, errBehind) {
		a.log.Error("recording an incident's state", "incident", id, "error", err)
	}
}

// countRepairs exports how many repairs are under way, and returns it.
func (a *Agent) countRepairs(ctx context.Context) (n int, ok bool) {
	active, err := a.store.Repairs(ctx, store.RepairFilter{Active: true})
	dead, deadErr := a.store.Repairs(ctx, store.RepairFilter{State: sentinel.DeadLetter})
	if err := errors.Join(err, deadErr); err != nil {
		if ctx.Err() == nil {
			a.log.Error("counting repairs", "error", err)
		}
		return 0, false
	}
	states := map[sentinel.RepairState]int{sentinel.AwaitingApproval: 0, sentinel.RepairSuppressed: 0, sentinel.RetryWait: 0, sentinel.RepairApplying: 0}
	for _, r := range active {
		states[r.State]++
	}
	for s, n := range states {
		a.metrics.Set(exporters.RepairsActive, float64(n), string(s))
	}
	a.metrics.Set(exporters.DeadLetters, float64(len(dead)), "repair")
	return len(active), true
}

// sweep drops staging tables whose repairs have ended and whose rows are not
// kept to go back to any more.
func (a *Agent) sweep(ctx context.Context, plan Plan) {
	const keepFor = 24 * time.Hour
	recent, err := a.store.Repairs(ctx, store.RepairFilter{Limit: 10000})
	if err != nil {
		a.log.Error("sweeping staging tables", "error", err)
		return
	}
	kept := map[string]bool{}
	schemas := map[string]map[string]bool{}
	for _, r := range recent {
		kept[r.ID] = !r.State.Final() || a.now().Sub(r.Finished) < keepFor
		if schemas[r.Table.Warehouse] == nil {
			schemas[r.Table.Warehouse] = map[string]bool{}
		}
		schemas[r.Table.Warehouse][r.Table.Schema] = true
	}
	for name, bySchema := range schemas {
		w := plan.Writers[name]
		for schema := range bySchema {
			if w == nil {
				continue
			}
			dropped, err := w.Sweep(ctx, schema, func(id string) bool { return kept[id] })
			if err != nil && ctx.Err() == nil {
				a.log.Error("sweeping staging tables", "warehouse", name, "error", err)
			} else if len(dropped) > 0 {
				a.log.Info("dropped staging tables", "warehouse", name, "tables", dropped)
			}
		}
	}
}
