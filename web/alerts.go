package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
)

// webhook is the body of Alertmanager's webhook, version 4.
type webhook struct {
	Version string  `json:"version"`
	Alerts  []alert `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
	StartsAt    time.Time         `json:"startsAt"`
}

// alertsAnswer is the answer to a webhook. Alertmanager does not read it; people do.
type alertsAnswer struct {
	Alerts     int          `json:"alerts"`
	Planned    int          `json:"planned"`
	NotPlanned []notPlanned `json:"not_planned,omitempty"`
}

type notPlanned struct {
	Alert       string `json:"alert"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Why         string `json:"why"`
}

// alerts starts the repairs that are configured for firing alerts, and answers why it
// started none for the others. The labels warehouse and dataset of an alert name its table.
// Without them it is the one whose repairs name the alert.
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
	answer := alertsAnswer{Alerts: len(hook.Alerts)}
	for _, a := range hook.Alerts {
		name, n, why := a.Labels["alertname"], 0, "it is "+a.Status+", not firing"
		if a.Status == "firing" {
			labels := map[string]string{"fingerprint": a.Fingerprint, "summary": a.Annotations["summary"]}
			maps.Copy(labels, a.Labels)
			var err error
			n, why, err = s.Agent.RepairAlert(r.Context(), repair.Alert{
				Name: name, Fingerprint: a.Fingerprint, Start: a.StartsAt, Labels: labels,
			})
			if err != nil {
				// Alertmanager sends the alerts again after a 5xx.
				s.text(w, http.StatusServiceUnavailable, err.Error())
				return
			}
		}
		if answer.Planned += n; n == 0 {
			answer.NotPlanned = append(answer.NotPlanned, notPlanned{name, a.Fingerprint, why})
		}
	}
	s.json(w, answer, nil)
}
