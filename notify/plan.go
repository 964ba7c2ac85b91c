package notify

import (
	"cmp"
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
	Late     string            // why it is told after the transition; may be empty
	samples  bool              // the route allows samples of bad rows
}

// Track compares an incident with its previous version (the zero value for a new one).
// It returns the incident to store, with the transition counted, and the kind of the
// transition; "" if nobody needs to know.
func Track(before, after sentinel.Incident) (sentinel.Incident, Kind) {
	after.Transitions = before.Transitions
	kind := transition(before, after)
	reopened := before.State == sentinel.Resolved && after.State != sentinel.Resolved
	if kind != "" || reopened { // the key of what is notified later must be new
		after.Transitions++
	}
	return remembered(after), kind
}

func transition(before, after sentinel.Incident) Kind {
	isNew, was, is := before.ID == "", before.Standing(), after.State
	switch {
	case isNew && is != sentinel.Resolved:
		return Opened
	case isNew:
		return ""
	case is == sentinel.Resolved:
		return ended(before, after)
	case !before.Flapping.On() && after.Flapping.On():
		return Flapping
	case before.Flapping.On() && !after.Flapping.On() && is != sentinel.Acknowledged:
		return Reopened // it has settled, and stays bad
	case was == sentinel.Resolved && !after.Flapping.On():
		return Reopened
	case is == sentinel.Escalated && was != sentinel.Escalated && !before.Flapping.Escalated:
		return Escalated
	case is == sentinel.Acknowledged && was != sentinel.Acknowledged:
		return Acknowledged
	case worsened(before, after):
		return Worsened
	}
	return ""
}

// ended is the kind of a transition of what is resolved now. While an incident flaps, its
// ends are not news: see [Settle].
func ended(before, after sentinel.Incident) Kind {
	if before.Standing() == sentinel.Resolved || after.Flapping.On() {
		return ""
	}
	return Recovered
}

// worsened reports whether people who know of an incident must hear of it again: it has
// got worse, or has begun again, and is worse than what they were told of this episode.
func worsened(before, after sentinel.Incident) bool {
	was := sentinel.Told{Severity: before.Severity, Tier: before.Tier, Monitor: before.Monitor}
	return (before.State == sentinel.Resolved || worse(after, was)) && !known(after, before.Told)
}

// worse reports whether an incident is more severe, its tier is higher, or the data is bad
// where checks could not run before.
func worse(after sentinel.Incident, than sentinel.Told) bool {
	return after.Severity.Worse(than.Severity) || than.Monitor && !after.Monitor ||
		than.Tier != after.Tier && HigherTier(than.Tier, after.Tier) == after.Tier
}

// known reports whether people were told of something that is as bad as the incident.
func known(i sentinel.Incident, told []sentinel.Told) bool {
	return slices.ContainsFunc(told, func(t sentinel.Told) bool { return !worse(i, t) })
}

// Planner decides who is notified of what. It has no state: the store knows what was
// sent. Its methods may be called concurrently if those of Incidents may.
type Planner struct {
	Routes    []Route   // [DefaultRoutes] where none are configured
	Incidents Incidents // nil: only the incidents that are given are known, by their state
}

// Incidents is what a planner asks about incidents beside those that changed.
type Incidents interface {
	// Find returns an unresolved incident. An incident is grouped like its upstream,
	// also if the upstream failed earlier.
	Find(id string) (sentinel.Incident, bool)
	// Suppressed returns why nobody is notified of an incident now. See [Quiet].
	Suppressed(i sentinel.Incident, now time.Time) (why string, ok bool)
	// Silences returns the silences that have not ended, and those that ended within the
	// hour before now.
	Silences(now time.Time) []Silence
}

// note is what the outbox keeps of a transition.
type note struct {
	Incident sentinel.Incident
	Trace    string `json:",omitempty"`
	Late     string `json:",omitempty"` // why it is told after the transition
	Failed   string `json:",omitempty"` // the channel that gave it up, and why
	Samples  bool   `json:",omitempty"` // the route allows samples of bad rows
}

// Plan returns the items for the outbox. The caller stores them in the transaction that
// stores the incidents. changes are in the order in which they happened. sent is the
// answer of [store.Store.OutboxNotified]: only channels that were notified of a problem
// are notified of its end.
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
		for _, r := range p.routes(p.present(c.Incident, now), now) {
			if !p.Routes[r].OnlyEscalated || c.Kind == Escalated || c.Incident.Standing() == sentinel.Escalated {
				c.samples = p.Routes[r].Samples
				out.add(c, p.Routes[r].To, p.Routes[r].group(r, c.Kind, cause), p.Routes[r].Wait())
				notified[c.Incident.ID] = append(notified[c.Incident.ID], p.Routes[r].To...)
			}
		}
	}
	return out.list, out.err
}

// followUp notifies the channels that were notified before, grouped by their routes.
func (p *Planner) followUp(out *items, c Change, cause sentinel.Incident, notified []string) {
	for _, r := range p.routes(unsilenced(c.Incident), out.now) {
		to := slices.DeleteFunc(slices.Clone(p.Routes[r].To), func(name string) bool {
			return !slices.Contains(notified, name)
		})
		out.add(c, to, p.Routes[r].group(r, c.Kind, cause), p.Routes[r].Wait())
	}
	// The routes may have changed since, or their hours are over.
	other := Route{}
	out.add(c, notified, other.group(-1, c.Kind, cause), *routeDefaults.GroupWait)
}

// unsilenced returns an incident as if nothing were silenced: the end of what people know is
// sent under a silence, too, and on the same route.
func unsilenced(i sentinel.Incident) sentinel.Incident {
	i.Findings = slices.Clone(i.Findings)
	for n := range i.Findings {
		i.Findings[n].Silenced = false
	}
	return i
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

// present returns an incident with its suppression as it is now, and with what it says as a
// whole by that. What is stored is that of the last result, which may be older than the end
// of a window or a silence.
func (p *Planner) present(i sentinel.Incident, now time.Time) sentinel.Incident {
	if p.Incidents == nil {
		return i
	}
	i.Findings = slices.Clone(i.Findings)
	quiet := true
	for n, f := range i.Findings {
		if f.Open() {
			_, i.Findings[n].Silenced = p.Incidents.Suppressed(i.Of(f), now)
			quiet = quiet && i.Findings[n].Silenced
		}
	}
	if i.State == sentinel.Suppressed && !quiet {
		i.State, i.Prior = cmp.Or(i.Prior, sentinel.Open), ""
	}
	if len(i.OpenFindings()) == 0 {
		return i
	}
	return Summarize(i)
}

// routes are the numbers of the routes that an incident takes at now: those of each of its
// open findings. One without a finding, and one that is over, takes its own.
func (p *Planner) routes(i sentinel.Incident, now time.Time) (taken []int) {
	for _, part := range i.Parts() {
		if len(part.Findings) == 1 && part.Findings[0].Silenced {
			continue
		}
		for n := range p.Routes {
			if !p.Routes[n].Matches(part) || !p.Routes[n].Holds(now) {
				continue
			}
			if !slices.Contains(taken, n) {
				taken = append(taken, n)
			}
			if !p.Routes[n].Continue {
				break
			}
		}
	}
	slices.Sort(taken)
	return taken
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

// add notifies channels of a change. The key depends only on the incident and the
// number of its transition.
func (o *items) add(c Change, to []string, group string, wait time.Duration) {
	o.put(c, fmt.Sprintf("%s/%d/%s", c.Incident.ID, c.Incident.Transitions, c.Kind), to, group, wait)
}

// remind notifies a channel for the n-th time of an incident that is still open.
func (o *items) remind(i sentinel.Incident, channel string, n int, group string) {
	o.put(Change{Kind: Reminder, Incident: i}, fmt.Sprintf("%s/reminder/%d", i.ID, n), []string{channel}, group, 0)
}

// again notifies a channel of an incident after n notices of it were given up.
func (o *items) again(i sentinel.Incident, channel string, n int, group string) {
	c := Change{Kind: late(i), Incident: i}
	o.put(c, fmt.Sprintf("%s/%d/%s/again/%d", i.ID, i.Transitions, c.Kind, n), []string{channel}, group, 0)
}

func (o *items) put(c Change, key string, to []string, group string, wait time.Duration) {
	if len(to) == 0 || o.err != nil {
		return
	}
	data, err := json.Marshal(note{Incident: c.Incident, Trace: c.Trace, Late: c.Late, Samples: c.samples})
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
