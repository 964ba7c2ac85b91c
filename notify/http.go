package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// call is one request of a channel.
type call struct {
	URL     string
	Header  map[string]string
	Body    any               // encoded as JSON, unless it is []byte
	Secrets []sentinel.Secret // kept out of every error
	Private bool              // link-local and metadata addresses are let through
	AnyPage bool              // the receiver may answer with a page of HTML
	Notice  Notice            // its key, trace and time
}

// post sends a request and returns the body of the answer. A status that the receiver
// will not change is a PermanentError. 408, 425, 429 and 5xx are transient, and a
// RetryAfterError if the receiver said when to try again. A lost request or answer is
// transient too, although the receiver may have acted on it.
func post(ctx context.Context, c call) ([]byte, error) {
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return nil, permanent("the address is not valid")
	}
	if !c.Private { // also where a proxy would connect for us
		if err := outbound.CheckHost(req.URL.Hostname()); err != nil {
			return nil, &PermanentError{err}
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sentinel")
	req.Header.Set("Idempotency-Key", c.Notice.Key)
	if c.Notice.Trace != "" {
		req.Header.Set("Traceparent", c.Notice.Trace)
	}
	for k, v := range c.Header {
		req.Header.Set(k, v)
	}
	answer, err := c.do(req)
	return answer, c.scrub(err)
}

func (c call) body() ([]byte, error) {
	if raw, ok := c.Body.([]byte); ok {
		return raw, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c.Body); err != nil {
		return nil, permanent("encoding the message: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func (c call) do(req *http.Request) ([]byte, error) {
	resp, err := outbound.Client(outbound.Options{
		AllowPrivate: c.Private, Proxy: true, Rules: outbound.RulesOf(req.Context()),
	}).Do(req)
	if err != nil {
		err = fmt.Errorf("posting: %w", outbound.WithoutURL(err))
		var address *outbound.AddressError
		if errors.As(err, &address) {
			err = &PermanentError{err}
		}
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	said := scrubText(string(answer), c.Secrets) // before it is cut: half a secret is not found
	if err := classify(resp, said, c.Notice.At); err != nil || c.AnyPage || !isPage(answer) {
		return answer, err
	}
	return nil, fmt.Errorf(
		"%s, but with a page of HTML, so it is not the receiver that answers but a proxy or a login: %s",
		resp.Status, clip(flat(said), 200))
}

// isPage reports whether an answer is a page of HTML. No receiver but a webhook's answers with one.
func isPage(answer []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(answer), []byte("<")) }

// classify turns a status into an error.
func classify(resp *http.Response, answer string, now time.Time) error {
	var said error = fmt.Errorf("the receiver answers %s: %s", resp.Status, clip(flat(answer), 200))
	switch code := resp.StatusCode; {
	case code < 300:
		return nil
	case code < 400:
		return permanent("the receiver answers %s: redirects are not followed, configure the final address", resp.Status)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if after := outbound.RetryAfter(resp.Header.Get("Retry-After"), now); after > 0 {
			return &RetryAfterError{after, said}
		}
		return said
	}
	if slices.Contains(refusals, resp.StatusCode) {
		said = &secrets.RefusedError{Err: said}
	}
	return &PermanentError{said}
}

// refusals are the answers to a wrong token, or to an address that holds one.
var refusals = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone}

// scrub replaces secrets in an error's text, keeping its class.
func (c call) scrub(err error) error { return scrub(err, c.Secrets) }

func scrub(err error, hidden []sentinel.Secret) error {
	if err == nil {
		return nil
	}
	text := scrubText(err.Error(), hidden)
	if text == err.Error() {
		return err
	}
	var after *RetryAfterError
	switch {
	case secrets.IsRefused(err):
		return &PermanentError{&secrets.RefusedError{Err: errors.New(text)}}
	case isPermanent(err):
		return permanent("%s", text)
	case errors.As(err, &after):
		return &RetryAfterError{after.After, errors.New(text)}
	}
	return errors.New(text)
}

func scrubText(text string, hidden []sentinel.Secret) string {
	return outbound.Scrub(text, settings.Secrets(hidden)...)
}

// needAddress checks an address of the configuration that is no secret.
func needAddress(field, address string) error {
	if !outbound.IsURL(address) {
		return settings.Wrong(field, "want an address that starts with http:// or https://")
	}
	return nil
}

// needURL checks an address of the configuration.
func needURL(field string, v sentinel.Secret) error {
	return needAddress(field, v.Reveal())
}
