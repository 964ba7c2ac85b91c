package reload_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// waits blocks until a query answers something other than 0. It asks seldom:
// InnoDB renews innodb_trx only when nobody has read it for 100 ms.
func waits(b *repairtest.Fixture, query string) {
	b.T.Helper()
	for deadline := repairtest.Clock.Now().Add(10 * time.Second); repairtest.Clock.Now().Before(deadline); time.Sleep(150 * time.Millisecond) {
		if got := repairtest.Query(b.T, b.Driver, b.Owner, query); got != "0|\n" {
			return
		}
	}
	b.T.Fatalf("nobody waits: %s", query)
}

// patient is a target whose repairs wait for locks for longer than a server needs to find
// a deadlock.
func patient(b *repairtest.Fixture) *repair.Target {
	b.T.Helper()
	dsn := sentinel.NewSecret(b.Warehouse)
	write, err := repair.OpenWriter(warehouse.Config{
		Name: "w", Dialect: b.Engine, DSN: dsn, RepairDSN: dsn, LockTimeout: 30 * time.Second, Clock: repairtest.Clock,
	})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(write.Close()) })
	target := *b.Target()
	target.Write = write
	return &target
}

// TestC07 makes two transactions wait for each other, so that the server ends the one of
// the repair. PostgreSQL ends the one that looks for a deadlock first: the other waits
// for longer before it looks.
func TestC07DeadlocksAreRetried(t *testing.T) {
	t.Parallel()
	for engine, c := range map[string]struct{ waiting, meet, code string }{
		"postgres": {"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "SELECT count(*) FROM (SELECT 1 FROM sentinel.fence FOR UPDATE) f", "40P01"},
		"mysql":    {"SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'", "SELECT count(*) FROM sentinel_fence FOR UPDATE", "1213"},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreateOrders()
			if engine == "postgres" {
				b.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''3s''', current_database()); END $$")
			}
			b.Exec("CREATE TABLE ballast (id int)")
			a := b.ReloadFromStaging()
			run := b.NewRun(a, patient(b))
			b.Must(a.Stage(t.Context(), run))
			tx, err := b.Write.DB.BeginTx(t.Context(), nil)
			b.Must(err)
			if engine == "postgres" {
				_, err := tx.ExecContext(t.Context(), "SET LOCAL deadlock_timeout = '1min'; SET LOCAL lock_timeout = 0")
				b.Must(err)
			}
			// Many rows, so that the server gives the other one up, and row 101 last. The source stays as it is.
			for _, st := range []string{"INSERT INTO ballast SELECT a.id FROM staging a, staging b", "UPDATE orders SET note = 'kept' WHERE id < 100 OR id >= 200", "UPDATE orders SET amount = amount + 1 WHERE id = 101", "UPDATE orders SET amount = amount - 1 WHERE id = 101"} {
				_, err := tx.ExecContext(t.Context(), st)
				b.Must(err)
			}
			done := make(chan error, 1)
			go func() { done <- a.Apply(t.Context(), run) }()
			waits(b, c.waiting)
			_, err = tx.ExecContext(t.Context(), c.meet)
			b.Must(err, tx.Commit())
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
