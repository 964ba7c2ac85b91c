package access_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/secrets"
)

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9780}

// refusals collects what a guard reports.
type refusals []string

func (r *refusals) Refused(_ context.Context, client, path string, count int) {
	*r = append(*r, fmt.Sprint(client, " ", path, " ", count))
}

func (r *refusals) Unread(err error) { *r = append(*r, err.Error()) }

// ask sends a request through a handler, and returns the status and the body.
func ask(h http.Handler, method, authorization string, change ...func(*http.Request)) (int, string) {
	r := httptest.NewRequest(method, "http://127.0.0.1:9780/x", nil)
	r.RemoteAddr = "10.0.0.1:1234"
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// who answers with the actor of a request that says to be ann's.
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, access.Actor(r.Context(), "ann"))
})

func token(name, role string) access.Token {
	return access.Token{Name: name, Role: role, Text: sentinel.NewSecret("token-of-" + name)}
}

func guard(a access.Access, at net.Addr, now *time.Time, seen *refusals) *access.Guard {
	return access.NewGuard(a, at, sentinel.ClockFunc(func() time.Time { return *now }), seen)
}

func TestRolesAllowWhatTheySay(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{
		token("grafana", access.Viewer), token("oncall", access.Operator), token(access.SharedToken, access.Admin),
	}, Read: "token", Metrics: "token"}, loopback, &now, &refusals{})
	for _, c := range []struct {
		handler http.Handler
		bearer  string
		code    int
		says    string
	}{
		{g.Reads(who), "token-of-grafana", 200, "grafana for ann"},
		{g.ReadsMetrics(who), "token-of-grafana", 200, "grafana for ann"},
		{g.Needs(access.Operator, who), "token-of-grafana", 403, "grafana is of a viewer: this needs one of an operator"},
		{g.Needs(access.Admin, who), "token-of-grafana", 403, ""},
		{g.Reads(who), "token-of-oncall", 200, "oncall for ann"},
		{g.Needs(access.Operator, who), "token-of-oncall", 200, "oncall for ann"},
		{g.Needs(access.Admin, who), "token-of-oncall", 403, ""},
		{g.Needs(access.Admin, who), "token-of-token", 200, "ann"}, // the holder of the shared token says who they are
		{g.Reads(who), "", 401, "Authorization: Bearer"},
		{g.Needs(access.Operator, who), "", 401, "Authorization: Bearer"},
	} {
		authorization := ""
		if c.bearer != "" {
			authorization = "Bearer " + c.bearer
		}
		if code, body := ask(c.handler, "GET", authorization); code != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.bearer, code, body, c.code, c.says)
		}
	}
	open := guard(access.Access{Read: "open", Metrics: "open"}, loopback, &now, &refusals{})
	if code, _ := ask(open.Reads(who), "GET", ""); code != 200 {
		t.Errorf("reading is open: %d", code)
	}
	if code, body := ask(open.Needs(access.Operator, who), "POST", "Bearer "); code != 403 || !strings.Contains(body, "set `token:`") {
		t.Errorf("%d %s", code, body)
	}
}

// A browser sends a password by itself, also for another site's form: it must change nothing.
func TestPasswordsOfABrowserOnlyRead(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	g := guard(access.Access{Tokens: []access.Token{token("ann", access.Admin)}, Read: "token"}, loopback, &now, &refusals{})
	basic := func(r *http.Request) { r.SetBasicAuth("anything", "token-of-ann") }
	if code, _ := ask(g.Reads(who), "GET", "", basic); code != 200 {
		t.Errorf("reading: %d", code)
	}
	if code, _ := ask(g.Needs(access.Operator, who), "POST", "", basic); code != 401 {
		t.Errorf("changing: %d", code)
	}
}

func TestHostsThatAreNotTheAgent(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	public := &net.TCPAddr{IP: net.IPv4zero, Port: 9780}
	for _, c := range []struct {
		hosts []string
		at    net.Addr
		host  string
		known bool
	}{
		{nil, loopback, "localhost:9780", true}, {nil, loopback, "127.0.0.1:9780", true}, {nil, loopback, "[::1]:9780", true},
		{nil, loopback, "[::1]", true}, {nil, loopback, "LOCALHOST.", true}, {nil, loopback, "rebound.example", false},
		{nil, loopback, "rebound.example:9780", false}, {nil, loopback, "", false}, {nil, loopback, "localhost.rebound.example", false},
		{nil, public, "sentinel:9780", true}, {[]string{"dq.example"}, public, "sentinel:9780", false},
		{[]string{"dq.example"}, public, "DQ.example:443", true}, {[]string{"dq.example"}, public, "10.0.0.7:9780", true},
		{[]string{"dq.example"}, loopback, "dq.example", true}, {[]string{"*"}, loopback, "rebound.example", true},
	} {
		h := guard(access.Access{Hosts: c.hosts}, c.at, &now, &refusals{}).Hosts(who, "/-/healthy")
		code, _ := ask(h, "GET", "", func(r *http.Request) { r.Host = c.host })
		if (code == 200) != c.known || !c.known && code != http.StatusMisdirectedRequest {
			t.Errorf("%q at %s with %q: %d", c.host, c.at, c.hosts, code)
		}
		code, _ = ask(h, "GET", "", func(r *http.Request) { r.Host, r.URL.Path = c.host, "/-/healthy" })
		if code != 200 {
			t.Errorf("the probe with %q: %d", c.host, code)
		}
	}
}

// The address for people is one more name of the agent. It locks out no other one.
func TestTheAddressForPeopleIsNoLimit(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	public := &net.TCPAddr{IP: net.IPv4zero, Port: 9780}
	for _, c := range []struct {
		hosts []string
		at    net.Addr
		host  string
		known bool
	}{
		{nil, public, "sentinel:9780", true}, {nil, public, "dq.example", true},
		{nil, loopback, "sentinel:9780", false}, {nil, loopback, "dq.example:9780", true},
		{[]string{"a.example"}, public, "dq.example", true}, {[]string{"a.example"}, public, "sentinel", false},
		{nil, loopback, "", false},
	} {
		h := guard(access.Access{Hosts: c.hosts, OwnName: "DQ.example"}, c.at, &now, &refusals{}).Hosts(who)
		code, _ := ask(h, "GET", "", func(r *http.Request) { r.Host = c.host })
		if (code == 200) != c.known {
			t.Errorf("%q at %s with %q: %d", c.host, c.at, c.hosts, code)
		}
	}
}

func TestHostsThatWouldNeverMatch(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"dq.example":              "",
		"DQ.example":              "",
		"*":                       "",
		"dq.example:9780":         "write dq.example",
		"https://dq.example":      "write dq.example",
		"https://dq.example:80/x": "write dq.example",
		"dq.example.":             "write dq.example",
		"10.0.0.7":                "",
		"10.0.0.7:9780":           "every address is allowed: remove it",
		"[::1]":                   "every address is allowed: remove it",
		"*.example":               "is no name of a host",
		"dq.example/x":            "is no name of a host",
		"":                        "is no name of a host",
	} {
		err := (&access.Access{Hosts: []string{host}}).Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", host, err, want)
		}
	}
}

// Many addresses with a wrong token do not let one that has to wait try again.
func TestManyAddressesDoNotFreeOne(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	h := guard(access.Access{Tokens: []access.Token{token("ann", access.Admin)}}, loopback, &now, &refusals{}).Needs(access.Operator, who)
	for range access.FailuresAllowed {
		ask(h, "POST", "Bearer wrong")
	}
	for i := range 3000 {
		ask(h, "POST", "Bearer wrong", func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("10.1.%d.%d:1", i/256, i%256) })
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann"); code != 429 {
		t.Errorf("%d, want to wait", code)
	}
}

// Requests that present no token are none with a wrong one.
func TestOnlyPresentedTokensCount(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var seen refusals
	h := guard(access.Access{Tokens: []access.Token{token("ann", access.Admin)}}, loopback, &now, &seen).Needs(access.Operator, who)
	for range access.FailuresAllowed {
		ask(h, "POST", "Bearer ")
		ask(h, "POST", "", func(r *http.Request) { r.SetBasicAuth("anything", "token-of-ann") })
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann"); code != 200 || len(seen) > 0 {
		t.Errorf("%d, %q", code, seen)
	}
}

// Of two tokens whose texts have become the same, the lesser role counts.
func TestTheLesserOfTwoRolesCounts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	same := func(role string) access.Token {
		return access.Token{Name: role, Role: role, Text: sentinel.NewSecret("same-text-of-two")}
	}
	for _, tokens := range [][]access.Token{
		{same(access.Viewer), same(access.Admin)}, {same(access.Admin), same(access.Viewer)},
	} {
		h := guard(access.Access{Tokens: tokens}, loopback, &now, &refusals{}).Needs(access.Operator, who)
		if code, _ := ask(h, "POST", "Bearer same-text-of-two"); code != 403 {
			t.Errorf("%d", code)
		}
	}
}

// hung is a token whose command does not answer.
type hung struct{ ran, ended int }

func (*hung) Current() string { return "token-of-a-command" }
func (*hung) Past() []string  { return nil }
func (*hung) Name() string    { return "the command vault" }
func (*hung) Version() uint64 { return 1 }
func (*hung) Unread() error   { return nil }
func (h *hung) Refresh(ctx context.Context) error {
	h.ran++
	if ctx.Err() != nil {
		h.ended++
	}
	return errors.New("no answer")
}
func (h *hung) Renew(ctx context.Context, _ uint64) error { return h.Refresh(ctx) }

// A known token does not wait for a command, and a client that hangs up does not end one.
func TestAKnownTokenRunsNoCommand(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	command := &hung{}
	g := guard(access.Access{Tokens: []access.Token{{Name: "ci", Role: access.Operator, Text: sentinel.SecretFrom(command)}}},
		loopback, &now, &refusals{})
	h := g.Needs(access.Operator, who)
	if code, _ := ask(h, "POST", "Bearer token-of-a-command"); code != 200 || command.ran != 0 {
		t.Errorf("%d, and the command ran %d times", code, command.ran)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	code, _ := ask(h, "POST", "Bearer wrong", func(r *http.Request) { *r = *r.WithContext(gone) })
	if code != 401 || command.ran == 0 || command.ended != 0 {
		t.Errorf("%d, and %d of %d runs ended with the client", code, command.ended, command.ran)
	}
}

func TestWrongTokensHaveToWait(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var seen refusals
	g := guard(access.Access{Tokens: []access.Token{token("ann", access.Admin)}}, loopback, &now, &seen)
	h := g.Needs(access.Operator, who)
	for range access.FailuresAllowed {
		if code, _ := ask(h, "POST", "Bearer wrong"); code != 401 {
			t.Fatal(code)
		}
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann"); code != 429 {
		t.Errorf("%d, want to wait", code)
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann", func(r *http.Request) { r.RemoteAddr = "10.0.0.2:1" }); code != 200 {
		t.Errorf("another address: %d", code)
	}
	if len(seen) != access.FailuresAllowed || seen[access.FailuresAllowed-1] != fmt.Sprint("10.0.0.1 /x ", access.FailuresAllowed) {
		t.Errorf("%q", seen)
	}
	now = now.Add(time.Minute)
	if code, _ := ask(h, "POST", "Bearer token-of-ann"); code != 200 {
		t.Errorf("after a minute: %d", code)
	}
	// One network of IPv6 is one client, and a request without a token is no wrong one.
	for i := range access.FailuresAllowed {
		from := fmt.Sprintf("[2001:db8::%d]:1", i+1)
		ask(h, "POST", "Bearer wrong", func(r *http.Request) { r.RemoteAddr = from })
		ask(h, "POST", "", func(r *http.Request) { r.RemoteAddr = "10.0.0.3:1" })
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann", func(r *http.Request) { r.RemoteAddr = "[2001:db8::ffff]:1" }); code != 429 {
		t.Errorf("another address of the network: %d", code)
	}
	if code, _ := ask(h, "POST", "Bearer token-of-ann", func(r *http.Request) { r.RemoteAddr = "10.0.0.3:1" }); code != 200 {
		t.Errorf("after requests without a token: %d", code)
	}
}

// tokenFile is the guard of one operator whose token is in a file, at first first-token-of-all.
func tokenFile(t *testing.T, seen *refusals) (g *access.Guard, path string, write func(string)) {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	path = filepath.Join(t.TempDir(), "token")
	write = func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-token-of-all")
	f, err := secrets.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g = guard(access.Access{Tokens: []access.Token{{Name: "ci", Role: access.Operator, Text: sentinel.SecretFrom(f)}}},
		loopback, &now, seen)
	return g, path, write
}

func TestATokenInAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	g, _, write := tokenFile(t, &refusals{})
	h := g.Needs(access.Operator, who)
	write("second-token-of-all")
	for bearer, want := range map[string]int{"first-token-of-all": 401, "second-token-of-all": 200} {
		if code, _ := ask(h, "POST", "Bearer "+bearer); code != want {
			t.Errorf("%s: %d, want %d", bearer, code, want)
		}
	}
}

func TestTokensNeedANameOfTheirOwn(t *testing.T) {
	t.Parallel()
	for want, tokens := range map[string][]access.Token{
		`tokens[1].name: the name "a" is taken`:     {token("a", ""), token("a", "")},
		`tokens[0].name: the name "token" is taken`: {token("token", "")},
		"tokens[0].name: want a name":               {token("", "")},
		"tokens[0].token: want a token":             {{Name: "a"}},
		`tokens[0].role: unknown word "root"`:       {token("a", "root")},
	} {
		a := access.Access{Tokens: tokens}
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	a := access.Access{Tokens: []access.Token{token("a", "")}}
	if err := a.Validate(); err != nil || a.Read != "open" || a.Tokens[0].Role != access.Operator {
		t.Errorf("%+v, %v", a, err)
	}
}
