package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/docs"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/page"
)

// datasets returns what the pages know of the datasets. Nothing is asked of the state or of a
// warehouse.
func (s *Server) datasets(w http.ResponseWriter, r *http.Request) {
	if s.Board == nil {
		s.json(w, page.DatasetList{Datasets: []page.DatasetSummary{}}, nil)
		return
	}
	list, err := s.Board.List(r.URL.Query())
	if err != nil {
		s.text(w, http.StatusBadRequest, err.Error())
		return
	}
	s.json(w, list, nil)
}

// unwatched returns what was found last of tables that nobody watches. No warehouse is asked.
func (s *Server) unwatched(w http.ResponseWriter, r *http.Request) {
	var known []page.UnwatchedWarehouse
	on := false
	if s.Unwatched != nil && s.Board != nil {
		known, on = s.Unwatched.Known()
	}
	if !on {
		s.text(w, http.StatusNotFound, page.ErrUnwatchedOff.Error())
		return
	}
	list, err := s.Board.UnwatchedList(known, r.URL.Query())
	if err != nil {
		s.text(w, http.StatusBadRequest, err.Error())
		return
	}
	s.json(w, list, nil)
}

// results returns the last result of every check. The parameters dataset, which is a name
// or a pattern as in the configuration, and check select some.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	filter := store.Filter{Check: r.FormValue("check")}
	name := r.FormValue("dataset")
	if name != "" {
		p, err := sentinel.ParsePattern(name)
		if err != nil {
			s.text(w, http.StatusBadRequest, "dataset: "+err.Error())
			return
		}
		if !p.Wild() {
			filter.Table = p.Table
		}
	}
	v, err := s.Store.LastResults(r.Context(), filter)
	if err == nil && name != "" && len(v) == 0 { // not the name of the catalog
		filter.Table = sentinel.Table{}
		v, err = s.Store.LastResults(r.Context(), filter)
	}
	v = slices.DeleteFunc(v, func(r sentinel.Result) bool { return name != "" && !sentinel.MatchTable(name, r.Table) })
	s.json(w, nonNil(v), err)
}

// incidents returns the open incidents. With all=1 it also returns resolved ones.
func (s *Server) incidents(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Incidents(r.Context(), store.IncidentFilter{Resolved: r.FormValue("all") == "1", Limit: 1000})
	s.json(w, page.Unnamed(r.Context(), nonNil(v), page.UnnamedIncident), err)
}

// history returns the stored points of one check. The parameters are check, metric,
// segment, since (RFC 3339) and limit (default 1000, at most 10000).
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	limit := 1000
	if v := r.FormValue("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 10000 {
			s.text(w, http.StatusBadRequest, "limit: want a number from 1 to 10000")
			return
		}
		limit = n
	}
	var since time.Time
	if v := r.FormValue("since"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			s.text(w, http.StatusBadRequest, "since: want a time like 2026-01-31T06:00:00Z")
			return
		}
		since = t
	}
	if r.FormValue("check") == "" || r.FormValue("metric") == "" {
		s.text(w, http.StatusBadRequest, "want ?check=ID&metric=NAME (row_count, freshness_seconds, ...)")
		return
	}
	check, metric, segment := r.FormValue("check"), r.FormValue("metric"), r.FormValue("segment")
	v, err := s.Store.Points(r.Context(), store.Series{Check: check, Metric: metric, Segment: segment}, since, limit)
	points := make([]point, len(v))
	for i, p := range v {
		points[i] = point{p.Time, sentinel.Float(p.Value), p.Bad}
	}
	s.json(w, points, err)
}

// point is a [sentinel.Point] whose value may be infinite or no number.
type point struct {
	Time  time.Time // start of the bucket, or the tick if there is no bucket
	Value sentinel.Number
	Bad   bool // a person or a resolved incident labelled the value as bad; a baseline leaves it out
}

// description is the description of this API, as OpenAPI.
func (s *Server) description(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, docs.Files, "openapi.json")
}

// nonNil returns an empty list for nil, so that its JSON form is [] and not null.
func nonNil[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
