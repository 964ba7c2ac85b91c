package repair_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// servers are the engines whose statements run in another process, with how another session
// locks the table, and who waits for it.
var servers = map[string]struct{ lock, waiting string }{
	"postgres": {"LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`},
	"mysql": {"LOCK TABLES orders WRITE", `SELECT count(*) FROM information_schema.processlist
		WHERE db = DATABASE() AND id <> connection_id() AND command IN ('Query', 'Execute')`},
}

// untilWaiting waits until sessions wait for locks, or until none does.
func untilWaiting(b *repairtest.Fixture, query string, some bool) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.T.Context(), 20*time.Second)
	defer cancel()
	for {
		waiting := repairtest.Query(b.T, b.Driver, b.Owner, query)
		if (waiting != "0|\n") == some {
			return
		}
		if !wait.For(ctx, 150*time.Millisecond) {
			b.T.Fatalf("sessions that wait for a lock: %s want some: %v", waiting, some)
		}
	}
}

// limitedWriter waits for locks for longer than statements may take.
func limitedWriter(b *repairtest.Fixture, limit time.Duration) *repair.Writer {
	b.T.Helper()
	dsn := sentinel.NewSecret(b.Warehouse)
	w, err := repair.OpenWriter(warehouse.Config{Name: "w", Dialect: b.Engine, DSN: dsn, RepairDSN: dsn,
		LockTimeout: time.Minute, RepairTimeout: limit, Clock: repairtest.Clock})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(w.Close()) })
	return w
}

// hanging are the ways to run a statement that waits for the table.
var hanging = map[string]func(ctx context.Context, db *sql.DB) error{
	"statement": func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, "DELETE FROM orders")
		return err
	},
	"DDL": func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE TABLE copied AS SELECT * FROM orders")
		return err
	},
	"query": func(ctx context.Context, db *sql.DB) error {
		n := 0
		return db.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&n)
	},
	"transaction": func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE orders SET note = 'lost'")
			_ = tx.Rollback() // the session may be gone
		}
		return err
	},
}

// TestHangingStatementsEnd: a statement that waits for somebody's lock ends within the
// limit, and one that is given up ends at once. Neither goes on on the server.
func TestHangingStatementsEnd(t *testing.T) {
	t.Parallel()
	for engine, server := range servers {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreateOrders()
			before := b.Rows("orders")
			conn, err := b.Write.DB.Conn(t.Context())
			b.Must(err)
			for _, st := range []string{map[string]string{"postgres": "BEGIN", "mysql": "DO 1"}[engine], server.lock} {
				_, err := conn.ExecContext(t.Context(), st)
				b.Must(err)
			}
			short, long := limitedWriter(b, time.Second), limitedWriter(b, time.Minute)
			for name, hang := range hanging {
				if err := hang(t.Context(), short.DB); err == nil {
					t.Errorf("%s: it ended well", name)
				}
				untilWaiting(b, server.waiting, false)
				ctx, giveUp := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- hang(ctx, long.DB) }()
				untilWaiting(b, server.waiting, true)
				giveUp()
				if err := <-done; err == nil {
					t.Errorf("%s: given up, and it ended well", name)
				}
				untilWaiting(b, server.waiting, false)
			}
			_, err = conn.ExecContext(t.Context(), map[string]string{"postgres": "ROLLBACK", "mysql": "UNLOCK TABLES"}[engine])
			b.Must(err, conn.Close())
			if after := b.Rows("orders"); after != before {
				t.Errorf("the table holds\n%s", after)
			}
		})
	}
}

// TestStatementOfADeadAgentCannotCommit kills an agent while the server runs its exchange,
// has another one take over, and lets the exchange go on. It is not committed: the exchange
// of the second agent is, once.
func TestStatementOfADeadAgentCannotCommit(t *testing.T) {
	t.Parallel()
	waiting := map[string]string{"postgres": servers["postgres"].waiting, "mysql": `SELECT count(*)
		FROM information_schema.innodb_trx t
		JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
		WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'`}
	for engine, query := range waiting {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreateOrders()
			before := b.Rows("orders")
			b.OpenIncident(repairtest.MissingDay)
			b.Must(b.Store.Close())
			c := b.Child("orders/reload_partition", "reload_partition", b.ReloadFromStaging())
			c.CheckPasses, c.LockTimeout = true, time.Minute
			holder, err := b.Write.DB.BeginTx(t.Context(), nil)
			b.Must(err)
			_, err = holder.ExecContext(t.Context(), "UPDATE orders SET note = 'old' WHERE id = 101")
			b.Must(err)
			_, err = holder.ExecContext(t.Context(), "UPDATE orders SET amount = amount + 0 WHERE id = 101")
			b.Must(err)
			if engine == "mysql" { // which locks no row that stays the same
				n := 0
				b.Must(holder.QueryRowContext(t.Context(), "SELECT id FROM orders WHERE id = 101 FOR UPDATE").Scan(&n))
			}
			cmd := c.Command(t)
			b.Must(cmd.Start())
			untilWaiting(b, query, true)
			b.Must(cmd.Process.Kill())
			if err := cmd.Wait(); err == nil {
				t.Error("the agent was to be killed")
			}
			b.Store = b.Reopen()
			b.Agent = b.NewAgent("agent-2", nil)
			var hours atomic.Int64
			b.Agent.Clock = sentinel.ClockFunc(func() time.Time {
				return repairtest.Clock.Now().Add(time.Duration(hours.Load()) * time.Hour)
			})
			advance := func(id string) sentinel.Repair {
				hours.Add(1) // leases and pauses are over
				return b.AdvanceRepair(id)
			}
			b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("staging")}}, repair.Auto)
			r := advance(onlyRepair(b).ID)
			b.WantState(r, sentinel.RetryWait, "")
			if got := b.Rows("orders"); got != before {
				t.Errorf("while the old statement is held:\n%s", got)
			}
			b.Must(holder.Rollback())
			for tries := 0; r.State == sentinel.RetryWait && tries < 5; tries++ {
				untilWaiting(b, query, false)
				r = advance(r.ID)
			}
			b.WantState(r, sentinel.RepairSucceeded, "")
			if got := b.Rows("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10 {
				t.Errorf("the table holds\n%s", got)
			}
			ledger := map[string]string{"postgres": "sentinel.ledger", "mysql": "sentinel_ledger"}[engine]
			got := repairtest.Query(t, b.Driver, b.Owner, "SELECT step, token FROM "+ledger)
			if want := fmt.Sprintf("apply|%d|\n", r.Fence); got != want || r.Fence < 2 {
				t.Errorf("the ledger has %s, want %s", got, want)
			}
		})
	}
}

// onlyRepair returns the one repair of the state.
func onlyRepair(b *repairtest.Fixture) sentinel.Repair {
	b.T.Helper()
	all, err := b.Store.Repairs(b.T.Context(), store.RepairFilter{})
	b.Must(err)
	if len(all) != 1 {
		b.T.Fatalf("%d repairs", len(all))
	}
	return all[0]
}
