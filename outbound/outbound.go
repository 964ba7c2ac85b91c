// Package outbound holds the rules of Sentinel's own HTTP requests to addresses that
// are configured: channels, hooks and exporters. [Client] is where a reader begins.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say how a client connects. The zero value is the strict one.
type Options struct {
	AllowPrivate bool           // connect to link-local and metadata addresses too
	Proxy        bool           // use the proxy that the environment names
	KeepAlive    bool           // keep connections for the next request
	Roots        *x509.CertPool // certificate authorities; nil: the system's

	HeaderTimeout time.Duration // from the request to the answer's header; 0: no limit
}

// connectTimeout bounds the time to connect to one address.
const connectTimeout = 10 * time.Second

// Client returns a client that follows no redirects and, unless the options allow
// it, connects to no address where clouds keep credentials: that is an
// [AddressError]. The address that is dialled is checked, whatever a name resolved
// to before.
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
		TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
	}
	if o.Proxy {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// AddressError is of an address that no request may go to.
type AddressError struct{ Address string }

func (e *AddressError) Error() string {
	return e.Address + " is an address where clouds keep credentials: allow_private lets it through"
}

// metadata are the addresses of clouds' metadata services that are not link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
}

// CheckHost returns an [AddressError] if a host is a link-local, multicast or
// metadata address. A name passes: its addresses are checked when they are dialled.
func CheckHost(host string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata, addr) {
		return &AddressError{addr.String()}
	}
	return nil
}

// IsURL reports whether a text is an address that starts with http:// or https://.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// WithoutURL takes the address out of an error of [http.Client.Do]: it may hold a
// token.
func WithoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// longestWait bounds what a receiver may ask for.
const longestWait = 7 * 24 * time.Hour

// RetryAfter reads the header of this name in both of its forms. It returns 0 when
// the header says nothing, and a week at most.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return min(at.Sub(now), longestWait)
	}
	return 0
}

// OneLine returns the beginning of an answer's text, for an error.
func OneLine(text string, limit int) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > limit {
		line = strings.ToValidUTF8(line[:limit], "") + "..."
	}
	return line
}

// shortest is the length of the shortest part of a secret that is looked for alone.
const shortest = 6

// Scrub replaces secrets in a text by ***, and also what gives a secret away: the
// words of a header, and what an address holds beside its host.
func Scrub(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "***")
		inside := secret
		if _, rest, ok := strings.Cut(secret, "://"); ok {
			_, inside, _ = strings.Cut(rest, "/")
		}
		isBreak := func(r rune) bool { return strings.ContainsRune("/?&= ", r) }
		for _, word := range strings.FieldsFunc(inside, isBreak) {
			if len(word) >= shortest {
				text = strings.ReplaceAll(text, word, "***")
			}
		}
	}
	return text
}
