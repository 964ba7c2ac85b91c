package app_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for `sql`

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// tests stops, in the end, the servers that they started.
type tests struct{ *testing.M }

func (t tests) Run() int { return testenv.Main(t.M) }

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"sentinel": func() { os.Exit(app.Main()) }})
}

// rememberArrivals writes sixty days of results into a state: the day's rows came
// forty minutes before the deadline, and on the last days seventy after it. The
// next deadline is in half a day.
func rememberArrivals(ctx context.Context, state, check string, late int, next time.Time) (err error) {
	s, err := store.Open(ctx, "sqlite:"+state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var batch store.Batch
	for d := 60; d > 0; d-- {
		deadline := next.AddDate(0, 0, -d)
		newest := deadline.Add(-40 * time.Minute)
		if d <= late {
			newest = deadline.Add(70 * time.Minute)
		}
		batch.Results = append(batch.Results, sentinel.Result{
			Check: check,
			Kind:  "freshness",
			Table: sentinel.Table{Warehouse: "shop", Schema: "main", Name: "orders"},
			Tick:  deadline.Add(6 * time.Hour),
			Observations: []sentinel.Observation{
				{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest.Unix())},
			},
		})
	}
	_, err = s.Record(ctx, batch)
	return err
}

// receiver is a server that takes what is posted, and appends it to a file.
func receiver(t *testing.T, path string) (url string) {
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(f, r.Body); err != nil {
			t.Error(err)
		}
		if _, err := f.WriteString("\n"); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// fetch waits until the answer of an address holds a text.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fetch URL TEXT")
	}
	var body []byte
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(string(body), args[1]); {
		if time.Now().After(deadline) {
			ts.Fatalf("not within 30 s: %s in\n%s", args[1], body)
		}
		<-time.After(20 * time.Millisecond)
		if r, err := http.Get(args[0]); err == nil {
			body, err = io.ReadAll(r.Body)
			ts.Check(errors.Join(err, r.Body.Close()))
		}
	}
}

// TestCommands runs the scripts of testdata: each is the command line as a
// person types it, and what it must answer. `sql FILE STATEMENT` writes to a
// SQLite file.
func TestCommands(t *testing.T) {
	t.Parallel()
	testscript.Run(t, commands(t, "testdata/*.txtar"))
}

// TestDemo and TestDrill run while no other test of the package does: their loader, agent and
// servers keep times of seconds.
func TestDemo(t *testing.T)  { testscript.Run(t, commands(t, "testdata/alone/demo.txtar")) }
func TestDrill(t *testing.T) { testscript.Run(t, commands(t, "testdata/alone/drill.txtar")) }

// commands are the scripts that match a pattern, with the commands that they may use.
func commands(t *testing.T, pattern string) testscript.Params {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no script %s: %v", pattern, err)
	}
	return testscript.Params{
		Files: files,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("HOME", e.WorkDir)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			_, port, err := net.SplitHostPort(l.Addr().String())
			e.Setenv("PORT", port) // free a moment ago
			return errors.Join(err, l.Close())
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sql": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: sql FILE STATEMENT...")
				}
				testenv.Exec(t, "sqlite", ts.MkAbs(args[0]), args[1:]...)
			},
			"arrivals": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 3 {
					ts.Fatalf("usage: arrivals STATE CHECK LATE-DAYS; sets HOUR to that of the deadline")
				}
				late, err := strconv.Atoi(args[2])
				ts.Check(err)
				next := time.Now().UTC().Truncate(time.Hour).Add(12 * time.Hour)
				ts.Setenv("HOUR", next.Format("15"))
				ts.Check(rememberArrivals(t.Context(), ts.MkAbs(args[0]), args[1], late, next))
			},
			"receiver": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: receiver VARIABLE FILE: an address that appends what is posted to FILE")
				}
				ts.Setenv(args[0], receiver(t, ts.MkAbs(args[1])))
			},
			"until": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: until FILE TEXT: wait until FILE holds TEXT")
				}
				for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
					data, err := os.ReadFile(ts.MkAbs(args[0]))
					if err == nil && strings.Contains(string(data), args[1]) {
						return
					}
					if time.Now().After(deadline) {
						ts.Fatalf("not within 30 s: %s in\n%s (%v)", args[1], data, err)
					}
				}
			},
			"fetch": fetch,
			"mkdirs": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, a := range args {
					ts.Check(os.MkdirAll(ts.MkAbs(a), 0o700))
				}
			},
		},
	}
}
