package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// afterRepair makes the schemas that were learned follow a verified repair. An incident
// that no other repair is under way for, and that has still findings, is left to people.
func (a *Agent) afterRepair(ctx context.Context, r sentinel.Repair) {
	if err := a.followAlter(ctx, r); err != nil {
		a.log.Error("moving the baselines of an altered table", "repair", r.ID, "dataset", r.Table, "error", err)
	}
	a.openWithoutRepair(ctx, r.Incident, repairNote(r))
}

// openAfterRepair is [Agent.openWithoutRepair] after what was to be repaired has ended,
// unless a repair is still to be planned for another finding.
func (a *Agent) openAfterRepair(ctx context.Context, incident, why string) {
	a.mu.Lock()
	i, ok := a.incidents.find(incident)
	planned := ok && slices.ContainsFunc(i.Parts(), a.repairedFirst)
	a.mu.Unlock()
	if ok && !planned {
		a.openWithoutRepair(ctx, incident, why)
	}
}

// openWithoutRepair leaves an incident to people, with a note why, unless a repair is
// under way for it. An incident that waits for none stays as it is.
func (a *Agent) openWithoutRepair(ctx context.Context, incident, why string) {
	active, err := a.store.Repairs(ctx, store.RepairFilter{Active: true, Incident: incident, Limit: 1})
	if err != nil {
		a.log.Error("reading active repairs", "incident", incident, "error", err)
		return
	}
	if len(active) == 0 {
		a.setIncidentState(ctx, incident, sentinel.Open, why)
	}
}

// followAlter takes what a verified repair has changed of a table's schema into the
// baselines of the table's schema checks, and nothing else. Then it runs those of them
// again that have a finding.
func (a *Agent) followAlter(ctx context.Context, r sentinel.Repair) error {
	action, err := repair.New(r.Plan.Action)
	if err != nil {
		return nil // of a version that knew the action
	}
	alters, ok := action.(repair.SchemaAction)
	if !ok {
		return nil
	}
	kind, column, err := alters.Altered(r.Plan)
	learned := a.learnedSchemas(r.Table)
	if err != nil || len(learned) == 0 {
		return err
	}
	plan := repairHost{a}.plan()
	db, err := plan.open(r.Table.Warehouse)
	if err != nil {
		return err
	}
	now, err := repair.ReadTable(ctx, db, r.Table)
	if err != nil {
		return err
	}
	moved := map[string]store.Snapshot{}
	why := fmt.Sprintf("repair %s: %s of %s", r.ID, kind, column)
	for _, id := range learned {
		base, ok, err := a.store.Baseline(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			continue // it has learned nothing yet
		}
		table, err := checks.DecodeSnapshot(base.Data)
		if err != nil {
			return fmt.Errorf("check %s: %w", id, err)
		}
		if next, ok := checks.Follow(table, now, kind, column); ok {
			data := checks.EncodeSnapshot(next)
			moved[id] = store.Snapshot{Data: data, TakenAt: a.now(), AcceptedBy: "sentinel", Why: why}
		}
	}
	if err := a.AcceptBaselines(ctx, moved); err != nil {
		return err
	}
	return a.checkBadAgain(ctx, plan, r.Table, moved)
}

// learnedSchemas returns the ids of a table's checks that compare with a baseline.
func (a *Agent) learnedSchemas(t sentinel.Table) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, c := range a.checks {
		compares, ok := c.check.Check.(checks.BaselineCheck)
		if c.dataset.Table == t && ok && compares.ComparesWithBaseline() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// checkBadAgain runs those of some checks again that have an open finding of a table.
func (a *Agent) checkBadAgain(ctx context.Context, plan Plan, t sentinel.Table, some map[string]store.Snapshot) error {
	a.mu.Lock()
	open := a.incidents.open[t].OpenFindings()
	dataset := a.datasetOf(t)
	a.mu.Unlock()
	if dataset == nil {
		return nil // no longer configured
	}
	var list []*Check
	for k := range dataset.Checks {
		c := &dataset.Checks[k]
		if _, moved := some[c.Common().ID]; moved && slices.ContainsFunc(open, func(f sentinel.IncidentFinding) bool {
			return f.Check == c.Common().ID
		}) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	_, err := a.repeat(ctx, plan, dataset, list)
	return err
}

// canRepair reports whether a policy can act on a finding, which the incident is narrowed
// to. The lock is held.
func (a *Agent) canRepair(p *repair.Policy, part sentinel.Incident) bool {
	at, known := a.checks[part.Check]
	return p.Applies(a.triggerOf(part, sentinel.Result{}, at, known))
}

// policiesOf returns the policies that can act on the finding of a trigger.
func (a *Agent) policiesOf(why repair.Trigger) (out []*repair.Policy) {
	for _, p := range a.engine.PoliciesFor(why.Incident) {
		if p.Applies(why) {
			out = append(out, p)
		}
	}
	return out
}

// reader tells which columns a check reads.
type reader struct{ of configuredCheck }

// Reads implements columnReader.
func (r reader) Reads(column string) bool {
	d := r.of.dataset
	t := checks.Target{Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location}
	return checks.Reads(r.of.check.Check, t, column)
}

func readers(byID map[string]configuredCheck) map[string]columnReader {
	m := make(map[string]columnReader, len(byID))
	for id, c := range byID {
		m[id] = reader{c}
	}
	return m
}
