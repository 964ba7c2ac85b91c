package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
)

// diesAfterAsking carries a repair to where its hook has done its work, and
// loses the agent there, with all it would have saved. It returns the next one.
func diesAfterAsking(b *repairtest.Fixture, p *repair.Policy) *repairtest.Agent {
	b.T.Helper()
	_, err := b.Agent.PlanRepair(b.T.Context(), p, b.OpenIncident("x"))
	b.Must(err)
	b.Agent.Failpoint = func(name string) {
		if name == "after_apply_commit" {
			b.Must(b.Store.Close())
		}
	}
	if err := b.Agent.Advance(b.T.Context()); err == nil {
		b.T.Fatal("the state was gone, and nobody noticed")
	}
	b.Store = b.Reopen()
	return later(b, "agent-2", p, time.Minute)
}

// later is an agent whose clock is ahead, so that leases of the dead have ended.
func later(b *repairtest.Fixture, name string, p *repair.Policy, ahead time.Duration) *repairtest.Agent {
	e := b.NewAgent(name, nil)
	e.SetPolicies([]*repair.Policy{p})
	e.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Clock.Now().Add(ahead) })
	return e
}

func only(b *repairtest.Fixture) sentinel.Repair {
	b.T.Helper()
	all, err := b.Store.Repairs(b.T.Context(), store.RepairFilter{})
	if err != nil || len(all) != 1 {
		b.T.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func TestC42CrashWhileAskingIsNotRepeatedBlindly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lookup, idempotent bool
		want               ended
	}{
		"looked up":          {lookup: true, want: ended{sentinel.RepairSucceeded, "", 1}},
		"idempotent":         {idempotent: true, want: ended{sentinel.RepairSucceeded, "", 2}},
		"neither of the two": {want: ended{sentinel.DeadLetter, "outcome unknown: an agent died while it sent the request", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newRemote(t, func(w http.ResponseWriter, _ asked, _ int) { says(w, 200, `{}`) })
			a := &hooks.Webhook{URL: sentinel.NewSecret(server.URL), Idempotent: c.idempotent}
			if c.lookup {
				a.Lookup = a.URL
			}
			b := repairtest.New(t, "sqlite")
			next := diesAfterAsking(b, b.Policy("webhook", a, repair.Auto))
			b.Must(next.Advance(t.Context()))
			c.want.check(t, only(b), len(server.seen("POST", "")))
		})
	}
}

func TestC42JobOfDeadAgentIsFound(t *testing.T) {
	t.Parallel()
	server := airflowOf(t, accepted, "running", "success")
	b := repairtest.New(t, "sqlite")
	p := b.Policy("airflow", &hooks.Airflow{URL: server.URL, DAG: "reload", Token: sentinel.NewSecret("s3cret")}, repair.Auto)
	b.Must(diesAfterAsking(b, p).Advance(t.Context()))
	b.WantState(only(b), sentinel.RepairApplying, "running")
	b.Must(later(b, "agent-3", p, 2*time.Minute).Advance(t.Context()))
	ended{sentinel.RepairSucceeded, "", 1}.check(t, only(b), len(server.seen("POST", "/dagRuns")))
}

func TestC41ReceiverTimesOut(t *testing.T) {
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
			r, _ := carried(t, "webhook", &hooks.Webhook{URL: sentinel.NewSecret(server.URL), Timeout: 500 * time.Millisecond})
			c.want.check(t, r, len(server.seen("POST", "")))
		})
	}
}

// TestC47 kills an agent while the program that it runs goes on.
func TestC47ProgramOutlivesAgent(t *testing.T) {
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
			b := repairtest.New(t, "sqlite")
			b.OpenIncident("x")
			b.Must(b.Store.Close())
			dir := t.TempDir()
			program := []string{script(t, `cd "$1"; echo $$ >> runs; while [ ! -e end ]; do sleep 0.02; done`), dir}
			exec := &hooks.Exec{Command: program, Idempotent: c.idempotent}
			child := b.Child("orders/reload_partition", "exec", exec)
			child.Lease = repairtest.ShortLease
			pid := killedWhileItRuns(t, child, filepath.Join(dir, "runs"))
			b.Store = b.Reopen()
			p := b.Policy("reload_partition", &hooks.Exec{Command: program, Idempotent: c.idempotent}, repair.Auto)
			b.Must(later(b, "agent-2", p, time.Minute).Advance(t.Context()))
			b.WantState(only(b), sentinel.RetryWait, "the program of an earlier try still runs")
			b.Must(os.WriteFile(filepath.Join(dir, "end"), nil, 0o600))
			until(t, "the program has ended", func() bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) })
			b.Must(later(b, "agent-3", p, time.Hour).Advance(t.Context()))
			runs, err := os.ReadFile(filepath.Join(dir, "runs"))
			b.Must(err)
			c.want.check(t, only(b), strings.Count(string(runs), "\n"))
		})
	}
}

func TestC45StoppedAgentEndsProgram(t *testing.T) {
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
			b, dir := repairtest.New(t, "sqlite"), t.TempDir()
			p := b.Policy("exec", &hooks.Exec{Command: []string{script(t, `cd "$1"; echo $$ >> runs; [ -e again ] || exec sleep 600`), dir}, Idempotent: c.idempotent}, repair.Auto)
			_, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("x"))
			b.Must(err)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			done := make(chan error, 1)
			go func() { done <- b.Agent.Advance(ctx) }()
			runs := func() int {
				data, err := os.ReadFile(filepath.Join(dir, "runs"))
				if err != nil {
					return 0 // not yet
				}
				return strings.Count(string(data), "\n")
			}
			until(t, "the program has begun", func() bool { return runs() == 1 })
			stop()
			b.Must(<-done, os.WriteFile(filepath.Join(dir, "again"), nil, 0o600))
			b.WantState(only(b), c.stopped, "the agent stopped")
			b.Must(later(b, "agent-2", p, time.Minute).Advance(t.Context()))
			c.want.check(t, only(b), runs())
		})
	}
}

// killedWhileItRuns starts an agent, waits for its program to begin, and kills
// the agent. It returns the program's process group.
func killedWhileItRuns(t *testing.T, c repairtest.Child, runs string) (group int) {
	t.Helper()
	cmd := c.Command(t)
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
	marks, err := filepath.Glob(filepath.Join(os.TempDir(), "sentinel-*", "*-apply.pid"))
	return err == nil && slices.ContainsFunc(marks, func(m string) bool {
		data, err := os.ReadFile(m)
		return err == nil && strings.HasPrefix(string(data), fmt.Sprint(group, " "))
	})
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := repairtest.Clock.Now().Add(20 * time.Second); repairtest.Clock.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 20s: %s", what)
}
