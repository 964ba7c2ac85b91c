// Package access decides who may do what over HTTP: by tokens with a name and a role, by the
// Host header, and by how often an address was refused. Begin with [Guard].
package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// The roles of tokens. Each may do what those before it may.
const (
	Viewer   = "viewer"   // read
	Operator = "operator" // decide on incidents and repairs, set silences, accept, send alerts
	Admin    = "admin"    // reload the configuration
)

var roles = []string{Viewer, Operator, Admin}

// Token is one token that opens the API.
type Token struct {
	Name string          `yaml:"name" required:"true" doc:"Who has it: it is written to the audit log."`
	Role string          `yaml:"role" default:"operator" enum:"viewer,operator,admin" doc:"What it allows."`
	Text sentinel.Secret `yaml:"token" required:"true" doc:"The token: at least 16 characters."`
}

// SharedToken is the name of the token that stands in `token:`. Whoever has it says who
// they are.
const SharedToken = "token"

// Access says who may do what over HTTP.
type Access struct {
	Tokens  []Token  `yaml:"tokens" doc:"Tokens with a name and a role, beside the one of token, which is an admin."`
	Read    string   `yaml:"read" default:"open" enum:"open,token" doc:"token: the page and the API are read with a token."`
	Metrics string   `yaml:"metrics" default:"open" enum:"open,token" doc:"token: /metrics is read with a token."`
	Hosts   []string `yaml:"hosts" doc:"Names by which the agent is reached; * is any. Default: see docs/security.md."`
	// OwnName is the name in the agent's address for people. It is one more name by which the
	// agent is reached, and limits nothing.
	OwnName string `yaml:"-"`
}

// Validate checks the names of tokens and of the agent.
func (a *Access) Validate() error {
	wrong := []error{settings.Complete(a), a.validateHosts()}
	names := map[string]bool{SharedToken: true}
	for i := range a.Tokens {
		t := &a.Tokens[i]
		wrong = append(wrong, settings.In(settings.Index("tokens", i), settings.Complete(t)))
		at := settings.Index("tokens", i)
		switch {
		case t.Name == "" || strings.ContainsFunc(t.Name, unicode.IsControl) || len(t.Name) > 64:
			wrong = append(wrong, settings.Wrong(at+".name", "want a name of up to 64 characters for the audit log"))
		case names[t.Name]:
			wrong = append(wrong, settings.Wrong(at+".name", "the name %q is taken: want another", t.Name))
		case t.Text.IsZero():
			wrong = append(wrong, settings.Wrong(at+".token", "want a token, such as one of `openssl rand -hex 24`"))
		}
		names[t.Name] = true
	}
	return errors.Join(wrong...)
}

// validateHosts refuses what no Host header can match: one has no scheme, and its port and
// the dot at its end are not compared.
func (a *Access) validateHosts() error {
	var wrong []error
	for i, name := range a.Hosts {
		plain := name
		if u, err := url.Parse(name); err == nil && strings.Contains(name, "://") {
			plain = u.Host
		}
		plain = hostName(plain)
		at := settings.Index("hosts", i)
		switch {
		case name == "*" || plain == strings.ToLower(name) && !strings.ContainsAny(name, "*/:?#@ ") && name != "":
		case net.ParseIP(plain) != nil:
			wrong = append(wrong, settings.Wrong(at, "%q is an address, and every address is allowed: remove it", name))
		case plain == "" || strings.ContainsAny(plain, "*/:?#@ "):
			wrong = append(wrong, settings.Wrong(at, "%q is no name of a host: want one such as sentinel.example.com, "+
				"or only * for any", name))
		default:
			wrong = append(wrong, settings.Wrong(at, "%q is more than a name, which no request would match: write %s",
				name, plain))
		}
	}
	return errors.Join(wrong...)
}

// Observer receives the requests that were refused. It may be called concurrently.
type Observer interface {
	// Refused reports that a request had no token that is known. count is the number of
	// those of its address within a minute; after [FailuresAllowed] the address has to wait.
	Refused(ctx context.Context, client, path string, count int)
	// Unread reports that tokens could not be read again. The last ones stay in force.
	Unread(err error)
}

// Guard holds requests to an [Access]. Make one with [NewGuard].
type Guard struct {
	access   Access
	observer Observer
	clock    sentinel.Clock
	loopback bool // only this machine reaches the address
	sources  secrets.Set
	files    secrets.Set // of sources
	failures failures
}

// NewGuard returns the guard of a server that listens on an address.
func NewGuard(a Access, address net.Addr, clock sentinel.Clock, observer Observer) *Guard {
	tcp, ok := address.(*net.TCPAddr)
	sources := secrets.Of(a.Tokens)
	return &Guard{
		access: a, observer: observer, clock: clock, loopback: ok && tcp.IP.IsLoopback(),
		sources: sources, files: sources.Files(),
	}
}

// Needs lets requests through whose token allows a role.
func (g *Guard) Needs(role string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientOf(r)
		if wait := g.failures.blocked(client, g.clock.Now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(1+int(wait/time.Second)))
			http.Error(w, "too many requests with a wrong token: wait a minute", http.StatusTooManyRequests)
			return
		}
		t, ok := g.identify(r)
		switch {
		case len(g.access.Tokens) == 0:
			http.Error(w, "changing requests are off: set `token:` in the configuration", http.StatusForbidden)
		case !ok:
			if presented(r) != "" {
				g.observer.Refused(r.Context(), client, r.URL.Path, g.failures.add(client, g.clock.Now()))
			}
			w.Header().Add("WWW-Authenticate", "Bearer")
			if r.Method == http.MethodGet {
				w.Header().Add("WWW-Authenticate", `Basic realm="sentinel: any name, and the token as password"`)
			}
			http.Error(w, "this request needs the header `Authorization: Bearer TOKEN`", http.StatusUnauthorized)
		case !allows(t.Role, role):
			message := fmt.Sprintf("the token %s is of a %s: this needs one of an %s", t.Name, t.Role, role)
			http.Error(w, message, http.StatusForbidden)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, t)))
		}
	})
}

// Reads lets requests through that may read.
func (g *Guard) Reads(next http.Handler) http.Handler { return g.reading(g.access.Read, next) }

// ReadsMetrics lets requests through that may read the metrics.
func (g *Guard) ReadsMetrics(next http.Handler) http.Handler {
	return g.reading(g.access.Metrics, next)
}

func (g *Guard) reading(rule string, next http.Handler) http.Handler {
	if rule == "token" {
		return g.Needs(Viewer, next)
	}
	return next
}

// Hosts refuses requests whose Host header names another server. The paths of probes, which
// tell nothing, are open to all names.
func (g *Guard) Hosts(next http.Handler, open ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knows(r.Host) && !slices.Contains(open, r.URL.Path) {
			http.Error(w, "the agent is not known by this name: add it to `web: {hosts: [...]}`", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows reports whether a request's Host header may name this agent. A page of another site
// whose name resolves to this machine has its own name there (DNS rebinding). An address is
// never such a name.
func (g *Guard) knows(host string) bool {
	host = hostName(host)
	if host == "localhost" || net.ParseIP(host) != nil || slices.Contains(g.access.Hosts, "*") {
		return true
	}
	known := append([]string{g.access.OwnName}, g.access.Hosts...)
	return slices.ContainsFunc(known, func(name string) bool { return name != "" && strings.EqualFold(name, host) }) ||
		len(g.access.Hosts) == 0 && !g.loopback
}

// hostName returns the name in a Host header, without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// Keep reads the tokens that commands print again when they are old, until ctx ends. No
// request so waits for a command while its token is a known one.
func (g *Guard) Keep(ctx context.Context) {
	if len(g.sources) == 0 {
		return
	}
	again := time.NewTicker(keepEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		if err := g.sources.Refresh(ctx); err != nil && ctx.Err() == nil {
			g.observer.Unread(err)
		}
	}
}

const keepEvery = 30 * time.Second

// identify returns the token of a request. A known one is found at once: a file is read again
// before if it has changed, and no command is run. Where none fits, all texts are read again.
// That goes on when the client has hung up, which must not end a command.
func (g *Guard) identify(r *http.Request) (t Token, ok bool) {
	given := presented(r)
	if given == "" {
		return t, false
	}
	ctx := context.WithoutCancel(r.Context())
	unread := g.files.Refresh(ctx)
	if t, ok = g.find(given); ok {
		if unread != nil {
			g.observer.Unread(unread)
		}
		return t, true
	}
	err := g.sources.Try(ctx, secrets.IsRefused, func() error {
		if t, ok = g.find(given); !ok {
			return &secrets.RefusedError{Err: errWrongToken}
		}
		return nil
	})
	return t, ok && err == nil
}

var errWrongToken = errors.New("no such token")

// find compares digests in constant time, and with all tokens, so that neither the length of
// a token nor its place can be measured. Of two tokens with one text, the lesser role counts.
func (g *Guard) find(given string) (found Token, ok bool) {
	got := sha256.Sum256([]byte(given))
	for _, t := range g.access.Tokens {
		want := sha256.Sum256([]byte(t.Text.Reveal()))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 && !t.Text.IsZero() &&
			(!ok || !allows(t.Role, found.Role)) {
			found, ok = t, true
		}
	}
	return found, ok
}

// presented returns the token that a request has: as a bearer token, or for reading as the
// password of a browser's form. A browser adds the latter to requests of other sites too, so
// that it changes nothing.
func presented(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		_, password, _ := r.BasicAuth()
		return password
	}
	return ""
}

type tokenKey struct{}

// Actor returns who acts, for the audit log: the name of the token, and who its holder says
// to be. The holder of the shared token is who they say to be.
func Actor(ctx context.Context, who string) string {
	t, _ := ctx.Value(tokenKey{}).(Token)
	switch {
	case t.Name == "" || t.Name == SharedToken:
		return who
	case who == "" || who == t.Name:
		return t.Name
	}
	return t.Name + " for " + who
}

// allows reports whether a role may do what another may.
func allows(has, wanted string) bool { return slices.Index(roles, has) >= slices.Index(roles, wanted) }
