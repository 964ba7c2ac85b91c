package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Rules say which authorities requests trust, and through which proxy they go. Call Validate
// before use. A nil pointer is the system's authorities and the proxy of the environment.
type Rules struct {
	CAFile  string          `yaml:"ca_file" doc:"PEM file of authorities to trust beside the system's."`
	Proxy   sentinel.Secret `yaml:"proxy_url" doc:"Address of a proxy, or none. Default: the one that the environment names."`
	NoProxy []string        `yaml:"no_proxy" doc:"Hosts, domains and networks that are reached without the proxy."`

	roots *x509.CertPool // nil: the system's
	once  sync.Once
	kept  *http.Client
}

// noProxy stands in place of an address.
const noProxy = "none"

// Files implements settings.FileUser.
func (r *Rules) Files() []*string { return []*string{&r.CAFile} }

// Validate reads the authorities, and checks the proxy.
func (r *Rules) Validate() error {
	return errors.Join(r.readAuthorities(), r.validateProxy())
}

func (r *Rules) readAuthorities() error {
	if r.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return settings.In("ca_file", err)
	}
	if r.roots, err = x509.SystemCertPool(); err != nil {
		r.roots = x509.NewCertPool() // a system without authorities
	}
	if !r.roots.AppendCertsFromPEM(pem) {
		return settings.Wrong("ca_file", "%s: no certificate in it", r.CAFile)
	}
	return nil
}

func (r *Rules) validateProxy() error {
	text := r.Proxy.Reveal()
	if len(r.NoProxy) > 0 && (text == "" || text == noProxy) {
		return settings.Wrong("no_proxy", "want proxy_url too: without it the environment's NO_PROXY counts")
	}
	for i, host := range r.NoProxy {
		_, notNetwork := netip.ParsePrefix(host)
		if host == "" || strings.ContainsAny(host, ", ") || strings.Contains(host, "/") && notNetwork != nil {
			return settings.Wrong(settings.Index("no_proxy", i), "%q: want a host, a domain such as .example.com, an address "+
				"or a network such as 10.0.0.0/8", host)
		}
	}
	if text == "" || text == noProxy {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		return settings.Wrong("proxy_url", "want an address such as http://proxy.example.com:3128, or none")
	}
	return nil
}

// proxy returns the proxy for a request; nil: none.
func (r *Rules) proxy(req *http.Request) (*url.URL, error) {
	if r == nil || r.Proxy.IsZero() {
		return http.ProxyFromEnvironment(req)
	}
	text := r.Proxy.Reveal()
	if text == noProxy {
		return nil, nil
	}
	via, err := (&httpproxy.Config{
		HTTPProxy: text, HTTPSProxy: text, NoProxy: strings.Join(r.NoProxy, ","),
	}).ProxyFunc()(req.URL)
	if err != nil {
		return nil, errors.New("the address of the proxy cannot be used") // it may hold a password
	}
	return via, nil
}

// Roots are the authorities to trust; nil: the system's.
func (r *Rules) Roots() *x509.CertPool {
	if r == nil {
		return nil
	}
	return r.roots
}

// Transport returns what other libraries need to keep to the rules: how they trust, and which
// proxy they use for a request.
func (r *Rules) Transport() (trust *tls.Config, proxy func(*http.Request) (*url.URL, error)) {
	return &tls.Config{RootCAs: r.Roots(), MinVersion: tls.VersionTLS12}, r.proxy
}

type rulesKey struct{}

// In returns a context whose requests go by the rules. One that has rules already keeps them
// if these are nil.
func (r *Rules) In(ctx context.Context) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, rulesKey{}, r)
}

// RulesOf returns the rules of a context; nil: there are none.
func RulesOf(ctx context.Context) *Rules {
	r, _ := ctx.Value(rulesKey{}).(*Rules)
	return r
}

// keeping is the client for contexts without rules.
var keeping = sync.OnceValue(func() *http.Client {
	return Client(Options{AllowPrivate: true, Proxy: true, KeepAlive: true})
})

// Keeping returns a client that keeps connections for the next request, goes by the rules, and
// refuses no address.
func (r *Rules) Keeping() *http.Client {
	if r == nil {
		return keeping()
	}
	r.once.Do(func() { r.kept = Client(Options{AllowPrivate: true, Proxy: true, KeepAlive: true, Rules: r}) })
	return r.kept
}
