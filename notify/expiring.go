package notify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// ExpiresSoon is how long before its end people are notified of a silence that hides
// something. One that was set for less than twice as long is not notified.
const ExpiresSoon = time.Hour

// endsSoon reports whether people are notified at now that the silence ends.
func (s Silence) endsSoon(now time.Time) bool {
	return s.Active(now) && s.Until.Sub(now) <= ExpiresSoon && s.Until.Sub(s.From) >= 2*ExpiresSoon
}

// hides reports whether the silence suppresses a finding of an incident at an instant.
func (s Silence) hides(i sentinel.Incident, at time.Time) bool {
	return slices.ContainsFunc(i.Parts(), func(part sentinel.Incident) bool { return s.Suppresses(part, at) })
}

func (m *reminders) silences() []Silence {
	if m.Incidents == nil {
		return nil
	}
	return m.Incidents.Silences(m.out.now)
}

// expiring adds that a silence of an incident ends soon, for the channels that will be
// notified then. The items name the silence in place of the incident: who got one was not
// notified of the incident.
func (m *reminders) expiring(i sentinel.Incident) {
	for _, s := range m.silences() {
		if !s.endsSoon(m.out.now) || !m.frees(s, i) {
			continue
		}
		open := unsilenced(i)
		for _, r := range m.routes(m.present(i, s.Until), s.Until) {
			route := &m.Routes[r]
			if route.OnlyEscalated && i.Standing() != sentinel.Escalated {
				continue
			}
			c := Change{Kind: Expiring, Incident: open, Late: s.ends()}
			add := items{now: m.out.now}
			add.put(c, "silence/"+s.ID+"/"+i.ID, route.To, route.group(r, Expiring, i)+"\x1f"+s.ID, route.Wait())
			for n := range add.list {
				add.list[n].Incident, add.list[n].Upstream = "silence/"+s.ID, ""
			}
			m.out.list = append(m.out.list, without(m.out.list, add.list)...)
			m.out.err = errors.Join(m.out.err, add.err)
		}
	}
}

// frees reports whether people are notified of an incident when a silence ends: it hides a
// finding now that nothing else will hide then, and nobody works at the incident.
func (m *reminders) frees(s Silence, i sentinel.Incident) bool {
	return i.Standing() != sentinel.Acknowledged && slices.ContainsFunc(i.Parts(), func(part sentinel.Incident) bool {
		return s.Suppresses(part, m.out.now) && !m.quiet(part, s.Until)
	})
}

// without returns the items that are not in a list by key and channel.
func without(list, items []store.OutboxItem) []store.OutboxItem {
	return slices.DeleteFunc(items, func(i store.OutboxItem) bool {
		return slices.ContainsFunc(list, func(o store.OutboxItem) bool { return o.Key == i.Key && o.Channel == i.Channel })
	})
}

// unsilenced says that a silence hid an incident and has ended within the last hour; "" if
// none has.
func (m *reminders) unsilenced(i sentinel.Incident) string {
	for _, s := range m.silences() {
		before := s.Until.Add(-time.Second)
		if !s.Active(m.out.now) && m.out.now.Sub(s.Until) <= ExpiresSoon && !i.Opened.After(before) && s.hides(i, before) {
			return fmt.Sprintf("a silence has ended: it was set by %s: %s", s.Who, s.Why)
		}
	}
	return ""
}

// ends says when the silence ends and who set it.
func (s Silence) ends() string {
	return fmt.Sprintf("a silence ends at %s: it was set by %s: %s",
		s.Until.UTC().Format("2006-01-02 15:04 UTC"), s.Who, s.Why)
}
