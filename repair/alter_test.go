package repair_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

func asFenced(err error, into **repair.FencedError) bool { return errors.As(err, into) }

func TestAColumnOfTheSourceIsAddedAndTakenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		before := b.content("orders")
		p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
		r := b.repaired(p, b.incident("column_added:coupon"))
		if r.State != sentinel.RepairSucceeded || !strings.Contains(r.Plan.Steps[0].Do[0], "ADD COLUMN") {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		if got := b.content("orders"); got == before || strings.Count(got, "\n") != 15 {
			t.Errorf("the table holds\n%s", got)
		}
		if b.engine == "sqlite" {
			return // what follows needs DROP COLUMN beside an open reader
		}
		ann := repair.Decisions{Store: b.store, Now: clock, Who: "ann"}
		if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.advanced(r.ID); r.State != sentinel.RolledBack || b.content("orders") != before {
			t.Errorf("taken back: %s %s", r.State, r.Message)
		}
	})
}

func TestAColumnThatWasWrittenToIsNotTakenBack(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := newBench(t, engine)
		b.orders()
		b.exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
		b.bad = func(context.Context) (bool, error) {
			b.exec("UPDATE orders SET coupon = 'x' WHERE id = 1") // somebody is quick
			return true, nil
		}
		if r := b.repaired(p, b.incident("column_added:coupon")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "holds values by now") {
			t.Errorf("%s: %s: %s", engine, r.State, r.Message)
		}
	}
}

func TestWhatIsNeverAlteredByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	b.exec("ALTER TABLE staging DROP COLUMN note, ALTER COLUMN id TYPE bigint, ALTER COLUMN amount TYPE numeric(12,2)", "CREATE VIEW v AS SELECT amount FROM orders")
	p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
	for key, want := range map[string]string{
		"column_removed:note":  "never altered by itself",
		"type_narrowed:amount": "never altered by itself",
		"type_widened:amount":  "what depends on the column forbids it",
	} {
		if r := b.repaired(p, b.incident(key)); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, want) {
			t.Errorf("%s: %s: %s", key, r.State, r.Message)
		}
	}
	if r := b.repaired(p, b.incident("type_widened:id")); r.State != sentinel.AwaitingApproval || !strings.Contains(r.Message, "rewrites the table") {
		t.Errorf("a rewrite: %s: %s", r.State, r.Message)
	}
	b.exec("DROP VIEW v")
	if r := b.repaired(p, b.incident("type_widened:amount")); r.State != sentinel.DeadLetter {
		// The plan has changed since it was refused: it is made anew.
		if r.State != sentinel.RepairSucceeded {
			t.Errorf("a change of the catalog alone: %s: %s", r.State, r.Message)
		}
	}
}

// TestC06AWaitingAlterHoldsNobodyUp: while a long reader keeps the ALTER
// waiting, other readers wait no longer than lock_timeout, and the repair is
// tried again later.
func TestC06AWaitingAlterHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine)
			b.orders()
			b.exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
			db, err := sql.Open(b.driver, b.dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			reader, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := reader.Exec("SELECT count(*) FROM orders"); err != nil {
				t.Fatal(err)
			}
			p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
			planned, err := b.repair.Consider(t.Context(), p, b.incident("column_added:coupon"))
			if err != nil {
				t.Fatal(err)
			}
			advanced := make(chan error, 1)
			go func() { advanced <- b.repair.Advance(t.Context()) }()
			var longest time.Duration
			for waiting := true; waiting; {
				select {
				case err := <-advanced:
					if err != nil {
						t.Error(err)
					}
					waiting = false
				default:
					begin := time.Now()
					var n int
					if err := db.QueryRow("SELECT count(*) FROM orders").Scan(&n); err != nil {
						t.Error(err)
					}
					longest = max(longest, time.Since(begin))
				}
			}
			t.Logf("other readers waited up to %s; lock_timeout is 1s", longest.Round(time.Millisecond))
			if longest > 1500*time.Millisecond {
				t.Errorf("a reader waited %s", longest)
			}
			r := b.get(planned.ID)
			if r.State != sentinel.RetryWait || r.NextAt.IsZero() {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			if err := reader.Rollback(); err != nil {
				t.Error(err)
			}
			now := clock
			b.repair.Now = func() time.Time { return now().Add(time.Hour) }
			if r := b.advanced(r.ID); r.State != sentinel.RepairSucceeded {
				t.Errorf("after the reader has gone: %s: %s", r.State, r.Message)
			}
		})
	}
}

func TestC48AChangeBetweenPlanAndApplyIsNotForced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
		r, err := b.repair.Consider(t.Context(), p, b.incident("column_added:coupon"))
		if err != nil {
			t.Fatal(err)
		}
		b.exec("ALTER TABLE orders ADD COLUMN other integer")
		if r := b.advanced(r.ID); r.State != sentinel.RepairCancelled || !strings.Contains(r.Message, "changed since the plan") {
			t.Errorf("%s: %s", r.State, r.Message)
		}
		if r := b.repaired(p, b.incident("column_added:coupon")); r.State != sentinel.RepairSucceeded {
			t.Errorf("planned anew: %s: %s", r.State, r.Message)
		}
	})
}

func TestC19OddNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		quote := map[string]string{"mysql": "`"}[b.engine]
		if quote == "" {
			quote = `"`
		}
		names := []string{`semi;colon`, `größe`, `select`, `it's`, `🙂`, `1st`, `a"b`, "a`b"}
		if b.engine == "mysql" { // which has no letters beyond the basic plane in names
			names = slices.DeleteFunc(names, func(n string) bool { return n == `🙂` })
		}
		for _, name := range names {
			b.exec("ALTER TABLE staging ADD COLUMN " + quote + strings.ReplaceAll(name, quote, quote+quote) + quote + " integer")
			p := b.policy("alter_table", &repair.AlterTable{}, repair.Auto)
			p.Attempts = 100
			r := b.repaired(p, b.incident("column_added:"+name))
			if r.State != sentinel.RepairSucceeded {
				t.Errorf("%q: %s: %s", name, r.State, r.Message)
			}
		}
	})
}
