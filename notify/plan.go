package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Change is a transition of an incident that somebody may have to be notified of.
type Change struct {
	Kind     Kind
	Incident sentinel.Incident // as it is after it
	Trace    string            // W3C traceparent of the tick; may be empty
}

// Track compares an incident with what it was before (the zero value for a new
// one), counts the transition in what it returns, and says its kind; "" when
// nobody needs to know. The returned incident is the one to store.
func Track(before, after sentinel.Incident) (sentinel.Incident, Kind) {
	after.Transitions = before.Transitions
	kind := transition(before, after)
	if kind != "" {
		after.Transitions++
	}
	return after, kind
}

func transition(before, after sentinel.Incident) Kind {
	isNew, was, is := before.ID == "", before.Standing(), after.State
	switch {
	case isNew && is != sentinel.Resolved:
		return Opened
	case isNew:
		return ""
	case was == sentinel.Resolved && is != sentinel.Resolved:
		return Reopened
	case is == sentinel.Resolved && was != sentinel.Resolved:
		return Recovered
	case is == sentinel.Escalated && was != sentinel.Escalated:
		return Escalated
	case is == sentinel.Acknowledged && was != sentinel.Acknowledged:
		return Acknowledged
	case is != sentinel.Resolved && before.Severity == sentinel.Warn && after.Severity == sentinel.Fail:
		return Worsened
	}
	return ""
}

// Planner decides who is notified of what. It keeps nothing: the store knows what
// was sent. Its methods may be called concurrently if those of Incidents may.
type Planner struct {
	Routes    []Route   // [DefaultRoutes] where none are configured
	Incidents Incidents // nil: only the incidents that are given are known, by their state
}

// Incidents is what a planner asks about incidents beside those that changed.
type Incidents interface {
	// Find returns an unresolved incident. One is grouped as its upstream is, also
	// when that failed earlier.
	Find(id string) (sentinel.Incident, bool)
	// Suppressed says why nobody is notified of an incident at the moment. See
	// [Quiet].
	Suppressed(i sentinel.Incident, now time.Time) (why string, ok bool)
}

// note is what the outbox keeps of a transition.
type note struct {
	Incident sentinel.Incident
	Trace    string `json:",omitempty"`
}

// Plan returns the items that belong into the outbox in the transaction that
// stores the incidents; changes are in the order they happened. sent is what
// [store.Store.OutboxNotified] says of them: the channels that were notified that
// something is wrong are notified that it is over, and no others.
func (p *Planner) Plan(changes []Change, sent []store.Notified, now time.Time) ([]store.OutboxItem, error) {
	notified := map[string][]string{}
	for _, t := range sent {
		notified[t.Incident] = append(notified[t.Incident], t.Channel)
	}
	here := map[string]sentinel.Incident{}
	for _, c := range changes {
		here[c.Incident.ID] = c.Incident
	}
	out := items{now: now}
	for _, c := range changes {
		cause := p.root(c.Incident, here)
		if c.Kind == Recovered || c.Kind == Acknowledged {
			p.followUp(&out, c, cause, notified[c.Incident.ID])
			continue
		}
		if p.quiet(c.Incident, now) {
			continue
		}
		for _, r := range p.routes(c.Incident) {
			if !p.Routes[r].OnlyEscalated || c.Kind == Escalated || c.Incident.Standing() == sentinel.Escalated {
				out.add(c, p.Routes[r].To, p.Routes[r].group(r, c.Kind, cause), p.Routes[r].groupWait())
				notified[c.Incident.ID] = append(notified[c.Incident.ID], p.Routes[r].To...)
			}
		}
	}
	return out.list, out.err
}

// followUp notifies the channels that were notified before, in the groups of their
// routes.
func (p *Planner) followUp(out *items, c Change, cause sentinel.Incident, notified []string) {
	for _, r := range p.routes(c.Incident) {
		to := slices.DeleteFunc(slices.Clone(p.Routes[r].To), func(name string) bool {
			return !slices.Contains(notified, name)
		})
		out.add(c, to, p.Routes[r].group(r, c.Kind, cause), p.Routes[r].groupWait())
	}
	// The routes may have changed since.
	other := Route{}
	out.add(c, notified, other.group(-1, c.Kind, cause), *routeDefaults.GroupWait)
}

// root returns the incident that another is grouped by: the last one in its chain of
// upstream incidents.
func (p *Planner) root(i sentinel.Incident, here map[string]sentinel.Incident) sentinel.Incident {
	for range 100 { // causes never go round, but what is stored may be damaged
		up, ok := here[i.Upstream]
		if !ok && p.Incidents != nil && i.Upstream != "" {
			up, ok = p.Incidents.Find(i.Upstream)
		}
		if !ok {
			return i
		}
		i = up
	}
	return i
}

func (p *Planner) quiet(i sentinel.Incident, now time.Time) bool {
	if p.Incidents == nil {
		return i.State == sentinel.Suppressed
	}
	_, ok := p.Incidents.Suppressed(i, now)
	return ok
}

// routes are the numbers of the routes that an incident takes.
func (p *Planner) routes(i sentinel.Incident) (taken []int) {
	for n := range p.Routes {
		if !p.Routes[n].Matches(i) {
			continue
		}
		taken = append(taken, n)
		if !p.Routes[n].Continue {
			break
		}
	}
	return taken
}

// Remind returns the items that are due without a transition. These are reminders of
// incidents that are neither resolved nor acknowledged, and the first notices of
// incidents that were suppressed before. The same arguments give the same items.
func (p *Planner) Remind(open []sentinel.Incident, notified []store.Notified, now time.Time) ([]store.OutboxItem, error) {
	known := map[[2]string]store.Notified{}
	for _, t := range notified {
		known[[2]string{t.Incident, t.Channel}] = t
	}
	out := items{now: now}
	here := map[string]sentinel.Incident{}
	for _, i := range open {
		here[i.ID] = i
	}
	for _, i := range open {
		if i.State == sentinel.Resolved || i.Standing() == sentinel.Acknowledged || p.quiet(i, now) {
			continue
		}
		for _, r := range p.routes(i) {
			route := &p.Routes[r]
			for _, channel := range route.To {
				t, ok := known[[2]string{i.ID, channel}]
				switch {
				case !ok && (!route.OnlyEscalated || i.Standing() == sentinel.Escalated):
					group := route.group(r, late(i), p.root(i, here))
					out.add(Change{Kind: late(i), Incident: i}, []string{channel}, group, route.groupWait())
				case ok && t.Sent && route.repeat() > 0 && now.Sub(t.Last) >= route.repeat():
					out.remind(i, channel, t.Reminders+1, route.group(r, Reminder, p.root(i, here)))
				}
			}
		}
	}
	return out.list, out.err
}

// late is the kind of a first notice that comes after the transition.
func late(i sentinel.Incident) Kind {
	if i.Standing() == sentinel.Escalated {
		return Escalated
	}
	return Opened
}

// items collects what goes into the outbox, each channel once a transition.
type items struct {
	now  time.Time
	list []store.OutboxItem
	seen map[[2]string]bool
	err  error
}

// add notifies channels of a change. The key is made of the incident and the
// number of its transition alone.
func (o *items) add(c Change, to []string, group string, wait time.Duration) {
	o.put(c, fmt.Sprintf("%s/%d/%s", c.Incident.ID, c.Incident.Transitions, c.Kind), to, group, wait)
}

// remind notifies a channel the n-th time of an incident that goes on.
func (o *items) remind(i sentinel.Incident, channel string, n int, group string) {
	o.put(Change{Kind: Reminder, Incident: i}, fmt.Sprintf("%s/reminder/%d", i.ID, n), []string{channel}, group, 0)
}

func (o *items) put(c Change, key string, to []string, group string, wait time.Duration) {
	if len(to) == 0 || o.err != nil {
		return
	}
	data, err := json.Marshal(note{c.Incident, c.Trace})
	if err != nil {
		o.err = fmt.Errorf("planning notifications of %s: %w", c.Incident.ID, err)
		return
	}
	if o.seen == nil {
		o.seen = map[[2]string]bool{}
	}
	for _, channel := range to {
		if id := [2]string{key, channel}; !o.seen[id] {
			o.seen[id] = true
			o.list = append(o.list, store.OutboxItem{
				Key: key, Channel: channel, Incident: c.Incident.ID, Upstream: c.Incident.Upstream,
				Kind: string(c.Kind), Group: group, NextAt: o.now.Add(wait), Created: o.now, Notice: data,
			})
		}
	}
}
