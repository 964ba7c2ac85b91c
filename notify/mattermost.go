package notify

import (
	"context"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("mattermost", func() Notifier { return &Mattermost{} }) }

// Mattermost posts messages through an incoming webhook.
type Mattermost struct {
	WebhookURL sentinel.Secret `yaml:"webhook_url" required:"true" doc:"Address of an incoming webhook."`
	Channel    string          `yaml:"channel" doc:"Channel, where the webhook is not bound to one."`
	Username   string          `yaml:"username" doc:"Name to post under, where the server allows it."`
}

// Validate implements Notifier.
func (m *Mattermost) Validate() error {
	if err := settings.Complete(m); err != nil {
		return err
	}
	return needURL("webhook_url", m.WebhookURL)
}

type mattermostMessage struct {
	Channel     string                 `json:"channel,omitempty"`
	Username    string                 `json:"username,omitempty"`
	Attachments []mattermostAttachment `json:"attachments"`
}

type mattermostAttachment struct {
	Fallback  string            `json:"fallback"`
	Color     string            `json:"color"`
	Title     string            `json:"title"`
	TitleLink string            `json:"title_link,omitempty"`
	Text      string            `json:"text"`
	Fields    []mattermostField `json:"fields,omitempty"`
}

type mattermostField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// mattermostText is how many characters of a text are sent. The oldest servers take 4000 of
// a whole message.
const mattermostText = 2000

// mattermostEscape keeps Mattermost from reading text as Markdown, a mention or a link.
var mattermostEscape = strings.NewReplacer(
	`\`, `\\`, "*", `\*`, "_", `\_`, "~", `\~`, "`", "\\`", "|", `\|`, ">", `\>`, "#", `\#`, "[", `\[`, "]", `\]`,
	"!", `\!`, "(", `\(`, ")", `\)`, "@", "@\u200b", "://", ":\u200b//",
).Replace

// Notify implements Notifier. It does not send acknowledgements, because a webhook cannot
// reply to a message.
func (m *Mattermost) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	a := mattermostAttachment{
		Fallback: mattermostEscape(n.Title()), Title: mattermostEscape(n.Title()), TitleLink: n.Link(),
		Color: map[string]string{"critical": "#c62828", "warning": "#ef6c00", "info": "#1565c0"}[n.Tier],
	}
	if !n.news() {
		a.Color = "#2e7d32"
	}
	if len(n.Entries) == 1 && n.Kind != Digest {
		a.Text = escaped(strings.Join(n.Entries[0].Body(), "\n"), mattermostText, mattermostEscape)
		for _, f := range n.Entries[0].Facts(n.At) {
			value := escaped(f.Value, longestFact, mattermostEscape)
			if isLink(f.Value) {
				value = f.Value // a link of the configuration stays one
			}
			a.Fields = append(a.Fields, mattermostField{f.Name, value, len(value) < 40})
		}
	} else {
		a.Text = escaped("- "+strings.Join(n.Lines(), "\n- "), mattermostText, mattermostEscape)
	}
	_, err := post(ctx, call{
		URL:     m.WebhookURL.Reveal(),
		Body:    mattermostMessage{m.Channel, m.Username, []mattermostAttachment{a}},
		Secrets: []sentinel.Secret{m.WebhookURL},
		Notice:  n,
	})
	return "", err
}
