package notify

import (
	"context"
	"net/url"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("opsgenie", func() Notifier { return &Opsgenie{} }) }

// Opsgenie creates, acknowledges and closes alerts. The incidents of one notice are one
// alert, whose alias is the id of the first incident. The alert is closed when all
// incidents are resolved.
type Opsgenie struct {
	APIKey sentinel.Secret `yaml:"api_key" required:"true" doc:"Key of an API integration."`
	URL    string          `yaml:"url" default:"https://api.opsgenie.com" doc:"Address of the API."`
	Teams  []string        `yaml:"teams" doc:"Responders. Default: the team of the integration."`
}

// Validate implements Notifier.
func (o *Opsgenie) Validate() error {
	if err := settings.Complete(o); err != nil {
		return err
	}
	if o.APIKey.IsZero() {
		return settings.Wrong("api_key", "want the key of an API integration")
	}
	return needURL("url", sentinel.NewSecret(o.URL))
}

// opsgenieAlert is what creates an alert.
type opsgenieAlert struct {
	Message     string              `json:"message"`
	Alias       string              `json:"alias"`
	Description string              `json:"description"`
	Responders  []opsgenieResponder `json:"responders,omitempty"`
	Tags        []string            `json:"tags"`
	Details     map[string]string   `json:"details,omitempty"`
	Entity      string              `json:"entity"`
	Source      string              `json:"source"`
	Priority    string              `json:"priority"`
}

type opsgenieResponder struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// opsgenieNote goes with closing and acknowledging.
type opsgenieNote struct {
	Source string `json:"source"`
	Note   string `json:"note"`
}

// Notify implements Notifier: one request an alert.
func (o *Opsgenie) Notify(ctx context.Context, n Notice) (string, error) {
	for _, t := range n.threads() {
		kind, part := t.kind(), n.only(t)
		path, body := "", any(nil)
		switch kind {
		case Opened:
			body = o.alert(t.ID, part)
		case Acknowledged, Recovered:
			action := map[Kind]string{Acknowledged: "/acknowledge", Recovered: "/close"}[kind]
			path = "/" + url.PathEscape(t.ID) + action + "?identifierType=alias"
			body = opsgenieNote{"sentinel", part.Title()}
		default:
			continue
		}
		_, err := post(ctx, call{
			URL:     strings.TrimSuffix(o.URL, "/") + "/v2/alerts" + path,
			Header:  map[string]string{"Authorization": "GenieKey " + o.APIKey.Reveal()},
			Body:    body,
			Secrets: []sentinel.Secret{o.APIKey},
			Notice:  n,
		})
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func (o *Opsgenie) alert(alias string, n Notice) opsgenieAlert {
	i := n.Entries[0].Incident
	a := opsgenieAlert{
		Message:     clip(n.Title(), 130),
		Alias:       alias,
		Description: clip(n.Title()+"\n\n"+n.Text(), 15000),
		Entity:      i.Table.String(),
		Source:      "sentinel",
		Tags:        []string{"sentinel", n.Tier},
		Priority:    map[string]string{"critical": "P1", "warning": "P3", "info": "P5"}[n.Tier],
	}
	for _, team := range o.Teams {
		a.Responders = append(a.Responders, opsgenieResponder{team, "team"})
	}
	if len(n.Entries) == 1 {
		a.Details = map[string]string{}
		for _, f := range n.Entries[0].Facts(n.At) {
			a.Details[f.Name] = f.Value
		}
	}
	return a
}
