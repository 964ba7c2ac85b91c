package agent

import (
	"cmp"
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// monitorKey is the key of the finding of a check that ends in an error. The finding
// says nothing about the data, so it never shares a key with one that does.
const monitorKey = "cannot_look"

// monitorAfter is the number of consecutive errors of a check that make a finding. One
// lost connection makes none.
const monitorAfter = 3

// incidents turns results into incidents, one a dataset. The agent's lock guards it.
//
// [incidents.update] takes the results of a dataset into the findings of its incident.
// [incidents.settle] then decides once about the incident, so that the order of the
// results of one tick does not matter.
type incidents struct {
	open     map[sentinel.Table]sentinel.Incident // unresolved, or resolved so shortly ago that it would be opened again
	tables   map[string]sentinel.Table            // of what is in open, by the incident's id
	drafts   map[sentinel.Table]*draft            // updated and not yet settled
	before   map[sentinel.Table]sentinel.Incident // of what has changed since takeChanges was last called: as it was then
	lastGood map[string]time.Time                 // when a check was last seen good, by check
	errors   map[string]int                       // consecutive runs that ended in an error, by check
	trace    string                               // id of the running trace
	started  time.Time                            // of the agent: nothing was seen before

	upstreams map[sentinel.Table][]sentinel.Table // what a dataset depends on
	reads     map[string]columnReader             // what a check reads, by check
	policy    incidentPolicy
}

// incidentPolicy says which incidents nobody is notified of. Its methods are called
// while the agent's lock is held.
type incidentPolicy interface {
	// suppressed says why nobody is notified of an incident: a window, or a silence.
	suppressed(i sentinel.Incident, now time.Time) (why string, ok bool)
	// repairedFirst reports whether a repair is tried before anybody is notified of a
	// finding, which the incident is narrowed to.
	repairedFirst(part sentinel.Incident) bool
	// flaps says when an incident flaps. In its time to settle after its resolution an
	// incident is opened again; after it a new one is opened.
	flaps() notify.Flaps
}

// findingKey identifies a finding of a dataset.
type findingKey struct{ check, key string }

// draft is an incident whose findings have changed.
type draft struct {
	sentinel.Incident
	index map[findingKey]int // of its findings
	at    time.Time          // of the newest change
	tick  time.Time          // of the first finding that began; zero if none has
	bad   bool               // a result was bad
}

func newIncidents(known []sentinel.Incident, policy incidentPolicy) *incidents {
	t := &incidents{
		open:     map[sentinel.Table]sentinel.Incident{},
		tables:   map[string]sentinel.Table{},
		drafts:   map[sentinel.Table]*draft{},
		before:   map[sentinel.Table]sentinel.Incident{},
		lastGood: map[string]time.Time{},
		errors:   map[string]int{},
		policy:   policy,
	}
	for _, i := range known {
		t.open[i.Table] = i
		t.tables[i.ID] = i.Table
	}
	return t
}

// apply takes one result, and decides about the incident of its dataset.
func (t *incidents) apply(r sentinel.Result, meta Meta) []sentinel.Incident {
	t.update(r, meta)
	return t.settle(r.Table)
}

// update takes a result into the findings of its dataset. Only a result that has judged what
// a finding is about ends it, on data that is no older than the finding: see
// [sentinel.Result.Judges] and [sentinel.Result.Predates].
func (t *incidents) update(r sentinel.Result, meta Meta) {
	at := t.seen(r)
	if r.Status == sentinel.Error {
		t.errors[r.Check]++
		if t.errors[r.Check] >= monitorAfter {
			t.raise(r, sentinel.Finding{Key: monitorKey, Status: sentinel.Error, Message: r.Message}, meta)
		}
		return
	}
	delete(t.errors, r.Check)
	bad := map[string]bool{}
	certain := true
	for _, f := range r.Findings {
		certain = certain && f.Status != sentinel.Unknown
		if f.Status.Bad() {
			bad[f.Key] = true
			t.raise(r, f, meta)
		}
	}
	ends := func(f sentinel.IncidentFinding) bool {
		return f.Check == r.Check && !bad[f.Key] &&
			(f.Key == monitorKey || r.Judges(f.Key) && !r.Predates(f.Updated))
	}
	t.clear(r.Table, at, "", func(f sentinel.IncidentFinding) bool { return ends(f) && !unwatched(r, f.Key) })
	t.clear(r.Table, at, "the check no longer judges this segment", ends)
	stays := func(f sentinel.IncidentFinding) bool { return f.Open() && f.Check == r.Check && !bad[f.Key] }
	if (r.Status == sentinel.Pass || r.Status.Bad() && r.JudgesSegments()) && certain &&
		!slices.ContainsFunc(t.findings(r.Table), stays) {
		t.lastGood[r.Check] = at // the segments that are not among the findings are good
	}
}

// findings returns the findings of a dataset's incident, also those of its draft.
func (t *incidents) findings(table sentinel.Table) []sentinel.IncidentFinding {
	if d := t.drafts[table]; d != nil {
		return d.Findings
	}
	return t.open[table].Findings
}

// seen returns when a result was seen: at its tick, but not before the agent started. A
// tick of the past that is run later sees the data as it is then.
func (t *incidents) seen(r sentinel.Result) time.Time {
	if r.Tick.Before(t.started) {
		return t.started
	}
	return r.Tick
}

// unwatched reports whether a key is of a segment that a result does not know: the check
// is not configured to judge it any more.
func unwatched(r sentinel.Result, key string) bool {
	segment := sentinel.SegmentOf(key)
	return r.Kind != "schema" && strings.Contains(segment, "=") && !r.Observes(segment)
}

// edit returns the draft of a dataset's incident.
func (t *incidents) edit(table sentinel.Table) *draft {
	if d := t.drafts[table]; d != nil {
		return d
	}
	i := t.open[table]
	i.Table = table
	i.Findings = slices.Clone(i.Findings) // records that are not yet written share them
	d := &draft{Incident: i, index: make(map[findingKey]int, len(i.Findings))}
	for n, f := range i.Findings {
		d.index[findingKey{f.Check, f.Key}] = n
	}
	t.drafts[table] = d
	return d
}

// raise begins a finding, or updates the evidence of an open one.
func (t *incidents) raise(r sentinel.Result, f sentinel.Finding, meta Meta) {
	d, at, key := t.edit(r.Table), t.seen(r), findingKey{r.Check, f.Key}
	n, known := d.index[key]
	if !known {
		n = len(d.Findings)
		d.index[key] = n
		d.Findings = append(d.Findings, sentinel.IncidentFinding{})
	}
	found := &d.Findings[n]
	if !known || !found.Open() {
		*found = sentinel.IncidentFinding{
			Check: r.Check, Kind: r.Kind, Key: f.Key, Opened: at, LastGood: t.lastGood[r.Check],
			Monitor: f.Status == sentinel.Error,
		}
		if d.tick.IsZero() {
			d.tick = r.Tick
		}
	}
	found.Tier, found.Owner, found.Runbook = meta.Tier, meta.Owner, meta.Runbook
	d.Tags = meta.Tags
	found.Severity, found.Message, found.Observed, found.Expected = f.Status, f.Message, f.Observed, f.Expected
	found.Statement, found.Fewer = f.Statement, fewerRows(r, f)
	found.Updated = latest(found.Opened, at)
	found.Ticks++
	found.Message = found.Explained(f.Message)
	d.at, d.bad = latest(d.at, at), true
}

// clear ends the open findings of a dataset that match, and notes why if it was not by a
// good result. It reports whether there were any.
func (t *incidents) clear(
	table sentinel.Table, at time.Time, why string, matches func(sentinel.IncidentFinding) bool,
) (any bool) {
	for n, f := range t.findings(table) {
		if !f.Open() || !matches(f) {
			continue
		}
		d := t.edit(table)
		ended := &d.Findings[n]
		ended.Resolved, ended.Note = latest(ended.Updated, at), why
		d.at, any = latest(d.at, ended.Resolved), true
	}
	return any
}

// settle decides about a dataset's incident after its results were taken. It returns the
// incident, in the form to be recorded, if it has changed.
func (t *incidents) settle(table sentinel.Table) []sentinel.Incident {
	d := t.drafts[table]
	delete(t.drafts, table)
	if d == nil {
		return nil
	}
	before, i := t.open[table], d.Incident
	was := before.ID != "" && before.State != sentinel.Resolved
	switch is := len(i.OpenFindings()) > 0; {
	case !is && !was:
		return nil
	case !is:
		return []sentinel.Incident{t.put(resolved(i, d.at))}
	case !was:
		i = t.begin(d)
	}
	if d.bad {
		i.Updated = latest(i.Updated, d.at)
		i.Ticks++
	}
	if i.Standing() == sentinel.Open && t.waitsForRepair(before, i) {
		i = moved(i, sentinel.Repairing)
	}
	return []sentinel.Incident{t.put(notify.Summarize(t.suppress(t.explain(i), d.at)))}
}

// begin opens an incident for the findings that are open, or opens the former one again.
// Either way the episode has its own start, last good and findings.
func (t *incidents) begin(d *draft) sentinel.Incident {
	i := d.Incident
	first := i.OpenFindings()[0]
	flaps := t.policy.flaps()
	if i.ID != "" && d.at.Sub(i.Resolved) <= flaps.Settle {
		i.Flaps++
	} else {
		i = sentinel.Incident{ID: incidentID(d.Table, first, d.tick), Table: d.Table, Tags: i.Tags, Findings: i.Findings, Trace: t.trace}
	}
	i = flaps.CountOpening(i, first.Opened)
	i.Findings = slices.DeleteFunc(i.Findings, func(f sentinel.IncidentFinding) bool { return !f.Open() })
	i.Check, i.Kind, i.Key, i.Owner, i.Runbook = first.Check, first.Kind, first.Key, first.Owner, first.Runbook
	i.State, i.Prior, i.Note, i.Tier, i.Ticks = sentinel.Open, "", "", "", 0
	i.Opened, i.LastGood, i.Resolved = first.Opened, first.LastGood, time.Time{}
	return i
}

// resolved returns an incident without an open finding as it is stored.
func resolved(i sentinel.Incident, at time.Time) sentinel.Incident {
	if s := i.Standing(); s == sentinel.Repairing || s == sentinel.Verifying {
		i.Note = "" // of a step that is over
	}
	for _, f := range i.Findings {
		if f.Note != "" && !f.Resolved.Before(at) {
			i.Note = f.Note
		}
	}
	i.State, i.Prior, i.Resolved = sentinel.Resolved, "", latest(i.Opened, at)
	return i
}

// waitsForRepair reports whether a finding that has just begun is to be repaired before
// anybody is notified. All findings of the dataset then wait.
func (t *incidents) waitsForRepair(before, i sentinel.Incident) bool {
	for _, part := range i.Parts() {
		f := part.Findings[0]
		begun := !slices.ContainsFunc(before.Findings, func(o sentinel.IncidentFinding) bool {
			return before.ID == i.ID && o.Check == f.Check && o.Key == f.Key && o.Opened.Equal(f.Opened)
		})
		if begun && t.policy.repairedFirst(part) {
			return true
		}
	}
	return false
}

// moved returns an unresolved incident in another state. If it is suppressed, it gets the
// state when its suppression ends.
func moved(i sentinel.Incident, to sentinel.IncidentState) sentinel.Incident {
	if i.State == sentinel.Suppressed {
		i.Prior = to
	} else {
		i.State = to
	}
	return i
}

// suppress marks the findings that a silence or a maintenance window holds for. It moves
// an incident to Suppressed if it holds for all of them, and back afterwards.
func (t *incidents) suppress(i sentinel.Incident, now time.Time) sentinel.Incident {
	quiet := true
	for n, f := range i.Findings {
		if f.Open() {
			_, i.Findings[n].Silenced = t.policy.suppressed(i.Of(f), now)
			quiet = quiet && i.Findings[n].Silenced
		}
	}
	switch {
	case quiet && i.State != sentinel.Suppressed:
		i.State, i.Prior = sentinel.Suppressed, i.State
	case !quiet && i.State == sentinel.Suppressed:
		i.State, i.Prior = cmp.Or(i.Prior, sentinel.Open), ""
	}
	return i
}

// incidentID derives an id from what was found first and when, so that a tick that is
// judged again after a crash opens the same incident. IDs sort by time.
func incidentID(table sentinel.Table, f sentinel.IncidentFinding, tick time.Time) string {
	h := fnv.New32a()
	h.Write([]byte(table.String() + "\x00" + f.Check + "\x00" + f.Key))
	b := binary.BigEndian.AppendUint64(nil, uint64(tick.UnixMilli()))[2:]
	b = binary.BigEndian.AppendUint32(b, h.Sum32())
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
