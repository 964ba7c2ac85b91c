package hooks

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// answerLimit is how many bytes of an answer are read. The rest is cut.
const answerLimit = 4 << 20

// Of an answer that is an error, quoted bytes are shown, and statusLimit of its status.
// They are taken from the first quoteLimit bytes.
const (
	statusLimit = 100
	quoted      = 300
	quoteLimit  = 64 << 10
)

// httpCall is one HTTP request of a hook.
type httpCall struct {
	Method, URL  string
	Header       http.Header
	Body         []byte
	Timeout      time.Duration
	Repeatable   bool           // a lost reply may simply be asked for again
	AllowPrivate bool           // connect to link-local addresses
	Direct       bool           // use no proxy, whatever the environment names
	Roots        *x509.CertPool // nil: the system's
}

// do makes the request and classifies its outcome. A request that never reached the
// server, or that the server refused for now, is transient. After a lost reply the
// outcome is unknown, unless the request is repeatable. No error has the address, which
// may hold a token.
func (c httpCall) do(ctx context.Context, run *repair.Run) (status int, said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return 0, nil, errors.New("the address is not valid")
	}
	if c.Header != nil {
		req.Header = c.Header
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "sentinel")
	resp, err := outbound.Client(outbound.Options{
		AllowPrivate: c.AllowPrivate, Roots: c.Roots, HeaderTimeout: time.Minute, Proxy: !c.Direct,
		Rules: outbound.RulesOf(ctx),
	}).Do(req)
	if err != nil {
		return 0, nil, c.classify(run, err)
	}
	defer resp.Body.Close()
	answers := "the receiver answers " + outbound.OneLine(run.Scrub(resp.Status), statusLimit)
	said, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return resp.StatusCode, nil, c.classify(run, err)
	}
	switch {
	case resp.StatusCode < 300:
		return resp.StatusCode, said, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout ||
		resp.StatusCode >= 500:
		return resp.StatusCode, said, &repair.TransientError{
			Err: errors.New(answers), After: outbound.RetryAfter(resp.Header.Get("Retry-After"), run.Now()),
		}
	}
	said = said[:min(len(said), quoteLimit)]
	err = fmt.Errorf("%s: %s", answers, outbound.OneLine(run.Scrub(string(said)), quoted))
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		err = &secrets.RefusedError{Err: err}
	}
	return resp.StatusCode, said, err
}

// authorized makes a request with the secrets of an action. If it is refused, it is made
// once more with secrets that have changed. While they have not, the repair waits for
// those that come from a file or a command: they are changed after the receiver's.
func authorized(ctx context.Context, run *repair.Run, action any, try func() error) error {
	sources := secrets.Of(action)
	err := sources.Try(ctx, secrets.IsRefused, func() error {
		run.Hide(settings.Secrets(action)...)
		return try()
	})
	if len(sources) > 0 && secrets.IsRefused(err) {
		return &repair.TransientError{Err: err}
	}
	return err
}

// classify classes an error of the way there and back. Its text may quote the answer.
func (c httpCall) classify(run *repair.Run, err error) error {
	err = outbound.WithoutURL(err)
	var address *outbound.AddressError
	if errors.As(err, &address) {
		return &repair.RefusedError{Why: address.Error()}
	}
	var op *net.OpError
	text := errors.New("asking: " + outbound.OneLine(run.Scrub(err.Error()), quoted))
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || c.Repeatable {
		return &repair.TransientError{Err: text}
	}
	return &repair.UnknownError{Err: text}
}

// json makes the request and reads the answer into v.
func (c httpCall) json(ctx context.Context, run *repair.Run, v any) (status int, err error) {
	status, said, err := c.do(ctx, run)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(said, v); err != nil {
		return status, fmt.Errorf("the receiver answered %d without the expected JSON: %s", status,
			outbound.OneLine(run.Scrub(err.Error()), quoted))
	}
	return status, nil
}

// checkURL checks that a configured address can be asked.
func checkURL(field, v string) error {
	if !outbound.IsURL(v) {
		return settings.Wrong(field, "want an address that starts with http:// or https://")
	}
	return nil
}

// checkShownURL checks an address that plans show, which therefore holds no secret.
func checkShownURL(field, v string) error {
	if u, err := url.Parse(v); err == nil && u.User != nil {
		return settings.Wrong(field, "plans show the address: leave user and password out of it")
	}
	return checkURL(field, v)
}
