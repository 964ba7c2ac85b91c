package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Step says how one route stands to an incident at an instant.
type Step struct {
	Route  int // its number, from 1
	To     []string
	Taken  bool
	Why    string
	Begins time.Time // when its hours begin: set where it matches, and is not in them
}

// Explain says of each route whether an incident with one finding takes it at an instant,
// and why. The routes must be validated.
func Explain(routes []Route, i sentinel.Incident, now time.Time) []Step {
	steps := make([]Step, len(routes))
	taker := 0 // the number of the route that ends the search
	for n := range routes {
		r := &routes[n]
		s := Step{Route: n + 1, To: r.To}
		mismatch := r.mismatch(i)
		switch {
		case mismatch != "":
			s.Why = mismatch
		case taker > 0:
			s.Why = fmt.Sprintf("not tried: route %d takes it, and does not say continue", taker)
		case !r.Holds(now):
			s.Why, s.Begins = "outside of its hours ("+r.hours()+")", r.Next(now)
		default:
			s.Taken, s.Why = true, r.takes(now)
			if !r.Continue {
				taker = n + 1
			}
		}
		steps[n] = s
	}
	return steps
}

// mismatch says why an incident does not match the route; "" if it does.
func (r *Route) mismatch(i sentinel.Incident) string {
	switch {
	case !matchAny(r.Tier, i.Tier):
		return "tier " + i.Tier + " is not " + strings.Join(r.Tier, " or ")
	case !matchAny(r.Owner, i.Owner):
		return fmt.Sprintf("owner %q is not %s", i.Owner, strings.Join(r.Owner, " or "))
	case !matchTags(r.Tag, i.Tags):
		return "no tag is " + strings.Join(r.Tag, " or ")
	case !matchTable(r.Dataset, i.Table):
		return "the dataset is not " + strings.Join(r.Dataset, " or ")
	}
	return ""
}

// takes says why an incident takes the route at now.
func (r *Route) takes(now time.Time) string {
	var parts []string
	for _, m := range []struct {
		name     string
		patterns []string
	}{{"tier", r.Tier}, {"owner", r.Owner}, {"tag", r.Tag}, {"dataset", r.Dataset}} {
		if len(m.patterns) > 0 {
			parts = append(parts, m.name+" "+strings.Join(m.patterns, " or "))
		}
	}
	why := "matches everything"
	if len(parts) > 0 {
		why = "matches " + strings.Join(parts, ", ")
	}
	if len(r.During) > 0 {
		why += ", in its hours (" + r.hours() + ")"
	}
	if r.OnlyEscalated {
		why += ", once a person must act"
	}
	if len(r.To) == 0 {
		why += ", and notifies nobody"
	}
	return why
}

// hours says in words when the route holds.
func (r *Route) hours() string {
	var parts []string
	for i := range r.During {
		parts = append(parts, r.During[i].String())
	}
	return strings.Join(parts, "; ")
}

// Gap is a span in which nobody is notified of an incident that a route would tell of at other
// times.
type Gap struct{ From, To time.Time }

// mostBounds bounds how often hours may begin and end in the span that Gaps reads.
const mostBounds = 2000

// Gaps returns the gaps between two instants, of an incident with one finding for which no
// person must act yet: a route of escalations alone tells nobody of it. until is how far it
// looked: before to where hours begin and end too often.
func Gaps(routes []Route, i sentinel.Incident, from, to time.Time) (gaps []Gap, until time.Time) {
	of := reached(routes, i)
	tells := func(r *Route) bool { return !r.OnlyEscalated }
	if !slices.ContainsFunc(of, tells) {
		return nil, to // nobody is to be notified of it at any time
	}
	at := from
	for n := 0; n < mostBounds && at.Before(to); n++ {
		next := to
		for _, r := range of {
			if change := r.change(at); !change.IsZero() && change.Before(next) {
				next = change
			}
		}
		switch last := len(gaps) - 1; {
		case told(of, at):
		case last >= 0 && gaps[last].To.Equal(at):
			gaps[last].To = next
		default:
			gaps = append(gaps, Gap{at, next})
		}
		at = next
	}
	return gaps, at
}

// reached are the routes that match an incident, up to one that takes it at any time.
func reached(routes []Route, i sentinel.Incident) (of []*Route) {
	for n := range routes {
		if r := &routes[n]; r.Matches(i) {
			of = append(of, r)
			if len(r.During) == 0 && !r.Continue {
				break
			}
		}
	}
	return of
}

// told reports whether an incident for which no person must act yet takes a route that tells
// of it.
func told(of []*Route, at time.Time) bool {
	for _, r := range of {
		switch {
		case !r.Holds(at):
		case !r.OnlyEscalated:
			return true
		case !r.Continue:
			return false
		}
	}
	return false
}

// change returns the first instant after now at which hours of the route begin or end;
// zero if there is none.
func (r *Route) change(now time.Time) time.Time {
	first := r.Next(now)
	for i := range r.During {
		if end := r.During[i].Ends(now); end.After(now) && (first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	return first
}

// Hides returns the number, from 1, of a route before the n-th (from 0) that takes all
// that this one matches, at any time; 0 if there is none. The n-th route is never taken.
func Hides(routes []Route, n int) int {
	within := func(all, some []string) bool {
		return len(all) == 0 || len(some) > 0 && !slices.ContainsFunc(some, func(s string) bool {
			return !slices.Contains(all, s)
		})
	}
	late := &routes[n]
	for i := range routes[:n] {
		r := &routes[i]
		if !r.Continue && len(r.During) == 0 && within(r.Tier, late.Tier) && within(r.Owner, late.Owner) &&
			within(r.Tag, late.Tag) && within(r.Dataset, late.Dataset) {
			return i + 1
		}
	}
	return 0
}
