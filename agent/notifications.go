package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// Notifications says who is notified of incidents, and when nobody is.
type Notifications struct {
	// Routes say which channels an incident goes to.
	Routes []notify.Route
	// Dispatcher sends the notices. Nil: nothing is sent.
	Dispatcher *notify.Dispatcher
	// Windows are the maintenance windows. In a window nobody is notified, and nothing
	// is repaired.
	Windows []notify.Window
	// MaxSilence is the longest silence that may be set. 0: [notify.DefaultMaxSilence].
	MaxSilence time.Duration
	// Flaps says when an incident flaps.
	Flaps notify.Flaps
}

// flaps says when an incident flaps; nil notifications have the defaults.
func (n *Notifications) flaps() notify.Flaps {
	if n == nil {
		return notify.Flaps{}.OrDefault()
	}
	return n.Flaps.OrDefault()
}

// flaps implements incidentPolicy. The lock is held.
func (a *Agent) flaps() notify.Flaps { return a.notifications.flaps() }

// repairGrace is how long nobody is notified of an incident that is being repaired.
const repairGrace = 30 * time.Minute

// setNotifications puts a plan's routes and windows in force.
func (a *Agent) setNotifications(n *Notifications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notifications = n
	a.planner = nil
	if n == nil {
		return
	}
	a.planner = &notify.Planner{Routes: n.Routes, Incidents: openIncidents{a}}
}

// runDispatcher sends notifications until ctx ends.
func (a *Agent) runDispatcher(ctx context.Context, d *notify.Dispatcher) {
	a.mu.Lock()
	planner := a.planner
	a.mu.Unlock()
	d.Run(ctx, planner, deliveryObserver{a})
}

// openIncidents gives the planner of notices access to the agent's incidents. Its
// methods take the agent's lock.
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

// Silences implements notify.Incidents.
func (o openIncidents) Silences(now time.Time) (recent []notify.Silence) {
	o.agent.mu.Lock()
	defer o.agent.mu.Unlock()
	for _, s := range o.agent.silences {
		if now.Sub(s.Until) <= notify.ExpiresSoon {
			recent = append(recent, s)
		}
	}
	return recent
}

// deliveryObserver counts, traces and logs deliveries.
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

// exportObserver logs results that could not be exported.
type exportObserver struct{ agent *Agent }

// Lost implements exporters.QueueObserver.
func (o exportObserver) Lost(exporter string, results int, err error) {
	var bug *panics.Error
	if errors.As(err, &bug) {
		o.agent.recovered(context.Background(), "exporter", bug)
	}
	o.agent.log.Error("exporting results", "exporter", exporter, "lost", results, "error", err)
}

// suppressed implements incidentPolicy. It names the window or the silence for which
// nobody is notified of an incident. The lock is held.
func (a *Agent) suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	q := notify.Quiet{Silences: a.silences}
	if a.notifications != nil {
		q.Windows = a.notifications.Windows
	}
	return q.Suppressed(i, now)
}

// withheld says why nobody is notified of an incident now: it is suppressed, or it is
// being repaired: all its findings then wait. A repair that fails or takes too long ends
// this. Before the datasets are known, each is taken to have repairs. The lock is held.
func (a *Agent) withheld(i sentinel.Incident, now time.Time) (why string, ok bool) {
	if at := i.Standing(); at == sentinel.Repairing || at == sentinel.Verifying {
		for _, part := range i.Parts() {
			if now.Sub(began(part)) < repairGrace && (!a.resolved || a.repairedFirst(part)) {
				return "automatic recovery is under way", true
			}
		}
	}
	return a.suppressed(i, now)
}

// began returns when the finding of a part of an incident began.
func began(part sentinel.Incident) time.Time {
	if len(part.Findings) == 1 {
		return part.Findings[0].Opened
	}
	return part.Opened
}

// repairedFirst implements incidentPolicy. It reports whether a repair is tried before
// anybody is notified of a finding, which the incident is narrowed to.
func (a *Agent) repairedFirst(part sentinel.Incident) bool {
	if a.engine == nil || part.Monitor {
		return false
	}
	for _, p := range a.engine.PoliciesFor(part) {
		if p.Mode == repair.Auto && !p.DryRun && p.Escalate == "after" && a.canRepair(p, part) {
			return true
		}
	}
	return false
}

// underMaintenance names the maintenance window in which a table must not be repaired
// now.
func (a *Agent) underMaintenance(now time.Time, t sentinel.Table) (why string, quiet bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notifications == nil {
		return "", false
	}
	of := sentinel.Incident{Table: t}
	if i := slices.IndexFunc(a.datasets, func(d Dataset) bool { return d.Table == t }); i >= 0 {
		of = incidentOf(a.datasets[i])
	}
	return notify.Quiet{Windows: a.notifications.Windows}.Suppressed(of, now)
}

// countChange counts a transition.
func (a *Agent) countChange(c notify.Change) {
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
	case notify.Reopened, notify.Escalated, notify.Flapping:
		a.metrics.Add(exporters.Incidents, 1, i.Tier, string(c.Kind))
	}
}

// logChange logs a transition.
func (a *Agent) logChange(ctx context.Context, c notify.Change) {
	i := c.Incident
	worst := i.Parts()[0]
	args := []any{
		"incident", i.ID, "dataset", i.Table, "check", worst.Check, "key", worst.Key,
		"severity", i.Severity, "message", i.Summary(),
	}
	if i.Note != "" {
		args = append(args, "note", i.Note)
	}
	switch c.Kind {
	case notify.Recovered:
		open := i.Resolved.Sub(i.Opened).Round(time.Second)
		a.log.InfoContext(ctx, "incident resolved", append(args, "open_for", open.String())...)
	case notify.Acknowledged:
		a.log.InfoContext(ctx, "incident acknowledged", args...)
	default:
		a.log.WarnContext(ctx, "incident "+string(c.Kind), args...)
	}
}

// Decide applies a person's decision to an incident. what is "ack", "resolve", "note" (why
// is the text) or "forget" (its samples). A resolved incident opens again when its check
// fails again. The decision is in force at once. Decide waits until it is recorded. If ctx
// ends first, or the state cannot be written, the error is [ErrUnrecorded], and the decision
// is recorded later. Decide returns [ErrNotStarted] before the agent has read its store.
func (a *Agent) Decide(ctx context.Context, what, id, who, why string) (sentinel.Incident, error) {
	to, known := map[string]sentinel.IncidentState{"ack": sentinel.Acknowledged, "resolve": sentinel.Resolved}[what]
	switch {
	case !known && what != "forget" && what != "note":
		return sentinel.Incident{}, fmt.Errorf("unknown word %q: want ack, resolve, note or forget", what)
	case who == "":
		return sentinel.Incident{}, errors.New("who: name the person who decides")
	case what == "forget":
		return a.forgetSamples(ctx, id, who, why)
	case what == "note":
		return a.writeNote(ctx, id, who, why)
	}
	note := string(to) + " by " + who
	if why != "" {
		note += ": " + why
	}
	entry := store.AuditEntry{At: a.now(), Actor: who, What: "incident." + what, Subject: id, Detail: why}
	i, rec, err := a.decide(ctx, to, note, entry)
	if err != nil {
		return i, err
	}
	a.logChanges(rec)
	return i, a.recorded(ctx, rec)
}

// decide changes the incident that entry names, and submits the record of the change.
func (a *Agent) decide(
	ctx context.Context, to sentinel.IncidentState, note string, entry store.AuditEntry,
) (sentinel.Incident, *record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder == nil {
		return sentinel.Incident{}, nil, ErrNotStarted
	}
	i, err := a.incidents.decide(entry.Subject, to, note, entry.At.UTC().Truncate(time.Second))
	if err != nil {
		return i, nil, err
	}
	batch := store.Batch{Incidents: []sentinel.Incident{i}}
	return i, a.submit(ctx, batch, a.incidents.takeChanges(), entry), nil
}

// Label records a person's label for a part of a check's series. The detectors of the
// check then learn again, without the points that the label excludes. If that cannot be
// recorded now, the error is [ErrUnrecorded]. Label returns [ErrNotStarted] before the agent
// has read its store.
func (a *Agent) Label(ctx context.Context, l store.Label) error {
	if l.Who == "" || l.Why == "" {
		return errors.New("a label needs who and why")
	}
	if !a.started() {
		return ErrNotStarted
	}
	l.At = a.now()
	if err := a.store.Label(ctx, l); err != nil {
		return err
	}
	states, err := a.scorer.emptyStates(ctx, l.Check)
	if err != nil {
		return err
	}
	entry := store.AuditEntry{At: a.now(), Actor: l.Who, What: "label.set", Subject: l.Check,
		Detail: fmt.Sprintf("%q from %s to %s, exclude %t: %s", l.Segment, l.From.UTC().Format(time.RFC3339),
			l.To.UTC().Format(time.RFC3339), l.Exclude, l.Why)}
	return a.recorded(ctx, a.forget(ctx, l.Check, states, entry))
}

// forget makes the detectors of a check learn again, and submits the record of their
// empty states.
func (a *Agent) forget(ctx context.Context, check string, states []store.State, entry store.AuditEntry) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.Forget(check)
	return a.submit(ctx, store.Batch{States: states}, nil, entry)
}

// Start prepares the agent for Decide, Silence and Label in a process where no agent
// runs. Call Stop afterwards. Do not call Start before [Agent.Run]. n says who is
// notified of the changes once an agent runs.
func (a *Agent) Start(ctx context.Context, n *Notifications) error {
	if err := a.start(ctx, n); err != nil {
		return err
	}
	a.setNotifications(n)
	return nil
}

// Stop writes the waiting records, and ends what Start has started. It does nothing if
// the agent has not started.
func (a *Agent) Stop() error {
	if !a.started() {
		return nil
	}
	return a.recorder.stop()
}

// wakeDispatcher makes the dispatcher read the outbox.
func (a *Agent) wakeDispatcher() {
	a.mu.Lock()
	n := a.notifications
	a.mu.Unlock()
	if n != nil && n.Dispatcher != nil {
		n.Dispatcher.Wake()
	}
}

// countNotices exports how many notices wait, how many were given up, and how many
// entries the audit log has.
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
	if err := a.countOverdue(ctx); err != nil {
		if ctx.Err() == nil {
			a.log.Error("reading the oldest notifications", "error", err)
		}
		return
	}
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
