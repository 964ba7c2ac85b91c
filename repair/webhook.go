package repair

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
)

func init() { Register("webhook", func() Action { return &Webhook{} }) }

// Webhook asks another system to repair: one signed POST with an idempotency
// key that is the same at every try.
type Webhook struct {
	URL          sentinel.Secret            `yaml:"url"`
	Secret       sentinel.Secret            `yaml:"secret"`        // signs the body; see docs/repair/webhook.md
	Headers      map[string]sentinel.Secret `yaml:"headers"`       // such as Authorization
	Timeout      time.Duration              `yaml:"timeout"`       // default 30s
	Lookup       sentinel.Secret            `yaml:"lookup"`        // GET with ?id=REPAIR: 200 it was done, 404 it was not
	Idempotent   bool                       `yaml:"idempotent"`    // the receiver does nothing twice for one Idempotency-Key
	UndoURL      sentinel.Secret            `yaml:"undo_url"`      // asked the same way to take it back
	AllowPrivate bool                       `yaml:"allow_private"` // link-local addresses, such as a cloud's metadata service
}

// Validate implements Action.
func (h *Webhook) Validate() error {
	h.Timeout = orDefault(h.Timeout, 30*time.Second)
	for name, v := range map[string]sentinel.Secret{"url": h.URL, "lookup": h.Lookup, "undo_url": h.UndoURL} {
		if v == "" && name != "url" {
			continue
		}
		if u, err := url.Parse(v.Reveal()); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%s: want an address that starts with http:// or https://", name)
		}
	}
	if h.Timeout < 0 {
		return errors.New("timeout must be positive")
	}
	return nil
}

// hookBody is what is sent; docs/repair/webhook.md describes it.
type hookBody struct {
	Repair   string            `json:"repair"`
	Undo     bool              `json:"undo,omitempty"`
	Incident string            `json:"incident"`
	Check    string            `json:"check"`
	Table    string            `json:"table"`
	Finding  string            `json:"finding"`
	Message  string            `json:"message"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// Plan implements Action.
func (h *Webhook) Plan(_ context.Context, _ *Target, why Trigger) (plan sentinel.Plan, err error) {
	host := ""
	if u, err := url.Parse(h.URL.Reveal()); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	i := why.Incident
	plan = sentinel.Plan{
		Action: "webhook", Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: fmt.Sprintf("ask %s to repair %s: %s", host, i.Table, i.Message),
		Class: sentinel.ClassAuto, Guarantee: sentinel.AtLeastOnce, Rows: -1,
		Steps: []sentinel.Step{{Name: "ask", Do: []string{"POST " + host + " (path and headers not shown)"}}},
	}
	if h.UndoURL != "" {
		plan.Steps[0].Undo = []string{"POST to undo_url"}
	} else {
		plan.Steps[0].NoUndo = "no undo_url is configured"
	}
	if h.Idempotent || h.Lookup != "" {
		plan.Guarantee = sentinel.LookedUp
	}
	plan.Details, err = json.Marshal(hookBody{Incident: i.ID, Check: i.Check, Table: i.Table.String(), Finding: i.Key, Message: i.Message, Labels: why.Labels})
	return plan, err
}

// Stage implements Action.
func (h *Webhook) Stage(context.Context, *Run) error { return nil }

// Apply implements Action. A try whose outcome is not known is looked up before
// another; where it cannot be, the repair stops and says so.
func (h *Webhook) Apply(ctx context.Context, r *Run) error {
	r.failpoint("before_apply")
	if r.Repair.Attempts > 1 && h.Lookup != "" {
		if done, err := h.done(ctx, r); done || err != nil {
			return err
		}
	}
	return h.post(ctx, r, h.URL, false)
}

// Rollback implements Action.
func (h *Webhook) Rollback(ctx context.Context, r *Run) error {
	if h.UndoURL == "" {
		return &RefusedError{"no undo_url is configured"}
	}
	return h.post(ctx, r, h.UndoURL, true)
}

func (h *Webhook) done(ctx context.Context, r *Run) (bool, error) {
	u, err := url.Parse(h.Lookup.Reveal())
	if err != nil {
		return false, err
	}
	q := u.Query()
	q.Set("id", r.Repair.ID)
	u.RawQuery = q.Encode()
	status, err := h.send(ctx, r, http.MethodGet, u.String(), nil)
	switch {
	case status == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, &UnknownError{Err: fmt.Errorf("looking up: %w", err)}
	}
	return true, nil
}

func (h *Webhook) post(ctx context.Context, r *Run, to sentinel.Secret, undo bool) error {
	var body hookBody
	if err := json.Unmarshal(r.Repair.Plan.Details, &body); err != nil {
		return err
	}
	body.Repair, body.Undo = r.Repair.ID, undo
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = h.send(ctx, r, http.MethodPost, to.Reveal(), data)
	r.failpoint("after_apply_commit")
	return err
}

// send makes one request and classes its outcome: what never reached the other
// side, or was refused for now, is transient; a lost reply is unknown unless
// the receiver is idempotent.
func (h *Webhook) send(ctx context.Context, r *Run, method, to string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the address is not valid")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sentinel")
	req.Header.Set("Idempotency-Key", r.Repair.ID+map[bool]string{true: "-undo"}[bytes.Contains(body, []byte(`"undo":true`))])
	for k, v := range h.Headers {
		req.Header.Set(k, v.Reveal())
	}
	if h.Secret != "" {
		at := strconv.FormatInt(r.now().Unix(), 10)
		req.Header.Set("Sentinel-Timestamp", at)
		req.Header.Set("Sentinel-Signature", "sha256="+Sign(h.Secret, at, body))
	}
	resp, err := client(h.AllowPrivate).Do(req)
	if err != nil {
		return 0, h.lost(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return resp.StatusCode, h.lost(err)
	}
	switch {
	case resp.StatusCode < 300:
		return resp.StatusCode, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500:
		return resp.StatusCode, &TransientError{Err: fmt.Errorf("the receiver answers %s", resp.Status), After: RetryAfter(resp.Header.Get("Retry-After"), r.now())}
	}
	return resp.StatusCode, fmt.Errorf("the receiver answers %s: %s", resp.Status, strings.Join(strings.Fields(string(said)), " "))
}

// lost classes an error of the way there and back. Its text leaves the address
// out, which may hold a token.
func (h *Webhook) lost(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" || h.Idempotent {
		return &TransientError{Err: fmt.Errorf("asking: %w", err)}
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused
	}
	return &UnknownError{Err: fmt.Errorf("asking: %w", err)}
}

// Sign is the hex HMAC-SHA256 of "timestamp.body" under a secret.
func Sign(secret sentinel.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// RetryAfter reads the header in both of its forms; 0 when it says nothing.
func RetryAfter(v string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(v); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// client follows no redirects and, unless told to, connects to no link-local
// address: the check is made on the address that is dialled, whatever a name
// resolved to before.
func client(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !allowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			host, err := netip.ParseAddrPort(address)
			if err == nil && (host.Addr().IsLinkLocalUnicast() || host.Addr().IsLinkLocalMulticast() || host.Addr().IsMulticast()) {
				return &RefusedError{address + " is a link-local address, where clouds keep credentials: allow_private lets it through"}
			}
			return nil
		}
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, ResponseHeaderTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
