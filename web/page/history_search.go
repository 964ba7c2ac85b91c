package page

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/history", template: "history.html", nav: "History", order: 60,
		show: func(s *Site, r *http.Request) (any, error) { return s.searchIncidents(r) },
	})
	addScreen(screen{
		path: "/history/repairs", template: "history_repairs.html",
		show: func(s *Site, r *http.Request) (any, error) { return s.searchRepairs(r) },
	})
}

// The fields of the searches.
var (
	incidentFields = []string{"q", "severity", "kind", "owner", "who"}
	repairFields   = []string{"q", "state", "action", "who"}
	auditFields    = []string{"who", "what", "subject"}
)

// searchRows is the number of rows on one page of a search.
const searchRows = 50

// historyData is the content of history.html.
type historyData struct {
	Query  query
	Found  []sentinel.Incident
	Next   string // the address of the next page; "" for none
	Pills  []pill // without counts: nothing counts all incidents
	Kinds  []string
	Owners []string
	Now    time.Time
}

func (s *Site) searchIncidents(r *http.Request) (d historyData, err error) {
	d.Now = s.Clock.Now()
	if d.Query, err = readSearch("/history", r.URL.Query(), incidentFields...); err != nil {
		return d, err
	}
	q := d.Query
	if err := q.knownAlone(r); err != nil {
		return d, err
	}
	worst := q.statuses("severity")
	var next string
	d.Found, next, err = s.Store.SearchIncidents(r.Context(), q.incidents(searchRows))
	if err != nil {
		return d, searchError(err)
	}
	Unnamed(r.Context(), d.Found, UnnamedIncident)
	if next != "" {
		d.Next = q.With("after", next)
	}
	for _, status := range []sentinel.Status{sentinel.Fail, sentinel.Warn, sentinel.Error} {
		p := pill{Status: status, Pressed: slices.Contains(worst, status)}
		others := slices.DeleteFunc(slices.Clone(worst), func(o sentinel.Status) bool { return o == status })
		if !p.Pressed {
			others = append(others, status)
		}
		p.Path = q.With("severity", datasetQuery{States: others}.State())
		d.Pills = append(d.Pills, p)
	}
	d.Kinds, d.Owners = checks.Kinds(), s.owners()
	return d, nil
}

// incidents is the search of incidents, rows on one page.
func (q query) incidents(rows int) store.IncidentSearch {
	return store.IncidentSearch{
		Dataset: q.Get("q"), Since: q.From, Until: q.Until, Actor: q.Get("who"), Worst: q.statuses("severity"),
		Kind: q.Get("kind"), Owner: q.Get("owner"), After: q.Get("after"), Limit: rows,
	}
}

// repairs is the search of repairs, rows on one page.
func (q query) repairs(rows int) store.RepairSearch {
	return store.RepairSearch{
		Dataset: q.Get("q"), Since: q.From, Until: q.Until, Actor: q.Get("who"),
		State: sentinel.RepairState(q.Get("state")), Action: q.Get("action"), After: q.Get("after"), Limit: rows,
	}
}

// Worst reports whether a search is narrowed to states.
func (d historyData) Worst() bool { return d.Query.Get("severity") != "" }

// owners are those of the datasets that are watched, for the form.
func (s *Site) owners() []string {
	owners := map[string]bool{}
	for _, o := range s.Board.all() {
		owners[o.Owner] = true
	}
	delete(owners, "")
	return slices.Sorted(maps.Keys(owners))
}

// searchError tells a search that cannot be read from a state that cannot.
func searchError(err error) error {
	if errors.Is(err, store.ErrNoPlace) {
		return badRequest("This address names no page of the search: begin at its first page.")
	}
	return err
}

// repairSearchData is the content of history_repairs.html.
type repairSearchData struct {
	Query   query
	Found   []sentinel.Repair
	Next    string
	States  []sentinel.RepairState
	Actions []string
	Now     time.Time
}

// searchedStates are those in which repairs end or wait: others last for moments.
var searchedStates = []sentinel.RepairState{
	sentinel.RepairSucceeded, sentinel.RolledBack, sentinel.RepairFailed, sentinel.DeadLetter, sentinel.AwaitingApproval,
	sentinel.WouldNotHelp, sentinel.OutcomeUnknown, sentinel.ShadowDone, sentinel.RepairCancelled, sentinel.Superseded,
}

func (s *Site) searchRepairs(r *http.Request) (d repairSearchData, err error) {
	d.Now, d.States, d.Actions = s.Clock.Now(), searchedStates, repair.Actions()
	if d.Query, err = readSearch("/history/repairs", r.URL.Query(), repairFields...); err != nil {
		return d, err
	}
	q := d.Query
	if err := q.knownAlone(r); err != nil {
		return d, err
	}
	var next string
	d.Found, next, err = s.Store.SearchRepairs(r.Context(), q.repairs(searchRows))
	if err != nil {
		return d, searchError(err)
	}
	if next != "" {
		d.Next = q.With("after", next)
	}
	Unnamed(r.Context(), d.Found, UnnamedRepair)
	return d, nil
}
