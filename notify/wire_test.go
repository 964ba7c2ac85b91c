package notify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// notices are what each channel's wire format is shown with.
func notices() []notify.Notice {
	one := incident(1)
	one.Key = "2026-11-20"
	acknowledged := newNotice(notify.Acknowledged, one)
	acknowledged.Entries[0].Ref = "171.1"
	over := newNotice(notify.Recovered, resolved(one, 5*time.Minute))
	over.Entries[0].Ref = "171.1"
	group := newNotice(notify.Opened, many(12)...)
	part := newNotice(notify.Recovered, resolved(incident(2), time.Minute))
	part.Entries[0].Thread, part.Entries[0].Others = "inc0001", 11
	return []notify.Notice{newNotice(notify.Opened, one), acknowledged, over, group, part,
		newNotice(notify.Opened, emptied()), newNotice(notify.Recovered, resolved(emptied(), 5*time.Minute))}
}

// emptied is the incident of a table that lost its rows: three checks see it.
func emptied() sentinel.Incident {
	i := incident(30)
	found := func(check, key, message, expected string) sentinel.IncidentFinding {
		return sentinel.IncidentFinding{
			Check: i.Table.String() + "/" + check, Kind: check, Key: key, Severity: sentinel.Fail, Tier: i.Tier, Owner: i.Owner,
			Message: message, Observed: sentinel.Int(0), Expected: expected, Opened: i.Opened, Updated: i.Opened,
			LastGood: i.LastGood, Ticks: 1,
		}
	}
	i.Findings = []sentinel.IncidentFinding{
		found("row_count", "", "0 rows, expected > 0", "> 0"),
		found("freshness", "", "no row has a timestamp", "at most 1h"),
		found("row_count", "missing_partition:2026-11-20", "no rows for 2026-11-20", "rows for 2026-11-20"),
	}
	i.Check, i.Kind, i.Message, i.Expected = i.Findings[0].Check, "row_count", "0 rows, expected > 0", "> 0"
	return i
}

// secret is the secret of every row of channels.
const secret = "t0ps3cret"

// channels has a row for each way to configure a channel that sends by HTTP. A row's
// configuration holds secret.
var channels = map[string]struct {
	answer    string // of the receiver
	configure func(url string) notify.Notifier
}{
	"alertmanager": {"", func(u string) notify.Notifier {
		return &notify.Alertmanager{
			URL:    []sentinel.Secret{sentinel.NewSecret(u + "/")},
			Token:  sentinel.NewSecret(secret),
			Labels: map[string]string{"team": "data"},
		}
	}},
	"slack_webhook": {"ok", func(u string) notify.Notifier {
		return &notify.Slack{WebhookURL: sentinel.NewSecret(u + "/services/T/B/" + secret)}
	}},
	"slack_bot": {`{"ok":true,"ts":"171.2"}`, func(u string) notify.Notifier {
		return &notify.Slack{Token: sentinel.NewSecret(secret), Channel: "C1", URL: u + "/api"}
	}},
	"teams": {"1", func(u string) notify.Notifier {
		return &notify.Teams{WebhookURL: sentinel.NewSecret(u + "/workflows/" + secret)}
	}},
	"pagerduty": {`{"status":"success"}`, func(u string) notify.Notifier {
		return &notify.PagerDuty{RoutingKey: sentinel.NewSecret(secret), URL: u + "/v2/enqueue"}
	}},
	"opsgenie": {`{"result":"Request will be processed"}`, func(u string) notify.Notifier {
		return &notify.Opsgenie{APIKey: sentinel.NewSecret(secret), URL: u, Teams: []string{"data"}}
	}},
	"jira_service_management": {`{"result":"Request will be processed"}`, func(u string) notify.Notifier {
		return &notify.JiraServiceManagement{APIKey: sentinel.NewSecret(secret), URL: u, Teams: []string{"data"}}
	}},
	"discord": {`{"id":"1122"}`, func(u string) notify.Notifier {
		return &notify.Discord{WebhookURL: sentinel.NewSecret(u + "/api/webhooks/1/" + secret)}
	}},
	"mattermost": {"ok", func(u string) notify.Notifier {
		return &notify.Mattermost{WebhookURL: sentinel.NewSecret(u + "/hooks/" + secret), Channel: "data"}
	}},
	"googlechat": {"{}", func(u string) notify.Notifier {
		return &notify.GoogleChat{WebhookURL: sentinel.NewSecret(u + "/v1/spaces/S/messages?key=k&token=" + secret)}
	}},
	"ntfy": {`{"id":"x"}`, func(u string) notify.Notifier {
		return &notify.Ntfy{URL: u, Topic: "data", Token: sentinel.NewSecret(secret)}
	}},
	"webhook": {"", func(u string) notify.Notifier {
		return &notify.Webhook{
			URL:     sentinel.NewSecret(u + "/hook?token=" + secret),
			Secret:  sentinel.NewSecret(secret),
			Headers: map[string]sentinel.Secret{"Authorization": sentinel.NewSecret("Bearer " + secret)},
		}
	}},
}

// withoutHTTP are the kinds that have tests of their own instead of a row in channels.
var withoutHTTP = []string{"email", "log"}

// TestEveryKindHasAChannel holds the rows of channels to the registry.
func TestEveryKindHasAChannel(t *testing.T) {
	t.Parallel()
	has := map[reflect.Type]bool{}
	for _, c := range channels {
		has[reflect.TypeOf(c.configure("https://example.com"))] = true
	}
	for _, kind := range notify.Kinds() {
		n, err := notify.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		if has[reflect.TypeOf(n)] == slices.Contains(withoutHTTP, kind) {
			t.Errorf("%s needs a row in channels, or tests of its own and a place in withoutHTTP", kind)
		}
	}
}

// automatic are the headers that net/http or every channel sets.
var automatic = []string{"Accept-Encoding", "Connection", "Content-Length", "User-Agent"}

// wire sends the notices to a receiver and writes down what it got.
func wire(t *testing.T, answer string, configure func(url string) notify.Notifier) string {
	t.Helper()
	r := answering(t, says(http.StatusOK, answer))
	n := channel(t, configure(r.URL))
	var out strings.Builder
	for _, notice := range notices() {
		before := len(r.got())
		ref, err := n.Notify(t.Context(), notice)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s, %d incidents; the channel keeps %q\n", notice.Kind, len(notice.Entries), ref)
		for _, got := range r.got()[before:] {
			got.print(&out)
		}
	}
	return out.String()
}

// print writes the request with its headers. A body in JSON is indented.
func (r request) print(out *strings.Builder) {
	fmt.Fprintf(out, "%s %s\n", r.Method, r.Path)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !slices.Contains(automatic, name) {
			fmt.Fprintf(out, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(r.Body), "", " "); err != nil {
		pretty.Reset()
		pretty.WriteString(r.Body)
	}
	fmt.Fprintf(out, "%s\n", &pretty)
}

func TestWireFormats(t *testing.T) {
	t.Parallel()
	for name, c := range channels {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := wire(t, c.answer, c.configure)
			if !strings.Contains(sent, secret) {
				t.Error("the row's configuration has no secret")
			}
			golden(t, name+".golden", sent)
		})
	}
}

// TestAnAnswerOfSomebodyElseDeliversNothing: the page of a proxy or a login says nothing of the
// receiver, and Teams says with status 200 what has failed. Both are tried again. The receiver of a
// webhook may answer what it likes.
func TestAnAnswerOfSomebodyElseDeliversNothing(t *testing.T) {
	t.Parallel()
	try := func(configure func(url string) notify.Notifier, answer string) error {
		n := channel(t, configure(answering(t, says(http.StatusOK, answer)).URL))
		_, err := n.Notify(t.Context(), notices()[0])
		return err
	}
	for name, c := range channels {
		err := try(c.configure, "\n<!DOCTYPE html><title>Sign in</title>"+secret)
		if name == "webhook" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if permanent := new(notify.PermanentError); err == nil || errors.As(err, &permanent) ||
			strings.Contains(err.Error(), secret) {
			t.Errorf("%s: after a page of HTML: %v", name, err)
		}
	}
	const failed = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
	if err := try(channels["teams"].configure, failed); err == nil || !strings.Contains(err.Error(), "HTTP error 429") {
		t.Errorf("teams: %v", err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := channel(t, &notify.Log{Out: &out})
	for _, n := range notices() {
		if _, err := log.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "log.golden", out.String())
	file := t.TempDir() + "/n.jsonl"
	log = channel(t, &notify.Log{File: file})
	for range 2 {
		if _, err := log.Notify(t.Context(), notices()[0]); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(read(t, file), "\n"); lines != 2 {
		t.Errorf("%d lines, want 2", lines)
	}
	if _, err := (&notify.Log{File: t.TempDir() + "/none/n.jsonl"}).Notify(t.Context(), notices()[0]); err == nil {
		t.Error("a file that cannot be written is no error")
	}
}

// A receiver can tell that a notice is from Sentinel, is whole, and is new.
func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	r := answering(t, says(204, ""))
	hook := channel(t, &notify.Webhook{URL: sentinel.NewSecret(r.URL), Secret: sentinel.NewSecret("s3cret")})
	n := newNotice(notify.Opened, incident(1))
	n.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for range 2 {
		if _, err := hook.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		n.At = n.At.Add(time.Hour) // a later try
	}
	got := r.got()
	for _, g := range got {
		mac := hmac.New(sha256.New, []byte("s3cret"))
		fmt.Fprintf(mac, "%s.%s", g.Header.Get("Sentinel-Timestamp"), g.Body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); g.Header.Get("Sentinel-Signature") != want {
			t.Errorf("signature %s, want %s", g.Header.Get("Sentinel-Signature"), want)
		}
		if g.Header.Get("Idempotency-Key") != n.Key || g.Header.Get("Traceparent") != n.Trace {
			t.Errorf("%v", g.Header)
		}
	}
	if got[0].Body != got[1].Body || got[0].Header.Get("Sentinel-Timestamp") == got[1].Header.Get("Sentinel-Timestamp") {
		t.Error("a later try must have the same body and a time of its own")
	}
}

// A page is raised once for incidents notified at once, and ends with the last.
func TestPagesEndWithTheLastIncident(t *testing.T) {
	t.Parallel()
	r := answering(t, says(202, "{}"))
	pager := channel(t, &notify.PagerDuty{RoutingKey: sentinel.NewSecret("k"), URL: r.URL})
	ends := newNotice(notify.Recovered, resolved(incident(1), time.Minute))
	early := ends
	early.Entries = []notify.Entry{
		{Kind: notify.Recovered, Incident: resolved(incident(2), time.Minute), Thread: "inc0001", Others: 1},
	}
	two := newNotice(notify.Opened, incident(1), incident(2))
	two.Kind, two.Entries[1].Thread = notify.Digest, "inc0002"
	for _, n := range []notify.Notice{newNotice(notify.Opened, many(3)...), early, ends, two} {
		if _, err := pager.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	var events []string
	for _, g := range r.got() {
		var e struct {
			Action   string `json:"event_action"`
			DedupKey string `json:"dedup_key"`
		}
		if err := json.Unmarshal([]byte(g.Body), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e.Action+" "+e.DedupKey)
	}
	if got := strings.Join(events, ", "); got != "trigger inc0001, resolve inc0001, trigger inc0001, trigger inc0002" {
		t.Error(got)
	}
}

func TestPagerSeverity(t *testing.T) {
	t.Parallel()
	r := answering(t, says(202, "{}"))
	pager := channel(t, &notify.PagerDuty{RoutingKey: sentinel.NewSecret("k"), URL: r.URL})
	for n, c := range []struct {
		tier     string
		severity sentinel.Status
		want     string
	}{
		{"critical", sentinel.Warn, "critical"},
		{"warning", sentinel.Fail, "error"},
		{"warning", sentinel.Warn, "warning"},
		{"info", sentinel.Fail, "info"},
	} {
		i := incident(1)
		i.Tier, i.Severity = c.tier, c.severity
		if _, err := pager.Notify(t.Context(), newNotice(notify.Opened, i)); err != nil {
			t.Fatal(err)
		}
		if body := r.got()[n].Body; !strings.Contains(body, `"severity":"`+c.want+`"`) {
			t.Errorf("%s %s: %s", c.tier, c.severity, body)
		}
	}
}
