package repair_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// failpoints are the named places where an agent is killed: before and after
// each saved transition, and around every act on the target.
var failpoints = []string{
	"before_queued", "after_queued", "before_preflight", "after_preflight", "after_staging", "before_stage", "staging_batch", "staged",
	"before_staged", "after_staged", "before_applying", "after_applying", "before_apply", "in_apply_txn", "after_apply_commit",
	"before_applied", "after_applied", "before_verifying", "after_verifying", "before_succeeded", "after_succeeded",
}

// backwards are those on the way back, when the check stays bad.
var backwards = []string{"before_rolling_back", "after_rolling_back", "before_rollback", "in_rollback_txn", "after_rollback_commit", "before_rolled_back", "after_rolled_back"}

// Where a method of its own makes a difference.
var (
	aroundTheTarget     = []string{"before_stage", "staging_batch", "staged", "before_apply", "in_apply_txn", "after_apply_commit", "before_applied"}
	backAroundTheTarget = []string{"before_rollback", "in_rollback_txn", "after_rollback_commit"}
)

// child is what the killed process is told.
type child struct {
	Engine, Driver, DSN, Schema, State, Failpoint string
	Helps                                         bool
	Program                                       []string      // run by exec, in place of a reload
	Idempotent                                    bool          // that program
	Method                                        string        // of the reload
	Lease                                         time.Duration // 0: as long as usual
}

// TestMain lets this binary be the agent that is killed.
func TestMain(m *testing.M) {
	if told := os.Getenv("SENTINEL_TEST_REPAIR_CHILD"); told != "" {
		if err := carryOutAsChild(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

func carryOutAsChild(told string) error {
	var c child
	if err := json.Unmarshal([]byte(told), &c); err != nil {
		return err
	}
	ctx := context.Background()
	b, err := benchOf(ctx, c)
	if err != nil {
		return err
	}
	b.bad = func(context.Context) (bool, error) { return !c.Helps, nil }
	b.repair.Failpoint = func(name string) {
		if name == c.Failpoint {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
	}
	b.repair.Lease = c.Lease
	p := &repair.Policy{ID: "orders/reload_partition", Table: b.table("orders"), On: []string{"row_count"}, Mode: repair.Auto, Kind: "reload_partition",
		Action: &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Method: c.Method}}
	if len(c.Program) > 0 {
		p.Kind, p.Action = "exec", &repair.Exec{Command: c.Program, Idempotent: c.Idempotent}
	}
	if err := p.Validate(); err != nil {
		return err
	}
	b.repair.SetPolicies([]*repair.Policy{p})
	open, err := b.store.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	past, err := b.store.Repairs(ctx, store.RepairFilter{})
	if err != nil {
		return err
	}
	if len(past) == 0 {
		if _, err := b.repair.Consider(ctx, p, repair.Trigger{Incident: open[0], TimeColumn: "at"}); err != nil {
			return err
		}
	}
	return errors.Join(b.repair.Advance(ctx), b.store.Close())
}

// TestC46KilledAnywhere kills an agent at every failpoint. Whatever was left,
// the next agent ends the repair, and the table is one whole version of its
// source or of what it was.
func TestC46KilledAnywhere(t *testing.T) {
	t.Parallel()
	rounds := 1
	if n, err := strconv.Atoi(os.Getenv("SENTINEL_TORTURE")); err == nil {
		rounds = n
	}
	sweeps := []struct {
		engine, method     string
		forward, backwards []string
	}{
		{"postgres", "", failpoints, backwards}, {"mysql", "", failpoints, backwards}, {"sqlite", "", failpoints, backwards},
		{"postgres", "swap", aroundTheTarget, backAroundTheTarget}, {"mysql", "swap", aroundTheTarget, backAroundTheTarget},
	}
	for _, c := range sweeps {
		t.Run(strings.TrimSpace(c.engine+" "+c.method), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.engine)
			if c.method == "swap" {
				b.partitions()
				b.fillOrders()
			} else {
				b.orders()
			}
			old := b.content("orders")
			if err := b.store.Close(); err != nil {
				t.Fatal(err)
			}
			kills := 0
			for range rounds {
				for _, helps := range []bool{true, false} {
					points := c.forward
					if !helps {
						points = c.backwards
					}
					for _, point := range points {
						killAt(t, b, child{Engine: c.engine, Method: c.method, Driver: b.driver, DSN: b.dsn, Schema: b.schema, State: b.state, Failpoint: point, Helps: helps}, old)
						kills++
					}
				}
			}
			t.Logf("%d kills", kills)
		})
	}
}

func killAt(t *testing.T, b *bench, c child, old string) {
	t.Helper()
	restore(t, b, old)
	c.Lease = leaseOfKilled
	if err := runChild(t, c); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%s: the agent was to be killed: %v", c.Failpoint, err)
	}
	half := b.content("orders")
	if n := strings.Count(half, "new"); n != 0 && n != 8 {
		t.Errorf("killed at %s: %d rows of 8 are new", c.Failpoint, n)
	}
	c.Failpoint, c.Lease = "", 0
	var r sentinel.Repair
	// The killed agent's lease has to run out first.
	for deadline := clock().Add(30 * time.Second); clock().Before(deadline); {
		if err := runChild(t, c); err != nil {
			t.Fatalf("after %s: %v", c.Failpoint, err)
		}
		b.store = reopened(t, b)
		all, err := b.store.Repairs(t.Context(), store.RepairFilter{})
		_, _, audit := b.store.VerifyAudit(t.Context())
		if err := errors.Join(err, audit, b.store.Close()); err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			t.Fatalf("%d repairs", len(all))
		}
		if r = all[0]; r.State.Final() {
			break
		}
	}
	got := b.content("orders")
	switch {
	case c.Helps && (r.State != sentinel.RepairSucceeded || strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10):
		t.Errorf("%s: %s\n%s", r.State, r.Message, got)
	case !c.Helps && (r.State != sentinel.RolledBack || got != old):
		t.Errorf("%s: %s\n%s", r.State, r.Message, got)
	}
	ledger := map[string]string{"postgres": "sentinel.ledger"}[b.engine]
	if ledger == "" {
		ledger = "sentinel_ledger"
	}
	if twice := queryAll(t, b.driver, b.dsn, "SELECT repair_id, step FROM "+ledger+" GROUP BY 1, 2 HAVING count(*) > 1"); twice != "" {
		t.Errorf("done twice: %s", twice)
	}
}

// restore makes table and state as they were.
func restore(t *testing.T, b *bench, old string) {
	t.Helper()
	if _, err := b.write.Sweep(t.Context(), b.schema, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	b.exec("DELETE FROM orders WHERE note = 'new' OR note = 'old'")
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(old), "\n") {
		cells := strings.Split(line, "|")
		rows = append(rows, fmt.Sprintf("(%s, %s, '%s', '%s')", cells[0], cells[1], cells[2], cells[3]))
	}
	b.exec("INSERT INTO orders VALUES " + strings.Join(rows, ", "))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(b.state + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b.store = reopened(t, b)
	b.incident(tuesday)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func runChild(t *testing.T, c child) error {
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
	cmd.Env = append(os.Environ(), "SENTINEL_TEST_REPAIR_CHILD="+string(told), "GORACE=atexit_sleep_ms=0") // else the race detector sleeps a second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
