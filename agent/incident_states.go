package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// find returns the unresolved incident of an id.
func (t *incidents) find(id string) (sentinel.Incident, bool) {
	table, known := t.tables[id]
	if i := t.open[table]; known && i.ID == id && i.State != sentinel.Resolved {
		return i, true
	}
	return sentinel.Incident{}, false
}

// refresh returns the present form of incidents that changed in a tick, each once: a repair
// or a decision may have changed them since. It finds their causes anew, because an
// upstream may have been judged later, and sets them in the transitions, too.
func (t *incidents) refresh(changed []sentinel.Incident, changes []notify.Change) []sentinel.Incident {
	var now []sentinel.Incident
	seen := map[string]bool{}
	of := map[string][]int{} // numbers of the changes, by the incident's id
	for n, c := range changes {
		of[c.Incident.ID] = append(of[c.Incident.ID], n)
	}
	for _, i := range slices.Backward(changed) { // the newest form of one that is not known any more
		if seen[i.ID] {
			continue
		}
		seen[i.ID] = true
		if is := t.open[i.Table]; is.ID == i.ID {
			i = is
			if i.State != sentinel.Resolved {
				i.Findings = slices.Clone(i.Findings)
				i = notify.Summarize(t.explain(i))
				t.open[i.Table] = i
			}
		}
		now = append(now, i)
		for _, n := range of[i.ID] {
			if c := &changes[n].Incident; c.Transitions == i.Transitions {
				c.Upstream, c.Cause, c.Findings, c.Message = i.Upstream, i.Cause, i.Findings, i.Message
			}
		}
	}
	slices.Reverse(now)
	return now
}

// put stores an incident. What changes between two calls of takeChanges is one
// transition.
func (t *incidents) put(after sentinel.Incident) sentinel.Incident {
	before, known := t.before[after.Table]
	if !known {
		before = t.open[after.Table]
		t.before[after.Table] = before
	}
	if before.ID != after.ID {
		before = sentinel.Incident{}
	}
	after, _ = notify.Track(before, after)
	if last := t.open[after.Table]; last.ID != after.ID {
		delete(t.tables, last.ID)
	}
	t.open[after.Table], t.tables[after.ID] = after, after.Table
	return after
}

// takeChanges returns the transitions since its last call, one an incident, in the order
// of the incidents' ids.
func (t *incidents) takeChanges() []notify.Change {
	var changes []notify.Change
	for table, before := range t.before {
		after := t.open[table]
		if before.ID != after.ID {
			before = sentinel.Incident{}
		}
		if _, kind := notify.Track(before, after); kind != "" {
			changes = append(changes, notify.Change{Kind: kind, Incident: after})
		}
	}
	clear(t.before)
	slices.SortFunc(changes, func(a, b notify.Change) int { return cmp.Compare(a.Incident.ID, b.Incident.ID) })
	return changes
}

// end ends the open findings that match, and notes why. It returns the incidents that
// have changed.
func (t *incidents) end(
	why string, now time.Time, matches func(sentinel.Table, sentinel.IncidentFinding) bool,
) (changed []sentinel.Incident) {
	for _, table := range slices.SortedFunc(maps.Keys(t.open), sentinel.Table.Compare) {
		ended := t.clear(table, now, why, func(f sentinel.IncidentFinding) bool { return matches(table, f) })
		if ended {
			changed = append(changed, t.settle(table)...)
		}
	}
	return changed
}

// set moves an unresolved incident to a state, and records the note. ok is false if no
// such incident exists, or if it has that state already. An acknowledged incident stays
// acknowledged. Only one that waited for a repair becomes Open. A suppressed one gets the
// state when its suppression ends.
func (t *incidents) set(id string, to sentinel.IncidentState, note string) (i sentinel.Incident, ok bool) {
	i, ok = t.find(id)
	at := i.Standing()
	waits := at == sentinel.Repairing || at == sentinel.Verifying
	if !ok || at == to || at == sentinel.Acknowledged || to == sentinel.Open && !waits {
		return i, false
	}
	i.Note = note
	return t.put(moved(i, to)), true
}

// decide applies a person's decision to an unresolved incident. to is Acknowledged or
// Resolved.
func (t *incidents) decide(
	id string, to sentinel.IncidentState, note string, now time.Time,
) (sentinel.Incident, error) {
	table, known := t.tables[id]
	switch i := t.open[table]; {
	case !known || i.ID != id:
	case i.State == sentinel.Resolved:
		return i, fmt.Errorf("incident %s is already resolved, since %s", id, i.Resolved.Format(time.RFC3339))
	case to == sentinel.Resolved:
		t.clear(table, now, note, func(sentinel.IncidentFinding) bool { return true })
		t.edit(table).Flapping = sentinel.Flapping{} // its end is not waited for
		return t.settle(table)[0], nil
	default:
		i.State, i.Prior, i.Note = to, "", note
		return t.put(i), nil
	}
	const message = "there is no open incident %q: `sentinel incidents list` shows the open incidents"
	return sentinel.Incident{}, fmt.Errorf(message, id)
}

// settled ends the flapping of open incidents that stay bad. It returns those that have
// changed. That of resolved ones ends when their end is notified.
func (t *incidents) settled(now time.Time) (changed []sentinel.Incident) {
	for _, table := range slices.SortedFunc(maps.Keys(t.open), sentinel.Table.Compare) {
		if i := t.open[table]; i.State != sentinel.Resolved && t.drafts[table] == nil {
			if i, ok := t.policy.flaps().End(i, now); ok {
				changed = append(changed, t.put(i))
			}
		}
	}
	return changed
}

// flapping counts the incidents that flap at now, by tier.
func (t *incidents) flapping(now time.Time) map[string]int {
	n := map[string]int{"critical": 0, "warning": 0, "info": 0}
	for _, i := range t.open {
		if _, over := t.policy.flaps().End(i, now); i.Flapping.On() && !over {
			n[i.Tier]++
		}
	}
	return n
}

// unresolved counts unresolved incidents by tier.
func (t *incidents) unresolved() map[string]int {
	n := map[string]int{"critical": 0, "warning": 0, "info": 0}
	for _, i := range t.open {
		if i.State != sentinel.Resolved {
			n[i.Tier]++
		}
	}
	return n
}
