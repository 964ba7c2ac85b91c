package notify

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("alertmanager", func() Notifier { return &Alertmanager{} }) }

// Alertmanager posts alerts to the v2 API of one Alertmanager, or of every member of a
// cluster. An Alertmanager forgets alerts that are not repeated, and all alerts at its
// restart. So open alerts are posted again every [Alertmanager.Resend].
type Alertmanager struct {
	URL      []sentinel.Secret `yaml:"url" required:"true" doc:"Addresses of the members of a cluster."`
	Username string            `yaml:"username" doc:"Name for basic authentication."`
	Password sentinel.Secret   `yaml:"password" doc:"Password for basic authentication."`
	Token    sentinel.Secret   `yaml:"token" doc:"Bearer token, instead of a user name."`
	Every    time.Duration     `yaml:"resend" default:"1m" doc:"How often open alerts are sent again."`
	Expire   time.Duration     `yaml:"expire" default:"1h" doc:"When an alert ends if the agent falls silent."`
	Labels   map[string]string `yaml:"labels" doc:"Labels to add to every alert."`
}

// Validate implements Notifier.
func (a *Alertmanager) Validate() error {
	if err := settings.Complete(a); err != nil {
		return err
	}
	if len(a.URL) == 0 {
		return settings.Wrong("url", "want the address of an Alertmanager, such as http://alertmanager:9093")
	}
	for i, u := range a.URL {
		if err := needURL(settings.Index("url", i), u); err != nil {
			return err
		}
	}
	if a.Every < 0 || a.Expire <= a.Every {
		field := "expire"
		if a.Expire == settings.Default[Alertmanager]().Expire {
			field = "resend"
		}
		return settings.Wrong(field, "expire (%s) must be longer than resend (%s)", a.Expire, a.Every)
	}
	return nil
}

// Resend is how often the dispatcher posts open alerts again. A channel with this
// method gets notices of kind [Refresh], which are not kept in the outbox.
func (a *Alertmanager) Resend() time.Duration { return a.Every }

// alert is one of the v2 API.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Notify implements Notifier. It succeeds if one member of a cluster accepts the
// alerts. The others get them with the next resend.
func (a *Alertmanager) Notify(ctx context.Context, n Notice) (string, error) {
	alerts := []alert{}
	for _, e := range n.Entries {
		if e.Kind != Acknowledged && e.Kind != Expiring {
			alerts = append(alerts, a.alert(n, e))
		}
		if e.Kind == Worsened {
			alerts = append(alerts, a.former(n, e)...)
		}
	}
	if len(alerts) == 0 {
		return "", nil
	}
	var first error
	taken := false
	for _, base := range a.URL {
		_, err := post(ctx, call{
			URL: strings.TrimSuffix(base.Reveal(), "/") + "/api/v2/alerts", Header: a.header(), Body: alerts,
			Secrets: append([]sentinel.Secret{a.Password, a.Token}, a.URL...), Notice: n,
		})
		taken = taken || err == nil
		if first == nil {
			first = err
		}
	}
	if taken {
		return "", nil
	}
	return "", first
}

func (a *Alertmanager) header() map[string]string {
	switch {
	case !a.Token.IsZero():
		return map[string]string{"Authorization": "Bearer " + a.Token.Reveal()}
	case a.Username != "":
		return map[string]string{
			"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+a.Password.Reveal())),
		}
	}
	return nil
}

// former ends the alerts that the incident may have had with a lower tier, which is one of
// the labels.
func (a *Alertmanager) former(n Notice, e Entry) (ended []alert) {
	i := e.Incident
	for _, tier := range tiers[slices.Index(tiers, i.Tier)+1:] {
		e.Incident.Tier = tier
		old := a.alert(n, e)
		old.EndsAt = i.Updated
		ended = append(ended, old)
	}
	return ended
}

// alert describes an incident. The labels are the alert's identity. Facts that change
// while it is open, such as the severity, are annotations.
func (a *Alertmanager) alert(n Notice, e Entry) alert {
	i := e.Incident
	labels := map[string]string{
		"alertname": "SentinelIncident",
		"warehouse": i.Table.Warehouse,
		"dataset":   i.Table.String(),
		"check":     i.Check,
		"kind":      i.Kind,
		"key":       i.Key,
		"tier":      i.Tier,
		"owner":     i.Owner,
	}
	if n.Test {
		labels["alertname"] = "SentinelTest"
	}
	for k, v := range a.Labels {
		labels[k] = v
	}
	for k, v := range labels {
		if v = flat(v); v == "" {
			delete(labels, k) // an empty label is none
		} else {
			labels[k] = v
		}
	}
	// Without the time of this try: what is repeated does not change.
	one := Notice{Kind: e.Kind, Tier: i.Tier, Entries: []Entry{e}, URL: n.URL, Test: n.Test}
	annotations := map[string]string{
		"summary":     one.Title(),
		"description": strings.TrimSpace(one.Text()),
		"incident":    i.ID,
		"severity":    i.Severity.String(),
	}
	if i.Runbook != "" {
		annotations["runbook_url"] = i.Runbook
	}
	ends := n.At.Add(a.Expire)
	if e.Kind == Recovered {
		ends = i.Resolved
	}
	return alert{labels, annotations, i.Opened, ends, one.Link()}
}
