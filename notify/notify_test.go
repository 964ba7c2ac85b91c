package notify_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// night is three in the morning.
var night = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// incident is the n-th of a dataset orders_n, opened at night.
func incident(n int) sentinel.Incident {
	return sentinel.Incident{
		ID:          fmt.Sprintf("inc%04d", n),
		Check:       fmt.Sprintf("shop.public.orders_%d.freshness", n),
		Kind:        "freshness",
		Table:       sentinel.Table{Warehouse: "shop", Schema: "public", Name: fmt.Sprintf("orders_%d", n)},
		Tier:        "critical",
		Owner:       "data-platform",
		Runbook:     "https://wiki.example.com/orders",
		State:       sentinel.Open,
		Severity:    sentinel.Fail,
		Opened:      night,
		Updated:     night,
		LastGood:    night.Add(-65 * time.Minute),
		Message:     "newest row is 1h5m old",
		Observed:    sentinel.Int(3900),
		Expected:    "at most 1h",
		Ticks:       1,
		Transitions: 1,
	}
}

func resolved(i sentinel.Incident, after time.Duration) sentinel.Incident {
	i.State, i.Resolved = sentinel.Resolved, i.Opened.Add(after)
	i.Transitions++
	return i
}

// newNotice returns a notice of one kind about incidents of one thread.
func newNotice(kind notify.Kind, incidents ...sentinel.Incident) notify.Notice {
	n := notify.Notice{
		Kind: kind,
		Key:  incidents[0].ID + "/1/" + string(kind),
		Tier: incidents[0].Tier,
		At:   night.Add(10 * time.Minute),
		URL:  "https://sentinel.example.com/",
	}
	for _, i := range incidents {
		n.Entries = append(n.Entries, notify.Entry{Kind: kind, Incident: i, Thread: incidents[0].ID})
	}
	return n
}

func many(n int) (all []sentinel.Incident) {
	for i := range n {
		all = append(all, incident(i+1))
	}
	return all
}

// request is what a receiver got.
type request struct {
	Method, Path string
	Header       http.Header
	Body         string
}

// receiver is an HTTP server that keeps its requests and answers as it is configured.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

// answering starts a receiver; answer gets the number of the request, from 1.
func answering(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender went away
		}
		rec.mu.Lock()
		rec.requests = append(rec.requests, request{r.Method, r.URL.RequestURI(), r.Header, string(body)})
		n := len(rec.requests)
		rec.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func says(code int, body string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		if _, err := io.WriteString(w, body); err != nil {
			panic(err)
		}
	}
}

func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

// channel configures a notifier and checks it.
func channel[N notify.Notifier](t testing.TB, n N) N {
	t.Helper()
	if err := n.Validate(); err != nil {
		t.Fatal(err)
	}
	return n
}

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// eventually polls a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("not within a minute: " + what)
		}
	}
}

// golden compares with a file of testdata; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 accepts it):\n%s", path, got)
	}
}

// Every kind has a page, refuses nonsense without panicking, and is listed.
func TestKinds(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join("..", "docs", "notify", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if kind := strings.TrimSuffix(filepath.Base(page), ".md"); !slices.Contains(notify.Kinds(), kind) {
			t.Errorf("%s is of no registered kind", page)
		}
	}
	for _, kind := range notify.Kinds() {
		n, err := notify.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Validate(); (err == nil) != (kind == "log") {
			t.Errorf("%s without configuration: %v", kind, err)
		}
		page, err := os.ReadFile(filepath.Join("..", "docs", "notify", kind+".md"))
		if err != nil || !strings.HasPrefix(string(page), "# "+kind+"\n") || !strings.Contains(string(page), "```yaml") {
			t.Errorf("%s: its page: %v", kind, err)
		}
		if files, err := filepath.Glob(filepath.Join("testdata", kind+"*.golden")); err != nil || len(files) == 0 {
			t.Errorf("%s: no golden file holds what it sends: %v", kind, err)
		}
	}
	if _, err := notify.New("pigeon"); err == nil || !strings.Contains(err.Error(), "slack") {
		t.Error("an unknown kind must name the known ones:", err)
	}
}
