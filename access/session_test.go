package access_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/access"
)

// browser keeps the cookies of one person, and sends requests as a browser does.
type browser struct {
	*testing.T
	guard  *access.Guard
	cookie *http.Cookie
}

// signIn logs in, and returns the name for the audit log.
func (b *browser) signIn(name, token string) (string, error) {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9780/login", nil)
	r.RemoteAddr = "10.0.0.1:1234"
	w := httptest.NewRecorder()
	actor, err := b.guard.Login(w, r, name, token)
	for _, c := range w.Result().Cookies() {
		b.cookie = c
	}
	return actor, err
}

// send sends a request through the guard. It answers with the actor and the token for forms.
func (b *browser) send(role, method string, form url.Values, change ...func(*http.Request)) (int, string) {
	r := httptest.NewRequest(method, "http://127.0.0.1:9780/x", strings.NewReader(form.Encode()))
	r.RemoteAddr = "10.0.0.1:1234"
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	refuse := func(w http.ResponseWriter, _ *http.Request, why access.Refusal) {
		http.Error(w, why.Message, why.Status)
	}
	b.guard.Browser(role, refuse, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, access.Actor(r.Context(), ""), "|", b.guard.FormTokenOf(r.Context()))
	})).ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func (b *browser) formToken() url.Values {
	_, text := b.send(access.Viewer, http.MethodGet, nil)
	_, token, _ := strings.Cut(text, "|")
	return url.Values{access.FormToken: {token}}
}

func TestSessionsHaveTheRoleOfTheirToken(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{
		token("grafana", access.Viewer), token("oncall", access.Operator), token(access.SharedToken, access.Admin),
	}, Read: "token"}, loopback, &now, &refusals{})
	for _, c := range []struct{ name, token, actor, err string }{
		{"ann", "token-of-oncall", "oncall for ann", ""},
		{"", "token-of-oncall", "oncall", ""},
		{"ann", "token-of-token", "ann", ""},
		{"", "token-of-token", "", "say who you are"},
		{"ann", "token-of-nobody", "", "no token"},
		{"ann\x00\n", "token-of-token", "ann", ""},
		{strings.Repeat("é", 60), "token-of-token", strings.Repeat("é", 32), ""},
	} {
		b := &browser{T: t, guard: g}
		actor, err := b.signIn(c.name, c.token)
		if actor != c.actor || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q with %s: %q, %v; want %q, %q", c.name, c.token, actor, err, c.actor, c.err)
		}
		if (b.cookie != nil) != (c.err == "") {
			t.Errorf("%q with %s: cookie %v", c.name, c.token, b.cookie)
		}
	}
	b := &browser{T: t, guard: g}
	if code, _ := b.send("", http.MethodGet, nil); code != http.StatusUnauthorized {
		t.Errorf("without a session: %d", code)
	}
	if _, err := b.signIn("ann", "token-of-oncall"); err != nil {
		t.Fatal(err)
	}
	c := b.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" ||
		strings.Contains(c.Value, "token") {
		t.Errorf("the cookie is %v", c)
	}
	for role, want := range map[string]int{"": 200, access.Viewer: 200, access.Operator: 200, access.Admin: 403} {
		if code, text := b.send(role, http.MethodGet, nil); code != want {
			t.Errorf("role %q: %d %s, want %d", role, code, text, want)
		}
	}
	now = now.Add(13 * time.Hour)
	if code, _ := b.send(access.Viewer, http.MethodGet, nil); code != http.StatusUnauthorized {
		t.Errorf("after 13 hours: %d", code)
	}
}

// What changes something comes from a form of this session, and from this site.
// TestSessionsAreBounded: a thousand people are signed in, and the one who signed in first has
// to do so again when another one comes.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{token("oncall", access.Operator)}, Read: "token"}, loopback, &now, &refusals{})
	var people []*browser
	for range 1001 {
		b := &browser{T: t, guard: g}
		if _, err := b.signIn("ann", "token-of-oncall"); err != nil {
			t.Fatal(err)
		}
		people = append(people, b)
		now = now.Add(time.Second)
	}
	for n, want := range map[int]int{0: http.StatusUnauthorized, 1: http.StatusOK, 1000: http.StatusOK} {
		if code, _ := people[n].send("", http.MethodGet, nil); code != want {
			t.Errorf("person %d: %d, want %d", n, code, want)
		}
	}
}

func TestChangesNeedAFormOfTheSession(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{token("oncall", access.Operator)}}, loopback, &now, &refusals{})
	ann, eve := &browser{T: t, guard: g}, &browser{T: t, guard: g}
	for _, b := range []*browser{ann, eve} {
		if _, err := b.signIn("x", "token-of-oncall"); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	origin := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer token-of-oncall"); r.Header.Del("Cookie") }
	for name, c := range map[string]struct {
		form   url.Values
		change []func(*http.Request)
		code   int
	}{
		"a form":                     {ann.formToken(), nil, 200},
		"a bearer token":             {nil, []func(*http.Request){bearer}, 200},
		"no token of a form":         {nil, nil, 403},
		"somebody else's":            {eve.formToken(), nil, 403},
		"nonsense":                   {url.Values{access.FormToken: {"AAAA"}}, nil, 403},
		"a page of another site":     {ann.formToken(), []func(*http.Request){elsewhere}, 403},
		"a form with another origin": {ann.formToken(), []func(*http.Request){origin}, 403},
	} {
		if code, text := ann.send(access.Operator, http.MethodPost, c.form, c.change...); code != c.code {
			t.Errorf("%s: %d %s, want %d", name, code, text, c.code)
		}
	}
	if a, b := ann.formToken(), ann.formToken(); a.Encode() == b.Encode() {
		t.Error("two pages have one token, which the size of a compressed page would tell")
	}
	anonymous := &browser{T: t, guard: g}
	if code, _ := anonymous.send("", http.MethodPost, nil); code != http.StatusForbidden {
		t.Errorf("nobody's form: %d", code)
	}
}

// A session ends when the file of its token has another text, and stays while the file cannot be
// read.
func TestAnotherTokenInAFileEndsASession(t *testing.T) {
	t.Parallel()
	seen := &refusals{}
	g, path, write := tokenFile(t, seen)
	b := &browser{T: t, guard: g}
	if _, err := b.signIn("ann", "first-token-of-all"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if code, _ := b.send(access.Operator, http.MethodGet, nil); code != http.StatusOK || len(*seen) != 1 {
		t.Errorf("without its file: %d, and %q", code, *seen)
	}
	write("second-token-of-all")
	if code, _ := b.send(access.Operator, http.MethodGet, nil); code != http.StatusUnauthorized {
		t.Errorf("with another token in the file: %d", code)
	}
}

// Somebody without a role sees what is for known people only where nobody can sign in, and only
// this machine reaches the agent.
func TestWhoSeesWhatIsForKnownPeople(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	everywhere := &net.TCPAddr{IP: net.IPv4zero, Port: 9780}
	tokens := []access.Token{token("ann", access.Viewer)}
	for _, c := range []struct {
		tokens []access.Token
		at     net.Addr
		want   bool
	}{{nil, loopback, true}, {nil, everywhere, false}, {tokens, loopback, false}, {tokens, everywhere, false}} {
		g := guard(access.Access{Tokens: c.tokens}, c.at, &now, &refusals{})
		if got := g.Trusts(t.Context()); got != c.want || g.HasLogins() != (c.tokens != nil) {
			t.Errorf("%v at %v: %t", c.tokens, c.at, got)
		}
	}
}

func TestLoginsWaitAfterManyWrongTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	seen := &refusals{}
	g := guard(access.Access{Tokens: []access.Token{token("oncall", access.Operator)}}, loopback, &now, seen)
	b := &browser{T: t, guard: g}
	for range access.FailuresAllowed {
		if _, err := b.signIn("eve", "wrong"); err == nil {
			t.Fatal("a wrong token fits")
		}
	}
	if _, err := b.signIn("ann", "token-of-oncall"); err == nil || b.cookie != nil {
		t.Errorf("the address does not wait: %v", err)
	}
	if len(*seen) != access.FailuresAllowed {
		t.Errorf("%d refusals were reported", len(*seen))
	}
	now = now.Add(time.Minute)
	if _, err := b.signIn("ann", "token-of-oncall"); err != nil {
		t.Error(err)
	}
	out := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9780/logout", nil)
	r.AddCookie(b.cookie)
	g.Logout(out, r)
	if code, _ := b.send(access.Viewer, http.MethodGet, nil); code != http.StatusUnauthorized {
		t.Errorf("after the logout: %d", code)
	}
}

// A login of a browser that has a session ends that one, and its cookie is sent below the path of
// the agent alone.
func TestALoginEndsTheOneThatItReplaces(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{token("oncall", access.Operator)}, Read: "token", OwnPath: "/sentinel"},
		loopback, &now, &refusals{})
	b := &browser{T: t, guard: g}
	if _, err := b.signIn("ann", "token-of-oncall"); err != nil {
		t.Fatal(err)
	}
	first := b.cookie
	if first.Path != "/sentinel" {
		t.Errorf("the cookie is sent to %s", first.Path)
	}
	again := func(token string) {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9780/login", nil)
		r.AddCookie(first)
		w := httptest.NewRecorder()
		if _, err := g.Login(w, r, "bob", token); (err == nil) != (token == "token-of-oncall") {
			t.Fatal(err)
		}
		for _, c := range w.Result().Cookies() {
			b.cookie = c
		}
	}
	again("wrong")
	if code, _ := b.send("", http.MethodGet, nil); code != http.StatusOK {
		t.Errorf("after a refused login: %d", code)
	}
	again("token-of-oncall")
	if code, text := b.send("", http.MethodGet, nil); code != http.StatusOK || !strings.HasPrefix(text, "oncall for bob") {
		t.Errorf("the new session: %d %s", code, text)
	}
	b.cookie = first
	if code, _ := b.send("", http.MethodGet, nil); code != http.StatusUnauthorized {
		t.Errorf("the session that was replaced: %d", code)
	}
}
