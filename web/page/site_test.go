package page_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// noon is the time on the clock of the tests.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// risky is an agent that has not started, with risks.
type risky struct {
	*agent.Agent
	risks []sentinel.Risk
}

func (r risky) Risks() []sentinel.Risk { return r.risks }

// condition is an agent that leads, with problems.
type condition []string

func (condition) Leads() bool          { return true }
func (condition) Peers() int           { return 0 }
func (c condition) Problems() []string { return c }

func (condition) Backups() (page.Backups, bool) { return page.Backups{}, false }

// reloads is a configuration that always loads.
type reloads struct{}

func (reloads) Reload(context.Context) (web.Reloaded, error) { return web.Reloaded{}, nil }

// site is a served site whose content a test sets.
type site struct {
	testing.TB
	server *web.Server
	store  *store.Store
	board  *page.Board
	url    string

	mu  sync.Mutex
	now time.Time
}

// Now implements sentinel.Clock.
func (s *site) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// passes lets time pass on the clock.
func (s *site) passes(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// serve starts a site. change sets fields of its server before.
func serve(t testing.TB, change ...func(*web.Server)) *site {
	t.Helper()
	s := &site{TB: t, now: noon}
	var err error
	if s.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db")); err != nil {
		t.Fatal(err)
	}
	s.board = page.NewBoard(s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &web.Server{
		Store: s.store, Board: s.board, Metrics: exporters.NewPrometheus("v"),
		Agent: risky{Agent: agent.New(agent.Config{Clock: s})},
		Access: access.Access{Tokens: []access.Token{
			{Name: "oncall", Role: access.Operator, Text: sentinel.NewSecret("token-of-oncall")},
			{Name: "grafana", Role: access.Viewer, Text: sentinel.NewSecret("token-of-grafana")},
		}},
		Condition: condition{}, Reloader: reloads{}, Clock: s, Log: slog.New(slog.DiscardHandler), Version: "test",
	}
	for _, c := range change {
		c(s.server)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// record puts results and incidents into the state and on the board, as the agent does.
func (s *site) record(b store.Batch) {
	s.Helper()
	if _, err := s.store.Record(s.Context(), b); err != nil {
		s.Fatal(err)
	}
	s.board.Judged(b)
}

// chromium is one browser for all tests of the package; every test has a tab of its own.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(ctx)
	endBrowser = stop
	return ctx, chromedp.Do(ctx)
})

var endBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	endBrowser()
	os.Exit(code)
}

// tab is a page in a browser. It collects what the console says.
type tab struct {
	testing.TB
	ctx context.Context
}

// open opens a tab on a path of the site.
func (s *site) open(path string) *tab {
	s.Helper()
	browser, err := chromium()
	if err != nil {
		s.Fatalf("Chromium cannot be started: %v", err)
	}
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	s.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of this call
		s.Fatal(err)
	}
	t := &tab{s.TB, ctx}
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		source := `window.planted = () => { window.wasPlanted = true }; window.refused = [];
			addEventListener("securitypolicyviolation", (e) => refused.push(e.violatedDirective + " " + e.blockedURI));
			addEventListener("error", (e) => refused.push(e.message));`
		params := cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: source}
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, params)
		return err
	}))
	t.visit(s.url + path)
	return t
}

// visit goes to a page, which must obey its own policy and run without an error.
func (t *tab) visit(url string) {
	t.Helper()
	t.do(chromedp.Navigate(url), chromedp.WaitReady("#main"))
	if refused := value[[]string](t, "refused"); len(refused) > 0 {
		t.Errorf("%s: %q", url, refused)
	}
}

// do does steps in the tab.
func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, end := context.WithTimeout(t.ctx, 20*time.Second)
	defer end()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// value returns what a script says in the tab.
func value[T any](t *tab, script string) T {
	t.Helper()
	ctx, end := context.WithTimeout(t.ctx, 20*time.Second)
	defer end()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits until a script says true, also on the page that follows.
func (t *tab) until(script string) {
	t.Helper()
	ctx, end := context.WithTimeout(t.ctx, 20*time.Second)
	defer end()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](script))
		if err == nil {
			return
		}
		if ctx.Err() != nil { // else the page went while it was asked
			t.Fatalf("waiting until %s: %v\n%s", script, err, value[string](t, "document.body.innerText"))
		}
	}
}

// shows waits until a text is on the page.
func (t *tab) shows(text string) {
	t.Helper()
	t.until(fmt.Sprintf(
		`document.readyState === "complete" && document.body && document.body.innerText.includes(%q)`, text))
}

// get asks for a page as a browser does, and returns the status, the text and the bytes that were
// sent.
func (s *site) get(path string, header http.Header) (status int, body string, transfer int) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header = http.Header{"Accept": {"text/html"}, "Accept-Encoding": {"gzip"}}
	maps.Copy(r.Header, header)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	sent, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return resp.StatusCode, string(sent), len(sent)
	}
	z, err := gzip.NewReader(bytes.NewReader(sent))
	if err != nil {
		s.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(plain), len(sent)
}
