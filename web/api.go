package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

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

// inPart is the number of results after which no other dataset is in a part.
const inPart = 1000

// results returns the last results of checks, in parts. The parameters dataset, which is a
// name or a pattern as in the configuration, check and state select some.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	q, err := readResultQuery(r)
	if err != nil {
		s.text(w, http.StatusBadRequest, err.Error())
		return
	}
	v, err := s.lastResults(r.Context(), q)
	v = slices.DeleteFunc(v, func(r sentinel.Result) bool { return !q.selects(r) })
	s.json(w, nonNil(v), err)
}

// resultQuery is what selects last results.
type resultQuery struct {
	store.Filter
	states []sentinel.Status // none: all
	after  sentinel.Table    // the dataset before the first one
}

func readResultQuery(r *http.Request) (q resultQuery, err error) {
	q.Check, q.Dataset = r.FormValue("check"), r.FormValue("dataset")
	for word := range strings.SplitSeq(r.FormValue("state"), ",") {
		var s sentinel.Status
		if word == "" {
			continue
		}
		if err := s.UnmarshalText([]byte(word)); err != nil {
			return q, fmt.Errorf("state: %w", err)
		}
		q.states = append(q.states, s)
	}
	if after := r.FormValue("after"); after != "" {
		if q.after, err = sentinel.ParseTable(after); err != nil {
			return q, fmt.Errorf("after: %w", err)
		}
	}
	if q.Dataset == "" {
		return q, nil
	}
	p, err := sentinel.ParsePattern(q.Dataset)
	if err != nil {
		return q, fmt.Errorf("dataset: %w", err)
	}
	if !p.Wild() {
		q.Table = p.Table
	}
	return q, nil
}

func (q resultQuery) selects(r sentinel.Result) bool {
	return q.Selects(r.Table) && (len(q.states) == 0 || slices.Contains(q.states, r.Status))
}

// lastResults reads a part of the last results. Of a check, or of states, it reads only the
// datasets that the board knows to have them.
func (s *Server) lastResults(ctx context.Context, q resultQuery) (part []sentinel.Result, err error) {
	if q.Table != (sentinel.Table{}) {
		if part, err = s.Store.LastResults(ctx, q.Filter); err != nil || len(part) > 0 {
			if q.after == q.Table { // it was the only dataset
				part = nil
			}
			return part, err
		}
		q.Table = sentinel.Table{} // not the name of the catalog
	}
	if q.Check == "" && len(q.states) == 0 || s.Board == nil {
		return s.Store.LastResultsAfter(ctx, q.Filter, q.after, inPart)
	}
	known := s.Board.With(q.Check, q.states)
	if len(known) == 0 && len(q.states) == 0 { // the check is no longer configured
		return s.Store.LastResultsAfter(ctx, q.Filter, q.after, inPart)
	}
	for _, t := range known {
		if len(part) >= inPart {
			break
		}
		if t.Compare(q.after) <= 0 || !q.Selects(t) {
			continue
		}
		of, err := s.Store.LastResults(ctx, store.Filter{Table: t, Check: q.Check})
		if err != nil {
			return nil, err
		}
		part = append(part, slices.DeleteFunc(of, func(r sentinel.Result) bool { return !q.selects(r) })...)
	}
	return part, nil
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
