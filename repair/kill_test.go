package repair_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
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

func TestMain(m *testing.M) {
	repairtest.Main(m, func(b *repairtest.Fixture) repair.RowComparer { return secondDay{b} })
}

// Where the reload of the rows of keys is killed in a short sweep. A long one kills it everywhere.
var (
	keysInShort     = []string{"staging_batch", "before_apply", "in_apply_txn", "after_apply_commit"}
	keysBackInShort = []string{"in_rollback_txn"}
)

// TestC46KilledAtEveryFailpoint kills an agent at every failpoint. Whatever was left,
// the next agent ends the repair, and the table is one whole version of its
// source or of what it was.
func TestC46KilledAtEveryFailpoint(t *testing.T) {
	t.Parallel()
	rounds, keys, keysBack := 1, keysInShort, keysBackInShort
	if n, err := strconv.Atoi(os.Getenv("SENTINEL_TORTURE")); err == nil {
		rounds, keys, keysBack = n, failpoints, backwards
	}
	sweeps := []struct {
		engine, method     string
		forward, backwards []string
	}{
		{"postgres", "", failpoints, backwards}, {"mysql", "", failpoints, backwards}, {"sqlite", "", failpoints, backwards},
		{"postgres", "swap", aroundTheTarget, backAroundTheTarget}, {"mysql", "swap", aroundTheTarget, backAroundTheTarget},
		{"postgres", "keys", keys, keysBack}, {"mysql", "keys", keys, keysBack}, {"sqlite", "keys", keys, keysBack},
	}
	for _, c := range sweeps {
		t.Run(strings.TrimSpace(c.engine+" "+c.method), func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, c.engine)
			if c.method == "swap" {
				b.CreatePartitionedOrders()
				b.FillOrders()
			} else {
				b.CreateOrders()
			}
			old := b.Rows("orders")
			if err := b.Store.Close(); err != nil {
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
						child := killedChild(b, c.method)
						child.Failpoint, child.CheckPasses = point, helps
						killAt(t, b, child, old)
						kills++
					}
				}
			}
			t.Logf("%d kills", kills)
		})
	}
}

// killedChild returns an agent that reloads orders by a method; "keys" stands for the rows of
// the keys that differ.
func killedChild(b *repairtest.Fixture, method string) repairtest.Child {
	if method == "keys" {
		return b.Child("orders/reload_keys", "reload_keys", &reload.Keys{})
	}
	return b.Child("orders/reload_partition", "reload_partition",
		&reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: method})
}

func killAt(t *testing.T, b *repairtest.Fixture, c repairtest.Child, old string) {
	t.Helper()
	restore(t, b, old)
	c.Lease = repairtest.ShortLease
	if err := c.Run(t); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%s: the agent was to be killed: %v", c.Failpoint, err)
	}
	half := b.Rows("orders")
	if n := strings.Count(half, "new"); n != 0 && n != 8 {
		t.Errorf("killed at %s: %d rows of 8 are new", c.Failpoint, n)
	}
	c.Failpoint, c.Lease = "", 0
	var r sentinel.Repair
	// The killed agent's lease has to run out first.
	for deadline := repairtest.Clock.Now().Add(30 * time.Second); repairtest.Clock.Now().Before(deadline); {
		if err := c.Run(t); err != nil {
			t.Fatalf("after %s: %v", c.Failpoint, err)
		}
		b.Store = b.Reopen()
		all, err := b.Store.Repairs(t.Context(), store.RepairFilter{})
		_, _, audit := b.Store.VerifyAudit(t.Context())
		if err := errors.Join(err, audit, b.Store.Close()); err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			t.Fatalf("%d repairs", len(all))
		}
		if r = all[0]; r.State.Final() {
			break
		}
	}
	got := b.Rows("orders")
	switch {
	case c.CheckPasses && (r.State != sentinel.RepairSucceeded || strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10):
		t.Errorf("%s: %s\n%s", r.State, r.Message, got)
	case !c.CheckPasses && (r.State != sentinel.RolledBack || got != old):
		t.Errorf("%s: %s\n%s", r.State, r.Message, got)
	}
	ledger := map[string]string{"postgres": "sentinel.ledger"}[b.Engine]
	if ledger == "" {
		ledger = "sentinel_ledger"
	}
	if twice := repairtest.Query(t, b.Driver, b.Owner, "SELECT repair_id, step FROM "+ledger+" GROUP BY 1, 2 HAVING count(*) > 1"); twice != "" {
		t.Errorf("done twice: %s", twice)
	}
}

// restore makes table and state as they were.
func restore(t *testing.T, b *repairtest.Fixture, old string) {
	t.Helper()
	if _, err := b.Write.Sweep(t.Context(), b.Schema, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	b.Exec("DELETE FROM orders WHERE note = 'new' OR note = 'old'")
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(old), "\n") {
		cells := strings.Split(line, "|")
		rows = append(rows, fmt.Sprintf("(%s, %s, '%s', '%s')", cells[0], cells[1], cells[2], cells[3]))
	}
	b.Exec("INSERT INTO orders VALUES " + strings.Join(rows, ", "))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(b.State + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b.Store = b.Reopen()
	b.OpenIncident(repairtest.MissingDay)
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
}
