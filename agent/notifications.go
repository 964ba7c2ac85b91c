package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// Notifications is who is notified of incidents, and when nobody is.
type Notifications struct {
	Routes     []notify.Route
	Dispatcher *notify.Dispatcher // nil: nothing is sent
	Windows    []notify.Window    // maintenance: nobody is notified, and nothing is repaired
}

const silenceState = "silence"

// holdFor is how long an incident is kept from people while it is repaired. A
// repair that takes longer is news.
const holdFor = 30 * time.Minute

// notifyBy puts a plan's routes and windows in force.
func (a *Agent) notifyBy(t *Notifications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notifications = t
	a.planner = nil
	for _, of := range []string{"repair", "notification"} {
		a.metrics.Add(exporters.Retries, 0, of)
	}
	if t == nil {
		return
	}
	a.planner = &notify.Planner{Routes: t.Routes, Incidents: openIncidents{a}}
	if t.Dispatcher == nil {
		return
	}
	for _, c := range t.Dispatcher.Channels { // there before the first event, so that it is not lost to increase()
		for _, outcome := range []string{notify.OutcomeSent, notify.OutcomeRetried, notify.OutcomeDead} {
			a.metrics.Add(exporters.Notifications, 0, c.Name, outcome)
		}
	}
}

// dispatch sends notifications until ctx ends.
func (a *Agent) dispatch(ctx context.Context, d *notify.Dispatcher) {
	a.mu.Lock()
	planner := a.planner
	a.mu.Unlock()
	d.Run(ctx, planner, deliveryObserver{a})
}

// openIncidents answers the planner of notices. It takes the agent's lock.
type openIncidents struct{ agent *Agent }

// Find implements notify.Incidents.
func (o openIncidents) Find(id string) (sentinel.Incident, bool) {
	o.agent.mu.Lock()
	defer o.agent.mu.Unlock()
	return o.agent.incidents.find(id)
}

// Suppressed implements notify.Incidents.
func (o openIncidents) Suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	o.agent.mu.Lock()
	defer o.agent.mu.Unlock()
	return o.agent.withheld(i, now)
}

// deliveryObserver counts, traces and logs what the dispatcher does.
type deliveryObserver struct{ agent *Agent }

// Notice implements notify.Observer.
func (o deliveryObserver) Notice(
	ctx context.Context, traceparent, channel string,
) (_ context.Context, own string, end func(error)) {
	return o.agent.trace.Notice(ctx, traceparent, channel)
}

// Sent implements notify.Observer.
func (o deliveryObserver) Sent(channel, outcome string) {
	o.agent.metrics.Add(exporters.Notifications, 1, channel, outcome)
	if outcome == notify.OutcomeRetried {
		o.agent.metrics.Add(exporters.Retries, 1, "notification")
	}
}

// Problem implements notify.Observer.
func (o deliveryObserver) Problem(channel string, err error) {
	var bug *panics.Error
	if errors.As(err, &bug) {
		o.agent.recovered(context.Background(), "delivery", bug)
	}
	o.agent.log.Warn("sending notifications", "channel", channel, "error", err)
}

// exportObserver counts and logs what exporters lose.
type exportObserver struct{ agent *Agent }

// Lost implements exporters.QueueObserver.
func (o exportObserver) Lost(exporter string, results int, err error) {
	var bug *panics.Error
	if errors.As(err, &bug) {
		o.agent.recovered(context.Background(), "exporter", bug)
	}
	o.agent.log.Error("exporting results", "exporter", exporter, "lost", results, "error", err)
}

// suppressed says why nobody is notified of an incident: a window, or a silence.
// The lock is held.
func (a *Agent) suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	q := notify.Quiet{Silences: a.silences}
	if a.notifications != nil {
		q.Windows = a.notifications.Windows
	}
	return q.Suppressed(i, now)
}

// withheld also keeps back what is being repaired: people hear of it when that
// fails, or takes too long.
func (a *Agent) withheld(i sentinel.Incident, now time.Time) (why string, ok bool) {
	if at := i.Standing(); (at == sentinel.Repairing || at == sentinel.Verifying) && now.Sub(i.Opened) < holdFor && a.repairedFirst(i) {
		return "automatic recovery is under way", true
	}
	return a.suppressed(i, now)
}

// repairedFirst reports whether a repair may make the incident go away by itself
// before anybody hears of it.
func (a *Agent) repairedFirst(i sentinel.Incident) bool {
	if a.engine == nil || i.Monitor {
		return false
	}
	for _, p := range a.engine.PoliciesFor(i) {
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
	if a.notifications == nil {
		return "", false
	}
	return notify.Quiet{Windows: a.notifications.Windows}.Suppressed(sentinel.Incident{Table: t}, now)
}

// count exports a transition.
func (a *Agent) count(c notify.Change) {
	i := c.Incident
	switch c.Kind {
	case notify.Opened:
		a.metrics.Add(exporters.Incidents, 1, i.Tier, "opened")
		if !i.LastGood.IsZero() {
			a.metrics.Observe(exporters.TimeToDetect, i.Opened.Sub(i.LastGood).Seconds(), i.Tier)
		}
	case notify.Recovered:
		a.metrics.Add(exporters.Incidents, 1, i.Tier, "resolved")
		a.metrics.Observe(exporters.TimeToResolve, i.Resolved.Sub(i.Opened).Seconds(), i.Tier)
	case notify.Reopened, notify.Escalated:
		a.metrics.Add(exporters.Incidents, 1, i.Tier, string(c.Kind))
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
		a.log.InfoContext(ctx, "incident resolved", append(args, "open_for", i.Resolved.Sub(i.Opened).Round(time.Second).String())...)
	case notify.Acknowledged:
		a.log.InfoContext(ctx, "incident acknowledged", args...)
	default:
		a.log.WarnContext(ctx, "incident "+string(c.Kind), args...)
	}
}

// Decide takes a person's decision on an incident: ack or resolve. One that is
// resolved by hand opens again when its check still finds it. Decide waits for the
// store as long as ctx lives; the decision is in force at once, and is recorded
// later where the store cannot be written now.
func (a *Agent) Decide(ctx context.Context, what, id, who, why string) (sentinel.Incident, error) {
	to, known := map[string]sentinel.IncidentState{"ack": sentinel.Acknowledged, "resolve": sentinel.Resolved}[what]
	switch {
	case !known:
		return sentinel.Incident{}, fmt.Errorf("unknown word %q: want ack or resolve", what)
	case who == "":
		return sentinel.Incident{}, errors.New("who: say who decides")
	}
	note := string(to) + " by " + who
	if why != "" {
		note += ": " + why
	}
	a.mu.Lock()
	i, err := a.incidents.decide(id, to, note, a.now().UTC().Truncate(time.Second))
	if err != nil {
		a.mu.Unlock()
		return i, err
	}
	rec := a.submit(ctx, store.Batch{Incidents: []sentinel.Incident{i}}, a.incidents.take(),
		store.AuditEntry{At: a.now(), Actor: who, What: "incident." + what, Subject: id, Detail: why})
	a.mu.Unlock()
	a.announce(rec)
	return i, a.recorder.wait(ctx, rec)
}

// Silence keeps what it matches from being notified until it expires. Silence waits
// for the store as long as ctx lives; the silence is in force at once.
func (a *Agent) Silence(ctx context.Context, s notify.Silence) error {
	if err := s.Validate(); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	batch := store.Batch{States: []store.State{{Kind: silenceState, Key: s.ID, Data: data}}}
	a.mu.Lock()
	a.silences = append(a.silences, s)
	rec := a.submit(ctx, batch, nil,
		store.AuditEntry{At: a.now(), Actor: s.Who, What: "silence.set", Subject: s.ID, Detail: string(data)})
	a.mu.Unlock()
	return a.recorder.wait(ctx, rec)
}

// Label keeps what people say about a stretch of a check's series, and has its
// detectors learn anew without the points taken out.
func (a *Agent) Label(ctx context.Context, l store.Label) error {
	if l.Who == "" || l.Why == "" {
		return errors.New("a label says who sets it and why")
	}
	if err := a.store.Label(ctx, l); err != nil {
		return err
	}
	states, err := a.scorer.forgotten(ctx, l.Check)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.scorer.Forget(l.Check)
	rec := a.submit(ctx, store.Batch{States: states}, nil)
	a.mu.Unlock()
	return a.recorder.wait(ctx, rec)
}

// Start reads from the store what the agent must know, and begins to record. It is
// for Decide, Silence and Label while no agent runs; [Agent.Run] calls it itself.
// n says who is notified once an agent runs.
func (a *Agent) Start(ctx context.Context, n *Notifications) error {
	if err := a.start(ctx); err != nil {
		return err
	}
	a.notifyBy(n)
	return nil
}

// Stop writes what could not be written before, and ends what Start began.
func (a *Agent) Stop() error { return a.recorder.stop() }

func (a *Agent) wakeDispatcher() {
	a.mu.Lock()
	n := a.notifications
	a.mu.Unlock()
	if n != nil && n.Dispatcher != nil {
		n.Dispatcher.Wake()
	}
}

// loadSilences reads the silences that have not expired.
func (a *Agent) loadSilences(ctx context.Context) ([]notify.Silence, error) {
	states, err := a.store.States(ctx, silenceState)
	var out []notify.Silence
	for _, s := range states {
		var v notify.Silence
		if err := json.Unmarshal(s.Data, &v); err != nil {
			a.log.Warn("forgetting a damaged silence", "silence", s.Key, "error", err)
			continue
		}
		if a.now().Before(v.Until) {
			out = append(out, v)
		}
	}
	return out, err
}

// countNotices exports what waits, and what was given up.
func (a *Agent) countNotices(ctx context.Context) {
	counts, err := a.store.OutboxCounts(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("counting notifications", "error", err)
		}
		return
	}
	by := map[store.OutboxState]int64{}
	for _, c := range counts {
		by[c.State] += c.Items
	}
	a.metrics.Set(exporters.NotificationsPending, float64(by[store.OutboxPending]))
	a.metrics.Set(exporters.DeadLetters, float64(by[store.OutboxDead]), "notification")
	newest, err := a.store.Audit(ctx, "", 1)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("reading the audit log", "error", err)
		}
		return
	}
	entries := 0.0
	for _, e := range newest {
		entries = float64(e.Seq)
	}
	a.metrics.Set(exporters.AuditEntries, entries)
}
