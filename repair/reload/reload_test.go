package reload_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

func TestC51LateRowIsNotLost(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run))
		b.Exec("INSERT INTO orders VALUES (150, 1, 'late', '2026-03-11 23:00:00')")
		before := b.Rows("orders")
		var changed *repair.ChangedError
		if err := a.Apply(t.Context(), run); !errors.As(err, &changed) || b.Rows("orders") != before {
			t.Errorf("%v\n%s", err, b.Rows("orders"))
		}
	})
}

func TestC51OpenWindowNeedsUniqueKey(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	late := b.Target()
	soon := *late
	soon.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Day0.AddDate(0, 0, 2).Add(time.Hour) }) // it closes at two
	for _, c := range []struct {
		name   string
		target *repair.Target
		action reload.Partition
		want   sentinel.RepairClass
	}{
		{"closed window", late, reload.Partition{}, sentinel.ClassAuto},
		{"open window", &soon, reload.Partition{}, sentinel.ClassApprove},
		{"open window, single writer", &soon, reload.Partition{SingleWrite: true}, sentinel.ClassAuto},
		{"open window, a key that is only configured", &soon, reload.Partition{Key: []string{"id"}}, sentinel.ClassApprove},
	} {
		c.action.From = []sentinel.Table{b.Table("staging")}
		b.Exec("ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_pkey")
		if run := b.NewRun(&c.action, c.target); run.Repair.Plan.Class != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.name, run.Repair.Plan.Class, c.want, run.Repair.Plan.Why)
		}
	}
	b.Exec("ALTER TABLE orders ADD PRIMARY KEY (id)")
	if run := b.NewRun(b.ReloadFromStaging(), &soon); run.Repair.Plan.Class != sentinel.ClassAuto {
		t.Errorf("open window, primary key: %s", run.Repair.Plan.Class)
	}
}

func TestRollbackKeepsChangedRows(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		b.Exec("UPDATE orders SET note = 'by hand' WHERE id = 103")
		before := b.Rows("orders")
		var refused *repair.RefusedError
		if err := a.Rollback(t.Context(), run); !errors.As(err, &refused) || b.Rows("orders") != before {
			t.Errorf("%v\n%s", err, b.Rows("orders"))
		}
		b.Exec("UPDATE orders SET note = 'new' WHERE id = 103")
		for range 2 { // the second time it is found in the ledger
			b.Must(a.Rollback(t.Context(), run))
		}
		if got := b.Rows("orders"); strings.Contains(got, "new") || strings.Count(got, "old") != 15 {
			t.Errorf("taken back:\n%s", got)
		}
	})
}

func TestC54LedgerLostInFailoverIsReapplied(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		old := b.Rows("orders")
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run), a.Apply(t.Context(), run))
		good := b.Rows("orders")
		// What the replica that takes over has: neither the rows nor the ledger.
		b.Must(a.Rollback(t.Context(), run))
		if b.Rows("orders") != old {
			t.Fatalf("not as it was:\n%s", b.Rows("orders"))
		}
		ledger := "sentinel_ledger"
		if b.Engine == "postgres" {
			ledger = "sentinel.ledger"
		}
		b.Exec("DELETE FROM " + ledger)
		b.Must(a.Apply(t.Context(), run))
		if b.Rows("orders") != good {
			t.Errorf("applied again:\n%s", b.Rows("orders"))
		}
	})
}

func TestC06LockedRowIsRetried(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run))
		tx, err := b.Write.DB.BeginTx(t.Context(), nil)
		b.Must(err)
		_, err = tx.ExecContext(t.Context(), "UPDATE orders SET note = note WHERE id = 101")
		b.Must(err)
		var again *repair.TransientError
		if err := a.Apply(t.Context(), run); !errors.As(err, &again) {
			t.Errorf("while another holds a row: %v", err)
		}
		b.Must(tx.Rollback(), a.Apply(t.Context(), run))
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

// TestC30 gives SQLite a file that may not grow: what a full disk answers.
func TestC30FullDiskInStagingKeepsTable(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	for i := range 20 {
		b.Exec(fmt.Sprintf("INSERT INTO staging VALUES (%d, 1, '%s', '2026-03-11 12:00:00')", 1000+i, strings.Repeat("x", 4000)))
	}
	before := b.Rows("orders")
	b.Write.DB.SetMaxOpenConns(1)
	var pages int
	b.Must(b.Write.DB.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	b.Must(b.Write.DB.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+10)).Scan(&pages))
	a := b.ReloadFromStaging()
	run := b.NewRun(a, b.Target())
	if err := a.Stage(t.Context(), run); err == nil || !strings.Contains(err.Error(), "full") || b.Rows("orders") != before {
		t.Errorf("%v\n%s", err, b.Rows("orders"))
	}
	b.Sweep()
}

func TestC32OvertakenAgentCannotStage(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		a := b.ReloadFromStaging()
		old := b.NewRun(a, b.Target())
		r := *old
		r.Repair.Fence = 2
		b.Must(a.Stage(t.Context(), &r))
		var fenced *repair.FencedError
		if err := a.Stage(t.Context(), old); !errors.As(err, &fenced) {
			t.Errorf("staging with an older fence: %v", err)
		}
		if err := a.Apply(t.Context(), old); !errors.As(err, &fenced) {
			t.Errorf("applying with an older fence: %v", err)
		}
		b.Must(a.Apply(t.Context(), &r))
	})
}

// across is a target of one engine with its source in another.
func across(b, from *repairtest.Fixture) *repair.Target {
	t := *b.Target()
	t.Sources = repairtest.Sources{"src": from.Read}
	return &t
}

func TestReloadFromOtherEngines(t *testing.T) {
	t.Parallel()
	for _, source := range repairtest.Engines {
		for _, engine := range repairtest.Engines {
			t.Run(source+" to "+engine, func(t *testing.T) {
				t.Parallel()
				from, b := repairtest.New(t, source), repairtest.New(t, engine)
				from.CreateOrdersAt(from.Timestamp)
				b.CreateOrdersAt(b.Timestamp)
				from.Exec("UPDATE staging SET note = 'new''s \\ ü', amount = NULL WHERE id = 104")
				a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 3}
				run := b.NewRun(a, across(b, from))
				b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
				query := "SELECT id, amount, note, at FROM %s WHERE id >= 100 AND id < 200 ORDER BY 1"
				got, want := shown(b, fmt.Sprintf(query, "orders")), shown(from, fmt.Sprintf(query, "staging"))
				if got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
			})
		}
	}
}

// shown is what a query answers, in a form that all repairtest.Engines share.
func shown(b *repairtest.Fixture, query string) string {
	b.T.Helper()
	out := repairtest.Query(b.T, b.Driver, b.Owner, query)
	return strings.NewReplacer(".00|", "|", "T", " ", "+00:00", "", "Z", "").Replace(out)
}

func TestStagingResumes(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		from := repairtest.New(t, "sqlite")
		from.CreateOrders()
		b.CreateOrders()
		a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 2}
		run := b.NewRun(a, across(b, from))
		stopped, batches := errors.New("the agent stops"), 0
		count := func(place string) {
			if place == "staging_batch" {
				batches++
			}
		}
		stop := func() error {
			if batches == 2 {
				return stopped
			}
			return nil
		}
		run.Control = repairtest.Control{OnAlive: stop, OnFailpoint: count}
		if err := a.Stage(t.Context(), run); !errors.Is(err, stopped) {
			t.Fatalf("%v", err)
		}
		run.Repair.Fence, batches = 2, 0
		run.Control = repairtest.Control{OnFailpoint: count}
		b.Must(a.Stage(t.Context(), run))
		if batches != 3 { // rows 5 and 6, 7 and 8, and the empty one that ends it
			t.Errorf("%d batches after the first two of two rows each", batches)
		}
		b.Must(a.Apply(t.Context(), run))
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

// TestLateBatchOfAnOvertakenAgent: another agent stages batches after this one has read how
// far staging is. No row is staged twice, and the next try goes on.
func TestLateBatchOfAnOvertakenAgent(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		from := repairtest.New(t, "sqlite")
		from.CreateOrders()
		b.CreateOrders()
		a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 2}
		run := b.NewRun(a, across(b, from))
		other := b.NewRun(a, run.Target)
		other.Repair = run.Repair
		once := false
		run.Control = repairtest.Control{OnFailpoint: func(place string) {
			if place == "staging_batch" && !once {
				once = true
				b.Must(a.Stage(t.Context(), other))
			}
		}}
		var again *repair.TransientError
		if err := a.Stage(t.Context(), run); !errors.As(err, &again) || !strings.Contains(err.Error(), "up to row 8") {
			t.Fatalf("%v", err)
		}
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestChangingSourceIsRestaged(t *testing.T) {
	t.Parallel()
	b, from := repairtest.New(t, "postgres"), repairtest.New(t, "sqlite")
	from.CreateOrders()
	from.Exec("CREATE TABLE spare AS SELECT * FROM staging")
	b.CreateOrders()
	a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"},
		{Warehouse: "src", Schema: from.Schema, Name: "spare"}}, BatchRows: 3}
	run := b.NewRun(a, across(b, from))
	once := false
	run.Control = repairtest.Control{OnFailpoint: func(place string) {
		if place == "staging_batch" && !once {
			once = true // a row with a key that was passed already
			from.Exec("INSERT INTO staging VALUES (99, 1, 'new', '2026-03-11 01:00:00')")
		}
	}}
	var again *repair.TransientError
	if err := a.Stage(t.Context(), run); !errors.As(err, &again) {
		t.Fatalf("%v", err)
	}
	b.Must(a.Stage(context.WithoutCancel(t.Context()), run), a.Apply(t.Context(), run))
	if got := b.Rows("orders"); strings.Count(got, "new") != 9 {
		t.Errorf("the table holds\n%s", got)
	}
}

func TestReloadByDate(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE "+table+" (id integer NOT NULL PRIMARY KEY, day date NOT NULL, note varchar(20))",
				"INSERT INTO "+table+" VALUES (1, '2026-03-10', '"+table+"'), (2, '2026-03-11', '"+table+"'), (3, '2026-03-12', '"+table+"')")
		}
		a := b.ReloadFromStaging()
		a.Partition = "day::date"
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		if got := repairtest.Query(t, b.Driver, b.Owner, "SELECT note FROM orders ORDER BY id"); got != "orders|\nstaging|\norders|\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestCascadingDeletesAreRefused(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := repairtest.New(t, engine)
		b.CreateOrders()
		b.Exec("CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer, FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)", "INSERT INTO order_lines VALUES (1, 101)")
		a := b.ReloadFromStaging()
		b.Must(a.Validate())
		var refused *repair.RefusedError
		if _, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "order_lines") {
			t.Errorf("%s: %v", engine, err)
		}
	}
}

func TestTriggersNeedApproval(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("CREATE TABLE log (id integer)")
		switch b.Engine {
		case "postgres":
			b.Exec("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (OLD.id); RETURN OLD; END'", "CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note()")
		case "mysql":
			b.Exec("CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW INSERT INTO log VALUES (OLD.id)")
		case "sqlite":
			b.Exec("CREATE TRIGGER noted BEFORE DELETE ON orders BEGIN INSERT INTO log VALUES (OLD.id); END")
		}
		run := b.NewRun(b.ReloadFromStaging(), b.Target())
		if p := run.Repair.Plan; p.Class != sentinel.ClassApprove || !strings.Contains(p.Why, "noted") {
			t.Errorf("%s: %s", p.Class, p.Why)
		}
	})
}
