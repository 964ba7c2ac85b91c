package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("slack", func() Notifier { return &Slack{} }) }

// Slack posts messages through an incoming webhook, or with a bot's token to a channel.
// With a token, later notices of an incident are replies in its thread.
type Slack struct {
	WebhookURL sentinel.Secret `yaml:"webhook_url" doc:"Address of an incoming webhook."`
	Token      sentinel.Secret `yaml:"token" doc:"Token of a bot with chat:write, instead of webhook_url."`
	Channel    string          `yaml:"channel" doc:"Channel id or #name, with token."`
	URL        string          `yaml:"url" default:"https://slack.com/api" doc:"Address of the API, with token."`
}

// Validate implements Notifier.
func (s *Slack) Validate() error {
	if err := settings.Complete(s); err != nil {
		return err
	}
	switch {
	case !s.WebhookURL.IsZero() && !s.Token.IsZero():
		return settings.Wrong("token", "webhook_url and token exclude each other: keep one")
	case !s.WebhookURL.IsZero():
		return needURL("webhook_url", s.WebhookURL)
	case s.Token.IsZero() || s.Channel == "":
		return settings.Wrong("webhook_url", "want an incoming webhook's address, or token and channel")
	}
	return needURL("url", sentinel.NewSecret(s.URL))
}

// slackMessage is the body of both requests. All text from data is plain_text, which
// Slack does not interpret.
type slackMessage struct {
	Channel   string       `json:"channel,omitempty"`
	Text      string       `json:"text"` // where blocks cannot be shown, such as on a lock screen
	Blocks    []slackBlock `json:"blocks"`
	ThreadTS  string       `json:"thread_ts,omitempty"`
	Broadcast bool         `json:"reply_broadcast,omitempty"` // also shown in the channel
	Unfurl    bool         `json:"unfurl_links"`
}

type slackBlock struct {
	Type     string         `json:"type"`
	Text     *slackText     `json:"text,omitempty"`
	Fields   []slackText    `json:"fields,omitempty"`
	Elements []slackElement `json:"elements,omitempty"`
}

type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji,omitempty"` // false: ":word:" stays as it is
}

type slackElement struct {
	Type string     `json:"type"`
	Text *slackText `json:"text,omitempty"`
	URL  string     `json:"url,omitempty"`
}

func plain(s string, limit int) *slackText {
	return &slackText{"plain_text", clip(s, limit), new(bool)}
}

// slackEscape escapes text where Slack would interpret it as a mention or a link.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// Notify implements Notifier; ref is the message's ts.
func (s *Slack) Notify(ctx context.Context, n Notice) (string, error) {
	m := slackMessage{Text: slackEscape(n.Title()), Blocks: slackBlocks(n)}
	c := call{URL: s.WebhookURL.Reveal(), Secrets: []sentinel.Secret{s.WebhookURL, s.Token}, Notice: n}
	if s.Token.IsZero() {
		c.Body = m
		_, err := post(ctx, c)
		return "", err
	}
	m.Channel = s.Channel
	if all := n.threads(); len(all) == 1 {
		m.ThreadTS = all[0].Ref
		m.Broadcast = m.ThreadTS != "" && slices.Contains([]Kind{Reopened, Worsened, Flapping, Escalated}, n.Kind)
	}
	c.URL, c.Body = strings.TrimSuffix(s.URL, "/")+"/chat.postMessage", m
	c.Header = map[string]string{
		"Authorization": "Bearer " + s.Token.Reveal(),
		"Content-Type":  "application/json; charset=utf-8",
	}
	answer, err := post(ctx, c)
	if err != nil {
		return "", err
	}
	return slackAnswer(answer)
}

// slackAnswer reads what the Web API says with status 200.
func slackAnswer(answer []byte) (ts string, err error) {
	var a struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	if a.OK {
		return a.TS, nil
	}
	err = fmt.Errorf("slack answers %q", clip(flat(a.Error), 100))
	switch a.Error {
	case "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
		"team_added_to_org", "":
		return "", err
	case "invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive":
		err = &secrets.RefusedError{Err: err}
	}
	return "", &PermanentError{err}
}

// slackBlocks lays a notice out: title, facts or lines, what to do next.
func slackBlocks(n Notice) []slackBlock {
	blocks := []slackBlock{{Type: "header", Text: plain(n.Title(), 150)}}
	buttons := []slackElement{}
	if link := n.Link(); link != "" {
		buttons = append(buttons, slackElement{"button", plain("Open", 75), link})
	}
	if len(n.Entries) == 1 && n.Kind != Digest {
		e := n.Entries[0]
		message := cmp.Or(strings.Join(e.Body(), "\n"), "no message")
		blocks = append(blocks, slackBlock{Type: "section", Text: plain(message, 3000)})
		var fields []slackText
		for _, f := range e.Facts(n.At) {
			fields = append(fields, *plain(f.Name+"\n"+f.Value, 2000))
		}
		blocks = append(blocks, slackBlock{Type: "section", Fields: fields[:min(len(fields), 10)]}) // Slack takes no more
		if isLink(e.Incident.Runbook) {
			buttons = append(buttons, slackElement{"button", plain("Runbook", 75), e.Incident.Runbook})
		}
	} else {
		blocks = append(blocks, slackBlock{Type: "section", Text: plain("• "+strings.Join(n.Lines(), "\n• "), 3000)})
	}
	if len(buttons) > 0 {
		blocks = append(blocks, slackBlock{Type: "actions", Elements: buttons})
	}
	return blocks
}

// isLink reports whether a text may be made clickable.
func isLink(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}
