package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// hoursAhead is how far ahead the hours of routes are read.
const hoursAhead = 28 * 24 * time.Hour

// HoursWarnings says which routes hold never again, and when nobody is notified in the
// four weeks from now because no route holds.
func (c *Config) HoursWarnings(now time.Time) (warnings []string) {
	if !slices.ContainsFunc(c.Routes, func(r notify.Route) bool { return len(r.During) > 0 }) {
		return nil
	}
	for n := range c.Routes {
		if r := &c.Routes[n]; !r.Holds(now) && r.Next(now).IsZero() {
			warnings = append(warnings, fmt.Sprintf("routes: route %d holds never again: all of its hours are over", n+1))
		}
	}
	type group struct {
		gaps     []notify.Gap
		until    time.Time
		incident sentinel.Incident
		datasets map[string]bool
	}
	var order []string
	groups := map[string]*group{}
	for _, i := range c.Incidents() {
		key := i.Tier
		for n := range c.Routes {
			if c.Routes[n].Matches(i) {
				key += fmt.Sprint(" ", n)
			}
		}
		g := groups[key]
		if g == nil {
			order = append(order, key)
			g = &group{incident: i, datasets: map[string]bool{}}
			g.gaps, g.until = notify.Gaps(c.Routes, i, now, now.Add(hoursAhead))
			groups[key] = g
		}
		g.datasets[i.Table.String()] = true
	}
	for _, key := range order {
		g := groups[key]
		if len(g.gaps) > 0 {
			warnings = append(warnings, gapWarning(g.gaps, g.incident, len(g.datasets)))
		}
		if g.until.Before(now.Add(hoursAhead)) {
			const text = "routes: the hours of tier %s of %s begin and end so often that they were looked at until %s alone"
			warnings = append(warnings, fmt.Sprintf(text, g.incident.Tier, g.incident.Table, g.until.UTC().Format(gapLayout)))
		}
	}
	return warnings
}

const gapLayout = "Mon 2006-01-02 15:04"

// gapWarning says in words when nobody is notified, and of what.
func gapWarning(gaps []notify.Gap, i sentinel.Incident, datasets int) string {
	text := fmt.Sprintf("routes: nobody is notified of tier %s of %s", i.Tier, i.Table)
	if datasets > 1 {
		text += fmt.Sprintf(" and %d more datasets", datasets-1)
	}
	text += fmt.Sprintf(" from %s to %s UTC", gaps[0].From.UTC().Format(gapLayout), gaps[0].To.UTC().Format(gapLayout))
	if more := len(gaps) - 1; more > 0 {
		text += fmt.Sprintf(" (the first of %d such spans in four weeks)", more+1)
	}
	return text + ": add a route without `during:` after the others (with `to: []` if that is meant)"
}

// Incidents returns an incident for each different way in which the checks of a dataset
// are routed: with its table, tier, owner and tags, and the ids of its checks, joined.
func (c *Config) Incidents() (all []sentinel.Incident) {
	for _, d := range c.Datasets {
		all = append(all, d.Incidents(d.Pattern.Table)...)
	}
	return all
}

// Incidents is [Config.Incidents] for one table that the entry is about.
func (d Dataset) Incidents(t sentinel.Table) (all []sentinel.Incident) {
	ids := map[[2]string][]string{}
	var order [][2]string
	if d.Pattern.Wild() && t != d.Pattern.Table {
		d = d.Of(t)
	}
	for _, check := range d.Checks {
		key := [2]string{check.Tier, check.Owner}
		if ids[key] == nil {
			order = append(order, key)
		}
		ids[key] = append(ids[key], check.Common().ID)
	}
	for _, key := range order {
		i := sentinel.Incident{Table: t, Tier: key[0], Owner: key[1], Tags: d.Tags, Check: strings.Join(ids[key], ", ")}
		all = append(all, i)
	}
	return all
}
