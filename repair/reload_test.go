package repair_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// planned is a reload of Tuesday that is about to be staged, outside of an
// engine, so that a test can act between its steps.
func (b *bench) planned(a *repair.ReloadPartition, target *repair.Target) *repair.Run {
	b.t.Helper()
	if err := a.Validate(); err != nil {
		b.t.Fatal(err)
	}
	plan, err := a.Plan(b.t.Context(), target, b.incident(tuesday))
	if err != nil {
		b.t.Fatal(err)
	}
	return &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.table("orders"), Plan: plan, Fence: 1, Attempts: 1}}
}

func (b *bench) target() *repair.Target {
	b.t.Helper()
	t, err := b.repair.Target(b.t.Context(), b.table("orders"))
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

func (b *bench) must(errs ...error) {
	b.t.Helper()
	if err := errors.Join(errs...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) fromStaging() *repair.ReloadPartition {
	return &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}}
}

func TestC51ALateRowIsNotLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		a := b.fromStaging()
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r))
		b.exec("INSERT INTO orders VALUES (150, 1, 'late', '2026-03-11 23:00:00')")
		before := b.content("orders")
		var changed *repair.ChangedError
		if err := a.Apply(t.Context(), r); !errors.As(err, &changed) || b.content("orders") != before {
			t.Errorf("%v\n%s", err, b.content("orders"))
		}
	})
}

func TestC51AnOpenWindowNeedsAKeyThatTheTableHolds(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	late := b.target()
	soon := *late
	soon.Now = func() time.Time { return day0.AddDate(0, 0, 2).Add(time.Hour) } // it closes at two
	for _, c := range []struct {
		name   string
		target *repair.Target
		action repair.ReloadPartition
		want   sentinel.RepairClass
	}{
		{"closed window", late, repair.ReloadPartition{}, sentinel.ClassAuto},
		{"open window", &soon, repair.ReloadPartition{}, sentinel.ClassApprove},
		{"open window, single writer", &soon, repair.ReloadPartition{SingleWrite: true}, sentinel.ClassAuto},
		{"open window, a key that is only configured", &soon, repair.ReloadPartition{Key: []string{"id"}}, sentinel.ClassApprove},
	} {
		c.action.From = []sentinel.Table{b.table("staging")}
		b.exec("ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_pkey")
		if r := b.planned(&c.action, c.target); r.Repair.Plan.Class != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.name, r.Repair.Plan.Class, c.want, r.Repair.Plan.Why)
		}
	}
	b.exec("ALTER TABLE orders ADD PRIMARY KEY (id)")
	if r := b.planned(b.fromStaging(), &soon); r.Repair.Plan.Class != sentinel.ClassAuto {
		t.Errorf("open window, primary key: %s", r.Repair.Plan.Class)
	}
}

func TestRowsThatWereChangedSinceAreNotTakenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		a := b.fromStaging()
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r), a.Apply(t.Context(), r))
		b.exec("UPDATE orders SET note = 'by hand' WHERE id = 103")
		before := b.content("orders")
		var refused *repair.RefusedError
		if err := a.Rollback(t.Context(), r); !errors.As(err, &refused) || b.content("orders") != before {
			t.Errorf("%v\n%s", err, b.content("orders"))
		}
		b.exec("UPDATE orders SET note = 'new' WHERE id = 103")
		for range 2 { // the second time it is found in the ledger
			b.must(a.Rollback(t.Context(), r))
		}
		if got := b.content("orders"); strings.Contains(got, "new") || strings.Count(got, "old") != 15 {
			t.Errorf("taken back:\n%s", got)
		}
	})
}

func TestC54ALedgerThatAFailoverLostIsAppliedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		old := b.content("orders")
		a := b.fromStaging()
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r), a.Apply(t.Context(), r), a.Apply(t.Context(), r))
		good := b.content("orders")
		// What the replica that takes over has: neither the rows nor the ledger.
		b.must(a.Rollback(t.Context(), r))
		if b.content("orders") != old {
			t.Fatalf("not as it was:\n%s", b.content("orders"))
		}
		ledger := "sentinel_ledger"
		if b.engine == "postgres" {
			ledger = "sentinel.ledger"
		}
		b.exec("DELETE FROM " + ledger)
		b.must(a.Apply(t.Context(), r))
		if b.content("orders") != good {
			t.Errorf("applied again:\n%s", b.content("orders"))
		}
	})
}

func TestC06ALockedRowIsWaitedForAndTriedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		a := b.fromStaging()
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r))
		tx, err := b.write.DB.BeginTx(t.Context(), nil)
		b.must(err)
		_, err = tx.ExecContext(t.Context(), "UPDATE orders SET note = note WHERE id = 101")
		b.must(err)
		var again *repair.TransientError
		if err := a.Apply(t.Context(), r); !errors.As(err, &again) {
			t.Errorf("while another holds a row: %v", err)
		}
		b.must(tx.Rollback(), a.Apply(t.Context(), r))
		if got := b.content("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

// TestC30 gives SQLite a file that may not grow: what a full disk answers.
func TestC30AFullDiskInStagingLeavesTheTableAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	b.orders()
	for i := range 20 {
		b.exec(fmt.Sprintf("INSERT INTO staging VALUES (%d, 1, '%s', '2026-03-11 12:00:00')", 1000+i, strings.Repeat("x", 4000)))
	}
	before := b.content("orders")
	b.write.DB.SetMaxOpenConns(1)
	var pages int
	b.must(b.write.DB.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	b.must(b.write.DB.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+10)).Scan(&pages))
	a := b.fromStaging()
	r := b.planned(a, b.target())
	if err := a.Stage(t.Context(), r); err == nil || !strings.Contains(err.Error(), "full") || b.content("orders") != before {
		t.Errorf("%v\n%s", err, b.content("orders"))
	}
	b.sweep()
}

func TestC32AnOvertakenAgentCannotStage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		a := b.fromStaging()
		old := b.planned(a, b.target())
		r := *old
		r.Repair.Fence = 2
		b.must(a.Stage(t.Context(), &r))
		var fenced *repair.FencedError
		if err := a.Stage(t.Context(), old); !errors.As(err, &fenced) {
			t.Errorf("staging with an older fence: %v", err)
		}
		if err := a.Apply(t.Context(), old); !errors.As(err, &fenced) {
			t.Errorf("applying with an older fence: %v", err)
		}
		b.must(a.Apply(t.Context(), &r))
	})
}

// across is a target of one engine with its source in another.
func across(b, from *bench) *repair.Target {
	t := *b.target()
	t.Warehouse = func(name string) (*warehouse.DB, error) {
		if name == "src" {
			return from.read, nil
		}
		return nil, errors.New("no warehouse " + name)
	}
	return &t
}

func TestAWindowIsReloadedFromEveryOtherEngine(t *testing.T) {
	t.Parallel()
	for _, source := range engines {
		for _, engine := range engines {
			t.Run(source+" to "+engine, func(t *testing.T) {
				t.Parallel()
				from, b := newBench(t, source), newBench(t, engine)
				from.orders()
				b.orders()
				from.exec("UPDATE staging SET note = 'new''s \\ ü', amount = NULL WHERE id = 104")
				a := &repair.ReloadPartition{From: []sentinel.Table{{Warehouse: "src", Schema: from.schema, Name: "staging"}}, BatchRows: 3}
				r := b.planned(a, across(b, from))
				b.must(a.Stage(t.Context(), r), a.Apply(t.Context(), r))
				query := "SELECT id, amount, note, at FROM %s WHERE id >= 100 AND id < 200 ORDER BY 1"
				got, want := b.shown(fmt.Sprintf(query, "orders")), from.shown(fmt.Sprintf(query, "staging"))
				if got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			})
		}
	}
}

// shown is what a query answers, in a form that all engines share.
func (b *bench) shown(query string) string {
	b.t.Helper()
	out := queryAll(b.t, b.driver, b.dsn, query)
	return strings.NewReplacer(".00|", "|", "T", " ", "+00:00", "", "Z", "").Replace(out)
}

func TestStagingGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		from := newBench(t, "sqlite")
		from.orders()
		b.orders()
		a := &repair.ReloadPartition{From: []sentinel.Table{{Warehouse: "src", Schema: from.schema, Name: "staging"}}, BatchRows: 2}
		r := b.planned(a, across(b, from))
		stopped, batches := errors.New("the agent stops"), 0
		r.Failpoint = func(name string) {
			if name == "staging_batch" {
				batches++
			}
		}
		r.Alive = func() error {
			if batches == 2 {
				return stopped
			}
			return nil
		}
		if err := a.Stage(t.Context(), r); !errors.Is(err, stopped) {
			t.Fatalf("%v", err)
		}
		r.Repair.Fence, r.Alive, batches = 2, nil, 0
		b.must(a.Stage(t.Context(), r))
		if batches != 3 { // rows 5 and 6, 7 and 8, and the empty one that ends it
			t.Errorf("%d batches after the first two of two rows each", batches)
		}
		b.must(a.Apply(t.Context(), r))
		if got := b.content("orders"); strings.Count(got, "new") != 8 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestASourceThatMovesWhileItIsStagedIsReadAnew(t *testing.T) {
	t.Parallel()
	b, from := newBench(t, "postgres"), newBench(t, "sqlite")
	from.orders()
	b.orders()
	a := &repair.ReloadPartition{From: []sentinel.Table{{Warehouse: "src", Schema: from.schema, Name: "staging"}}, BatchRows: 3}
	r := b.planned(a, across(b, from))
	once := false
	r.Failpoint = func(name string) {
		if name == "staging_batch" && !once {
			once = true // a row with a key that was passed already
			from.exec("INSERT INTO staging VALUES (99, 1, 'new', '2026-03-11 01:00:00')")
		}
	}
	var again *repair.TransientError
	if err := a.Stage(t.Context(), r); !errors.As(err, &again) {
		t.Fatalf("%v", err)
	}
	b.must(a.Stage(context.WithoutCancel(t.Context()), r), a.Apply(t.Context(), r))
	if got := b.content("orders"); strings.Count(got, "new") != 9 {
		t.Errorf("the table holds\n%s", got)
	}
}

func TestAColumnOfDatesIsReloadedByDays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, table := range []string{"orders", "staging"} {
			b.exec("CREATE TABLE "+table+" (id integer NOT NULL PRIMARY KEY, day date NOT NULL, note varchar(20))",
				"INSERT INTO "+table+" VALUES (1, '2026-03-10', '"+table+"'), (2, '2026-03-11', '"+table+"'), (3, '2026-03-12', '"+table+"')")
		}
		a := b.fromStaging()
		a.Partition = "day::date"
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r), a.Apply(t.Context(), r))
		if got := queryAll(t, b.driver, b.dsn, "SELECT note FROM orders ORDER BY id"); got != "orders|\nstaging|\norders|\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestRowsOfOtherTablesAreNotDeletedWithTheWindow(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := newBench(t, engine)
		b.orders()
		b.exec("CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer, FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)", "INSERT INTO order_lines VALUES (1, 101)")
		a := b.fromStaging()
		b.must(a.Validate())
		var refused *repair.RefusedError
		if _, err := a.Plan(t.Context(), b.target(), b.incident(tuesday)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "order_lines") {
			t.Errorf("%s: %v", engine, err)
		}
	}
}

func TestATableWithTriggersWaitsForAPerson(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("CREATE TABLE log (id integer)")
		switch b.engine {
		case "postgres":
			b.exec("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (OLD.id); RETURN OLD; END'", "CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note()")
		case "mysql":
			b.exec("CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW INSERT INTO log VALUES (OLD.id)")
		case "sqlite":
			b.exec("CREATE TRIGGER noted BEFORE DELETE ON orders BEGIN INSERT INTO log VALUES (OLD.id); END")
		}
		r := b.planned(b.fromStaging(), b.target())
		if p := r.Repair.Plan; p.Class != sentinel.ClassApprove || !strings.Contains(p.Why, "noted") {
			t.Errorf("%s: %s", p.Class, p.Why)
		}
	})
}
