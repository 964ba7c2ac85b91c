package agent

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// triggerRepairs queues the incidents of a batch for the repair loop. It never blocks.
// An incident that does not fit into the queue is queued again at the next tick. A result
// that has not judged a finding does not say what is bad: nothing is planned for it then.
func (a *Agent) triggerRepairs(batch store.Batch) {
	if a.engine == nil || len(batch.Incidents) == 0 {
		return
	}
	results := map[string]sentinel.Result{}
	for _, r := range batch.Results {
		results[r.Check] = r
	}
	for _, i := range batch.Incidents {
		if i.State == sentinel.Resolved {
			continue
		}
		var all []repair.Trigger
		for _, part := range i.Parts() {
			if r, known := results[part.Check]; known && !part.Monitor && r.Judges(part.Key) {
				if why := a.trigger(part, r); len(a.policiesOf(why)) > 0 {
					all = append(all, why)
				}
			}
		}
		if len(all) == 0 {
			continue
		}
		select {
		case a.triggers <- all:
		default:
		}
	}
}

// trigger returns the trigger of the repairs of a finding, which the incident is narrowed
// to.
func (a *Agent) trigger(i sentinel.Incident, r sentinel.Result) repair.Trigger {
	a.mu.Lock()
	at, known := a.checks[i.Check]
	a.mu.Unlock()
	return a.triggerOf(i, r, at, known)
}

func (a *Agent) triggerOf(i sentinel.Incident, r sentinel.Result, at configuredCheck, known bool) repair.Trigger {
	t := repair.Trigger{Incident: i, Result: r}
	if !known {
		return t
	}
	t.TimeColumn, t.Location = at.dataset.TimeColumn, at.dataset.Location
	how := at.dataset.Time
	if c, ok := at.check.Check.(checks.TimedCheck); ok {
		t.TimeColumn, t.Location = c.Times(t.TimeColumn, t.Location)
		how = c.TimeReading(how)
	}
	if how != nil {
		t.TimeUnit, t.TimeFormat, t.TimeUTC = how.Unit, how.Format, how.UTC
	}
	t.Rows = a.rowsOf(at, r.Tick)
	if s, ok := at.check.Check.(checks.SchemaCheck); ok {
		t.Like, t.Declared = s.Reference()
	}
	return t
}

// consider plans the repairs of the findings of one incident. It escalates an incident
// that waits for a repair and gets none. If what was to be repaired has ended, the rest of
// the incident is left to people.
func (a *Agent) consider(ctx context.Context, findings []repair.Trigger) {
	incident := findings[0].Incident.ID
	if findings = a.stillOpen(findings); len(findings) == 0 {
		a.openAfterRepair(ctx, incident, "what was to be repaired has ended by itself")
		return
	}
	for _, why := range findings {
		for _, p := range a.policiesOf(why) {
			if _, err := a.engine.PlanRepair(ctx, p, why); err != nil && ctx.Err() == nil {
				a.log.Error("planning a repair", "policy", p.ID, "incident", why.Incident.ID, "error", err)
			}
		}
	}
	why := findings[0]
	if why.Incident.Standing() != sentinel.Repairing {
		return
	}
	active, err := a.store.Repairs(ctx, store.RepairFilter{Active: true, Incident: why.Incident.ID, Limit: 1})
	if err != nil {
		a.log.Error("reading active repairs", "incident", why.Incident.ID, "error", err)
		return
	}
	if len(active) == 0 {
		a.setIncidentState(ctx, why.Incident.ID, sentinel.Escalated, "no repair is planned: a person must act")
	}
}

// stillOpen returns the triggers whose findings have not ended while they waited, with
// their incident as it is now.
func (a *Agent) stillOpen(findings []repair.Trigger) (open []repair.Trigger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, why := range findings {
		now, ok := a.incidents.find(why.Incident.ID)
		for _, part := range now.Parts() {
			if ok && part.Check == why.Incident.Check && part.Key == why.Incident.Key {
				why.Incident = part
				open = append(open, why)
			}
		}
	}
	return open
}
