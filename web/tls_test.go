package web_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/web"
)

// door is a running server with a web configuration file.
type door struct {
	*testing.T
	authority *testenv.Authority
	file      string // the web configuration file
	address   string
	store     *store.Store
	client    *http.Client
}

func (d *door) write(path, text string) {
	d.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.Fatal(err)
	}
}

// newDoor starts a server. settings of the web configuration file follow those of TLS.
func newDoor(t *testing.T, settings string, change ...func(*access.Access)) *door {
	t.Helper()
	dir := t.TempDir()
	d := &door{T: t, authority: testenv.NewAuthority(t, dir), file: filepath.Join(dir, "web.yml")}
	d.authority.Issue(t, "agent", "sentinel.example.com", "127.0.0.1")
	d.write(d.file, "tls_server_config: {cert_file: agent.pem, key_file: agent.key}\n"+settings)
	a := access.Access{ConfigFile: d.file, Hosts: []string{"sentinel.example.com"}, Tokens: []access.Token{
		{Name: "oncall", Role: access.Operator, Text: sentinel.NewSecret("token-of-oncall")},
	}}
	for _, c := range change {
		c(&a)
	}
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	d.start(a)
	d.client = d.trusting(&tls.Config{RootCAs: d.authority.Pool})
	return d
}

func (d *door) trusting(cfg *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true, ForceAttemptHTTP2: true},
		Timeout:   30 * time.Second,
	}
}

func (d *door) start(a access.Access) {
	d.Helper()
	var err error
	if d.store, err = store.Open(d.Context(), "sqlite:"+filepath.Join(d.TempDir(), "s.db")); err != nil {
		d.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	s := &web.Server{
		Store: d.store, Metrics: exporters.NewPrometheus("v"), Access: a, Agent: agent.New(agent.Config{}),
		Condition: follower{}, Reloader: reloads{}, Log: slog.New(slog.DiscardHandler),
		Clock: sentinel.ClockFunc(func() time.Time { return time.Unix(1_800_000_000, 0) }),
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	d.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, d.store.Close()); err != nil {
			d.Error(err)
		}
	})
	d.address = l.Addr().String()
}

// ask sends a request, and returns the status and the body; 0 and the error where there is no
// answer.
func (d *door) ask(method, path string, change ...func(*http.Request)) (int, string, *http.Response) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), method, "https://"+d.address+path, strings.NewReader("{}"))
	if err != nil {
		d.Fatal(err)
	}
	for _, c := range change {
		c(r)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return resp.StatusCode, string(body), resp
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestTheListenerSpeaksTLS(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n")
	code, body, resp := d.ask("GET", "/-/healthy")
	if code != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") != "max-age=60" {
		t.Errorf("%d %s", code, body)
	}
	if code, _, _ := d.ask("GET", "/metrics"); code != 200 {
		t.Errorf("reading is open: %d", code)
	}
	if code, _, _ := d.ask("POST", "/api/v1/repairs/off"); code != 401 {
		t.Errorf("without a token: %d", code)
	}
	if code, body, _ := d.ask("POST", "/api/v1/repairs/off", bearer("token-of-oncall")); code != 200 {
		t.Errorf("with a token: %d %s", code, body)
	}
	resp, err := http.Get("http://" + d.address + "/-/healthy")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close() != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %s", resp.Status)
	}
	stranger := d.trusting(&tls.Config{RootCAs: testenv.NewAuthority(t, t.TempDir()).Pool})
	if resp, err := stranger.Get("https://" + d.address + "/-/healthy"); err == nil {
		t.Errorf("a client that trusts another authority: %s, %v", resp.Status, resp.Body.Close())
	}
	old := d.trusting(&tls.Config{RootCAs: d.authority.Pool, MaxVersion: tls.VersionTLS11})
	if resp, err := old.Get("https://" + d.address + "/-/healthy"); err == nil {
		t.Errorf("TLS 1.1: %s, %v", resp.Status, resp.Body.Close())
	}
}

// serial is the number of the certificate that the server shows now.
func (d *door) serial() string {
	d.Helper()
	_, body, resp := d.ask("GET", "/-/healthy")
	if resp == nil {
		d.Fatal(body)
	}
	return resp.TLS.PeerCertificates[0].SerialNumber.String()
}

// TestCertificatesAreReadAgain: a renewed one counts for the next connection, and a broken one
// leaves the last in force.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "")
	first := d.serial()
	d.authority.Issue(t, "agent", "127.0.0.1")
	second := d.serial()
	if first == second {
		t.Errorf("the certificate %s is still shown", first)
	}
	dir := filepath.Dir(d.file)
	for _, broken := range []func(){
		func() { d.write(filepath.Join(dir, "agent.key"), "no key") },
		func() { _ = os.Remove(filepath.Join(dir, "agent.pem")) },
		func() { d.write(d.file, "tls_server_config: [") },
		func() { _ = os.Remove(d.file) },
	} {
		broken()
		if got := d.serial(); got != second {
			t.Errorf("%s, want %s", got, second)
		}
	}
	d.authority.Issue(t, "agent", "127.0.0.1")
	d.write(d.file, "tls_server_config: {cert_file: agent.pem, key_file: agent.key}\n")
	if got := d.serial(); got == second {
		t.Errorf("the certificate %s is still shown after the files are whole again", got)
	}
	d.write(d.file, "{}\n")
	if code, body, _ := d.ask("GET", "/-/healthy"); code != 200 {
		t.Errorf("TLS was switched off while the agent runs: %d %s", code, body)
	}
}

// TestUsersOfTheWebConfigurationFile: each has a role, viewer by default. Where there are
// users, all but the probes needs a login, and tokens go on to work.
func TestUsersOfTheWebConfigurationFile(t *testing.T) {
	t.Parallel()
	users := func(list ...string) string { return "basic_auth_users: {" + strings.Join(list, ", ") + "}\n" }
	prometheus := fmt.Sprintf("prometheus: %q", hash(t, "scrapes"))
	d := newDoor(t, users(prometheus, fmt.Sprintf("ann: %q", hash(t, "decides"))), func(a *access.Access) {
		a.Users = map[string]string{"ann": access.Operator}
	})
	site := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	for _, c := range []struct {
		method, path string
		change       []func(*http.Request)
		code         int
		says         string
	}{
		{"GET", "/-/healthy", nil, 200, ""},
		{"GET", "/-/ready", nil, 503, "not resolved yet"},
		{"GET", "/metrics", nil, 401, "name and the password of a user"},
		{"GET", "/", nil, 401, ""},
		{"GET", "/api/v1/incidents", nil, 401, ""},
		{"GET", "/metrics", []func(*http.Request){basic("prometheus", "scrapes")}, 200, "sentinel_build_info"},
		{"GET", "/metrics", []func(*http.Request){basic("prometheus", "wrong")}, 401, ""},
		{"GET", "/metrics", []func(*http.Request){basic("nobody", "fakepassword")}, 401, ""},
		{"GET", "/metrics", []func(*http.Request){bearer("token-of-oncall")}, 200, ""},
		{"GET", "/", []func(*http.Request){basic("any", "token-of-oncall")}, 200, ""},
		{"POST", "/api/v1/repairs/off", []func(*http.Request){basic("prometheus", "scrapes")}, 403, "the user prometheus is a viewer: this needs an operator"},
		{"POST", "/api/v1/repairs/off", []func(*http.Request){basic("any", "token-of-oncall")}, 401, ""},
		{"POST", "/api/v1/repairs/off", []func(*http.Request){bearer("token-of-oncall")}, 200, ""},
		{"POST", "/api/v1/repairs/on", []func(*http.Request){basic("ann", "decides"), site}, 403, "another site"},
		{"POST", "/api/v1/repairs/on", []func(*http.Request){basic("ann", "decides")}, 200, ""},
		{"POST", "/-/reload", []func(*http.Request){basic("ann", "decides")}, 403, "this needs an admin"},
	} {
		if code, body, _ := d.ask(c.method, c.path, c.change...); code != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, code, body, c.code, c.says)
		}
	}
	entries, err := d.store.Audit(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var actors []string
	for _, e := range entries {
		actors = append(actors, e.Actor)
	}
	if got := strings.Join(actors, " "); !strings.Contains(got, "ann") || !strings.Contains(got, "oncall") {
		t.Errorf("the audit log has %s", got)
	}
	tls := "tls_server_config: {cert_file: agent.pem, key_file: agent.key}\n"
	d.write(d.file, tls+users(prometheus))
	if code, _, _ := d.ask("POST", "/api/v1/repairs/on", basic("ann", "decides")); code != 401 {
		t.Errorf("a user who was taken out: %d", code)
	}
	d.write(d.file, tls)
	if code, _, _ := d.ask("GET", "/metrics"); code != 401 {
		t.Errorf("a file that has lost its users opened the door: %d", code)
	}
	if code, _, _ := d.ask("GET", "/metrics", basic("prometheus", "scrapes")); code != 200 {
		t.Errorf("the users that were read last: %d", code)
	}
}

// TestAWrongPasswordIsTriedThirtyTimes, and then its address waits.
func TestAWrongPasswordIsTriedThirtyTimes(t *testing.T) {
	t.Parallel()
	d := newDoor(t, fmt.Sprintf("basic_auth_users: {ann: %q}\n", hash(t, "reads")))
	for n := range access.FailuresAllowed {
		if code, body, _ := d.ask("POST", "/-/reload", basic("ann", fmt.Sprint("guess", n))); code != 401 {
			t.Fatalf("guess %d: %d %s", n, code, body)
		}
	}
	if code, _, _ := d.ask("GET", "/metrics", basic("ann", "reads")); code != 429 {
		t.Errorf("%d", code)
	}
	if code, _, _ := d.ask("GET", "/-/healthy"); code != 200 {
		t.Errorf("a probe: %d", code)
	}
}

func TestTheRateLimitLeavesProbesAnswering(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "rate_limit: {burst: 2, interval: 1h}\n")
	var codes []int
	for range 3 {
		code, _, _ := d.ask("GET", "/metrics")
		codes = append(codes, code)
	}
	if fmt.Sprint(codes) != "[200 200 429]" {
		t.Errorf("%v", codes)
	}
	if code, _, _ := d.ask("GET", "/-/ready"); code != 503 {
		t.Errorf("a probe: %d", code)
	}
}

func TestCertificatesOfClients(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "")
	d.authority.Issue(t, "client", "ann")
	d.write(d.file, "tls_server_config: {cert_file: agent.pem, key_file: agent.key, client_ca_file: ca.pem, "+
		"client_auth_type: RequireAndVerifyClientCert}\n")
	if code, _, _ := d.ask("GET", "/-/healthy"); code != 0 {
		t.Errorf("without a certificate: %d", code)
	}
	dir := filepath.Dir(d.file)
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	d.client = d.trusting(&tls.Config{RootCAs: d.authority.Pool, Certificates: []tls.Certificate{own}})
	if code, body, _ := d.ask("GET", "/-/healthy"); code != 200 {
		t.Errorf("with a certificate: %d %s", code, body)
	}
}

// TestHTTP2CanBeSwitchedOff, as in other exporters.
func TestHTTP2CanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "http_server_config: {http2: false}\n")
	if code, body, resp := d.ask("GET", "/-/healthy"); code != 200 || resp.ProtoMajor != 1 {
		t.Errorf("%d %s", code, body)
	}
}

// TestIdleConnectionsLeaveTLSAnswering: connections that never finish their handshake, and
// those that are idle, make room for new ones.
func TestIdleConnectionsLeaveTLSAnswering(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "")
	for range 300 {
		conn, err := net.Dial("tcp", d.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if code, body, _ := d.ask("GET", "/-/healthy"); code != 200 {
		t.Errorf("%d %s", code, body)
	}
}
