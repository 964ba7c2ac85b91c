package repair_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// diesAfterAsking carries a repair to where its hook has done its work, and
// loses the agent there, with all it would have saved. It returns the next one.
func (b *bench) diesAfterAsking(p *repair.Policy) *repair.Engine {
	b.t.Helper()
	_, err := b.repair.Consider(b.t.Context(), p, b.incident("x"))
	b.must(err)
	b.repair.Failpoint = func(name string) {
		if name == "after_apply_commit" {
			b.must(b.store.Close())
		}
	}
	if err := b.repair.Advance(b.t.Context()); err == nil {
		b.t.Fatal("the state was gone, and nobody noticed")
	}
	b.store = reopened(b.t, b)
	return b.later("agent-2", p, time.Minute)
}

// later is an agent whose clock is ahead, so that leases of the dead have ended.
func (b *bench) later(name string, p *repair.Policy, ahead time.Duration) *repair.Engine {
	e := b.newEngine(name)
	e.SetPolicies([]*repair.Policy{p})
	e.Now = func() time.Time { return clock().Add(ahead) }
	return e
}

func (b *bench) only() sentinel.Repair {
	b.t.Helper()
	all, err := b.store.Repairs(b.t.Context(), store.RepairFilter{})
	if err != nil || len(all) != 1 {
		b.t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func TestC42AnAgentThatDiedWhileItAskedIsNotFollowedByABlindSecond(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lookup, idempotent bool
		want               ended
	}{
		"looked up":          {lookup: true, want: ended{sentinel.RepairSucceeded, "", 1}},
		"idempotent":         {idempotent: true, want: ended{sentinel.RepairSucceeded, "", 2}},
		"neither of the two": {want: ended{sentinel.DeadLetter, "outcome unknown: it was being asked for by an agent that died", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newRemote(t, func(w http.ResponseWriter, _ asked, _ int) { says(w, 200, `{}`) })
			a := &repair.Webhook{URL: sentinel.Secret(server.URL), Idempotent: c.idempotent}
			if c.lookup {
				a.Lookup = a.URL
			}
			b := newBench(t, "sqlite")
			next := b.diesAfterAsking(b.policy("webhook", a, repair.Auto))
			b.must(next.Advance(t.Context()))
			c.want.check(t, b.only(), len(server.seen("POST", "")))
		})
	}
}

func TestC42AJobThatWasAskedForByADeadAgentIsFound(t *testing.T) {
	t.Parallel()
	server := airflowOf(t, accepted, "running", "success")
	b := newBench(t, "sqlite")
	p := b.policy("airflow", &repair.Airflow{URL: server.URL, DAG: "reload", Token: "s3cret"}, repair.Auto)
	b.must(b.diesAfterAsking(p).Advance(t.Context()))
	b.stands(b.only(), sentinel.RepairApplying, "running")
	b.must(b.later("agent-3", p, 2*time.Minute).Advance(t.Context()))
	ended{sentinel.RepairSucceeded, "", 1}.check(t, b.only(), len(server.seen("POST", "/dagRuns")))
}

func TestC41AReceiverThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, until <-chan struct{})
		want   ended
	}{
		"never answers": {func(_ http.ResponseWriter, until <-chan struct{}) { <-until }, ended{sentinel.DeadLetter, "outcome unknown", 1}},
		"answers byte by byte": {func(w http.ResponseWriter, until <-chan struct{}) {
			for w.WriteHeader(200); ; {
				select {
				case <-until:
					return
				default:
				}
				if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		}, ended{sentinel.DeadLetter, "outcome unknown", 1}},
		"answers a gigabyte": {func(w http.ResponseWriter, _ <-chan struct{}) {
			chunk := make([]byte, 1<<20)
			for range 1 << 10 {
				if _, err := w.Write(chunk); err != nil {
					return // what is enough has been read
				}
			}
		}, ended{sentinel.RepairSucceeded, "", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			server := newRemote(t, func(w http.ResponseWriter, _ asked, _ int) { c.answer(w, over) })
			t.Cleanup(func() { close(over) }) // before the server is closed
			r, _ := carried(t, "webhook", &repair.Webhook{URL: sentinel.Secret(server.URL), Timeout: 500 * time.Millisecond})
			c.want.check(t, r, len(server.seen("POST", "")))
		})
	}
}

// TestC47 kills an agent while the program that it runs goes on.
func TestC47AProgramThatOutlivesItsAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		idempotent bool
		want       ended
	}{
		"may run twice":     {true, ended{sentinel.RepairSucceeded, "", 2}},
		"may not run twice": {false, ended{sentinel.DeadLetter, "outcome unknown: the program was begun by an agent that died", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "sqlite")
			b.incident("x")
			b.must(b.store.Close())
			dir := t.TempDir()
			program := []string{script(t, `cd "$1"; echo $$ >> runs; while [ ! -e end ]; do sleep 0.02; done`), dir}
			pid := killedWhileItRuns(t, child{Engine: b.engine, Driver: b.driver, DSN: b.dsn, Schema: b.schema, State: b.state, Lease: leaseOfKilled, Program: program, Idempotent: c.idempotent}, filepath.Join(dir, "runs"))
			b.store = reopened(t, b)
			p := b.policy("reload_partition", &repair.Exec{Command: program, Idempotent: c.idempotent}, repair.Auto)
			b.must(b.later("agent-2", p, time.Minute).Advance(t.Context()))
			b.stands(b.only(), sentinel.RetryWait, "the program of an earlier try still runs")
			b.must(os.WriteFile(filepath.Join(dir, "end"), nil, 0o600))
			until(t, "the program has ended", func() bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) })
			b.must(b.later("agent-3", p, time.Hour).Advance(t.Context()))
			runs, err := os.ReadFile(filepath.Join(dir, "runs"))
			b.must(err)
			c.want.check(t, b.only(), strings.Count(string(runs), "\n"))
		})
	}
}

func TestC45AnAgentThatIsStoppedEndsItsProgram(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		idempotent bool
		stopped    sentinel.RepairState
		want       ended
	}{
		"may run twice":     {true, sentinel.OutcomeUnknown, ended{sentinel.RepairSucceeded, "", 2}},
		"may not run twice": {false, sentinel.DeadLetter, ended{sentinel.DeadLetter, "outcome unknown: the agent stopped, and ended", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir := newBench(t, "sqlite"), t.TempDir()
			p := b.policy("exec", &repair.Exec{Command: []string{script(t, `cd "$1"; echo $$ >> runs; [ -e again ] || exec sleep 600`), dir}, Idempotent: c.idempotent}, repair.Auto)
			_, err := b.repair.Consider(t.Context(), p, b.incident("x"))
			b.must(err)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			done := make(chan error, 1)
			go func() { done <- b.repair.Advance(ctx) }()
			runs := func() int {
				data, err := os.ReadFile(filepath.Join(dir, "runs"))
				if err != nil {
					return 0 // not yet
				}
				return strings.Count(string(data), "\n")
			}
			until(t, "the program has begun", func() bool { return runs() == 1 })
			stop()
			b.must(<-done, os.WriteFile(filepath.Join(dir, "again"), nil, 0o600))
			b.stands(b.only(), c.stopped, "the agent stopped")
			b.must(b.later("agent-2", p, time.Minute).Advance(t.Context()))
			c.want.check(t, b.only(), runs())
		})
	}
}

// killedWhileItRuns starts an agent, waits for its program to begin, and kills
// the agent. It returns the program's process group.
func killedWhileItRuns(t *testing.T, c child, runs string) (group int) {
	t.Helper()
	told, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SENTINEL_TEST_REPAIR_CHILD="+string(told))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the program has begun", func() bool {
		data, err := os.ReadFile(runs)
		_, scanned := fmt.Sscan(string(data), &group)
		return err == nil && scanned == nil
	})
	until(t, "the agent has left its mark", func() bool { return marked(group) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the agent ended by itself")
	}
	return group
}

// marked reports whether an agent has written down which group it runs.
func marked(group int) bool {
	marks, err := filepath.Glob(filepath.Join(os.TempDir(), "sentinel-*-apply.pid"))
	return err == nil && slices.ContainsFunc(marks, func(m string) bool {
		data, err := os.ReadFile(m)
		return err == nil && strings.HasPrefix(string(data), fmt.Sprint(group, " "))
	})
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := clock().Add(20 * time.Second); clock().Before(deadline); <-time.After(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 20s: %s", what)
}
