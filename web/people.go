package web

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// People is what the agent does on a person's word; all are set before Serve.
type People struct {
	Incident func(ctx context.Context, what, id, who, why string) (sentinel.Incident, error) // ack, resolve
	Silence  func(ctx context.Context, s notify.Silence) error
	Label    func(ctx context.Context, l store.Label) error
	Baseline func(ctx context.Context, check string, v store.Snapshot) error
}

// incident answers one incident.
func (s *Server) incident(w http.ResponseWriter, r *http.Request) {
	i, ok, err := s.Store.Incident(r.Context(), r.PathValue("id"))
	if err == nil && !ok {
		s.text(w, http.StatusNotFound, "there is no incident "+r.PathValue("id"))
		return
	}
	s.json(w, i, err)
}

// say takes a person's word on an incident: ack or resolve.
func (s *Server) say(w http.ResponseWriter, r *http.Request) {
	var d decision
	if !s.body(w, r, &d, `{"who": "ann", "why": "..."}`) {
		return
	}
	i, err := s.People.Incident(r.Context(), r.PathValue("what"), r.PathValue("id"), d.Who, d.Why)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, i, nil)
}

func (s *Server) silence(w http.ResponseWriter, r *http.Request) {
	var v notify.Silence
	if s.body(w, r, &v, `{"id": "s1", "dataset": "shop.public.*", "from": "2026-01-31T06:00:00Z", "until": "...", "who": "ann", "why": "..."}`) {
		s.done(w, s.People.Silence(r.Context(), v))
	}
}

func (s *Server) label(w http.ResponseWriter, r *http.Request) {
	var v store.Label
	if s.body(w, r, &v, `{"check": "...", "from": "2026-01-31T06:00:00Z", "to": "...", "exclude": true, "who": "ann", "why": "..."}`) {
		s.done(w, s.People.Label(r.Context(), v))
	}
}

func (s *Server) baseline(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Check string
		store.Snapshot
	}
	if s.body(w, r, &v, `{"Check": "...", "Data": "base64", "TakenAt": "2026-01-31T06:00:00Z", "AcceptedBy": "ann", "Why": "..."}`) {
		s.done(w, s.People.Baseline(r.Context(), v.Check, v.Snapshot))
	}
}

func (s *Server) body(w http.ResponseWriter, r *http.Request, into any, example string) bool {
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
