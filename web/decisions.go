package web

import (
	"encoding/json"
	"net/http"

	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// incident answers GET of one incident.
func (s *Server) incident(w http.ResponseWriter, r *http.Request) {
	i, ok, err := s.Store.Incident(r.Context(), r.PathValue("id"))
	if err == nil && !ok {
		s.text(w, http.StatusNotFound, "there is no incident "+r.PathValue("id"))
		return
	}
	s.json(w, i, err)
}

// decideIncident takes a person's decision on an incident: ack or resolve.
func (s *Server) decideIncident(w http.ResponseWriter, r *http.Request) {
	var d decision
	if !s.decode(w, r, &d, `{"who": "ann", "why": "..."}`) {
		return
	}
	i, err := s.Agent.Decide(r.Context(), r.PathValue("what"), r.PathValue("id"), d.Who, d.Why)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, i, nil)
}

func (s *Server) silence(w http.ResponseWriter, r *http.Request) {
	var v notify.Silence
	const example = `{"id": "s1", "dataset": "shop.public.*", "from": "2026-01-31T06:00:00Z", "until": "...",` +
		` "who": "ann", "why": "..."}`
	if s.decode(w, r, &v, example) {
		s.done(w, s.Agent.Silence(r.Context(), v))
	}
}

func (s *Server) label(w http.ResponseWriter, r *http.Request) {
	var v store.Label
	const example = `{"check": "...", "from": "2026-01-31T06:00:00Z", "to": "...", "exclude": true,` +
		` "who": "ann", "why": "..."}`
	if s.decode(w, r, &v, example) {
		s.done(w, s.Agent.Label(r.Context(), v))
	}
}

func (s *Server) baseline(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Check string
		store.Snapshot
	}
	const example = `{"Check": "...", "Data": "base64", "TakenAt": "2026-01-31T06:00:00Z",` +
		` "AcceptedBy": "ann", "Why": "..."}`
	if s.decode(w, r, &v, example) {
		s.done(w, s.Agent.AcceptBaseline(r.Context(), v.Check, v.Snapshot))
	}
}

// decode reads the request's JSON body. If it cannot, it answers with an example.
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
