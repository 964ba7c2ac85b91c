package page

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/incidents/{id}", template: "incident.html", live: "incident repair",
		show: func(s *Site, r *http.Request) (any, error) { return s.incidentOf(r) },
	})
	addScreen(screen{
		path: "/incidents/{id}/statements", template: "statements.html", role: access.Viewer,
		show: func(s *Site, r *http.Request) (any, error) { return s.statementsOf(r) },
	})
}

// mostAlike is how many earlier incidents of the same check are shown.
const mostAlike = 5

// incidentData is the content of incident.html.
type incidentData struct {
	sentinel.Incident
	Zone     *time.Location // of the dataset
	Now      time.Time
	Open     []sentinel.IncidentFinding // the worst first
	Ended    []sentinel.IncidentFinding
	Cause    *sentinel.Incident // that explains this one
	CausedBy string             // why it is thought to
	Reaches  []sentinel.Incident
	Seen     *sentinel.Result // the last result of the worst finding's check
	Score    *score           // of the worst finding, by its detector
	Samples  []sentinel.Sample
	Hidden   bool       // there are samples, for whoever has a role
	Chart    *checkCard // of the worst finding's check, around the incident; nil: it has no values
	Drifts   []sentinel.Drift
	Digest   string // of Drifts
	Events   []event
	Told     []string // channels
	Waiting  *sentinel.Repair
	Silences []notify.SilenceStatus // that hold for it
	Alike    []sentinel.Incident
	Expected expectedForm
	As       string // who is signed in, and as what
}

// Age is how long the incident is open, or was.
func (d incidentData) Age() time.Duration {
	if d.State == sentinel.Resolved {
		return d.Resolved.Sub(d.Opened)
	}
	return d.Now.Sub(d.Opened)
}

// Over reports whether it has ended.
func (d incidentData) Over() bool { return d.State == sentinel.Resolved }

// Noted is what is noted of its last transition.
func (d incidentData) Noted() string {
	if d.Waiting != nil {
		return withoutCommand(d.Note, d.Waiting.ID)
	}
	return d.Note
}

// Taken reports whether a person has acknowledged it.
func (d incidentData) Taken() bool { return d.Standing() == sentinel.Acknowledged }

// Hands says in words in whose hands the incident is.
func (d incidentData) Hands() string {
	switch d.State {
	case sentinel.Acknowledged:
		return "acknowledged"
	case sentinel.Repairing:
		return "Sentinel repairs it"
	case sentinel.Verifying:
		return "Sentinel verifies a repair"
	case sentinel.Escalated:
		return "escalated: a person is needed"
	case sentinel.Suppressed:
		return "silenced"
	}
	return ""
}

// SchemaFindings reports whether a schema check has an open finding, which can be accepted.
func (d incidentData) SchemaFindings() bool {
	return slices.ContainsFunc(d.Open, func(f sentinel.IncidentFinding) bool { return f.Kind == "schema" })
}

func (s *Site) incidentOf(r *http.Request) (d incidentData, err error) {
	ctx := r.Context()
	if d.Incident, err = s.findIncident(ctx, r.PathValue("id")); err != nil {
		return d, err
	}
	d.Incident = UnnamedIncident(ctx, d.Incident)
	d.Now, d.Zone = s.Clock.Now(), s.Board.zone(d.Table)
	d.Open = d.OpenFindings()
	for _, f := range d.Findings {
		if !f.Open() {
			d.Ended = append(d.Ended, f)
		}
	}
	if err := s.addCause(ctx, &d); err != nil {
		return d, err
	}
	if err := s.addEvidence(r, &d); err != nil {
		return d, err
	}
	if err := s.addStory(ctx, &d); err != nil {
		return d, err
	}
	d.As = signedAs(ctx)
	return d, nil
}

// findIncident returns an incident as it is now: what the agent knows is newer than its state,
// which may not be writable.
func (s *Site) findIncident(ctx context.Context, id string) (sentinel.Incident, error) {
	for _, i := range s.Board.open() {
		if i.ID == id {
			return i, nil
		}
	}
	i, ok, err := s.Store.Incident(ctx, id)
	if err == nil && !ok {
		err = notFound("There is no incident " + id + ".")
	}
	return i, err
}

// signedAs names who is signed in with the role; "" if nobody is.
func signedAs(ctx context.Context) string {
	if !access.Known(ctx) {
		return ""
	}
	role := access.Viewer
	for _, higher := range []string{access.Operator, access.Admin} {
		if access.Allows(ctx, higher) {
			role = higher
		}
	}
	return cmp.Or(access.Actor(ctx, ""), access.SharedToken) + ", " + role
}

// addCause adds what explains the incident, and what it explains.
func (s *Site) addCause(ctx context.Context, d *incidentData) error {
	if d.Upstream != "" {
		up, ok, err := s.Store.Incident(ctx, d.Upstream)
		if err != nil {
			return err
		}
		if ok {
			d.Cause, d.CausedBy = &up, "an upstream that failed"
			if of, _ := s.Board.of(d.Table); of != nil && slices.Contains(of.Upstream, up.Table) {
				d.CausedBy = "depends_on names it"
			}
		}
	}
	for _, o := range s.Board.open() {
		if o.Upstream == d.ID {
			d.Reaches = append(d.Reaches, o)
		}
	}
	slices.SortFunc(d.Reaches, func(a, b sentinel.Incident) int { return a.Table.Compare(b.Table) })
	return nil
}

// addEvidence adds what the checks have seen: the last result of the worst finding, samples of
// bad rows for whoever has a role, and the differences of the schema.
func (s *Site) addEvidence(r *http.Request, d *incidentData) error {
	ctx := r.Context()
	results, err := s.Store.LastResults(ctx, store.Filter{Table: d.Table})
	if err != nil {
		return err
	}
	worst := d.worstFinding()
	var compared []sentinel.Result
	for i := range results {
		if results[i].Check == worst.Check {
			d.Seen, d.Score = &results[i], scoreOf(results[i], worst.Key)
		}
		if len(results[i].Drifts) > 0 {
			compared = append(compared, results[i])
			d.Drifts = append(d.Drifts, results[i].Drifts...)
		}
	}
	d.Digest = agent.DriftDigest(compared)
	d.Expected = expectedFor(worst, d.Seen)
	samples, err := s.Store.Samples(ctx, d.ID)
	if access.Known(ctx) {
		d.Samples = samples
	} else {
		d.Hidden = len(samples) > 0
	}
	return err
}

// worstFinding is the worst open finding, or the one that opened an incident that has ended.
func (d incidentData) worstFinding() sentinel.IncidentFinding {
	if len(d.Open) > 0 {
		return d.Open[0]
	}
	for _, f := range d.Findings {
		if f.Check == d.Check && f.Key == d.Key {
			return f
		}
	}
	return sentinel.IncidentFinding{Check: d.Check, Key: d.Key}
}

// scoreOf returns what a detector says of the part of a check that a finding is about.
func scoreOf(r sentinel.Result, key string) (found *score) {
	for _, v := range r.Scores {
		if v.Segment == sentinel.SegmentOf(key) && (found == nil || !v.Time.Before(found.Time)) {
			found = &score{v}
		}
	}
	return found
}

// score is what a detector says, for people.
type score struct{ sentinel.Score }

// Known reports whether the detector has learned what is usual.
func (s score) Known() bool {
	return !math.IsNaN(s.Low) && !math.IsInf(s.Low, 0) && !math.IsInf(s.High, 0)
}

// Least is the lowest value that is usual.
func (s score) Least() string { return float(s.Low) }

// Middle is the middle of what is usual.
func (s score) Middle() string { return float((s.Low + s.High) / 2) }

// addStory adds what has happened, and what it shows of repairs, notices and silences.
func (s *Site) addStory(ctx context.Context, d *incidentData) error {
	begin := d.Opened
	if len(d.Openings) > 0 {
		begin = d.Openings[0]
	}
	repairs, err := s.Store.Repairs(ctx, store.RepairFilter{Incident: d.ID, Since: begin.Add(-time.Hour)})
	if err != nil {
		return err
	}
	notices, err := s.Store.Outbox(ctx, store.OutboxFilter{Incident: d.ID})
	if err != nil {
		return err
	}
	log, err := s.incidentLog(ctx, d.Incident)
	if err != nil {
		return err
	}
	for i := range repairs {
		if repairs[i].State == sentinel.AwaitingApproval && !approved(repairs[i], d.Now) {
			d.Waiting = &repairs[i]
		}
	}
	for _, n := range notices {
		if n.State == store.OutboxSent && !slices.Contains(d.Told, n.Channel) {
			d.Told = append(d.Told, n.Channel)
		}
	}
	d.Events = unnamedEvents(ctx, timeline(d.Incident, Unnamed(ctx, repairs, UnnamedRepair), notices, log))
	if d.Chart, err = s.incidentChart(ctx, d, appliedAt(repairs)); err != nil {
		return err
	}
	if s.Agent.Ready() && !d.Over() {
		silences, err := s.Agent.Silences(ctx)
		if err != nil {
			return err
		}
		for _, o := range silences {
			if slices.ContainsFunc(d.Parts(), func(p sentinel.Incident) bool { return o.Suppresses(p, d.Now) }) {
				d.Silences = append(d.Silences, UnnamedSilence(ctx, o))
			}
		}
	}
	alike, _, err := s.Store.SearchIncidents(ctx, store.IncidentSearch{
		Dataset: d.Table.String(), Check: d.Check, Limit: mostAlike + 1,
	})
	for _, o := range alike {
		if o.ID != d.ID && len(d.Alike) < mostAlike {
			d.Alike = append(d.Alike, UnnamedIncident(ctx, o))
		}
	}
	return err
}

// approved reports whether a person has approved the plan of a repair as it is.
func approved(r sentinel.Repair, now time.Time) bool {
	return r.Approval != nil && r.Approval.Hash == r.Plan.Hash() && now.Before(r.Approval.Expires)
}

// incidentLog returns what people have decided about an incident: of itself, by silences that
// name it, and by what they have accepted or labelled of its checks while it was open.
func (s *Site) incidentLog(ctx context.Context, i sentinel.Incident) ([]store.AuditEntry, error) {
	log, err := s.Store.Audit(ctx, i.ID, 1000)
	if err != nil {
		return nil, err
	}
	until := i.Resolved
	if !until.IsZero() {
		until = until.Add(time.Minute)
	}
	kinds := []string{
		"silence.set", "baseline.accept", "label.set", "segments.accept", "table.accept_created", "table.accept_dropped",
	}
	entries, err := s.Store.AuditBetween(ctx, i.Opened, until, kinds)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case e.What == "silence.set" && strings.Contains(e.Detail, `"incident":"`+i.ID+`"`),
			e.Subject == i.Table.String(),
			slices.ContainsFunc(i.Findings, func(f sentinel.IncidentFinding) bool {
				return slices.Contains(strings.Split(e.Subject, ", "), f.Check)
			}):
			log = append(log, e)
		}
	}
	return log, nil
}

// statementsData is the content of statements.html.
type statementsData struct {
	sentinel.Incident
	Statements []agent.Statement
	Mine       map[string]bool // ids of the checks that have findings
}

// statementsOf asks the warehouse's catalog for what the checks of an incident send. It is shown
// to whoever has a role, because statements have values of the configuration.
func (s *Site) statementsOf(r *http.Request) (d statementsData, err error) {
	if d.Incident, err = s.findIncident(r.Context(), r.PathValue("id")); err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), catalogTime)
	defer cancel()
	all, err := s.Agent.Statements(ctx, d.Table)
	if err != nil {
		return d, &failure{status: http.StatusServiceUnavailable, message: sentence(err.Error()), back: "/incidents/" + d.ID}
	}
	d.Mine = map[string]bool{}
	for _, f := range d.Findings {
		d.Mine[f.Check] = true
	}
	for _, st := range all {
		if slices.ContainsFunc(st.Checks, func(id string) bool { return d.Mine[id] }) {
			d.Statements = append(d.Statements, st)
		}
	}
	return d, nil
}

// catalogTime bounds the reading of a catalog for a person who waits.
const catalogTime = 20 * time.Second
