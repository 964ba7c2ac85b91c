package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// results answers the last result of every check: ?dataset= and ?check= narrow it.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	filter := store.Filter{Check: r.FormValue("check")}
	if name := r.FormValue("dataset"); name != "" {
		table, err := sentinel.ParseTable(name)
		if err != nil {
			s.text(w, http.StatusBadRequest, "dataset: "+err.Error())
			return
		}
		filter.Table = table
	}
	v, err := s.Store.LastResults(r.Context(), filter)
	s.json(w, nonNil(v), err)
}

// incidents answers open incidents, or with ?all=1 also the resolved ones.
func (s *Server) incidents(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Incidents(r.Context(), store.IncidentFilter{Resolved: r.FormValue("all") == "1", Limit: 1000})
	s.json(w, nonNil(v), err)
}

// history answers the remembered points of one check: ?check= &metric= &segment=
// &since= (RFC 3339) &limit= (default 1000, at most 10000).
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
	v, err := s.Store.Points(r.Context(), check, metric, segment, since, limit)
	s.json(w, nonNil(v), err)
}

// nonNil makes an empty answer [] and not null.
func nonNil[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
