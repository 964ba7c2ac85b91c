package reload_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// waits blocks until a query answers something other than 0. It asks seldom:
// InnoDB renews innodb_trx only when nobody has read it for 100 ms.
func waits(b *repairtest.Fixture, query string) {
	b.T.Helper()
	for deadline := repairtest.Clock().Add(10 * time.Second); repairtest.Clock().Before(deadline); time.Sleep(150 * time.Millisecond) {
		if got := repairtest.Query(b.T, b.Driver, b.DSN, query); got != "0|\n" {
			return
		}
	}
	b.T.Fatalf("nobody waits: %s", query)
}

// TestC07 makes two transactions meet in a way that the server ends one of them:
// on PostgreSQL by a serialization error, on MariaDB by a deadlock.
func TestC07DeadlocksAreRetried(t *testing.T) {
	t.Parallel()
	for engine, c := range map[string]struct{ waiting, meet, code string }{
		"postgres": {"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "", "40001"},
		"mysql":    {"SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'", "SELECT count(*) FROM sentinel_fence FOR UPDATE", "1213"},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreateOrders()
			if engine == "postgres" {
				b.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''', current_database()); END $$")
			}
			a := b.ReloadFromStaging()
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run))
			tx, err := b.Write.DB.BeginTx(t.Context(), nil)
			b.Must(err)
			// Many rows, so that the server gives the other one up, and row 101 last.
			for _, st := range []string{"UPDATE staging SET note = 'kept'", "UPDATE orders SET note = 'kept' WHERE id < 100 OR id >= 200", "UPDATE orders SET amount = amount + 1 WHERE id = 101", "UPDATE orders SET amount = amount - 1 WHERE id = 101"} {
				_, err := tx.ExecContext(t.Context(), st)
				b.Must(err)
			}
			done := make(chan error, 1)
			go func() { done <- a.Apply(t.Context(), run) }()
			waits(b, c.waiting)
			if c.meet != "" {
				_, err := tx.ExecContext(t.Context(), c.meet)
				b.Must(err)
			}
			b.Must(tx.Commit())
			var again *repair.TransientError
			if err := <-done; !errors.As(err, &again) || !strings.Contains(err.Error(), c.code) {
				t.Fatalf("got %v, want a transient %s", err, c.code)
			}
			b.Must(a.Apply(t.Context(), run))
			if got := b.Rows("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "kept") != 10 {
				t.Errorf("the table holds\n%s", got)
			}
		})
	}
}
