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
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// answerLimit is how much of an answer is read; a longer one is cut.
const answerLimit = 4 << 20

// httpCall is one HTTP request of a hook.
type httpCall struct {
	Method, URL  string
	Header       http.Header
	Body         []byte
	Timeout      time.Duration
	Repeatable   bool           // a lost reply may simply be asked for again
	AllowPrivate bool           // connect to link-local addresses
	Roots        *x509.CertPool // nil: the system's
}

// do makes the request and classes its outcome: what never reached the other
// side, or was refused for now, is transient; a lost reply is unknown unless
// the request is repeatable. No error shows the address, which may hold a token.
func (c httpCall) do(ctx context.Context, now sentinel.Clock) (status int, said []byte, err error) {
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
		AllowPrivate: c.AllowPrivate, Roots: c.Roots, HeaderTimeout: time.Minute,
	}).Do(req)
	if err != nil {
		return 0, nil, c.classify(err)
	}
	defer resp.Body.Close()
	said, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return resp.StatusCode, nil, c.classify(err)
	}
	switch {
	case resp.StatusCode < 300:
		return resp.StatusCode, said, nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout ||
		resp.StatusCode >= 500:
		return resp.StatusCode, said, &repair.TransientError{Err: fmt.Errorf("the receiver answers %s",
			resp.Status), After: outbound.RetryAfter(resp.Header.Get("Retry-After"), now())}
	}
	return resp.StatusCode, said, fmt.Errorf("the receiver answers %s: %s", resp.Status,
		outbound.OneLine(string(said), 300))
}

// classify classes an error of the way there and back.
func (c httpCall) classify(err error) error {
	err = outbound.WithoutURL(err)
	var address *outbound.AddressError
	if errors.As(err, &address) {
		return &repair.RefusedError{Why: address.Error()}
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" || c.Repeatable {
		return &repair.TransientError{Err: fmt.Errorf("asking: %w", err)}
	}
	return &repair.UnknownError{Err: fmt.Errorf("asking: %w", err)}
}

// json makes the request and reads the answer into v.
func (c httpCall) json(ctx context.Context, now sentinel.Clock, v any) (status int, err error) {
	status, said, err := c.do(ctx, now)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(said, v); err != nil {
		return status, fmt.Errorf("the receiver answered %d without the expected JSON: %w", status, err)
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
