package hooks_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// receiver records what arrives and answers as the test says.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	keys   []string
	bodies []string
	signed []string
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rec.mu.Lock()
		rec.keys, rec.bodies = append(rec.keys, r.Header.Get("Idempotency-Key")), append(rec.bodies, string(body))
		if r.Header.Get("Sentinel-Signature") == "sha256="+hooks.Sign(sentinel.NewSecret("s3cret"), r.Header.Get("Sentinel-Timestamp"), body) {
			rec.signed = append(rec.signed, r.Method)
		}
		n := len(rec.keys)
		rec.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

// seen is what has arrived: keys, bodies, and how many were signed.
func (r *receiver) seen() (keys, bodies []string, signed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys), slices.Clone(r.bodies), len(r.signed)
}

// hooked repairs by a hook and carries retries through at once.
func hooked(t *testing.T, kind string, a repair.Action) sentinel.Repair {
	t.Helper()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	p := b.Policy(kind, a, repair.Auto)
	r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
	later := time.Duration(0)
	b.Agent.Clock = sentinel.ClockFunc(func() time.Time { return time.Now().Add(later) })
	for range 10 {
		if r.State.Final() {
			break
		}
		later += time.Hour
		r = b.AdvanceRepair(r.ID)
	}
	return r
}

func TestC41RetryRepeatsRequest(t *testing.T) {
	t.Parallel()
	rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(rec.URL + "/token-in-path"), Secret: sentinel.NewSecret("s3cret")})
	keys, bodies, signed := rec.seen()
	if r.State != sentinel.RepairSucceeded || len(keys) != 3 || signed != 3 {
		t.Fatalf("%s: %s; %d requests, %d signed", r.State, r.Message, len(keys), signed)
	}
	for i, key := range keys {
		if key != r.ID || bodies[i] != bodies[0] {
			t.Errorf("request %d: key %s, body %s", i, key, bodies[i])
		}
	}
	if strings.Contains(r.Plan.Summary+strings.Join(r.Plan.Steps[0].Do, ""), "token-in-path") {
		t.Error("the plan shows the address's secret part")
	}
}

func TestC41NoRetryWithoutIdempotency(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		says   string
	}{
		"refused for good": {func(_ int, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such job", http.StatusNotFound) }, "no such job"},
		"redirected": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}, "302"},
	} {
		rec := newReceiver(t, c.answer)
		r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(rec.URL)})
		if keys, _, _ := rec.seen(); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, c.says) || len(keys) != 1 {
			t.Errorf("%s: %s: %s, %d requests", name, r.State, r.Message, len(keys))
		}
	}
	r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret("http://169.254.169.254/latest/meta-data")})
	if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "clouds keep credentials") {
		t.Errorf("a cloud's metadata: %s: %s", r.State, r.Message)
	}
}

// lose answers nothing and closes the connection.
func lose(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close() // the loss is what is wanted
	}
}

func TestC42LostReplyIsQueried(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	rec := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // it was done
		}
		asked.Add(1)
		lose(w)
	})
	if r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(rec.URL), Lookup: sentinel.NewSecret(rec.URL)}); r.State != sentinel.RepairSucceeded || asked.Load() != 1 {
		t.Errorf("%s: %s; asked %d times", r.State, r.Message, asked.Load())
	}
	blind := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { lose(w) })
	r := hooked(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(blind.URL)})
	if keys, _, _ := blind.seen(); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "outcome unknown") || len(keys) != 1 {
		t.Errorf("without a lookup: %s: %s; asked %d times", r.State, r.Message, len(keys))
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

func TestExecUsesNoShellAndCleanEnvironment(t *testing.T) {
	t.Setenv("SENTINEL_TEST_SECRET", "not for hooks")
	out := filepath.Join(t.TempDir(), "out")
	r := hooked(t, "exec", &hooks.Exec{Command: []string{script(t, `env > "$1"; echo "$2" >> "$1"`), out, "$(reboot); x"},
		Env: map[string]sentinel.Secret{"API_TOKEN": sentinel.NewSecret("hunter2")}})
	if r.State != sentinel.RepairSucceeded {
		t.Fatalf("%s: %s", r.State, r.Message)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SENTINEL_REPAIR_ID=" + r.ID, "API_TOKEN=hunter2", "$(reboot); x", "SENTINEL_FINDING=" + repairtest.MissingDay} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "not for hooks") {
		t.Error("the agent's environment was handed on")
	}
}

func TestExecFailureAndTimeout(t *testing.T) {
	t.Parallel()
	failing := hooked(t, "exec", &hooks.Exec{Command: []string{script(t, "echo the token is hunter2; exit 3")},
		Env: map[string]sentinel.Secret{"T": sentinel.NewSecret("hunter2")}})
	if failing.State != sentinel.DeadLetter || !strings.Contains(failing.Message, "exit status 3: the token is ***") {
		t.Errorf("%s: %s", failing.State, failing.Message)
	}
	slow := hooked(t, "exec", &hooks.Exec{Command: []string{script(t, "trap '' TERM; sleep 600 & wait; sleep 600")}, Timeout: 300 * time.Millisecond})
	if slow.State != sentinel.DeadLetter || !strings.Contains(slow.Message, "did not end within 300ms") {
		t.Errorf("%s: %s", slow.State, slow.Message)
	}
}

func TestSQLAction(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		p := b.Policy("sql", &hooks.SQL{Do: []string{"UPDATE orders SET note = 'fixed' WHERE id = 1", "UPDATE orders SET note = 'fixed' WHERE id = 2"}, Undo: []string{"UPDATE orders SET note = 'old' WHERE note = 'fixed'"}}, repair.Auto)
		b.StillBad = func(context.Context) (bool, error) { return true, nil }
		if r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Errorf("%s: %s", r.State, r.Message)
		}
	})
}
