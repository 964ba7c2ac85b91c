package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

type reloader func(context.Context) error

func (r reloader) Reload(ctx context.Context) (web.Reloaded, error) {
	return web.Reloaded{Unfinished: []string{"checks of slow"}, Restart: []string{"listen"}}, r(ctx)
}

// follower is an agent that does not lead, and has a problem.
type follower struct{}

func (follower) Leads() bool        { return false }
func (follower) Peers() int         { return 0 }
func (follower) Problems() []string { return []string{"The state <cannot> be written."} }

func (follower) Backups() (page.Backups, bool) { return page.Backups{}, false }

// newServer returns a server with one failed check in its memory, which does not serve yet.
func newServer(t *testing.T, token sentinel.Secret, reload reloader) *web.Server {
	t.Helper()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	table, tick := sentinel.Table{Warehouse: "w", Schema: "public", Name: "orders"}, time.Unix(1_800_000_000, 0).UTC()
	batch := store.Batch{
		Ticks: []store.TickRecord{{Schedule: "s", Table: table, Tick: tick}},
		Results: []sentinel.Result{{
			Check:        "rows",
			Kind:         "row_count",
			Table:        table,
			Tick:         tick,
			Status:       sentinel.Fail,
			Message:      "<script>0 rows</script>",
			Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(0)}},
		}},
		Incidents: []sentinel.Incident{
			{
				ID:       "i1",
				Check:    "rows",
				Table:    table,
				State:    sentinel.Open,
				Severity: sentinel.Fail,
				Opened:   tick,
				Message:  "<script>0 rows</script>",
			},
		},
	}
	if _, err := memory.Record(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := sentinel.ClockFunc(func() time.Time { return tick.Add(time.Minute) })
	board := page.NewBoard(clock)
	board.Judged(batch)
	return &web.Server{
		Store:     memory,
		Board:     board,
		Metrics:   exporters.NewPrometheus("v"),
		Access:    openWith(token),
		Agent:     agent.New(agent.Config{Clock: clock}), // has not started
		Condition: follower{},
		Reloader:  reload,
		Clock:     clock,
		Log:       slog.New(slog.DiscardHandler),
	}
}

// serve starts a server with one failed check in its memory.
func serve(t *testing.T, token sentinel.Secret, reload reloader) string {
	t.Helper()
	s := newServer(t, token, reload)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// openWith returns the access of a configuration with one token.
func openWith(token sentinel.Secret) access.Access {
	a := access.Access{Hosts: []string{"sentinel.example.com"}}
	if !token.IsZero() {
		a.Tokens = []access.Token{{Name: access.SharedToken, Role: access.Admin, Text: token}}
	}
	return a
}

func call(t *testing.T, method, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPages(t *testing.T) {
	t.Parallel()
	base := serve(t, sentinel.NewSecret("secret"), nil)
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/-/healthy", 200, "healthy"},
		{"/-/ready", 503, "not resolved yet"},
		{"/-/leader", 503, "does not lead"},
		{"/", 200, "The state &lt;cannot&gt; be written."},
		{"/metrics", 200, "sentinel_build_info"},
		{"/", 200, "&lt;script&gt;0 rows&lt;/script&gt;"},
		{"/api/v1/results?dataset=w.public.orders", 200, `"status":"fail"`},
		{"/api/v1/results?dataset=w.ORDERS", 200, `"status":"fail"`},
		{"/api/v1/results?dataset=w.public.ord*", 200, `"status":"fail"`},
		{"/api/v1/results?dataset=w.%22ORDERS%22", 200, "[]"},
		{"/api/v1/results?dataset=w.public.none", 200, "[]"},
		{"/api/v1/results?dataset=nonsense", 400, "want warehouse.schema.table"},
		{"/api/v1/results?state=warn,fail", 200, `"status":"fail"`},
		{"/api/v1/results?state=pass", 200, "[]"},
		{"/api/v1/results?state=odd", 400, "state"},
		{"/api/v1/results?check=rows&dataset=w.orders", 200, `"status":"fail"`},
		{"/api/v1/results?check=none", 200, "[]"},
		{"/api/v1/results?after=w.public.orders", 200, "[]"},
		{"/api/v1/results?after=w.public.orders&state=fail", 200, "[]"},
		{"/api/v1/results?after=w.public.none", 200, `"status":"fail"`},
		{"/api/v1/results?after=nonsense", 400, "after"},
		{"/api/v1/incidents", 200, `"id":"i1"`},
		{"/api/v1/history?check=rows&metric=row_count", 200, `"Value":0`},
		{"/api/v1/history?check=rows", 400, "want ?check=ID&metric=NAME"},
		{"/api/v1/history?check=rows&metric=row_count&limit=many", 400, "limit"},
		{"/nowhere", 404, ""},
	} {
		if code, body := call(t, "GET", base+c.path, ""); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.path, code, body, c.code, c.want)
		}
	}
}

func TestReloadNeedsTheToken(t *testing.T) {
	t.Parallel()
	reloaded := 0
	base := serve(t, sentinel.NewSecret("secret"), func(context.Context) error {
		if reloaded++; reloaded > 1 {
			return errors.New("f.yaml:1:1: broken")
		}
		return nil
	})
	for _, c := range []struct {
		token string
		code  int
		want  string
	}{
		{"", 401, "Authorization: Bearer TOKEN"},
		{"wrong", 401, "Bearer"},
		{"secret", 200, "reloaded; these still end under the configuration before: checks of slow; these count after a restart: listen"},
		{"secret", 422, "stays in force\nf.yaml:1:1: broken"},
	} {
		if code, body := call(t, "POST", base+"/-/reload", c.token); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("token %q: %d %s, want %d", c.token, code, body, c.code)
		}
	}
	if code, _ := call(t, "POST", serve(t, sentinel.Secret{}, nil)+"/-/reload", ""); code != 403 {
		t.Errorf("without a configured token: %d, want 403", code)
	}
}

// reloads is a configuration that always loads.
type reloads struct{}

func (reloads) Reload(context.Context) (web.Reloaded, error) { return web.Reloaded{}, nil }

// Whoever has a token of their own is in the audit log by its name, and so is who was refused.
func TestTheAuditLogHasTheNameOfTheToken(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &web.Server{
		Condition: follower{},
		Store:     memory, Agent: agent.New(agent.Config{}), Metrics: exporters.NewPrometheus("v"), Log: slog.New(slog.DiscardHandler),
		Clock: sentinel.ClockFunc(func() time.Time { return time.Unix(1_800_000_000, 0) }),
		Access: access.Access{Tokens: []access.Token{
			{Name: "oncall", Role: access.Operator, Text: sentinel.NewSecret("token-of-oncall")},
			{Name: "grafana", Role: access.Viewer, Text: sentinel.NewSecret("token-of-grafana")},
			{Name: "root", Role: access.Admin, Text: sentinel.NewSecret("token-of-root")},
		}},
		Reloader: reloads{},
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	base := "http://" + listener.Addr().String()
	for token, want := range map[string]int{"token-of-oncall": 200, "token-of-grafana": 403, "wrong": 401} {
		r, err := http.NewRequestWithContext(
			t.Context(),
			"POST",
			base+"/api/v1/repairs/off",
			strings.NewReader(`{"who": "ann"}`),
		)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close() != nil || resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", token, resp.Status, want)
		}
	}
	if code, body := call(t, "POST", base+"/-/reload", "token-of-root"); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	entries, err := memory.Audit(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for _, e := range entries {
		log.WriteString(e.Actor + " " + e.What + " " + e.Subject + "\n")
	}
	if !strings.Contains(log.String(), "oncall for ann ") || !strings.Contains(log.String(), "root config.reload ") ||
		!strings.Contains(log.String(), "web login.refused 127.0.0.1\n") {
		t.Errorf("%s", log.String())
	}
	stop()
	if err := errors.Join(<-done, memory.Close()); err != nil {
		t.Error(err)
	}
}
