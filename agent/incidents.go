package agent

import (
	"cmp"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
)

// monitorKey is the key of the incident of a check that ends in an error. The
// incident says nothing about the data, so it never shares one with a finding.
const monitorKey = "cannot_look"

// monitorAfter is how many runs in a row must end in an error before that opens an
// incident: one lost connection does not.
const monitorAfter = 3

// reopenWindow is how soon after it was resolved an incident is opened again (a
// flap). Later a new incident is opened.
const reopenWindow = 30 * time.Minute

// incidents turns results into incidents. The agent's lock guards it.
type incidents struct {
	open     map[incidentKey]sentinel.Incident // unresolved, or resolved less than reopenWindow ago
	lastGood map[string]time.Time              // the last tick at which a check passed, by check
	errors   map[string]int                    // runs in a row that ended in an error, by check
	trace    string                            // id of the running trace
	changes  []notify.Change                   // transitions since takeChanges was last called

	upstreams map[sentinel.Table][]sentinel.Table // what a dataset depends on
	policy    incidentPolicy
}

// incidentPolicy says which incidents nobody is notified of. It is called under the
// agent's lock.
type incidentPolicy interface {
	// suppressed says why nobody is notified of an incident: a window, or a silence.
	suppressed(i sentinel.Incident, now time.Time) (why string, ok bool)
	// repairedFirst reports whether a repair is tried before anybody is notified.
	repairedFirst(i sentinel.Incident) bool
}

type incidentKey struct{ check, key string }

func newIncidents(known []sentinel.Incident, policy incidentPolicy) *incidents {
	t := &incidents{
		open:     map[incidentKey]sentinel.Incident{},
		lastGood: map[string]time.Time{},
		errors:   map[string]int{},
		policy:   policy,
	}
	for _, i := range known {
		t.open[incidentKey{i.Check, i.Key}] = i
	}
	return t
}

// apply returns the incidents that r opens, keeps open or resolves, as they are to be
// recorded. Only a result that judges the data resolves an incident about the data; an
// error or an unknown result does not.
func (t *incidents) apply(r sentinel.Result, meta Meta) []sentinel.Incident {
	var changed []sentinel.Incident
	switch r.Status {
	case sentinel.Error:
		t.errors[r.Check]++
		if t.errors[r.Check] >= monitorAfter {
			f := sentinel.Finding{Key: monitorKey, Status: sentinel.Error, Message: r.Message}
			changed = append(changed, t.raise(r, f, meta))
		}
		return changed
	case sentinel.Unknown:
		delete(t.errors, r.Check)
		return t.resolve(r, map[string]bool{}, true)
	}
	delete(t.errors, r.Check)
	bad := map[string]bool{}
	for _, f := range r.Findings {
		if f.Status == sentinel.Unknown {
			bad[f.Key] = true // neither opened nor resolved
		}
		if f.Status.Bad() {
			bad[f.Key] = true
			changed = append(changed, t.raise(r, f, meta))
		}
	}
	changed = append(changed, t.resolve(r, bad, false)...)
	if len(bad) == 0 {
		t.lastGood[r.Check] = r.Tick
	}
	return changed
}

// raise opens the finding's incident, or keeps it open with the newest evidence.
func (t *incidents) raise(r sentinel.Result, f sentinel.Finding, meta Meta) sentinel.Incident {
	key := incidentKey{r.Check, f.Key}
	before, known := t.open[key]
	i := before
	switch {
	case known && i.State != sentinel.Resolved:
	case known && r.Tick.Sub(i.Resolved) <= reopenWindow:
		i.State, i.Resolved, i.Note = sentinel.Open, time.Time{}, ""
		i.Flaps++
	default:
		before = sentinel.Incident{}
		i = sentinel.Incident{
			ID: incidentID(r, f), Check: r.Check, Kind: r.Kind, Key: f.Key, Table: r.Table,
			State: sentinel.Open, Opened: r.Tick, LastGood: t.lastGood[r.Check], Monitor: f.Status == sentinel.Error,
		}
	}
	i.Tier, i.Owner, i.Runbook = meta.Tier, meta.Owner, meta.Runbook
	i.Severity, i.Message, i.Observed, i.Expected = f.Status, f.Message, f.Observed, f.Expected
	i.Updated = r.Tick
	i.Ticks++
	if before.ID == "" {
		i.Trace = t.trace
		if t.policy.repairedFirst(i) {
			i.State = sentinel.Repairing
		}
	}
	i.Upstream, i.Cause = t.cause(i)
	return t.put(key, before, t.suppress(i, r.Tick))
}

// suppress moves an incident to Suppressed in a silence or a maintenance window, and
// back to its prior state afterwards.
func (t *incidents) suppress(i sentinel.Incident, now time.Time) sentinel.Incident {
	switch _, quiet := t.policy.suppressed(i, now); {
	case quiet && i.State != sentinel.Suppressed:
		i.State, i.Prior = sentinel.Suppressed, i.State
	case !quiet && i.State == sentinel.Suppressed:
		i.State, i.Prior = cmp.Or(i.Prior, sentinel.Open), ""
	}
	return i
}

// cause returns the open incident that explains this one, and its text. It is the one
// furthest upstream. Without one it is the drift of the table's own schema, and the id
// is empty.
func (t *incidents) cause(i sentinel.Incident) (id, what string) {
	if i.Monitor {
		return "", ""
	}
	seen := map[sentinel.Table]bool{i.Table: true}
	next := t.upstreams[i.Table]
	for len(next) > 0 {
		var further []sentinel.Table
		for _, table := range next {
			if seen[table] {
				continue
			}
			seen[table] = true
			further = append(further, t.upstreams[table]...)
			if up, ok := t.firstOpen(table, func(o sentinel.Incident) bool { return true }); ok {
				id, what = up.ID, up.Table.String()+": "+up.Message
			}
		}
		next = further
	}
	if id != "" || i.Kind == "schema" {
		return id, what
	}
	isDrift := func(o sentinel.Incident) bool { return o.Kind == "schema" }
	if own, ok := t.firstOpen(i.Table, isDrift); ok {
		what = own.Message
	}
	return "", what
}

// firstOpen returns the oldest unresolved incident about the data of a table that
// matches.
func (t *incidents) firstOpen(
	table sentinel.Table, matches func(sentinel.Incident) bool,
) (first sentinel.Incident, ok bool) {
	for _, i := range t.open {
		if i.Table != table || i.State == sentinel.Resolved || i.Monitor || !matches(i) {
			continue
		}
		if !ok || i.ID < first.ID {
			first, ok = i, true
		}
	}
	return first, ok
}

// find returns the unresolved incident of an id.
func (t *incidents) find(id string) (sentinel.Incident, bool) {
	for _, i := range t.open {
		if i.ID == id && i.State != sentinel.Resolved {
			return i, true
		}
	}
	return sentinel.Incident{}, false
}

// latest returns an incident as it is now.
func (t *incidents) latest(i sentinel.Incident) sentinel.Incident {
	if now, ok := t.open[incidentKey{i.Check, i.Key}]; ok && now.ID == i.ID {
		return now
	}
	return i
}

// keepUntilClear makes a passing result warn while its incident is open and its value
// is not yet within the bound `clear`.
func (t *incidents) keepUntilClear(clear checks.Bound, r *sentinel.Result) {
	i, open := t.open[incidentKey{r.Check, ""}]
	if !clear.Set() || r.Status != sentinel.Pass || !open || i.State == sentinel.Resolved || len(r.Observations) == 0 {
		return
	}
	n := r.Observations[0].Value
	if n.Absent() || clear.Holds(n) {
		return
	}
	r.Status, r.Message = sentinel.Warn, fmt.Sprintf("%s: better, but not yet %s", r.Message, clear)
	r.Findings = append(r.Findings, sentinel.Finding{
		Status: sentinel.Warn, Message: r.Message, Observed: n, Expected: clear.String(),
	})
}

// put stores an incident as it is now, and notes its transition, if it is one.
func (t *incidents) put(key incidentKey, before, after sentinel.Incident) sentinel.Incident {
	after, kind := notify.Track(before, after)
	if kind != "" {
		t.changes = append(t.changes, notify.Change{Kind: kind, Incident: after})
	}
	t.open[key] = after
	return after
}

// takeChanges returns the transitions since it was last called.
func (t *incidents) takeChanges() []notify.Change {
	changes := t.changes
	t.changes = nil
	return changes
}

// resolve resolves the check's incidents whose keys are not in bad. With monitorOnly it
// resolves only the incident of a check that ended in errors.
func (t *incidents) resolve(r sentinel.Result, bad map[string]bool, monitorOnly bool) []sentinel.Incident {
	var ended []sentinel.Incident
	for key, i := range t.open {
		if key.check != r.Check || bad[key.key] || monitorOnly && key.key != monitorKey {
			continue
		}
		if i.State == sentinel.Resolved {
			if r.Tick.Sub(i.Resolved) > reopenWindow {
				delete(t.open, key)
			}
			continue
		}
		before := i
		i.State, i.Prior, i.Resolved = sentinel.Resolved, "", r.Tick
		ended = append(ended, t.put(key, before, i))
	}
	slices.SortFunc(ended, func(a, b sentinel.Incident) int { return strings.Compare(a.Key, b.Key) })
	return ended
}

// set moves an unresolved incident to a state, and notes why. ok is false where there
// is none of that id, or it has that state already. An acknowledged incident stays
// acknowledged. A suppressed one gets the state when it is no longer suppressed.
func (t *incidents) set(id string, to sentinel.IncidentState, note string) (i sentinel.Incident, ok bool) {
	for key, i := range t.open {
		if at := i.Standing(); i.ID != id || at == sentinel.Resolved || at == to || at == sentinel.Acknowledged {
			continue
		}
		before := i
		i.Note = note
		if i.State == sentinel.Suppressed {
			i.Prior = to
		} else {
			i.State = to
		}
		return t.put(key, before, i), true
	}
	return i, false
}

// decide applies a person's decision on an unresolved incident: to is Acknowledged or
// Resolved.
func (t *incidents) decide(id string, to sentinel.IncidentState, note string, now time.Time) (sentinel.Incident, error) {
	for key, i := range t.open {
		if i.ID != id {
			continue
		}
		if i.State == sentinel.Resolved {
			return i, fmt.Errorf("incident %s is already resolved, since %s", id, i.Resolved.Format(time.RFC3339))
		}
		before := i
		i.State, i.Prior, i.Note = to, "", note
		if to == sentinel.Resolved {
			i.Resolved = now
		}
		return t.put(key, before, i), nil
	}
	const message = "there is no open incident %q: `sentinel incidents list` shows the open incidents"
	return sentinel.Incident{}, fmt.Errorf(message, id)
}

// unresolved counts open incidents by tier.
func (t *incidents) unresolved() map[string]int {
	n := map[string]int{"critical": 0, "warning": 0, "info": 0}
	for _, i := range t.open {
		if i.State != sentinel.Resolved {
			n[i.Tier]++
		}
	}
	return n
}

// incidentID depends on what was found and when, so that a tick that is judged again
// after a crash opens the same incident. IDs sort by time.
func incidentID(r sentinel.Result, f sentinel.Finding) string {
	h := fnv.New32a()
	h.Write([]byte(r.Check + "\x00" + f.Key))
	b := binary.BigEndian.AppendUint64(nil, uint64(r.Tick.UnixMilli()))[2:]
	b = binary.BigEndian.AppendUint32(b, h.Sum32())
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
