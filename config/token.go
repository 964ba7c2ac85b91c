package config

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/settings"
)

// shortestToken is the length below which a token can be guessed.
const shortestToken = 16

// knownTokens stand in examples, and are tried first by whoever wants to get in.
var knownTokens = []string{
	"admin", "change-me", "change_me", "changeit", "changeme", "default", "example", "password", "replace-me", "secret",
	"sentinel", "test", "token", "your-token", "xxx",
}

// access validates `web:`, and adds the token of `token:` to its tokens.
func (r *reader) access(c *Config, f *file) access.Access {
	a := f.Web
	node := child(r.root, "web")
	r.resolvePaths(&a)
	if r.isWrong(nodeOf(node, nil, "client")) {
		a.Client = access.Client{} // its mistakes are recorded
	}
	r.invalid(node, nodeOf(r.root, r.root, "web"), "web", a.Validate())
	for i, t := range a.Tokens {
		r.checkToken(f, nodeOf(node, node, settings.Index("tokens", i)+".token"), t.Text)
	}
	r.checkToken(f, nodeOf(r.root, r.root, "token"), c.Token)
	if !c.Token.IsZero() {
		a.Tokens = append(a.Tokens, access.Token{Name: access.SharedToken, Role: access.Admin, Text: c.Token})
	}
	if (a.Read == "token" || a.Metrics == "token") && len(a.Tokens) == 0 && a.WebFile() == nil &&
		!r.keysWrong(r.root) && !r.isWrong(nodeOf(r.root, nil, "token")) {
		r.wrong(node, "web: read and metrics need a token, and there is none: set token: or tokens:")
	}
	if u, err := url.Parse(c.URL); err == nil && u.Hostname() != "" {
		a.OwnName, a.OwnTLS = u.Hostname(), u.Scheme == "https"
		a.OwnPath = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	if a.Scheme() == "https" && strings.HasPrefix(c.URL, "http://") {
		r.note(c, nodeOf(r.root, r.root, "external_url"), "external_url starts with http://, and the agent speaks TLS: "+
			"links in messages would not open: write https://, or the address of what stands before the agent")
	}
	r.sameTokens(node, a.Tokens)
	return a
}

// sameTokens refuses two tokens with one text: it would be unclear who has it, and what it
// allows.
func (r *reader) sameTokens(at *yaml.Node, tokens []access.Token) {
	names := map[string]string{}
	for _, t := range tokens {
		text := t.Text.Reveal()
		if other, known := names[text]; known && text != "" {
			r.wrong(at, "web: the tokens %s and %s are the same text: give each its own", other, t.Name)
		}
		names[text] = t.Name
	}
}

// checkToken refuses a token that everybody knows or can guess, where others than this
// machine reach the agent.
func (r *reader) checkToken(f *file, at *yaml.Node, secret sentinel.Secret) {
	host, _, err := net.SplitHostPort(f.Listen)
	token := secret.Reveal()
	if err != nil || token == "" || host == "localhost" || net.ParseIP(host).IsLoopback() {
		return
	}
	const advice = "write one from `openssl rand -hex 24`, or listen on 127.0.0.1"
	switch {
	case slices.Contains(knownTokens, strings.ToLower(strings.TrimSpace(token))):
		r.wrong(at, "the token is one that everybody knows, and listen: %s lets others in: %s", f.Listen, advice)
	case len(token) < shortestToken:
		r.wrong(at, "the token has %d characters, and listen: %s lets others in: %s", len(token), f.Listen, advice)
	}
}
