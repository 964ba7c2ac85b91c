package notify

import (
	"bytes"
	"context"
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

	"github.com/sentinel-dq/sentinel"
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
	Notice  Notice            // its key, trace and time
}

// post sends a request and returns the answer's body. What the receiver refuses
// for good is a PermanentError; 408, 425, 429 and 5xx are transient, with a
// RetryAfterError where it said when to come back; so is what got lost on the
// way, though the receiver may have acted on it.
func post(ctx context.Context, c call) ([]byte, error) {
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return nil, permanent("the address is not valid")
	}
	if err := checkHost(req.URL.Hostname(), c.Private); err != nil {
		return nil, err
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
	resp, err := client(c.Private).Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which may hold a token
		}
		return nil, fmt.Errorf("posting: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return answer, classify(resp, answer, c.Notice.At)
}

// classify turns a status into an error.
func classify(resp *http.Response, answer []byte, now time.Time) error {
	said := fmt.Errorf("the receiver answers %s: %s", resp.Status, clip(flat(string(answer)), 200))
	switch code := resp.StatusCode; {
	case code < 300:
		return nil
	case code < 400:
		return permanent("the receiver answers %s: redirects are not followed, configure the final address", resp.Status)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if after := retryAfter(resp.Header.Get("Retry-After"), now); after > 0 {
			return &RetryAfterError{after, said}
		}
		return said
	}
	return &PermanentError{said}
}

// retryAfter reads the header in both of its forms; 0 when it says nothing.
func retryAfter(v string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 7*24*3600)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// scrub replaces secrets in an error's text, keeping its class.
func (c call) scrub(err error) error { return scrub(err, c.Secrets) }

// parts are a secret and what of it gives it away: the words of a header, and
// what an address holds beside its host.
func parts(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret}
	inside := secret
	if _, rest, ok := strings.Cut(secret, "://"); ok {
		_, inside, _ = strings.Cut(rest, "/")
	}
	for _, word := range strings.FieldsFunc(inside, func(r rune) bool { return strings.ContainsRune("/?&= ", r) }) {
		if len(word) >= 6 {
			all = append(all, word)
		}
	}
	return all
}

func scrub(err error, secrets []sentinel.Secret) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, s := range secrets {
		for _, part := range parts(s.Reveal()) {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	var after *RetryAfterError
	switch {
	case isPermanent(err):
		return permanent("%s", text)
	case errors.As(err, &after):
		return &RetryAfterError{after.After, errors.New(text)}
	}
	return errors.New(text)
}

// clouds are addresses of metadata services that are not link-local.
var clouds = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192")}

// checkHost refuses an address where clouds keep credentials.
func checkHost(host string, private bool) error {
	addr, err := netip.ParseAddr(host)
	if err != nil || private {
		return nil // a name: its addresses are checked when they are dialled
	}
	addr = addr.Unmap().WithZone("")
	for _, cloud := range clouds {
		if addr == cloud {
			return refusedAddress(addr)
		}
	}
	if addr.IsLinkLocalUnicast() || addr.IsMulticast() {
		return refusedAddress(addr)
	}
	return nil
}

func refusedAddress(addr netip.Addr) error {
	return permanent("%s is an address where clouds keep credentials: allow_private lets it through", addr)
}

// client follows no redirects and, unless told to, connects to no link-local or
// metadata address: the check is made on the address that is dialled, whatever
// a name resolved to before.
func client(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		return checkHost(host, private)
	}}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// needURL checks an address of the configuration.
func needURL(field string, v sentinel.Secret) error {
	if u, err := url.Parse(v.Reveal()); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return settings.Wrong(field, "want an address that starts with http:// or https://")
	}
	return nil
}
