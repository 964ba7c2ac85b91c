package web

import (
	"encoding/json"
	"net/http"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/page"
)

// incident returns one incident.
func (s *Server) incident(w http.ResponseWriter, r *http.Request) {
	i, ok, err := s.Store.Incident(r.Context(), r.PathValue("id"))
	if err == nil && !ok {
		s.text(w, http.StatusNotFound, "there is no incident "+r.PathValue("id"))
		return
	}
	s.json(w, page.UnnamedIncident(r.Context(), i), err)
}

// decideIncident applies a person's decision on an incident: ack or resolve.
func (s *Server) decideIncident(w http.ResponseWriter, r *http.Request) {
	var d decision
	if !s.decode(w, r, &d, `{"who": "ann", "why": "..."}`) {
		return
	}
	i, err := s.Agent.Decide(r.Context(), r.PathValue("what"), r.PathValue("id"), access.Actor(r.Context(), d.Who), d.Why)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, i, nil)
}

func (s *Server) label(w http.ResponseWriter, r *http.Request) {
	var v store.Label
	const example = `{"check": "...", "from": "2026-01-31T06:00:00Z", "to": "...", "exclude": true,` +
		` "who": "ann", "why": "..."}`
	if s.decode(w, r, &v, example) {
		v.Who = access.Actor(r.Context(), v.Who)
		s.done(w, s.Agent.Label(r.Context(), v))
	}
}

func (s *Server) baselines(w http.ResponseWriter, r *http.Request) {
	var v map[string]store.Snapshot
	const example = `{"check": {"Data": "base64", "TakenAt": "2026-01-31T06:00:00Z", "AcceptedBy": "ann", "Why": "..."}}`
	if s.decode(w, r, &v, example) {
		for check, accepted := range v {
			accepted.AcceptedBy = access.Actor(r.Context(), accepted.AcceptedBy)
			v[check] = accepted
		}
		s.done(w, s.Agent.AcceptBaselines(r.Context(), v))
	}
}

// acceptTable accepts a table of a pattern as it is. It answers whether that was news.
func (s *Server) acceptTable(w http.ResponseWriter, r *http.Request) {
	var v store.TableAcceptance
	const example = `{"dataset": "shop.public.orders", "gone": true, "who": "ann", "why": "..."}`
	if !s.decode(w, r, &v, example) {
		return
	}
	v.Who = access.Actor(r.Context(), v.Who)
	accepted, err := s.Agent.AcceptTable(r.Context(), v)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, accepted, nil)
}

// acceptSegments accepts that segments of a check are gone. It answers with their names.
func (s *Server) acceptSegments(w http.ResponseWriter, r *http.Request) {
	var v store.Acceptance
	const example = `{"check": "...", "segments": ["country=DE"], "who": "ann", "why": "..."}`
	if !s.decode(w, r, &v, example) {
		return
	}
	v.Who = access.Actor(r.Context(), v.Who)
	names, err := s.Agent.AcceptSegments(r.Context(), v)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, nonNil(names), nil)
}

// decode reads the JSON body of a request. On an error it responds with an example, and
// returns false.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, into any, example string) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		s.text(w, http.StatusBadRequest, "want JSON such as "+example+": "+err.Error())
		return false
	}
	return true
}

func (s *Server) done(w http.ResponseWriter, err error) {
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.text(w, http.StatusOK, "done")
}
