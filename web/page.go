package web

import (
	"cmp"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"ago": func(now, t time.Time) string { return now.Sub(t).Round(time.Second).String() },
}).Parse(pageSource))

type pageData struct {
	Version   string
	Now       time.Time
	Counts    map[sentinel.Status]int
	Order     []sentinel.Status
	Incidents []sentinel.Incident
	Results   []sentinel.Result
}

// page shows open incidents and the last result of every check, worst first.
// It needs no script and holds nothing that a checks' message does not hold.
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
		Version: s.Version, Now: s.Now(), Counts: map[sentinel.Status]int{}, Incidents: open, Results: results,
		Order: []sentinel.Status{sentinel.Fail, sentinel.Error, sentinel.Warn, sentinel.Unknown, sentinel.Pass},
	}
	for _, r := range results {
		data.Counts[r.Status]++
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := pageTemplate.Execute(w, data); err != nil {
		s.Log.Debug("writing the page", "error", err)
	}
}
