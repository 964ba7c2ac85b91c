package agent

import (
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
)

// monitorKey marks the incident of a check that cannot look. It says nothing
// about the data, so it never shares an incident with a finding.
const monitorKey = "cannot_look"

// monitorAfter is how many runs in a row must fail to look before people hear
// of it: one lost connection is not news.
const monitorAfter = 3

// reopenWindow is how soon after its end an incident that comes back is the
// same one again (a flap) and not a new one.
const reopenWindow = 30 * time.Minute

// incidents keeps the state from which results become incidents. It is used by
// one goroutine at a time; the agent holds its lock.
type incidents struct {
	open     map[incidentKey]sentinel.Incident // unresolved, and resolved less than reopenWindow ago
	lastGood map[string]time.Time
	errors   map[string]int // runs in a row that could not look, by check
}

type incidentKey struct{ check, key string }

func newIncidents(known []sentinel.Incident) *incidents {
	t := &incidents{map[incidentKey]sentinel.Incident{}, map[string]time.Time{}, map[string]int{}}
	for _, i := range known {
		t.open[incidentKey{i.Check, i.Key}] = i
	}
	return t
}

// apply returns the incidents that r opens, keeps open or resolves, as they
// are now to be stored. Only a look that judged the data resolves: an error or
// "cannot judge yet" leaves everything as it was.
func (t *incidents) apply(r sentinel.Result, about Meta) []sentinel.Incident {
	var changed []sentinel.Incident
	switch r.Status {
	case sentinel.Error:
		t.errors[r.Check]++
		if t.errors[r.Check] >= monitorAfter {
			f := sentinel.Finding{Key: monitorKey, Status: sentinel.Error, Message: r.Message}
			changed = append(changed, t.raise(r, f, about))
		}
		return changed
	case sentinel.Unknown:
		t.errors[r.Check] = 0
		return t.resolve(r, map[string]bool{}, true)
	}
	t.errors[r.Check] = 0
	bad := map[string]bool{}
	for _, f := range r.Findings {
		if f.Status.Bad() {
			bad[f.Key] = true
			changed = append(changed, t.raise(r, f, about))
		}
	}
	changed = append(changed, t.resolve(r, bad, false)...)
	if len(bad) == 0 {
		t.lastGood[r.Check] = r.Tick
	}
	return changed
}

// raise opens the finding's incident, or keeps it open with the newest evidence.
func (t *incidents) raise(r sentinel.Result, f sentinel.Finding, about Meta) sentinel.Incident {
	key := incidentKey{r.Check, f.Key}
	i, known := t.open[key]
	switch {
	case known && i.State != sentinel.Resolved:
	case known && r.Tick.Sub(i.Resolved) <= reopenWindow:
		i.State, i.Resolved = sentinel.Open, time.Time{}
		i.Flaps++
	default:
		i = sentinel.Incident{
			ID: incidentID(r, f), Check: r.Check, Kind: r.Kind, Key: f.Key, Table: r.Table,
			State: sentinel.Open, Opened: r.Tick, LastGood: t.lastGood[r.Check], Monitor: f.Status == sentinel.Error,
		}
	}
	i.Tier, i.Owner, i.Runbook = about.Tier, about.Owner, about.Runbook
	i.Severity, i.Message, i.Observed, i.Expected = f.Status, f.Message, f.Observed, f.Expected
	i.Updated = r.Tick
	i.Ticks++
	t.open[key] = i
	return i
}

// resolve ends the check's incidents that are no longer bad; monitorOnly ends
// only the one that said the check could not look.
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
		i.State, i.Resolved = sentinel.Resolved, r.Tick
		t.open[key] = i
		ended = append(ended, i)
	}
	slices.SortFunc(ended, func(a, b sentinel.Incident) int { return strings.Compare(a.Key, b.Key) })
	return ended
}

// set moves an unresolved incident to a state; ok is false when there is none
// of that id, or it is there already. What a person has acknowledged stays so.
func (t *incidents) set(id string, to sentinel.IncidentState) (i sentinel.Incident, ok bool) {
	for key, i := range t.open {
		if i.ID != id || i.State == sentinel.Resolved || i.State == to || i.State == sentinel.Acknowledged {
			continue
		}
		i.State = to
		t.open[key] = i
		return i, true
	}
	return i, false
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

// incidentID is a function of what was found and when, so that a tick that is
// judged again after a crash names the same incident. It sorts by time.
func incidentID(r sentinel.Result, f sentinel.Finding) string {
	h := fnv.New32a()
	h.Write([]byte(r.Check + "\x00" + f.Key))
	b := binary.BigEndian.AppendUint64(nil, uint64(r.Tick.UnixMilli()))[2:]
	b = binary.BigEndian.AppendUint32(b, h.Sum32())
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
