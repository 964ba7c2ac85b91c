package notify

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("pagerduty", func() Notifier { return &PagerDuty{} }) }

// PagerDuty sends events to the Events API v2. The incidents of one notice are one
// page, whose dedup_key is the id of the first incident. The page is resolved when all
// incidents are resolved.
type PagerDuty struct {
	RoutingKey sentinel.Secret `yaml:"routing_key" required:"true" doc:"Integration key of a service (Events API v2)."`
	URL        string          `yaml:"url" default:"https://events.pagerduty.com/v2/enqueue" doc:"Address of the Events API."`
}

// Validate implements Notifier.
func (p *PagerDuty) Validate() error {
	if err := settings.Complete(p); err != nil {
		return err
	}
	if p.RoutingKey.IsZero() {
		return settings.Wrong("routing_key", "want the integration key of a service (Events API v2)")
	}
	return needURL("url", sentinel.NewSecret(p.URL))
}

// pagerEvent is one of the Events API v2.
type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
	Links      []pagerLink   `json:"links,omitempty"`
}

type pagerPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp time.Time         `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

var pagerActions = map[Kind]string{Opened: "trigger", Acknowledged: "acknowledge", Recovered: "resolve"}

// Notify implements Notifier: one event a page.
func (p *PagerDuty) Notify(ctx context.Context, n Notice) (string, error) {
	for _, t := range n.threads() {
		action := pagerActions[t.kind()]
		if action == "" {
			continue
		}
		event := pagerEvent{RoutingKey: p.RoutingKey.Reveal(), Action: action, DedupKey: t.ID}
		if action == "trigger" {
			p.describe(&event, n.only(t))
		}
		if _, err := post(ctx, call{
			URL:     p.URL,
			Body:    event,
			Secrets: []sentinel.Secret{p.RoutingKey},
			Notice:  n,
		}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// only is the part of a notice that belongs to one conversation.
func (n Notice) only(t thread) Notice {
	n.Entries, n.Tier = t.Entries, tierOf(t.Entries)
	if n.Kind == Digest && len(t.Entries) == 1 {
		n.Kind = t.Entries[0].Kind
	}
	return n
}

func (p *PagerDuty) describe(event *pagerEvent, n Notice) {
	i := n.Entries[0].Incident
	event.Client, event.ClientURL = "Sentinel", n.Link()
	event.Payload = &pagerPayload{
		Summary: n.Title(), Source: clip(i.Table.String(), 255), Severity: pagerSeverity(n), Timestamp: i.Opened,
		Component: i.Table.String(), Group: i.Table.Warehouse, Class: i.Kind, Details: map[string]string{"message": n.Text()},
	}
	if len(n.Entries) == 1 {
		for _, f := range n.Entries[0].Facts(n.At) {
			event.Payload.Details[f.Name] = f.Value
		}
	}
	if i.Runbook != "" {
		event.Links = append(event.Links, pagerLink{i.Runbook, "Runbook"})
	}
}

// pagerSeverity is critical, error, warning or info.
func pagerSeverity(n Notice) string {
	switch {
	case n.Tier == "critical" || n.Tier == "info":
		return n.Tier
	case n.Entries[0].Incident.Severity == sentinel.Warn:
		return "warning"
	}
	return "error"
}
