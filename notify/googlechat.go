package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"net/url"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("googlechat", func() Notifier { return &GoogleChat{} }) }

// GoogleChat posts cards to a space through a webhook. The messages of an incident are one
// thread.
type GoogleChat struct {
	WebhookURL sentinel.Secret `yaml:"webhook_url" required:"true" doc:"Address of a space's webhook, with key and token."`
}

// Validate implements Notifier.
func (g *GoogleChat) Validate() error {
	if err := settings.Complete(g); err != nil {
		return err
	}
	return needURL("webhook_url", g.WebhookURL)
}

type chatMessage struct {
	Fallback string     `json:"fallbackText"`
	Cards    []chatCard `json:"cardsV2"`
	Thread   any        `json:"thread,omitempty"`
}

type chatCard struct {
	ID   string `json:"cardId"`
	Card struct {
		Header   chatHeader    `json:"header"`
		Sections []chatSection `json:"sections"`
	} `json:"card"`
}

type chatHeader struct {
	Title string `json:"title"`
}

type chatSection struct {
	Widgets []map[string]any `json:"widgets"`
}

// chatWidgets is how many widgets a card has at most.
const chatWidgets = 60

// Notify implements Notifier. It does not send acknowledgements.
func (g *GoogleChat) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	sum := sha256.Sum256([]byte(n.Key))
	query := url.Values{"requestId": {"sentinel-" + hex.EncodeToString(sum[:16])}} // the same message is not posted twice
	card := chatCard{ID: "notice"}
	card.Card.Header.Title = n.Title()
	card.Card.Sections = []chatSection{{chatWidgetsOf(n)}}
	m := chatMessage{Fallback: n.Title(), Cards: []chatCard{card}}
	if all := n.threads(); len(all) == 1 {
		m.Thread = map[string]string{"threadKey": all[0].ID}
		query.Set("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
	}
	address, err := withQuery(g.WebhookURL.Reveal(), query)
	if err != nil {
		return "", err
	}
	_, err = post(ctx, call{URL: address, Body: m, Secrets: []sentinel.Secret{g.WebhookURL}, Notice: n})
	return "", err
}

// chatWidgetsOf lays a notice out. Texts of widgets are HTML, so what comes from data is
// escaped.
func chatWidgetsOf(n Notice) (widgets []map[string]any) {
	paragraph := func(text string) {
		widgets = append(widgets, map[string]any{"textParagraph": map[string]string{"text": html.EscapeString(text)}})
	}
	if len(n.Entries) != 1 || n.Kind == Digest {
		for _, line := range n.Lines() {
			paragraph(line)
		}
	} else {
		for _, line := range n.Entries[0].Body() {
			paragraph(line)
		}
		for _, f := range n.Entries[0].Facts(n.At) {
			widgets = append(widgets, map[string]any{"decoratedText": map[string]any{
				"topLabel": f.Name, "text": html.EscapeString(f.Value), "wrapText": true,
			}})
		}
	}
	widgets = widgets[:min(len(widgets), chatWidgets-1)]
	if link := n.Link(); link != "" {
		open := map[string]any{"openLink": map[string]string{"url": link}}
		button := map[string]any{"text": "Open", "onClick": open}
		widgets = append(widgets, map[string]any{"buttonList": map[string]any{"buttons": []any{button}}})
	}
	return widgets
}
