package web

import (
	"net/http"
	"slices"

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
