package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/sentinel-dq/sentinel"
)

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
	if hook.Version != "4" {
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
		maps.Copy(labels, a.Labels)
		n, err := s.Agent.RepairAlert(r.Context(), a.Labels["alertname"], table, labels)
		if err != nil {
			// 5xx: Alertmanager sends it again.
			s.text(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		planned += n
	}
	s.json(w, map[string]int{"alerts": len(hook.Alerts), "planned": planned}, nil)
}
