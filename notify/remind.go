package notify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Remind returns the items that are due without a transition. These are reminders of
// incidents that are neither resolved nor acknowledged, the first notices of incidents
// that were suppressed before, and those of transitions that were not told because the
// incident was suppressed or repaired then. notified is the answer of
// [store.Store.OutboxNotices]. Where the notices so far were given up (the answer of
// [store.Store.OutboxGivenUp]), the next one is due after the time of a reminder. The
// same arguments give the same items. With an error, the other items are returned, too.
func (p *Planner) Remind(
	open []sentinel.Incident, notified, givenUp []store.Notified, now time.Time,
) ([]store.OutboxItem, error) {
	m := reminders{
		Planner: p, out: items{now: now}, known: byIncident(notified), lost: byIncident(givenUp),
		here: map[string]sentinel.Incident{},
	}
	for _, i := range open {
		m.here[i.ID] = i
	}
	for _, i := range open {
		if i.State == sentinel.Resolved {
			continue
		}
		m.expiring(i)
		if p.quiet(i, now) {
			continue
		}
		i = p.present(i, now)
		for _, r := range p.routes(i, now) {
			for _, channel := range p.Routes[r].To {
				m.remind(i, r, channel)
			}
		}
	}
	return m.out.list, errors.Join(append(m.errs, m.out.err)...)
}

// reminders collects what is due without a transition.
type reminders struct {
	*Planner
	out         items
	known, lost map[[2]string]store.Notified
	here        map[string]sentinel.Incident
	errs        []error
}

// remind adds what a channel is to be told of an incident by a route.
func (m *reminders) remind(i sentinel.Incident, r int, channel string) {
	route, now := &m.Routes[r], m.out.now
	t, ok := m.known[[2]string{i.ID, channel}]
	gone, gaveUp := m.lost[[2]string{i.ID, channel}]
	due := func(last time.Time) bool { return route.repeat() > 0 && now.Sub(last) >= route.repeat() }
	group := func(k Kind) string { return route.group(r, k, m.root(i, m.here)) }
	acknowledged := i.Standing() == sentinel.Acknowledged
	missed := Kind("")
	if !route.OnlyEscalated || i.Standing() == sentinel.Escalated {
		missed = m.missed(t, i)
	}
	switch {
	case missed != "":
		c := Change{Kind: missed, Incident: i, Late: m.unsilenced(i), samples: route.Samples}
		m.out.add(c, []string{channel}, group(missed), route.Wait())
	case acknowledged:
	case gaveUp:
		if now.Sub(gone.Last) >= route.pause(gone.Reminders) {
			m.out.again(i, channel, gone.Reminders, group(late(i)))
		}
	case !ok && (!route.OnlyEscalated || i.Standing() == sentinel.Escalated):
		c := Change{Kind: late(i), Incident: i, Late: cmp.Or(m.unsilenced(i), route.begun(i)), samples: route.Samples}
		m.out.add(c, []string{channel}, group(late(i)), route.Wait())
	case ok && t.Sent && due(t.Last):
		m.out.remind(i, channel, t.Reminders+1, group(Reminder))
	}
}

// missed returns the kind of what happened since a channel was told of an incident; "" if
// it knows what there is to know. What is over again does not count.
func (m *reminders) missed(t store.Notified, i sentinel.Incident) Kind {
	if len(t.Notice) == 0 {
		return ""
	}
	var last note
	if err := json.Unmarshal(t.Notice, &last); err != nil {
		m.errs = append(m.errs, fmt.Errorf("reading what %s was told of incident %s: %w", t.Channel, i.ID, err))
		return ""
	}
	if last.Incident.Transitions > i.Transitions {
		return "" // the incident was read before it changed
	}
	tier := ""
	for _, part := range i.Parts() {
		if len(part.Findings) == 0 || !part.Findings[0].Silenced {
			tier = HigherTier(tier, part.Tier)
		}
	}
	if HigherTier(tier, i.Tier) == i.Tier { // that of a finding which has ended may be higher
		i.Tier = tier
	}
	switch kind := transition(last.Incident, i); kind {
	case Reopened, Escalated, Worsened, Flapping:
		return kind
	}
	return ""
}

func byIncident(all []store.Notified) map[[2]string]store.Notified {
	m := make(map[[2]string]store.Notified, len(all))
	for _, t := range all {
		m[[2]string{t.Incident, t.Channel}] = t
	}
	return m
}
