package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("discord", func() Notifier { return &Discord{} }) }

// Discord posts embeds through a channel's webhook.
type Discord struct {
	WebhookURL sentinel.Secret `yaml:"webhook_url" required:"true" doc:"Address of a channel's webhook."`
	Username   string          `yaml:"username" doc:"Name that the message is posted under. Default: that of the webhook."`
}

// Validate implements Notifier.
func (d *Discord) Validate() error {
	if err := settings.Complete(d); err != nil {
		return err
	}
	return needURL("webhook_url", d.WebhookURL)
}

type discordMessage struct {
	Username string          `json:"username,omitempty"`
	Embeds   []discordEmbed  `json:"embeds"`
	Mentions discordMentions `json:"allowed_mentions"`
}

// discordMentions says who may be mentioned: nobody.
type discordMentions struct {
	Parse []string `json:"parse"`
}

type discordEmbed struct {
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	URL         string         `json:"url,omitempty"`
	Color       int            `json:"color"`
	Fields      []discordField `json:"fields,omitempty"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

// Discord's limits, in characters. All texts of an embed have discordTotal together.
const (
	discordTitle       = 256
	discordDescription = 2000
	discordValue       = 1024
	discordTotal       = 6000
)

// discordEscape keeps Discord from reading text as Markdown, a mention or a link.
var discordEscape = strings.NewReplacer(
	`\`, `\\`, "*", `\*`, "_", `\_`, "~", `\~`, "`", "\\`", "|", `\|`, ">", `\>`, "<", `\<`, "#", `\#`,
	"[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`, "@", "@\u200b", "://", ":\u200b//",
).Replace

// escaped escapes a text and cuts it to a number of characters, never within an escape.
func escaped(text string, limit int, escape func(string) string) string {
	for n := limit; ; n -= 1 + n/8 {
		if out := escape(clip(text, max(n, 1))); len([]rune(out)) <= limit || n <= 1 {
			return out
		}
	}
}

// Notify implements Notifier; ref is the message's id. It does not send acknowledgements,
// because a webhook cannot reply to a message.
func (d *Discord) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	// Without wait the answer would not say whether the message was taken.
	address, err := withQuery(d.WebhookURL.Reveal(), url.Values{"wait": {"true"}})
	if err != nil {
		return "", err
	}
	answer, err := post(ctx, call{
		URL:     address,
		Body:    discordMessage{d.Username, []discordEmbed{discordEmbedOf(n)}, discordMentions{[]string{}}},
		Secrets: []sentinel.Secret{d.WebhookURL},
		Notice:  n,
	})
	if err != nil {
		return "", err
	}
	var message struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &message); err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return message.ID, nil
}

func discordEmbedOf(n Notice) discordEmbed {
	e := discordEmbed{
		Title: escaped(n.Title(), discordTitle, discordEscape), URL: n.Link(),
		Color: map[string]int{"critical": 0xc62828, "warning": 0xef6c00, "info": 0x1565c0}[n.Tier],
	}
	if !n.news() {
		e.Color = 0x2e7d32
	}
	if len(n.Entries) != 1 || n.Kind == Digest {
		e.Description = escaped("• "+strings.Join(n.Lines(), "\n• "), discordDescription, discordEscape)
		return e
	}
	entry := n.Entries[0]
	e.Description = escaped(strings.Join(entry.Body(), "\n"), discordDescription, discordEscape)
	left := discordTotal - len([]rune(e.Title)) - len([]rune(e.Description))
	for _, f := range entry.Facts(n.At) {
		value := escaped(f.Value, discordValue, discordEscape)
		if isLink(f.Value) {
			value = clip(f.Value, discordValue) // a link of the configuration stays one
		}
		if left -= len([]rune(f.Name)) + len([]rune(value)); left >= 0 && len(e.Fields) < 25 {
			e.Fields = append(e.Fields, discordField{f.Name, value, len([]rune(value)) < 40})
		}
	}
	return e
}

// withQuery adds parameters to an address that is secret.
func withQuery(address string, more url.Values) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", permanent("the address is not valid")
	}
	q := u.Query()
	for name, values := range more {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
