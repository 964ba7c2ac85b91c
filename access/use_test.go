package access_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/access"
)

// TestANewAccessCountsAtOnce puts one Access after another in force under one server.
func TestANewAccessCountsAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(
		access.Access{Tokens: []access.Token{token("ann", access.Admin)}, Read: "open", Metrics: "open"},
		loopback,
		&now,
		&refusals{},
	)
	reads, metrics, changes := g.Reads(who), g.ReadsMetrics(who), g.Needs(access.Operator, who)
	named := g.Hosts(who)
	ofName := func(r *http.Request) { r.Host = "dq.example" }
	browser := func(w http.ResponseWriter, _ *http.Request, why access.Refusal) {
		http.Error(w, why.Message, why.Status)
	}
	page := g.Browser(access.Viewer, browser, who)
	login, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:9780/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	cookies := httptest.NewRecorder()
	if _, err := g.Login(cookies, login, "ann", "token-of-ann"); err != nil {
		t.Fatal(err)
	}
	signedIn := func(r *http.Request) {
		for _, c := range cookies.Result().Cookies() {
			r.AddCookie(c)
		}
	}
	want := func(state string, codes ...int) {
		t.Helper()
		var got []int
		for _, try := range []struct {
			h             http.Handler
			authorization string
			change        func(*http.Request)
		}{
			{reads, "", nil}, {metrics, "", nil}, {changes, "Bearer token-of-ann", nil}, {changes, "Bearer token-of-bob", nil},
			{named, "", ofName}, {page, "", signedIn},
		} {
			change := try.change
			if change == nil {
				change = func(*http.Request) {}
			}
			code, _ := ask(try.h, "GET", try.authorization, change)
			got = append(got, code)
		}
		for i := range codes {
			if got[i] != codes[i] {
				t.Errorf("%s: %v, want %v", state, got, codes)
				return
			}
		}
	}
	want("at the start", 200, 200, 200, 401, 421, 200)
	g.Use(access.Access{Tokens: []access.Token{token("bob", access.Operator)}, Read: "token", Metrics: "token",
		Hosts: []string{"dq.example"}})
	want("closed, and another token", 401, 401, 401, 200, 200, 401)
	g.Use(access.Access{Read: "open", Metrics: "token"})
	want("without tokens", 200, 403, 403, 403, 421, 403)
	g.Use(access.Access{Tokens: []access.Token{token("ann", access.Viewer)}, Read: "open", Metrics: "open"})
	want("with another role", 200, 200, 403, 401, 421, 200)
}

// TestThePathOfTheAddressCountsAfterARestart: the pages stay where they are, and so does the cookie of a login.
func TestThePathOfTheAddressCountsAfterARestart(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct{ began, next, cookie string }{
		{"/sentinel", "/dq", "/sentinel"}, {"/sentinel", "", "/sentinel"}, {"", "/dq", "/"},
	} {
		a := access.Access{Tokens: []access.Token{token("ann", access.Admin)}, Read: "token", OwnPath: c.began}
		b := &browser{T: t, guard: guard(a, loopback, &now, &refusals{})}
		a.OwnPath = c.next
		b.guard.Use(a)
		if _, err := b.signIn("ann", "token-of-ann"); err != nil {
			t.Fatal(err)
		}
		if b.cookie.Path != c.cookie {
			t.Errorf("%q, then %q: the cookie is sent to %s, want %s", c.began, c.next, b.cookie.Path, c.cookie)
		}
		if code, _ := b.send(access.Viewer, http.MethodGet, nil); code != http.StatusOK {
			t.Errorf("%q, then %q: whoever has signed in is answered by %d", c.began, c.next, code)
		}
	}
}
