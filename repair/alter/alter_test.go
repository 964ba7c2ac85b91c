package alter_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

func TestAddColumnAndRollback(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		before := b.Rows("orders")
		p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
		r := b.RunRepair(p, b.OpenIncident("column_added:coupon"))
		if r.State != sentinel.RepairSucceeded || !strings.Contains(r.Plan.Steps[0].Do[0], "ADD COLUMN") {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		if got := b.Rows("orders"); got == before || strings.Count(got, "\n") != 15 {
			t.Errorf("the table holds\n%s", got)
		}
		if b.Engine == "sqlite" {
			return // what follows needs DROP COLUMN beside an open reader
		}
		ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
		if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Errorf("taken back: %s %s", r.State, r.Message)
		}
	})
}

func TestRollbackKeepsUsedColumn(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := repairtest.New(t, engine)
		b.CreateOrders()
		b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
		b.StillBad = func(context.Context) (bool, error) {
			b.Exec("UPDATE orders SET coupon = 'x' WHERE id = 1") // somebody is quick
			return true, nil
		}
		if r := b.RunRepair(p, b.OpenIncident("column_added:coupon")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "holds values by now") {
			t.Errorf("%s: %s: %s", engine, r.State, r.Message)
		}
	}
}

func TestRefusedChanges(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE staging DROP COLUMN note, ALTER COLUMN id TYPE bigint, ALTER COLUMN amount TYPE numeric(12,2)", "CREATE VIEW v AS SELECT amount FROM orders")
	p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
	for key, want := range map[string]string{
		"column_removed:note":  "never altered by itself",
		"type_narrowed:amount": "never altered by itself",
		"type_widened:amount":  "what depends on the column forbids it",
	} {
		if r := b.RunRepair(p, b.OpenIncident(key)); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, want) {
			t.Errorf("%s: %s: %s", key, r.State, r.Message)
		}
	}
	if r := b.RunRepair(p, b.OpenIncident("type_widened:id")); r.State != sentinel.AwaitingApproval || !strings.Contains(r.Message, "rewrites the table") {
		t.Errorf("a rewrite: %s: %s", r.State, r.Message)
	}
	b.Exec("DROP VIEW v")
	if r := b.RunRepair(p, b.OpenIncident("type_widened:amount")); r.State != sentinel.DeadLetter {
		// The plan has changed since it was refused: it is made anew.
		if r.State != sentinel.RepairSucceeded {
			t.Errorf("a change of the catalog alone: %s: %s", r.State, r.Message)
		}
	}
}

// TestC06WaitingAlterBlocksNobody: while a long reader keeps the ALTER
// waiting, other readers wait no longer than lock_timeout, and the repair is
// tried again later.
func TestC06WaitingAlterBlocksNobody(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreateOrders()
			b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
			db, err := sql.Open(b.Driver, b.Owner)
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
			p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
			planned, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("column_added:coupon"))
			if err != nil {
				t.Fatal(err)
			}
			advanced := make(chan error, 1)
			go func() { advanced <- b.Agent.Advance(t.Context()) }()
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
			r := b.Get(planned.ID)
			if r.State != sentinel.RetryWait || r.NextAt.IsZero() {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			if err := reader.Rollback(); err != nil {
				t.Error(err)
			}
			clock := repairtest.Clock
			b.Agent.Clock = sentinel.ClockFunc(func() time.Time { return clock.Now().Add(time.Hour) })
			if r := b.AdvanceRepair(r.ID); r.State != sentinel.RepairSucceeded {
				t.Errorf("after the reader has gone: %s: %s", r.State, r.Message)
			}
		})
	}
}

func TestC48ChangeAfterPlanIsNotForced(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("column_added:coupon"))
		if err != nil {
			t.Fatal(err)
		}
		b.Exec("ALTER TABLE orders ADD COLUMN other integer")
		if r := b.AdvanceRepair(r.ID); r.State != sentinel.RepairCancelled || !strings.Contains(r.Message, "changed since the plan") {
			t.Errorf("%s: %s", r.State, r.Message)
		}
		if r := b.RunRepair(p, b.OpenIncident("column_added:coupon")); r.State != sentinel.RepairSucceeded {
			t.Errorf("planned anew: %s: %s", r.State, r.Message)
		}
	})
}

func TestC19OddNames(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		quote := map[string]string{"mysql": "`"}[b.Engine]
		if quote == "" {
			quote = `"`
		}
		names := []string{`semi;colon`, `größe`, `select`, `it's`, `🙂`, `1st`, `a"b`, "a`b"}
		if b.Engine == "mysql" { // which has no letters beyond the basic plane in names
			names = slices.DeleteFunc(names, func(n string) bool { return n == `🙂` })
		}
		for _, name := range names {
			b.Exec("ALTER TABLE staging ADD COLUMN " + quote + strings.ReplaceAll(name, quote, quote+quote) + quote + " integer")
			p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
			p.Attempts = 100
			r := b.RunRepair(p, b.OpenIncident("column_added:"+name))
			if r.State != sentinel.RepairSucceeded {
				t.Errorf("%q: %s: %s", name, r.State, r.Message)
			}
		}
	})
}

// A constant default of the source comes along, and with it NOT NULL; old rows
// have it without a rewrite. Any other default stays behind, and the plan says so.
func TestConstantDefaultsAreCopied(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := repairtest.New(t, engine)
		b.CreateOrders()
		b.Exec("ALTER TABLE staging ADD COLUMN status varchar(12) NOT NULL DEFAULT 'new', ADD COLUMN tries integer NOT NULL DEFAULT -3, ADD COLUMN odd varchar(20) DEFAULT 'it''s', ADD COLUMN seen timestamp NOT NULL DEFAULT now()")
		p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
		p.Attempts = 10
		for column, c := range map[string]struct{ do, hazard, value string }{
			"status": {"DEFAULT 'new' NOT NULL", "", "new"},
			"tries":  {"DEFAULT -3 NOT NULL", "", "-3"},
			"odd":    {"ADD COLUMN", "is no constant, and is left out", ""},
			"seen":   {"ADD COLUMN", "is no constant, and is left out", ""},
		} {
			r := b.RunRepair(p, b.OpenIncident("column_added:"+column))
			if r.State != sentinel.RepairSucceeded || !strings.Contains(r.Plan.Steps[0].Do[0], c.do) || !strings.Contains(strings.Join(r.Plan.Hazards, "\n"), c.hazard) {
				t.Fatalf("%s %s: %s: %s\n%v\n%v", engine, column, r.State, r.Message, r.Plan.Steps, r.Plan.Hazards)
			}
			if got := repairtest.Query(t, b.Driver, b.Owner, "SELECT DISTINCT "+column+" FROM orders"); got != c.value+"|\n" {
				t.Errorf("%s %s: old rows have %q, want %q", engine, column, got, c.value)
			}
			if c.value == "" {
				continue
			}
			ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
			if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
				t.Fatal(err)
			}
			if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack {
				t.Errorf("%s %s: taken back: %s %s", engine, column, r.State, r.Message)
			}
		}
	}
}

// What hangs on a table is listed, what others must do first is left to a
// person, and what is not the user's own is left alone.
func TestDependenciesInPlan(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12), DROP COLUMN amount, ADD COLUMN \"Amount\" numeric(10,2), ALTER COLUMN note TYPE varchar(40)", "CREATE VIEW recent AS SELECT * FROM orders")
	p := b.Policy("alter_table", &alter.Table{}, repair.Manual)
	r := b.RunRepair(p, b.OpenIncident("column_added:coupon"))
	if !strings.Contains(strings.Join(r.Plan.Hazards, "\n"), "view recent") || r.Plan.Class != sentinel.ClassAuto {
		t.Errorf("with a view: %s %v", r.Plan.Class, r.Plan.Hazards)
	}
	b.Exec("CREATE PUBLICATION " + "feed_" + b.Name + " FOR TABLE orders")
	if r := b.RunRepair(b.Policy("alter_table", &alter.Table{MaxPartitions: 2}, repair.Auto), b.OpenIncident("type_widened:note")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "depends on the column") {
		t.Errorf("a column in a view: %s %s", r.State, r.Message)
	}
	b.Exec("DROP VIEW recent")
	if r := b.RunRepair(b.Policy("alter_table", &alter.Table{MaxPartitions: 3}, repair.Auto), b.OpenIncident("type_widened:note")); r.State != sentinel.AwaitingApproval || !strings.Contains(r.Plan.Why, "subscribers need the change first") {
		t.Errorf("published: %s %s", r.State, r.Message)
	}
	if r := b.RunRepair(b.Policy("alter_table", &alter.Table{MaxPartitions: 4}, repair.Auto), b.OpenIncident("column_added:Amount")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "in case alone") {
		t.Errorf("a name that differs in case: %s %s", r.State, r.Message)
	}
}

// Privileges granted and dependents made between plan and apply change what was
// planned against.
func TestC48DependenciesAreCompared(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
	a := &alter.Table{}
	p := b.Policy("alter_table", a, repair.Manual)
	r := b.RunRepair(p, b.OpenIncident("column_added:coupon"))
	b.Exec("CREATE VIEW recent AS SELECT id FROM orders")
	target := b.Target()
	var changed *repair.ChangedError
	if err := a.Apply(t.Context(), &repair.Run{Target: target, Repair: r}); !errors.As(err, &changed) {
		t.Errorf("applied: %v", err)
	}
}

// A transaction that has held the table for long puts an ALTER off before it
// queues for the lock, where it would hold up everybody behind it.
func TestC06LongTransactionDelaysAlter(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
	a := &alter.Table{PutOffAfter: time.Millisecond}
	r := b.RunRepair(b.Policy("alter_table", a, repair.Manual), b.OpenIncident("column_added:coupon"))
	db, err := sql.Open(b.Driver, b.Owner)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT count(*), pg_sleep(0.05) FROM orders"); err != nil {
		t.Fatal(err)
	}
	target := b.Target()
	var later *repair.TransientError
	if err := a.Apply(t.Context(), &repair.Run{Target: target, Repair: r}); !errors.As(err, &later) || !strings.Contains(err.Error(), "has held it since") {
		t.Errorf("applied: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(t.Context(), &repair.Run{Target: target, Repair: r}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestC55 takes PostgreSQL's catalog of dependencies away.
func TestC55UnreadableDependenciesStopPlan(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	user := "reader_" + strings.Trim(repairtest.Query(t, b.Driver, b.Owner, "SELECT current_database()"), "|\n")
	b.Exec("ALTER TABLE staging ALTER COLUMN note TYPE varchar(40)", "CREATE ROLE "+user+" LOGIN",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+user, "REVOKE SELECT ON pg_catalog.pg_depend FROM PUBLIC")
	t.Cleanup(func() { b.Exec("DROP OWNED BY "+user, "DROP ROLE "+user) })
	target := b.TargetReadBy(strings.Replace(b.Owner, "postgres://postgres@", "postgres://"+user+"@", 1))
	a := &alter.Table{}
	b.Must(a.Validate())
	plan, err := a.Plan(t.Context(), target, b.OpenIncident("type_widened:note"))
	if err == nil || !strings.Contains(err.Error(), "pg_depend") {
		t.Errorf("planned %+v, %v", plan, err)
	}
	b.Exec("GRANT SELECT ON pg_catalog.pg_depend TO " + user)
	if plan, err = a.Plan(t.Context(), target, b.OpenIncident("type_widened:note")); err != nil || plan.Class != sentinel.ClassAuto {
		t.Errorf("with it: %+v, %v", plan, err)
	}
}
