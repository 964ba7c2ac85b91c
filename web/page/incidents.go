package page

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/incidents", template: "incidents.html", nav: "Incidents", order: 30, live: "incident repair",
		show: func(s *Site, r *http.Request) (any, error) { return s.incidentList(r) },
	})
}

const (
	mostListed = 200 // open incidents on the list
	mostEnded  = 25  // of those that have ended
	// mostSilences is how many silences are beside the list.
	mostSilences = 5
)

// incidentsData is the content of incidents.html.
type incidentsData struct {
	Sentence string
	Now      time.Time
	needs
	More  int                 // open ones that are not listed
	Ended []sentinel.Incident // the newest first
	// Silences are those that end first.
	Silences     []notify.SilenceStatus
	MoreSilences int
}

func (s *Site) incidentList(r *http.Request) (d incidentsData, err error) {
	ctx := r.Context()
	d.Now = s.Clock.Now()
	repairs, err := s.Store.Repairs(ctx, store.RepairFilter{State: sentinel.AwaitingApproval})
	if err != nil {
		return d, err
	}
	d.needs = sortNeeds(s.Board.open(), repairs, d.Now)
	for _, list := range []*[]need{&d.Needs, &d.AtWork, &d.Silenced} {
		d.More += max(0, len(*list)-mostListed)
		*list = (*list)[:min(mostListed, len(*list))]
	}
	all, err := s.Store.Incidents(ctx, store.IncidentFilter{Resolved: true, Since: d.Now.AddDate(0, 0, -30), Limit: 1000})
	if err != nil {
		return d, err
	}
	for _, i := range all {
		if i.State == sentinel.Resolved {
			d.Ended = append(d.Ended, i)
		}
	}
	slices.SortFunc(d.Ended, func(a, b sentinel.Incident) int { return b.Resolved.Compare(a.Resolved) })
	d.Ended = Unnamed(ctx, d.Ended[:min(mostEnded, len(d.Ended))], UnnamedIncident)
	silences, err := s.silenceRows(ctx)
	if err != nil {
		return d, err
	}
	d.Silences = silences[:min(mostSilences, len(silences))]
	d.MoreSilences = len(silences) - len(d.Silences)
	switch n := len(d.Needs); {
	case n > 0:
		d.Sentence = plural(n, "incident needs", "incidents need") + " you"
	case len(d.AtWork)+len(d.Silenced) > 0:
		d.Sentence = "No incident needs you"
	default:
		d.Sentence = "No incident is open"
	}
	return d, nil
}

// needs are open incidents by what they need.
type needs struct {
	Needs    []need // a person, the most important first and the oldest first among equals
	AtWork   []need // Sentinel is at work on them
	Silenced []need
}

// sortNeeds sorts open incidents. One that another open one explains is below that one.
func sortNeeds(open []sentinel.Incident, repairs []sentinel.Repair, now time.Time) (d needs) {
	slices.SortFunc(open, func(a, b sentinel.Incident) int {
		return cmp.Or(tierRank(a.Tier)-tierRank(b.Tier), a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	tops := topsOf(open)
	for _, i := range open {
		below, top := tops[i.ID]
		if !top {
			continue
		}
		n := need{Incident: i, Age: now.Sub(i.Opened), Below: below}
		for r := range repairs {
			if repairs[r].State == sentinel.AwaitingApproval && n.has(repairs[r].Incident) {
				n.Repair = &repairs[r]
			}
		}
		switch i.State {
		case sentinel.Suppressed:
			d.Silenced = append(d.Silenced, n)
		case sentinel.Repairing, sentinel.Verifying:
			d.AtWork = append(d.AtWork, n)
		default:
			d.Needs = append(d.Needs, n)
		}
	}
	return d
}

// topsOf returns the incidents that have a row of their own, by id, each with those that it
// explains. They are the silenced ones, those that no open one explains, and the first of those
// that explain each other in a circle, so that every incident is in a row.
func topsOf(open []sentinel.Incident) map[string][]sentinel.Incident {
	here := map[string]bool{}
	explains := map[string][]sentinel.Incident{}
	for _, i := range open {
		here[i.ID] = true
		explains[i.Upstream] = append(explains[i.Upstream], i)
	}
	tops, shown := map[string][]sentinel.Incident{}, map[string]bool{}
	add := func(i sentinel.Incident) {
		tops[i.ID] = reached(i.ID, explains)
		shown[i.ID] = true
		for _, o := range tops[i.ID] {
			shown[o.ID] = true
		}
	}
	for _, i := range open {
		if i.State == sentinel.Suppressed || i.Upstream == "" || !here[i.Upstream] {
			add(i)
		}
	}
	for _, i := range open {
		if !shown[i.ID] {
			add(i)
		}
	}
	return tops
}

// reached returns the incidents that one explains, and those that these explain.
func reached(id string, explains map[string][]sentinel.Incident) (out []sentinel.Incident) {
	seen := map[string]bool{id: true}
	next := []string{id}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		for _, i := range explains[at] {
			if !seen[i.ID] {
				seen[i.ID] = true
				out = append(out, i)
				next = append(next, i.ID)
			}
		}
	}
	return out
}
