package notify

import (
	"bytes"
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("teams", func() Notifier { return &Teams{} }) }

// Teams posts Adaptive Cards to a workflow's webhook of Microsoft Teams.
type Teams struct {
	WebhookURL sentinel.Secret `yaml:"webhook_url" required:"true" doc:"Address of a workflow that posts to a channel."`
}

// Validate implements Notifier.
func (t *Teams) Validate() error {
	if t.WebhookURL.IsZero() {
		return settings.Wrong(
			"webhook_url",
			"want the address of a workflow that posts to a channel when a webhook request is received",
		)
	}
	return needURL("webhook_url", t.WebhookURL)
}

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Body    []teamsBlock   `json:"body"`
	Actions []teamsAction  `json:"actions,omitempty"`
	Teams   map[string]any `json:"msteams"`
}

// teamsBlock is a RichTextBlock: the runs of one are never read as Markdown.
type teamsBlock struct {
	Type    string     `json:"type"`
	Inlines []teamsRun `json:"inlines"`
}

type teamsRun struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Color  string `json:"color,omitempty"`
}

type teamsAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func teamsLine(runs ...teamsRun) teamsBlock {
	for i := range runs {
		runs[i].Type = "TextRun"
	}
	return teamsBlock{"RichTextBlock", runs}
}

// Notify implements Notifier. It does not send acknowledgements, because a card cannot
// reply to another card.
func (t *Teams) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	card := teamsCard{
		Schema:  "http://adaptivecards.io/schemas/adaptive-card.json",
		Type:    "AdaptiveCard",
		Version: "1.4",
		Teams:   map[string]any{"width": "Full"},
	}
	title := teamsRun{Text: n.Title(), Size: "Large", Weight: "Bolder", Color: teamsColor(n)}
	card.Body = append(card.Body, teamsLine(title))
	if link := n.Link(); link != "" {
		card.Actions = append(card.Actions, teamsAction{"Action.OpenUrl", "Open", link})
	}
	if len(n.Entries) == 1 && n.Kind != Digest {
		e := n.Entries[0]
		for _, line := range e.Body() {
			card.Body = append(card.Body, teamsLine(teamsRun{Text: line}))
		}
		for _, f := range e.Facts(n.At) {
			card.Body = append(card.Body, teamsLine(teamsRun{Text: f.Name + ": ", Weight: "Bolder"}, teamsRun{Text: f.Value}))
		}
		if isLink(e.Incident.Runbook) {
			card.Actions = append(card.Actions, teamsAction{"Action.OpenUrl", "Runbook", e.Incident.Runbook})
		}
	} else {
		for _, line := range n.Lines() {
			card.Body = append(card.Body, teamsLine(teamsRun{Text: line}))
		}
	}
	body := teamsMessage{"message", []teamsAttachment{{"application/vnd.microsoft.card.adaptive", card}}}
	hidden := []sentinel.Secret{t.WebhookURL}
	answer, err := post(ctx, call{URL: t.WebhookURL.Reveal(), Body: body, Secrets: hidden, Notice: n})
	if err == nil && bytes.HasPrefix(answer, []byte("Webhook message delivery failed")) { // with status 200
		err = errors.New(scrubText(clip(flat(string(answer)), 200), hidden))
	}
	return "", err
}

func teamsColor(n Notice) string {
	for _, e := range n.Entries {
		if e.News() {
			return map[string]string{"critical": "Attention", "warning": "Warning", "info": "Accent"}[n.Tier]
		}
	}
	return "Good"
}
