package web

import (
	"cmp"
	_ "embed"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

//go:embed page.html
var pageSource string

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"ago":     func(now, t time.Time) string { return notify.Span(now.Sub(t)) },
		"soon":    func(now, t time.Time) bool { return t.Sub(now) < time.Hour },
		"percent": percent,
		"window":  slo.WindowName,
		"span":    notify.Span,
	}).Parse(pageSource))
})

type pageData struct {
	Version   string
	Problems  []string // of the agent itself
	Now       time.Time
	Counts    map[sentinel.Status]int
	Order     []sentinel.Status
	Incidents []shown
	Results   []sentinel.Result
	Silences  []notify.SilenceStatus
	Levels    []slo.Report
}

// percent writes a share; a dash for one that is not known.
func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(math.Round(v*1e5)/1e3, 'f', -1, 64) + " %"
}

// shown is an incident on the page. Below is set if another incident explains it.
type shown struct {
	sentinel.Incident
	Below   bool
	Samples []sentinel.Sample // of bad rows
	Hidden  bool              // there are samples, for whoever has a role
}

// arrange sorts incidents with the worst first. It puts each one below the incident
// that explains it.
func arrange(open []sentinel.Incident) (out []shown) {
	slices.SortStableFunc(open, func(a, b sentinel.Incident) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		}
		return a.Opened.Compare(b.Opened)
	})
	placed := map[string]bool{}
	var place func(i sentinel.Incident, below bool)
	place = func(i sentinel.Incident, below bool) {
		placed[i.ID] = true
		out = append(out, shown{Incident: i, Below: below})
		for _, d := range open {
			if d.Upstream == i.ID && !placed[d.ID] {
				place(d, true)
			}
		}
	}
	here := map[string]bool{"": false}
	for _, i := range open {
		here[i.ID] = true
	}
	for _, i := range open {
		if !here[i.Upstream] {
			place(i, false)
		}
	}
	for _, i := range open { // incidents that explain each other, in a damaged state, are shown too
		if !placed[i.ID] {
			place(i, false)
		}
	}
	return out
}

// page shows open incidents and the last result of every check, the worst first. It
// needs no script, and shows no more than the messages of checks hold.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	results, err := s.Store.LastResults(r.Context(), store.Filter{})
	if err != nil {
		s.json(w, nil, err)
		return
	}
	open, err := s.Store.OpenIncidents(r.Context())
	if err != nil {
		s.json(w, nil, err)
		return
	}
	var silences []notify.SilenceStatus
	if s.Agent.Ready() {
		if silences, err = s.Agent.Silences(r.Context()); err != nil {
			s.json(w, nil, err)
			return
		}
	}
	open = slices.DeleteFunc(open, func(i sentinel.Incident) bool { return i.State == sentinel.Resolved })
	slices.SortStableFunc(results, func(a, b sentinel.Result) int {
		switch {
		case a.Status.Worse(b.Status):
			return -1
		case b.Status.Worse(a.Status):
			return 1
		}
		return cmp.Or(a.Table.Compare(b.Table), cmp.Compare(a.Check, b.Check))
	})
	data := pageData{
		Version: s.Version, Problems: s.Problems(), Now: s.Clock.Now(),
		Counts: map[sentinel.Status]int{}, Incidents: arrange(open), Results: results, Silences: silences,
		Order: []sentinel.Status{sentinel.Fail, sentinel.Error, sentinel.Warn, sentinel.Unknown, sentinel.Pass},
	}
	if s.Agent != nil {
		data.Levels = s.Agent.ServiceLevels()
	}
	if err := s.addSamples(r, data.Incidents); err != nil {
		s.json(w, nil, err)
		return
	}
	for _, r := range results {
		data.Counts[r.Status]++
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := pageTemplate().Execute(w, data); err != nil {
		s.Log.Debug("writing the page", "error", err)
	}
}
