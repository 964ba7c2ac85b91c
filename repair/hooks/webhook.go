package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("webhook", func() repair.Action { return &Webhook{} }) }

// Webhook asks another system to repair. It sends one signed POST. The idempotency key
// is the same at every try.
type Webhook struct {
	URL          sentinel.Secret            `yaml:"url" required:"true" doc:"Address that is asked to repair."`
	Secret       sentinel.Secret            `yaml:"secret" doc:"Key that signs the body (HMAC-SHA256)."`
	Headers      map[string]sentinel.Secret `yaml:"headers" doc:"Headers to send, such as Authorization."`
	Timeout      time.Duration              `yaml:"timeout" default:"30s" doc:"Longest wait for the answer."`
	Lookup       sentinel.Secret            `yaml:"lookup" doc:"Address that says whether a repair was done: 200 or 404."`
	Idempotent   bool                       `yaml:"idempotent" doc:"The receiver acts once for one Idempotency-Key."`
	UndoURL      sentinel.Secret            `yaml:"undo_url" doc:"Address that is asked to undo."`
	AllowPrivate bool                       `yaml:"allow_private" doc:"Allow link-local addresses, such as a metadata service."`
}

// Validate implements Action.
func (h *Webhook) Validate() error {
	if err := settings.Complete(h); err != nil {
		return err
	}
	for _, a := range []struct {
		field   string
		address sentinel.Secret
	}{{"url", h.URL}, {"lookup", h.Lookup}, {"undo_url", h.UndoURL}} {
		if a.address.IsZero() && a.field != "url" {
			continue
		}
		if err := checkURL(a.field, a.address.Reveal()); err != nil {
			return err
		}
	}
	if h.Timeout < 0 {
		return settings.Wrong("timeout", "must be positive")
	}
	return nil
}

// webhookBody is the body of the request. docs/repair/webhook.md describes it.
type webhookBody struct {
	payload
	Undo bool `json:"undo,omitempty"`
}

// Plan implements Action.
func (h *Webhook) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	host := ""
	if u, err := url.Parse(h.URL.Reveal()); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	i := trigger.Incident
	plan = sentinel.Plan{
		Action: "webhook", Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: fmt.Sprintf("ask %s to repair "+
			"%s: %s", host, i.Table, i.Message),
		Class: sentinel.ClassAuto, Guarantee: sentinel.AtLeastOnce, Rows: -1,
		Steps: []sentinel.Step{{Name: "ask", Do: []string{"POST " + host + " (path and headers not shown)"}}},
	}
	if !h.UndoURL.IsZero() {
		plan.Steps[0].Undo = []string{"POST to undo_url"}
	} else {
		plan.Steps[0].NoUndo = "no undo_url is configured"
	}
	if h.Idempotent || !h.Lookup.IsZero() {
		plan.Guarantee = sentinel.LookedUp
	}
	body, _ := payloadOf(trigger, "") // most triggers have no window, and need none here
	plan.Details, err = json.Marshal(body)
	return plan, err
}

// Stage implements Action.
func (h *Webhook) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action. If the outcome of a try is not known, Apply asks the
// receiver for it before it tries again. If it cannot ask, the repair stops and says
// so.
func (h *Webhook) Apply(ctx context.Context, run *repair.Run) error {
	run.Failpoint("before_apply")
	switch {
	case !h.Lookup.IsZero() && (run.Resumed || run.Repair.Attempts > 1):
		if done, err := h.done(ctx, run); done || err != nil {
			return err
		}
	case run.Resumed && !h.Idempotent:
		return &repair.UnknownError{Err: errors.New("an agent died while it sent the request, and there is " +
			"neither lookup nor idempotent")}
	}
	return h.post(ctx, run, h.URL, false)
}

// Rollback implements Action.
func (h *Webhook) Rollback(ctx context.Context, run *repair.Run) error {
	if h.UndoURL.IsZero() {
		return &repair.RefusedError{Why: "no undo_url is configured"}
	}
	return h.post(ctx, run, h.UndoURL, true)
}

func (h *Webhook) done(ctx context.Context, run *repair.Run) (bool, error) {
	status, err := h.send(ctx, run, request{method: http.MethodGet, to: func() (string, error) {
		u, err := url.Parse(h.Lookup.Reveal())
		if err != nil {
			return "", errors.New("lookup is not an address")
		}
		q := u.Query()
		q.Set("id", run.Repair.ID)
		u.RawQuery = q.Encode()
		return u.String(), nil
	}})
	switch {
	case status == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, &repair.UnknownError{Err: fmt.Errorf("asking lookup: %w", err)}
	}
	return true, nil
}

func (h *Webhook) post(ctx context.Context, run *repair.Run, to sentinel.Secret, undo bool) error {
	var body webhookBody
	if err := json.Unmarshal(run.Repair.Plan.Details, &body); err != nil {
		return err
	}
	body.Repair, body.Undo = run.Repair.ID, undo
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	address := func() (string, error) { return to.Reveal(), nil }
	_, err = h.send(ctx, run, request{http.MethodPost, address, data})
	run.Failpoint("after_apply_commit")
	return err
}

// request is one request of a webhook.
type request struct {
	method string
	to     func() (string, error) // the address, with the secrets of now
	body   []byte
}

func (h *Webhook) send(ctx context.Context, run *repair.Run, r request) (status int, err error) {
	err = authorized(ctx, run, h, func() (err error) {
		status, err = h.sendOnce(ctx, run, r)
		return err
	})
	return status, err
}

func (h *Webhook) sendOnce(ctx context.Context, run *repair.Run, r request) (int, error) {
	to, err := r.to()
	if err != nil {
		return 0, err
	}
	body := r.body
	c := httpCall{Method: r.method, URL: to, Body: body, Timeout: h.Timeout, Repeatable: h.Idempotent,
		AllowPrivate: h.AllowPrivate, Header: http.Header{}}
	c.Header.Set("Idempotency-Key", run.Repair.ID+map[bool]string{true: "-undo"}[bytes.Contains(body, []byte(`"undo":true`))])
	for k, v := range h.Headers {
		c.Header.Set(k, v.Reveal())
	}
	if !h.Secret.IsZero() {
		at := strconv.FormatInt(run.Now().Unix(), 10)
		c.Header.Set("Sentinel-Timestamp", at)
		c.Header.Set("Sentinel-Signature", "sha256="+Sign(h.Secret, at, body))
	}
	status, _, err := c.do(ctx, run)
	return status, err
}

// Sign is the hex HMAC-SHA256 of "timestamp.body" under a secret.
func Sign(secret sentinel.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
