package reload_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// concurrentWrites are transactions of another session. Each writes the note 'w' to one
// row, which nothing may take away.
var concurrentWrites = map[string][]string{
	"update":              {"UPDATE orders SET note = 'w' WHERE id = 101"},
	"delete and insert":   {"DELETE FROM orders WHERE id = 102", "INSERT INTO orders VALUES (160, 1, 'w', '2026-03-11 20:00:00')"},
	"replace":             {"DELETE FROM orders WHERE id = 102", "INSERT INTO orders VALUES (102, 1, 'w', '2026-03-11 20:00:00')"},
	"insert":              {"INSERT INTO orders VALUES (161, 1, 'w', '2026-03-11 21:00:00')"},
	"insert a staged key": {"INSERT INTO orders VALUES (106, 1, 'w', '2026-03-11 21:00:00')"},
	"move away":           {"UPDATE orders SET note = 'w', at = '2026-03-12 22:00:00' WHERE id = 103"},
	"move here":           {"UPDATE orders SET note = 'w', at = '2026-03-11 22:00:00' WHERE id = 3"},
	"change a key":        {"UPDATE orders SET note = 'w', id = 107 WHERE id = 104"},
}

// places are the failpoints of a step by method. %s is the name of the step.
var places = map[string][]string{
	"delete_insert": {"before_%s", "before_%s_keeps", "before_delete", "after_%s_kept", "before_%s_compares", "in_%s_txn"},
	"merge":         {"before_%s", "before_%s_keeps", "after_%s_kept", "before_merge_inserts", "before_%s_compares", "in_%s_txn"},
	"swap":          {"before_%s", "before_%s_swaps", "after_%s_swaps", "in_%s_txn"},
}

// atLevel returns a session that waits for locks only for a moment, and a target of repairs.
// isolation is the level of the session, and the default of the repairs.
func atLevel(b *repairtest.Fixture, isolation string) (*sql.DB, *repair.Target) {
	b.T.Helper()
	dsn, target := b.Owner, b.Target()
	switch b.Engine {
	case "postgres":
		b.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''" + isolation + "''', current_database()); END $$")
		dsn += "&lock_timeout=100ms"
	case "mysql":
		dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")] +
			"tx_isolation='" + strings.ToUpper(strings.ReplaceAll(isolation, " ", "-")) + "'"
		target = b.TargetWrittenBy(dsn)
		dsn += "&innodb_lock_wait_timeout=1&lock_wait_timeout=1"
	case "sqlite":
		dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")] + "_pragma=busy_timeout(50)"
	}
	db, err := sql.Open(b.Driver, dsn)
	b.Must(err)
	db.SetMaxOpenConns(1)
	b.T.Cleanup(func() { b.Must(db.Close()) })
	return db, target
}

// tryWrite runs a transaction, and reports whether it committed.
func tryWrite(db *sql.DB, statements []string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false
	}
	for _, st := range statements {
		result, err := tx.ExecContext(ctx, st)
		if err == nil {
			if n, _ := result.RowsAffected(); n != 1 {
				err = errors.New("no row") // nothing was written
			}
		}
		if err != nil {
			_ = tx.Rollback()
			return false
		}
	}
	return tx.Commit() == nil
}

// writerCase is one write at one place of one step.
type writerCase struct{ id, method, isolation, step, place, write string }

// check runs the step, and compares what it leaves with what was committed.
func (c writerCase) check(t *testing.T, b *repairtest.Fixture, target *repair.Target, other *sql.DB) (wrote, done bool) {
	a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: c.method, Partition: "at", Key: []string{"id"}}
	run := b.NewRun(a, target)
	run.Repair.ID, run.Repair.Key = c.id, c.id
	b.Must(a.Stage(t.Context(), run))
	step := a.Apply
	if c.step == "rollback" {
		b.Must(a.Apply(t.Context(), run))
		step = a.Rollback
	}
	var before string
	run.Control = repairtest.Control{OnFailpoint: func(place string) {
		if place == c.place && !wrote {
			wrote = tryWrite(other, concurrentWrites[c.write])
			if _, err := other.Exec("SELECT id FROM orders WHERE 1 = 0"); err == nil { // readers are not locked out
				before = b.Rows("orders") // as others see it
			}
		}
	}}
	err := step(t.Context(), run)
	var changed *repair.ChangedError
	var transient *repair.TransientError
	var refused *repair.RefusedError
	if err != nil && !errors.As(err, &changed) && !errors.As(err, &transient) && !errors.As(err, &refused) {
		t.Errorf("%+v: %v", c, err)
	}
	after := b.Rows("orders")
	if err != nil && before != "" && after != before {
		t.Errorf("%+v: %v, and the table holds\n%sinstead of\n%s", c, err, after, before)
	}
	if want := map[bool]int{true: 1}[wrote]; strings.Count(after, "|w|") != want {
		t.Errorf("%+v: wrote %t (%v), and the table holds\n%s", c, wrote, err, after)
	}
	return wrote, err == nil
}

// TestConcurrentWritesAreNotLost has another session commit at every place of the exchange
// where it can, in every isolation level. What it wrote is in the table afterwards. Once the
// old rows are read it tries every write, and elsewhere one at each place.
func TestConcurrentWritesAreNotLost(t *testing.T) {
	t.Parallel()
	for i, method := range []string{"delete_insert", "merge"} {
		for j, isolation := range []string{"read committed", "repeatable read", "serializable"} {
			for k, engine := range repairtest.Engines {
				if engine == "sqlite" && isolation != "serializable" {
					continue // it has one level
				}
				t.Run(method+" "+isolation+" "+engine, func(t *testing.T) {
					t.Parallel()
					b := repairtest.New(t, engine)
					b.CreateOrders()
					tryWrites(t, b, method, isolation, 9*i+3*j+k)
				})
			}
		}
	}
}

func tryWrites(t *testing.T, b *repairtest.Fixture, method, isolation string, first int) {
	other, target := atLevel(b, isolation)
	writes := slices.Sorted(maps.Keys(concurrentWrites))
	n, wrote, done := 0, 0, 0
	try := func(step, place, write string) {
		n++
		b.Exec("DELETE FROM orders", "DELETE FROM staging")
		b.FillOrders()
		at := strings.Replace(place, "%s", step, 1)
		w, d := writerCase{fmt.Sprint("r", n), method, isolation, step, at, write}.check(t, b, target, other)
		wrote += map[bool]int{true: 1}[w]
		done += map[bool]int{true: 1}[d]
	}
	for i, step := range []string{"apply", "rollback"} {
		for j, place := range places[method] {
			try(step, place, writes[(first+i+j)%len(writes)])
		}
	}
	if method == "swap" {
		writes = writes[:3] // each takes DDL
	}
	for _, write := range writes { // between what is kept and what is deleted or overwritten
		try("apply", places[method][2], write)
	}
	if wrote == 0 || done == 0 {
		t.Errorf("%d writes of %d committed, and %d steps were carried out", wrote, n, done)
	}
}
