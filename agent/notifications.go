package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// Notifications is who hears of incidents, and when nobody does.
type Notifications struct {
	Planner    *notify.Planner
	Dispatcher *notify.Dispatcher
	Windows    []notify.Window // maintenance: nobody is told, and nothing is repaired
}

const silenceState = "silence"

// holdFor is how long an incident is kept from people while it is repaired. A
// repair that takes longer is news.
const holdFor = 30 * time.Minute

// tellBy puts a plan's routes and windows in force.
func (a *Agent) tellBy(t *Notifications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.telling = t
	for _, of := range []string{"repair", "notification"} {
		a.Metrics.Add(exporters.Retries, 0, of)
	}
	a.incidents.quiet, a.incidents.held = a.suppressed, a.heldBack
	if t == nil {
		return
	}
	t.Planner.Find = func(id string) (sentinel.Incident, bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.incidents.find(id)
	}
	t.Planner.Suppressed = func(i sentinel.Incident, now time.Time) (string, bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.untold(i, now)
	}
	if d := t.Dispatcher; d != nil {
		for _, c := range d.Channels { // there before the first event, so that it is not lost to increase()
			for _, outcome := range []string{notify.OutcomeSent, notify.OutcomeRetried, notify.OutcomeDead} {
				a.Metrics.Add(exporters.Notifications, 0, c.Name, outcome)
			}
		}
		d.Planner = t.Planner
		if a.Trace != nil {
			d.Trace = a.Trace.Notice
		}
		d.Sent = func(channel, outcome string) {
			a.Metrics.Add(exporters.Notifications, 1, channel, outcome)
			if outcome == notify.OutcomeRetried {
				a.Metrics.Add(exporters.Retries, 1, "notification")
			}
		}
		d.Problem = func(channel string, err error) { a.Log.Warn("telling of incidents", "channel", channel, "error", err) }
	}
}

// suppressed says why an incident is quiet: a window, or a silence. The agent's
// lock is held.
func (a *Agent) suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	q := notify.Quiet{Silences: a.silences}
	if a.telling != nil {
		q.Windows = a.telling.Windows
	}
	return q.Suppressed(i, now)
}

// untold also keeps back what is being repaired: people hear of it when that
// fails, or takes too long.
func (a *Agent) untold(i sentinel.Incident, now time.Time) (why string, ok bool) {
	if at := i.Standing(); (at == sentinel.Repairing || at == sentinel.Verifying) && now.Sub(i.Opened) < holdFor && a.heldBack(i) {
		return "automatic recovery is under way", true
	}
	return a.suppressed(i, now)
}

// heldBack reports whether a repair may make the incident go away by itself
// before anybody hears of it.
func (a *Agent) heldBack(i sentinel.Incident) bool {
	if a.Repair == nil || i.Monitor {
		return false
	}
	for _, p := range a.repairEngine().PoliciesFor(i) {
		if p.Mode == repair.Auto && !p.DryRun && p.Escalate == "after" {
			return true
		}
	}
	return false
}

// underMaintenance keeps repairs from a table during a window.
func (a *Agent) underMaintenance(now time.Time, t sentinel.Table) (why string, quiet bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.telling == nil {
		return "", false
	}
	return notify.Quiet{Windows: a.telling.Windows}.Suppressed(sentinel.Incident{Table: t}, now)
}

// notices are the outbox items of the incidents' changes since the last call.
// They are stored with the incidents. The agent's lock is held.
func (a *Agent) notices(ctx context.Context, changes []notify.Change) ([]store.OutboxItem, error) {
	now := a.Now()
	var ended []string
	for n, c := range changes {
		changes[n].Trace = telemetry.Traceparent(ctx)
		a.count(c)
		a.logChange(ctx, c)
		if c.Kind == notify.Recovered || c.Kind == notify.Acknowledged {
			ended = append(ended, c.Incident.ID)
		}
	}
	if a.telling == nil || len(changes) == 0 {
		return nil, nil
	}
	var told []store.Told
	if len(ended) > 0 {
		var err error
		if told, err = a.Store.OutboxTold(ctx, ended); err != nil {
			return nil, fmt.Errorf("who was told: %w", err)
		}
	}
	planner := *a.telling.Planner
	planner.Suppressed, planner.Find = a.untold, a.incidents.find // the lock is held
	return planner.Plan(changes, told, now)
}

// count exports a transition.
func (a *Agent) count(c notify.Change) {
	i := c.Incident
	switch c.Kind {
	case notify.Opened:
		a.Metrics.Add(exporters.Incidents, 1, i.Tier, "opened")
		if !i.LastGood.IsZero() {
			a.Metrics.Observe(exporters.TimeToDetect, i.Opened.Sub(i.LastGood).Seconds(), i.Tier)
		}
	case notify.Recovered:
		a.Metrics.Add(exporters.Incidents, 1, i.Tier, "resolved")
		a.Metrics.Observe(exporters.TimeToResolve, i.Resolved.Sub(i.Opened).Seconds(), i.Tier)
	case notify.Reopened, notify.Escalated:
		a.Metrics.Add(exporters.Incidents, 1, i.Tier, string(c.Kind))
	}
}

// logChange writes one line a transition: an incident that just goes on is silent.
func (a *Agent) logChange(ctx context.Context, c notify.Change) {
	i := c.Incident
	args := []any{"incident", i.ID, "dataset", i.Table, "check", i.Check, "key", i.Key, "severity", i.Severity, "message", i.Message}
	if i.Note != "" {
		args = append(args, "note", i.Note)
	}
	switch c.Kind {
	case notify.Recovered:
		a.Log.InfoContext(ctx, "incident resolved", append(args, "open_for", i.Resolved.Sub(i.Opened).Round(time.Second).String())...)
	case notify.Acknowledged:
		a.Log.InfoContext(ctx, "incident acknowledged", args...)
	default:
		a.Log.WarnContext(ctx, "incident "+string(c.Kind), args...)
	}
}

// Decide takes a person's word on an incident: ack or resolve. One that is
// resolved by hand opens again when its check still finds it.
func (a *Agent) Decide(ctx context.Context, what, id, who, why string) (sentinel.Incident, error) {
	to, known := map[string]sentinel.IncidentState{"ack": sentinel.Acknowledged, "resolve": sentinel.Resolved}[what]
	switch {
	case !known:
		return sentinel.Incident{}, fmt.Errorf("unknown word %q: want ack or resolve", what)
	case who == "":
		return sentinel.Incident{}, errors.New("who: say who decides")
	}
	a.mu.Lock()
	said := string(to) + " by " + who
	if why != "" {
		said += ": " + why
	}
	i, err := a.incidents.decide(id, to, said, a.Now().UTC().Truncate(time.Second))
	var batch store.Batch
	if err == nil {
		batch.Incidents = []sentinel.Incident{i}
		batch.Outbox, err = a.notices(ctx, a.incidents.take())
	}
	a.mu.Unlock()
	if err != nil {
		return i, err
	}
	if err := a.record(ctx, batch); err != nil {
		return i, err
	}
	a.wakeDispatcher()
	return i, a.Store.AppendAudit(ctx, store.AuditEntry{At: a.Now(), Actor: who, What: "incident." + what, Subject: id, Detail: why})
}

// Silence keeps what it matches from being told until it expires.
func (a *Agent) Silence(ctx context.Context, s notify.Silence) error {
	if err := s.Validate(); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.silences = append(a.silences, s)
	a.mu.Unlock()
	if err := a.record(ctx, store.Batch{States: []store.State{{Kind: silenceState, Key: s.ID, Data: data}}}); err != nil {
		return err
	}
	return a.Store.AppendAudit(ctx, store.AuditEntry{At: a.Now(), Actor: s.Who, What: "silence.set", Subject: s.ID, Detail: string(data)})
}

// Label keeps what people say about a stretch of a check's series, and has its
// detectors learn anew without the points taken out.
func (a *Agent) Label(ctx context.Context, l store.Label) error {
	if l.Who == "" || l.Why == "" {
		return errors.New("a label says who sets it and why")
	}
	if err := a.Store.Label(ctx, l); err != nil {
		return err
	}
	a.mu.Lock()
	states, err := a.scorer.Forget(ctx, l.Check)
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.record(ctx, store.Batch{States: states})
}

// Recall reads from the store what Decide, Silence and Label need while no
// agent runs. t says who hears of it once one does.
func (a *Agent) Recall(ctx context.Context, t *Notifications) error {
	if err := a.recall(ctx); err != nil {
		return err
	}
	a.tellBy(t)
	return nil
}

func (a *Agent) wakeDispatcher() {
	a.mu.Lock()
	t := a.telling
	a.mu.Unlock()
	if t != nil && t.Dispatcher != nil {
		t.Dispatcher.Wake()
	}
}

// recallSilences reads the silences that have not expired.
func (a *Agent) recallSilences(ctx context.Context) ([]notify.Silence, error) {
	states, err := a.Store.States(ctx, silenceState)
	var out []notify.Silence
	for _, s := range states {
		var v notify.Silence
		if err := json.Unmarshal(s.Data, &v); err != nil {
			a.Log.Warn("forgetting a damaged silence", "silence", s.Key, "error", err)
			continue
		}
		if a.Now().Before(v.Until) {
			out = append(out, v)
		}
	}
	return out, err
}

// countNotices exports what waits, and what was given up.
func (a *Agent) countNotices(ctx context.Context) {
	counts, err := a.Store.OutboxCounts(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.Log.Error("counting notifications", "error", err)
		}
		return
	}
	by := map[store.OutboxState]int64{}
	for _, c := range counts {
		by[c.State] += c.Items
	}
	a.Metrics.Set(exporters.NotificationsPending, float64(by[store.OutboxPending]))
	a.Metrics.Set(exporters.DeadLetters, float64(by[store.OutboxDead]), "notification")
	newest, err := a.Store.Audit(ctx, "", 1)
	if err != nil {
		if ctx.Err() == nil {
			a.Log.Error("reading the audit log", "error", err)
		}
		return
	}
	entries := 0.0
	for _, e := range newest {
		entries = float64(e.Seq)
	}
	a.Metrics.Set(exporters.AuditEntries, entries)
}
