package notify_test

import (
	"encoding/json"
	"mime"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTitles(t *testing.T) {
	t.Parallel()
	warn, monitor, info := incident(1), incident(1), incident(1)
	warn.Severity, monitor.Monitor, info.Tier = sentinel.Warn, true, "info"
	other := incident(2)
	other.Table.Warehouse = "lake"
	down := incident(3)
	down.Upstream = "inc0001"
	sameTable := incident(2)
	sameTable.Table = incident(1).Table
	digest := newNotice(notify.Opened, many(2)...)
	digest.Kind = notify.Digest
	digest.Entries = append(digest.Entries, newNotice(notify.Recovered, resolved(incident(3), time.Minute)).Entries...)
	test := newNotice(notify.Opened, incident(1))
	test.Test = true
	for _, c := range []struct {
		n    notify.Notice
		want string
	}{
		{newNotice(notify.Opened, incident(1)), "[critical] shop.public.orders_1 fails: newest row is 1h5m old"},
		{newNotice(notify.Opened, warn), "[critical] shop.public.orders_1 is close to failing: newest row is 1h5m old"},
		{newNotice(notify.Opened, monitor), "[critical] shop.public.orders_1 cannot be checked: newest row is 1h5m old"},
		{newNotice(notify.Reopened, incident(1)), "[critical] shop.public.orders_1 fails again: newest row is 1h5m old"},
		{newNotice(notify.Worsened, incident(1)), "[critical] shop.public.orders_1 now fails: newest row is 1h5m old"},
		{newNotice(notify.Escalated, incident(1)), "[critical] shop.public.orders_1 needs a person: newest row is 1h5m old"},
		{newNotice(notify.Reminder, incident(1)), "[critical] shop.public.orders_1 still fails, for 10m: newest row is 1h5m old"},
		{newNotice(notify.Acknowledged, incident(1)), "[critical] shop.public.orders_1 acknowledged: newest row is 1h5m old"},
		{
			newNotice(notify.Recovered, resolved(incident(1), 26*time.Hour)),
			"[critical] shop.public.orders_1 recovered after 1d2h: newest row is 1h5m old",
		},
		{newNotice(notify.Opened, many(37)...), "[critical] 37 datasets of shop fail"},
		{newNotice(notify.Opened, incident(1), other), "[critical] 2 datasets of shop and lake fail"},
		{newNotice(notify.Opened, incident(1), sameTable), "[critical] 2 checks of shop.public.orders_1 fail"},
		{
			newNotice(notify.Opened, incident(1), incident(2), down),
			"[critical] 3 datasets of shop fail, 1 of them downstream of shop.public.orders_1",
		},
		{digest, "[critical] 2 datasets of shop fail; shop.public.orders_3 recovered after 1m"},
		{test, "[critical] TEST, nothing is wrong: shop.public.orders_1 fails: newest row is 1h5m old"},
	} {
		if got := c.n.Title(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	golden(t, "text.golden", newNotice(notify.Opened, incident(1)).Text()+"\n"+newNotice(notify.Opened, many(37)...).Text())
}

// A statement is shown whole or not at all, and not once the incident is over.
func TestStatementIsWhole(t *testing.T) {
	t.Parallel()
	fact := func(n notify.Notice) string {
		for _, f := range n.Entries[0].Facts(n.At) {
			if f.Name == "Statement" {
				return f.Value
			}
		}
		return ""
	}
	i := incident(1)
	for statement, want := range map[string]string{
		"": "", `ALTER TABLE "t" ADD COLUMN "a" text`: `ALTER TABLE "t" ADD COLUMN "a" text`,
		"CREATE VIEW v AS SELECT " + strings.Repeat("a, ", 200) + "b": "sentinel incidents show " + i.ID + " has it",
	} {
		i.Statement = statement
		if got := fact(newNotice(notify.Opened, i)); got != want {
			t.Errorf("%q is shown as %q", statement, got)
		}
		if got := fact(newNotice(notify.Recovered, resolved(i, time.Minute))); got != "" {
			t.Errorf("after it is over: %q", got)
		}
	}
}

// hostile is what a column's value can bring into a message.
func hostile() sentinel.Incident {
	i := incident(1)
	i.Table.Name = "a\r\nBcc: thief@example.com"
	i.Message = "<!channel> <https://evil.example|click> *b* _i_ `c` <b>x</b><script>alert(1)</script> " +
		"[l](https://evil.example) \x1b[31m \u202e & :boom:\nnext"
	i.Owner, i.Runbook = "<@U1>", "javascript:alert(1)"
	return i
}

// What comes from data is shown as it is and means nothing to the receiver.
func TestNothingIsInterpreted(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, `{"ok":true}`))
	n := newNotice(notify.Opened, hostile())
	slack := channel(t, &notify.Slack{Token: sentinel.NewSecret("x"), Channel: "c", URL: r.URL})
	teams := channel(t, &notify.Teams{WebhookURL: sentinel.NewSecret(r.URL)})
	for _, c := range []notify.Notifier{slack, teams} {
		if _, err := c.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range r.got() {
		if strings.Contains(got.Body, `"mrkdwn"`) || strings.Contains(got.Body, `"TextBlock"`) ||
			strings.Contains(got.Body, `"url":"javascript:`) {
			t.Error("a text that the receiver interprets:", got.Body)
		}
		if strings.ContainsAny(got.Body, "\x1b\u202e") {
			t.Error("control characters reach the receiver")
		}
	}
	var m struct{ Text string }
	if err := json.Unmarshal([]byte(r.got()[0].Body), &m); err != nil || strings.ContainsAny(m.Text, "<>\n") {
		t.Errorf("Slack's fallback text: %q, %v", m.Text, err)
	}
	if title := n.Title(); strings.ContainsAny(title, "\r\n") {
		t.Errorf("a title of several lines: %q", title)
	}
}

// Names of tables never become headers of a mail, nor values its HTML.
func TestMailIsEscaped(t *testing.T) {
	t.Parallel()
	server := newMailServer(t, mailManners{})
	e := channel(t, &notify.Email{
		Host: "127.0.0.1",
		Port: server.port,
		From: "s@example.com",
		To:   []string{"a@example.com"},
		TLS:  "none",
	})
	if _, err := e.Notify(t.Context(), newNotice(notify.Opened, hostile())); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(server.mails()[0].data))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" {
		t.Error("a table's name became a header")
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || !strings.Contains(subject, "Bcc: thief@example.com") {
		t.Error(subject, err)
	}
	_, page := mailParts(t, m)
	if strings.Contains(page, "<script>") || strings.Contains(page, `href="javascript:`) ||
		!strings.Contains(page, "&lt;script&gt;") {
		t.Error(page)
	}
}
