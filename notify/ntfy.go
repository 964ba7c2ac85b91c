package notify

import (
	"context"
	"net/url"
	"regexp"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("ntfy", func() Notifier { return &Ntfy{} }) }

// Ntfy publishes messages to a topic of an ntfy server. They are plain text.
type Ntfy struct {
	URL   string          `yaml:"url" default:"https://ntfy.sh" doc:"Address of the server."`
	Topic string          `yaml:"topic" required:"true" doc:"Topic. On a public server its name is like a password."`
	Token sentinel.Secret `yaml:"token" doc:"Access token, where the topic is protected."`
}

var ntfyTopic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// Validate implements Notifier.
func (y *Ntfy) Validate() error {
	if err := settings.Complete(y); err != nil {
		return err
	}
	if !ntfyTopic.MatchString(y.Topic) {
		return settings.Wrong("topic", "%q: want 1 to 64 letters, digits, - and _", y.Topic)
	}
	if u, err := url.Parse(y.URL); err == nil && u.User != nil {
		return settings.Wrong("url", "must hold no user and password: use token")
	}
	return needAddress("url", y.URL)
}

// ntfyMessage is what is published as JSON.
type ntfyMessage struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags"`
	Click    string   `json:"click,omitempty"`
}

// ntfyLimit is how many bytes of a message are text. A longer one would become a file.
const ntfyLimit = 4096

// Notify implements Notifier. It does not send acknowledgements.
func (y *Ntfy) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	m := ntfyMessage{
		Topic: y.Topic, Title: n.Title(), Message: clipBytes(n.Text(), ntfyLimit), Click: n.Link(),
		Priority: map[string]int{"critical": 5, "warning": 4, "info": 3}[n.Tier], Tags: []string{"rotating_light"},
	}
	if !n.news() {
		m.Priority, m.Tags = 3, []string{"white_check_mark"}
	}
	c := call{URL: y.URL, Body: m, Secrets: []sentinel.Secret{y.Token}, Notice: n}
	if token := y.Token.Reveal(); token != "" {
		c.Header = map[string]string{"Authorization": "Bearer " + token}
	}
	_, err := post(ctx, c)
	return "", err
}

// clipBytes cuts a text to at most limit bytes, between characters.
func clipBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const more = "…"
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
