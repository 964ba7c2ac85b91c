package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
)

func init() { Register("webhook", func() Notifier { return &Webhook{} }) }

// Webhook posts notices as signed JSON. docs/notify/webhook.md describes the body and
// how a receiver verifies the signature.
type Webhook struct {
	URL          sentinel.Secret            `yaml:"url" required:"true" doc:"Address that messages are posted to."`
	Secret       sentinel.Secret            `yaml:"secret" doc:"Key that signs the body (HMAC-SHA256)."`
	Headers      map[string]sentinel.Secret `yaml:"headers" doc:"Headers to send, such as Authorization."`
	AllowPrivate bool                       `yaml:"allow_private" doc:"Allow link-local addresses, such as a metadata service."`
}

// Validate implements Notifier.
func (w *Webhook) Validate() error { return needURL("url", w.URL) }

// hookBody is what is posted.
type hookBody struct {
	Version   int            `json:"version"` // 1
	Key       string         `json:"key"`
	Kind      Kind           `json:"kind"`
	Test      bool           `json:"test,omitempty"`
	Tier      string         `json:"tier"`
	Title     string         `json:"title"`
	Link      string         `json:"link,omitempty"`
	Incidents []hookIncident `json:"incidents"`
}

type hookIncident struct {
	ID         string          `json:"id"`
	Transition Kind            `json:"transition"`
	State      string          `json:"state"`
	Severity   sentinel.Status `json:"severity"`
	Monitor    bool            `json:"monitor"` // the check could not run: the incident says nothing about the data
	Dataset    string          `json:"dataset"`
	Warehouse  string          `json:"warehouse"`
	Check      string          `json:"check"`
	CheckKind  string          `json:"check_kind"`
	Finding    string          `json:"finding,omitempty"`
	Tier       string          `json:"tier"`
	Owner      string          `json:"owner,omitempty"`
	Runbook    string          `json:"runbook,omitempty"`
	Tags       []string        `json:"tags,omitempty"` // of the dataset
	Upstream   string          `json:"upstream,omitempty"`
	Cause      string          `json:"cause,omitempty"`
	Note       string          `json:"note,omitempty"`
	Message    string          `json:"message"`
	Observed   sentinel.Number `json:"observed"`
	Expected   string          `json:"expected,omitempty"`
	Statement  string          `json:"statement,omitempty"`
	Opened     time.Time       `json:"opened"`
	Updated    time.Time       `json:"updated"`
	Resolved   *time.Time      `json:"resolved"`
	LastGood   *time.Time      `json:"last_good"`
	Flaps      int             `json:"flaps"`
	Failed     string          `json:"undelivered,omitempty"` // the channel that gave it up, and why
	Findings   []hookFinding   `json:"findings"`              // all of the episode
	Samples    []string        `json:"samples,omitempty"`
}

// hookFinding is one finding of an incident.
type hookFinding struct {
	Check     string          `json:"check"`
	CheckKind string          `json:"check_kind"`
	Finding   string          `json:"finding,omitempty"`
	Severity  sentinel.Status `json:"severity"`
	Monitor   bool            `json:"monitor"`
	Tier      string          `json:"tier"`
	Owner     string          `json:"owner,omitempty"`
	Upstream  string          `json:"upstream,omitempty"`
	Cause     string          `json:"cause,omitempty"`
	Note      string          `json:"note,omitempty"`
	Statement string          `json:"statement,omitempty"`
	Message   string          `json:"message"`
	Observed  sentinel.Number `json:"observed"`
	Expected  string          `json:"expected,omitempty"`
	Opened    time.Time       `json:"opened"`
	Resolved  *time.Time      `json:"resolved"`
	LastGood  *time.Time      `json:"last_good"`
}

func hookFindings(of []sentinel.IncidentFinding) []hookFinding {
	out := make([]hookFinding, len(of))
	for n, f := range of {
		out[n] = hookFinding{
			Check:     f.Check,
			CheckKind: f.Kind,
			Finding:   f.Key,
			Severity:  f.Severity,
			Monitor:   f.Monitor,
			Tier:      f.Tier,
			Owner:     f.Owner,
			Upstream:  f.Upstream,
			Cause:     f.Cause,
			Note:      f.Note,
			Statement: f.Statement,
			Message:   f.Message,
			Observed:  f.Observed,
			Expected:  f.Expected,
			Opened:    f.Opened,
			Resolved:  orNull(f.Resolved),
			LastGood:  orNull(f.LastGood),
		}
	}
	return out
}

// body is the notice as JSON; it holds nothing that differs from try to try.
func body(n Notice) ([]byte, error) {
	b := hookBody{
		Version:   1,
		Key:       n.Key,
		Kind:      n.Kind,
		Test:      n.Test,
		Tier:      n.Tier,
		Title:     n.undated().Title(),
		Link:      n.Link(),
		Incidents: []hookIncident{},
	}
	for _, e := range n.Entries {
		i := e.Incident
		b.Incidents = append(b.Incidents, hookIncident{
			ID:         i.ID,
			Transition: e.Kind,
			State:      string(i.State),
			Severity:   i.Severity,
			Monitor:    i.Monitor,
			Dataset:    i.Table.String(),
			Warehouse:  i.Table.Warehouse,
			Check:      i.Check,
			CheckKind:  i.Kind,
			Finding:    i.Key,
			Tier:       i.Tier,
			Owner:      i.Owner,
			Runbook:    i.Runbook,
			Tags:       i.Tags,
			Upstream:   i.Upstream,
			Cause:      i.Cause,
			Note:       i.Note,
			Message:    i.Message,
			Observed:   i.Observed,
			Expected:   i.Expected,
			Statement:  i.Statement,
			Opened:     i.Opened,
			Updated:    i.Updated,
			Resolved:   orNull(i.Resolved),
			LastGood:   orNull(i.LastGood),
			Flaps:      i.Flaps,
			Failed:     e.Failed,
			Findings:   hookFindings(i.Findings),
			Samples:    e.sampleLines(),
		})
	}
	return json.Marshal(b)
}

// undated leaves the time of this try out of what is written.
func (n Notice) undated() Notice {
	n.At = time.Time{}
	return n
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Notify implements Notifier.
func (w *Webhook) Notify(ctx context.Context, n Notice) (string, error) {
	data, err := body(n)
	if err != nil {
		return "", permanent("encoding the notice: %w", err)
	}
	c := call{
		URL:     w.URL.Reveal(),
		Header:  map[string]string{},
		Body:    data,
		Secrets: []sentinel.Secret{w.URL, w.Secret},
		Private: w.AllowPrivate,
		AnyPage: true,
		Notice:  n,
	}
	for k, v := range w.Headers {
		c.Header[k] = v.Reveal()
		c.Secrets = append(c.Secrets, v)
	}
	if !w.Secret.IsZero() {
		at := strconv.FormatInt(n.At.Unix(), 10)
		c.Header["Sentinel-Timestamp"] = at
		c.Header["Sentinel-Signature"] = "sha256=" + sign(w.Secret, at, data)
	}
	_, err = post(ctx, c)
	return "", err
}

// sign is the hex HMAC-SHA256 of "timestamp.body" under a secret.
func sign(secret sentinel.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
