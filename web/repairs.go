package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// repairs answers repairs, newest first: ?active=1, ?state=, ?id= narrow them.
func (s *Server) repairs(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Repairs(r.Context(), store.RepairFilter{
		ID: r.FormValue("id"), Active: r.FormValue("active") == "1", State: sentinel.RepairState(r.FormValue("state")), Limit: 1000,
	})
	s.json(w, list(v), err)
}

// decision is what a person says of a repair.
type decision struct {
	Who  string `json:"who"`
	Why  string `json:"why"`
	Hash string `json:"hash"` // approve: of the plan that was read
}

// decide takes a person's decision: approve, reject, rollback, retry, discard.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	var d decision
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		s.text(w, http.StatusBadRequest, "want JSON such as {\"who\": \"ann\", \"why\": \"...\"}: "+err.Error())
		return
	}
	if d.Who == "" {
		s.text(w, http.StatusBadRequest, "who: say who decides")
		return
	}
	moved, err := repair.Decide(r.Context(), repair.Decisions{Store: s.Store, Now: s.Now, Who: d.Who}, r.PathValue("what"), r.PathValue("id"), d.Hash, d.Why)
	if err != nil {
		s.text(w, http.StatusConflict, err.Error())
		return
	}
	s.json(w, moved, nil)
}

// switchRepairs takes a person's word on all repairs at once: off or on.
func (s *Server) switchRepairs(w http.ResponseWriter, r *http.Request) {
	word := r.PathValue("word")
	if word != "off" && word != "on" {
		s.text(w, http.StatusNotFound, "want /api/v1/repairs/off or /api/v1/repairs/on")
		return
	}
	var d decision
	if s.body(w, r, &d, `{"who": "ann", "why": "..."}`) {
		s.done(w, repair.Throw(r.Context(), s.Store, word == "off", d.Who, d.Why, s.Now()))
	}
}

// webhook is Alertmanager's webhook, version 4.
type webhook struct {
	Version string  `json:"version"`
	Alerts  []alert `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
}

// alerts starts the repairs configured for firing alerts. An alert names its
// table by the labels warehouse and dataset.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request) {
	var hook webhook
	if err := json.NewDecoder(r.Body).Decode(&hook); err != nil {
		s.text(w, http.StatusBadRequest, "want Alertmanager's webhook: "+err.Error())
		return
	}
	if hook.Version != "4" || s.Alert == nil {
		s.text(w, http.StatusBadRequest, fmt.Sprintf("version %q: want Alertmanager's webhook of version 4", hook.Version))
		return
	}
	planned := 0
	for _, a := range hook.Alerts {
		table, err := sentinel.ParseTable(a.Labels["warehouse"] + "." + a.Labels["dataset"])
		if a.Status != "firing" || err != nil {
			continue // resolved, or about no table
		}
		labels := map[string]string{"fingerprint": a.Fingerprint, "summary": a.Annotations["summary"]}
		for k, v := range a.Labels {
			labels[k] = v
		}
		n, err := s.Alert(r.Context(), a.Labels["alertname"], table, labels)
		if err != nil {
			// 5xx: Alertmanager sends it again.
			s.text(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		planned += n
	}
	s.json(w, map[string]int{"alerts": len(hook.Alerts), "planned": planned}, nil)
}
