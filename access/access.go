// Package access decides who may do what over HTTP: by tokens with a name and a role, by the
// Host header, and by how often an address was refused. Begin with [Guard].
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
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
	// ConfigFile is a file as all exporters of Prometheus have it.
	ConfigFile string            `yaml:"config_file" doc:"Web configuration file of the Prometheus exporters: TLS and users."`
	Users      map[string]string `yaml:"users" doc:"Roles of the users of config_file, by name. Default: viewer."`
	Client     Client            `yaml:"client" doc:"How the command line reaches the running agent."`
	// OwnName is the name in the agent's address for people. It is one more name by which the
	// agent is reached, and limits nothing.
	OwnName string `yaml:"-"`
	// OwnPath is the path in that address, such as /sentinel; "" for none. Cookies are sent below it alone.
	OwnPath string `yaml:"-"`
	// OwnTLS means that people reach the agent by https, also where a proxy in front of it speaks TLS.
	OwnTLS bool `yaml:"-"`

	file *WebFile // of ConfigFile; nil: none
}

// Files implements settings.FileUser.
func (a *Access) Files() []*string {
	return []*string{&a.ConfigFile, &a.Client.CAFile, &a.Client.CertFile, &a.Client.KeyFile}
}

// Validate checks the names of tokens and of the agent, and reads the web configuration file.
func (a *Access) Validate() error {
	wrong := []error{settings.Complete(a), a.validateHosts(), a.validateUsers(), settings.In("client", a.Client.Validate())}
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

// validateUsers reads the web configuration file, and checks the roles of its users.
func (a *Access) validateUsers() error {
	if a.ConfigFile == "" {
		if len(a.Users) > 0 {
			return settings.Wrong("users", "want config_file, which has the users and their passwords")
		}
		return nil
	}
	var err error
	if a.file, err = OpenWebFile(a.ConfigFile); err != nil {
		return settings.Wrong("config_file", "%v", err)
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(a.Users)) {
		at := settings.Member("users", name)
		if !slices.Contains(roles, a.Users[name]) {
			wrong = append(wrong, settings.Wrong(at, "%s", settings.UnknownWord("role", a.Users[name], roles)))
		} else if _, known := a.file.current.Users[name]; !known {
			wrong = append(wrong, settings.Wrong(at, "%s has no user %q under basic_auth_users", a.ConfigFile, name))
		}
	}
	return errors.Join(wrong...)
}

// WebFile is the web configuration file; nil: there is none.
func (a *Access) WebFile() *WebFile { return a.file }

// Scheme is https where the listener speaks TLS, else http.
func (a *Access) Scheme() string {
	if a.file != nil && a.file.Certificate() != nil {
		return "https"
	}
	return "http"
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
	rules    atomic.Pointer[rules]
	observer Observer
	clock    sentinel.Clock
	loopback bool // only this machine reaches the address
	failures failures
	sessions sessions
	key      [sha256.Size]byte // of the tokens of forms
	// crossOrigin refuses what a browser sends for a page of another site.
	crossOrigin *http.CrossOriginProtection
}

// NewGuard returns the guard of a server that listens on an address.
func NewGuard(a Access, address net.Addr, clock sentinel.Clock, observer Observer) *Guard {
	tcp, ok := address.(*net.TCPAddr)
	g := &Guard{
		observer: observer, clock: clock, loopback: ok && tcp.IP.IsLoopback(),
		crossOrigin: http.NewCrossOriginProtection(),
	}
	g.rules.Store(rulesOf(a))
	_, _ = rand.Read(g.key[:]) // never fails
	return g
}

// rules are an Access in force, with the sources of its tokens.
type rules struct {
	Access
	sources secrets.Set
	files   secrets.Set // of sources
}

func rulesOf(a Access) *rules {
	sources := secrets.Of(a.Tokens)
	return &rules{Access: a, sources: sources, files: sources.Files()}
}

func (g *Guard) inForce() *rules { return g.rules.Load() }

// Use puts another Access in force, for requests that begin from now on. Logins of browsers
// whose token or user is gone end. The web configuration file stays the one that the listener
// was begun with, and the path of the agent's address the one that its pages were made for.
func (g *Guard) Use(a Access) {
	a.file, a.OwnPath = g.inForce().file, g.inForce().OwnPath
	g.rules.Store(rulesOf(a))
}

// Hosts refuses requests whose Host header names another server. The paths of probes, which
// tell nothing, are open to all names.
func (g *Guard) Hosts(next http.Handler, open ...string) http.Handler {
	if g.inForce().file != nil {
		next = g.inForce().file.headed(next, open)
	}
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
	if host == "localhost" || net.ParseIP(host) != nil || slices.Contains(g.inForce().Hosts, "*") {
		return true
	}
	known := append([]string{g.inForce().OwnName}, g.inForce().Hosts...)
	return slices.ContainsFunc(known, func(name string) bool { return name != "" && strings.EqualFold(name, host) }) ||
		len(g.inForce().Hosts) == 0 && !g.loopback
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
	again := time.NewTicker(keepEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		if err := g.inForce().sources.Refresh(ctx); err != nil && ctx.Err() == nil {
			g.observer.Unread(err)
		}
	}
}

const keepEvery = 30 * time.Second
