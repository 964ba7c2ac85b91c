package web

import (
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/page"
)

// repairs returns repairs, the newest first. The parameters active=1, state and id
// select some.
func (s *Server) repairs(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Repairs(r.Context(), store.RepairFilter{
		ID:     r.FormValue("id"),
		Active: r.FormValue("active") == "1",
		State:  sentinel.RepairState(r.FormValue("state")),
		Limit:  1000,
	})
	s.json(w, page.Unnamed(r.Context(), nonNil(v), page.UnnamedRepair), err)
}

// decision is a person's decision on an incident or a repair.
type decision struct {
	Who  string `json:"who"`
	Why  string `json:"why"`
	Hash string `json:"hash"` // approve: the hash of the plan that was read
}

// decideRepair applies a person's decision on a repair: approve, reject, rollback,
// retry or discard.
func (s *Server) decideRepair(w http.ResponseWriter, r *http.Request) {
	var d decision
	if !s.decode(w, r, &d, `{"who": "ann", "why": "..."}`) {
		return
	}
	if d.Who = access.Actor(r.Context(), d.Who); d.Who == "" {
		s.text(w, http.StatusBadRequest, "who: name the person who decides")
		return
	}
	decisions := repair.Decisions{Store: s.Store, Clock: s.Clock, Who: d.Who}
	moved, err := decisions.Decide(r.Context(), repair.Decision{
		Kind: r.PathValue("what"), ID: r.PathValue("id"), Hash: d.Hash, Why: d.Why,
	})
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	if s.Board != nil {
		s.Board.Repaired(moved)
	}
	s.json(w, moved, nil)
}

// switchRepairs sets the kill switch of all repairs: off or on.
func (s *Server) switchRepairs(w http.ResponseWriter, r *http.Request) {
	setting := r.PathValue("switch")
	if setting != "off" && setting != "on" {
		s.text(w, http.StatusNotFound, "want /api/v1/repairs/off or /api/v1/repairs/on")
		return
	}
	var d decision
	if s.decode(w, r, &d, `{"who": "ann", "why": "..."}`) {
		s.done(w, repair.SetKillSwitch(r.Context(), s.Store, repair.KillSwitchState{
			Off: setting == "off", Who: access.Actor(r.Context(), d.Who), Why: d.Why, At: s.Clock.Now(),
		}))
	}
}
