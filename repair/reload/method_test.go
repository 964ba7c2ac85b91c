package reload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// partitioned makes orders by day, with an index and a check of its own, and a
// staging table that has the whole of Tuesday.
func partitioned(b *repairtest.Fixture) {
	b.T.Helper()
	b.CreatePartitionedOrders()
	b.Exec("INSERT INTO orders VALUES (1, 1, 'monday', '2026-03-10 05:00:00'), (2, 2, 'half', '2026-03-11 01:00:00'), (3, 3, 'half', '2026-03-11 02:00:00'), (4, 4, 'wednesday', '2026-03-12 05:00:00')",
		"INSERT INTO staging VALUES (2, 20, 'whole', '2026-03-11 01:00:00'), (3, 30, 'whole', '2026-03-11 02:00:00'), (5, 50, 'whole', '2026-03-11 03:00:00'), (9, 9, 'other day', '2026-03-13 03:00:00')")
}

func TestSwapAndRollback(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			partitioned(b)
			before := b.Rows("orders")
			a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: "swap"}
			r := b.RunRepair(b.Policy("reload_partition", a, repair.Auto), b.OpenIncident(repairtest.MissingDay))
			if r.State != sentinel.RepairSucceeded {
				t.Fatalf("%s: %s", r.State, r.Message)
			}
			got := repairtest.Query(t, b.Driver, b.Owner, "SELECT id, note FROM orders ORDER BY 1")
			if want := "1|monday|\n2|whole|\n3|whole|\n4|wednesday|\n5|whole|\n"; got != want {
				t.Errorf("after the swap:\n%s", got)
			}
			if engine == "postgres" { // the new partition has the index, the check, and nothing of Sentinel's
				got := repairtest.Query(t, b.Driver, b.Owner, "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'orders_11'::regclass), (SELECT string_agg(conname, ',' ORDER BY 1) FROM pg_constraint WHERE conrelid = 'orders_11'::regclass AND contype = 'c')")
				if want := "2|orders_amount_check|\n"; got != want {
					t.Errorf("the partition has %q, want %q", got, want)
				}
			}
			b.Exec("INSERT INTO orders VALUES (6, 6, 'thursday', '2026-03-12 09:00:00')") // elsewhere: of no concern
			ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
			if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
				t.Fatal(err)
			}
			if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack {
				t.Fatalf("taken back: %s %s", r.State, r.Message)
			}
			b.Exec("DELETE FROM orders WHERE id = 6")
			if b.Rows("orders") != before {
				t.Errorf("taken back:\n%s", b.Rows("orders"))
			}
		})
	}
}

// What was written to the window since the source was read is not swapped out
// unseen, and neither is a row that somebody wrote after the swap.
func TestSwapLosesNoRow(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := repairtest.New(t, engine)
		partitioned(b)
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: "swap"}
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run))
		b.Exec("INSERT INTO orders VALUES (7, 7, 'late', '2026-03-11 04:00:00')")
		var changed *repair.ChangedError
		if err := a.Apply(t.Context(), run); !errors.As(err, &changed) {
			t.Errorf("%s: a late row: %v", engine, err)
		}
		b.Must(a.Stage(t.Context(), run))
		b.Must(a.Apply(t.Context(), run), a.Apply(t.Context(), run)) // twice is once
		b.Exec("UPDATE orders SET note = 'corrected' WHERE id = 5")
		var refused *repair.RefusedError
		if err := a.Rollback(t.Context(), run); !errors.As(err, &refused) || !strings.Contains(err.Error(), "somebody has written to the window") {
			t.Errorf("%s: taken back over a correction: %v", engine, err)
		}
		if got := repairtest.Query(t, b.Driver, b.Owner, "SELECT note FROM orders WHERE id = 5"); got != "corrected|\n" {
			t.Errorf("%s: %q", engine, got)
		}
	}
}

func TestSwapRefusals(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	partitioned(b)
	swap := func(bucket, key string) error {
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: "swap", Bucket: bucket, MinRatio: new(0.01)}
		b.Must(a.Validate())
		target := b.Target()
		plan, err := a.Plan(t.Context(), target, b.OpenIncident(key))
		if err != nil {
			return err
		}
		return a.Stage(t.Context(), &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r2", Key: "k2", Table: b.Table("orders"), Plan: plan, Fence: 1}})
	}
	if err := swap("week", repairtest.MissingDay); err == nil || !strings.Contains(err.Error(), `"2026-03-11" is no date that begins a week`) {
		t.Errorf("the key of a day: %v", err)
	}
	if err := swap("week", "missing_partition:the week of 2026-03-09"); err == nil || !strings.Contains(err.Error(), "no partition holds just the window; there are orders_10 from") {
		t.Errorf("a week: %v", err)
	}
	b.Exec("GRANT SELECT ON orders_11 TO PUBLIC")
	if err := swap("day", repairtest.MissingDay); err == nil || !strings.Contains(err.Error(), "orders_11 has privileges of its own") {
		t.Errorf("grants on the partition: %v", err)
	}
	if err := (&reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "replace"}).Validate(); err == nil || !strings.Contains(err.Error(), "want one of delete_insert, merge, swap") {
		t.Errorf("an unknown method: %v", err)
	}
	other := repairtest.New(t, "sqlite")
	other.CreateOrders()
	a := &reload.Partition{From: []sentinel.Table{other.Table("staging")}, Method: "swap"}
	other.Must(a.Validate())
	if _, err := a.Plan(t.Context(), other.Target(), other.OpenIncident(repairtest.MissingDay)); err == nil || !strings.Contains(err.Error(), "not partitioned") {
		t.Errorf("a plain table: %v", err)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("UPDATE staging SET amount = 1, note = 'old' WHERE id = 101", "DELETE FROM staging WHERE id = 102")
		before := b.Rows("orders")
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "merge"}
		p := b.Policy("reload_partition", a, repair.Auto)
		p.MaxLost = 1
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		steps := strings.Join(r.Plan.Steps[0].Do, " ")
		if r.State != sentinel.RepairSucceeded || !strings.Contains(steps, "updating rows whose key exists") {
			t.Fatalf("%s: %s %v", r.State, r.Message, r.Plan.Steps)
		}
		got := repairtest.Query(t, b.Driver, b.Owner, "SELECT id, note FROM orders WHERE id BETWEEN 100 AND 199 ORDER BY 1")
		if want := "100|new|\n101|old|\n103|new|\n104|new|\n105|new|\n106|new|\n107|new|\n"; got != want {
			t.Errorf("merged:\n%s", got)
		}
		ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
		if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack || b.Rows("orders") != before {
			t.Errorf("taken back: %s %s\n%s", r.State, r.Message, b.Rows("orders"))
		}
		// A key that stands for a row of another day is not moved.
		b.Exec("UPDATE staging SET id = 3 WHERE id = 103")
		a = &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "merge", MinRatio: new(0.5)}
		run := b.NewRun(a, b.Target())
		run.Repair.ID, run.Repair.Key = "r9", "k9"
		b.Must(a.Stage(t.Context(), run))
		if err := a.Apply(t.Context(), run); err == nil || !strings.Contains(err.Error(), "outside of the window") {
			t.Errorf("a key of another day: %v", err)
		}
	})
	b := repairtest.New(t, "postgres")
	b.Exec("CREATE TABLE orders (id integer, at timestamptz)", "CREATE TABLE staging (id integer, at timestamptz)", "INSERT INTO staging VALUES (1, '2026-03-11 01:00:00')")
	a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "merge", Key: []string{"id"}}
	b.Must(a.Validate())
	if _, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay)); err == nil || !strings.Contains(err.Error(), "no unique key of the table is within id") {
		t.Errorf("without a unique key: %v", err)
	}
}
