// Package outbound holds the rules for Sentinel's own HTTP requests to configured
// addresses: channels, hooks and exporters. Begin with [Client].
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Options configure a client. The zero value is the strictest.
type Options struct {
	AllowPrivate bool           // connect to link-local and metadata addresses too
	Proxy        bool           // use the proxy of the rules, or the one that the environment names
	Rules        *Rules         // nil: the system's authorities and the environment's proxy
	KeepAlive    bool           // keep connections for the next request
	Roots        *x509.CertPool // certificate authorities; nil: those of the rules, or the system's
	TLS          *tls.Config    // in place of Roots; nil: none

	HeaderTimeout time.Duration // from the request to the answer's header; 0: no limit
}

// connectTimeout bounds the time to connect to one address.
const connectTimeout = 10 * time.Second

// Client returns a client that follows no redirects. Unless the options allow it, the
// client refuses addresses where clouds keep credentials with an [AddressError]. It
// checks the address that it connects to, so that a name cannot resolve to another
// address after the check. Where a proxy connects instead, it checks the name, and the
// addresses that the name has here.
func Client(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !o.AllowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return err
			}
			return CheckHost(host)
		}
	}
	transport := &http.Transport{
		DialContext:           dialer.DialContext,
		DisableKeepAlives:     !o.KeepAlive,
		ForceAttemptHTTP2:     o.KeepAlive,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: o.HeaderTimeout,
		TLSClientConfig:       o.TLS,
	}
	if o.Roots == nil {
		o.Roots = o.Rules.Roots()
	}
	if o.TLS == nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	}
	if o.Proxy {
		transport.Proxy = o.Rules.proxy
		if !o.AllowPrivate {
			transport.Proxy = checkedProxy(o.Rules.proxy, net.DefaultResolver)
		}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// IsURL reports whether a text starts with http:// or https://.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// WithoutURL removes the address from an error of [http.Client.Do], because an address
// may hold a token.
func WithoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// LongestWait bounds the delay that a receiver may ask for.
const LongestWait = time.Hour

// RetryAfter parses the value of a Retry-After header in both of its forms. It returns
// 0 for an invalid value, and LongestWait at most.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header != "" && strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		if err != nil || seconds > int64(LongestWait/time.Second) {
			return LongestWait // also of more digits than a number has
		}
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return min(at.Sub(now), LongestWait)
	}
	return 0
}

// OneLine returns the beginning of a response's text on one line, for an error. Scrub
// the text first: a secret that is cut is not found.
func OneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "") + "..."
	}
	return line
}
