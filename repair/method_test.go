package repair_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// partitioned makes orders by day, with an index and a check of its own, and a
// staging table that has the whole of Tuesday.
func (b *bench) partitioned() {
	b.t.Helper()
	b.partitions()
	b.exec("INSERT INTO orders VALUES (1, 1, 'monday', '2026-03-10 05:00:00'), (2, 2, 'half', '2026-03-11 01:00:00'), (3, 3, 'half', '2026-03-11 02:00:00'), (4, 4, 'wednesday', '2026-03-12 05:00:00')",
		"INSERT INTO staging VALUES (2, 20, 'whole', '2026-03-11 01:00:00'), (3, 30, 'whole', '2026-03-11 02:00:00'), (5, 50, 'whole', '2026-03-11 03:00:00'), (9, 9, 'other day', '2026-03-13 03:00:00')")
}

func (b *bench) partitions() {
	b.t.Helper()
	switch b.engine {
	case "postgres":
		b.exec("CREATE TABLE orders (id integer NOT NULL, amount numeric(10,2) CHECK (amount >= 0), note varchar(20), at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
			"CREATE INDEX orders_note ON orders (note)",
			"CREATE TABLE orders_10 PARTITION OF orders FOR VALUES FROM ('2026-03-10 00:00+00') TO ('2026-03-11 00:00+00')",
			"CREATE TABLE orders_11 PARTITION OF orders FOR VALUES FROM ('2026-03-11 00:00+00') TO ('2026-03-12 00:00+00')",
			"CREATE TABLE orders_rest PARTITION OF orders DEFAULT")
	case "mysql":
		b.exec(`CREATE TABLE orders (id integer NOT NULL, amount numeric(10,2), note varchar(20), at datetime NOT NULL, PRIMARY KEY (id, at), KEY orders_note (note))
PARTITION BY RANGE COLUMNS (at) (PARTITION orders_10 VALUES LESS THAN ('2026-03-11'), PARTITION orders_11 VALUES LESS THAN ('2026-03-12'), PARTITION orders_rest VALUES LESS THAN (MAXVALUE))`)
	}
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime"}[b.engine]
	b.exec("CREATE TABLE staging (id integer NOT NULL, amount numeric(10,2), note varchar(20), at " + at + " NOT NULL)")
}

func TestAPartitionIsSwappedAndSwappedBack(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine)
			b.partitioned()
			before := b.content("orders")
			a := &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Partition: "at", Method: "swap"}
			r := b.repaired(b.policy("reload_partition", a, repair.Auto), b.incident(tuesday))
			if r.State != sentinel.RepairSucceeded {
				t.Fatalf("%s: %s", r.State, r.Message)
			}
			got := queryAll(t, b.driver, b.dsn, "SELECT id, note FROM orders ORDER BY 1")
			if want := "1|monday|\n2|whole|\n3|whole|\n4|wednesday|\n5|whole|\n"; got != want {
				t.Errorf("after the swap:\n%s", got)
			}
			if engine == "postgres" { // the new partition has the index, the check, and nothing of Sentinel's
				got := queryAll(t, b.driver, b.dsn, "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'orders_11'::regclass), (SELECT string_agg(conname, ',' ORDER BY 1) FROM pg_constraint WHERE conrelid = 'orders_11'::regclass AND contype = 'c')")
				if want := "2|orders_amount_check|\n"; got != want {
					t.Errorf("the partition has %q, want %q", got, want)
				}
			}
			b.exec("INSERT INTO orders VALUES (6, 6, 'thursday', '2026-03-12 09:00:00')") // elsewhere: of no concern
			ann := repair.Decisions{Store: b.store, Now: clock, Who: "ann"}
			if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
				t.Fatal(err)
			}
			if r := b.advanced(r.ID); r.State != sentinel.RolledBack {
				t.Fatalf("taken back: %s %s", r.State, r.Message)
			}
			b.exec("DELETE FROM orders WHERE id = 6")
			if b.content("orders") != before {
				t.Errorf("taken back:\n%s", b.content("orders"))
			}
		})
	}
}

// What was written to the window since the source was read is not swapped out
// unseen, and neither is a row that somebody wrote after the swap.
func TestASwapLosesNoRow(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		b := newBench(t, engine)
		b.partitioned()
		a := &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Partition: "at", Method: "swap"}
		r := b.planned(a, b.target())
		b.must(a.Stage(t.Context(), r))
		b.exec("INSERT INTO orders VALUES (7, 7, 'late', '2026-03-11 04:00:00')")
		var changed *repair.ChangedError
		if err := a.Apply(t.Context(), r); !errors.As(err, &changed) {
			t.Errorf("%s: a late row: %v", engine, err)
		}
		b.must(a.Stage(t.Context(), r))
		b.must(a.Apply(t.Context(), r), a.Apply(t.Context(), r)) // twice is once
		b.exec("UPDATE orders SET note = 'corrected' WHERE id = 5")
		var refused *repair.RefusedError
		if err := a.Rollback(t.Context(), r); !errors.As(err, &refused) || !strings.Contains(err.Error(), "somebody has written to the window") {
			t.Errorf("%s: taken back over a correction: %v", engine, err)
		}
		if got := queryAll(t, b.driver, b.dsn, "SELECT note FROM orders WHERE id = 5"); got != "corrected|\n" {
			t.Errorf("%s: %q", engine, got)
		}
	}
}

func TestWhatASwapRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.partitioned()
	swap := func(bucket string) error {
		a := &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Partition: "at", Method: "swap", Bucket: bucket, MinRatio: 0.01}
		b.must(a.Validate())
		target := b.target()
		plan, err := a.Plan(t.Context(), target, b.incident(tuesday))
		if err != nil {
			return err
		}
		return a.Stage(t.Context(), &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r2", Key: "k2", Table: b.table("orders"), Plan: plan, Fence: 1}})
	}
	if err := swap("week"); err == nil || !strings.Contains(err.Error(), "no partition holds just the window; there are orders_10 from") {
		t.Errorf("a week: %v", err)
	}
	b.exec("GRANT SELECT ON orders_11 TO PUBLIC")
	if err := swap("day"); err == nil || !strings.Contains(err.Error(), "orders_11 has privileges of its own") {
		t.Errorf("grants on the partition: %v", err)
	}
	if err := (&repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Method: "replace"}).Validate(); err == nil || !strings.Contains(err.Error(), "delete_insert, merge or swap") {
		t.Errorf("an unknown method: %v", err)
	}
	other := newBench(t, "sqlite")
	other.orders()
	a := &repair.ReloadPartition{From: []sentinel.Table{other.table("staging")}, Method: "swap"}
	other.must(a.Validate())
	if _, err := a.Plan(t.Context(), other.target(), other.incident(tuesday)); err == nil || !strings.Contains(err.Error(), "not partitioned") {
		t.Errorf("a plain table: %v", err)
	}
}

func TestAWindowIsMerged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("UPDATE staging SET amount = 1, note = 'old' WHERE id = 101", "DELETE FROM staging WHERE id = 102")
		before := b.content("orders")
		a := &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Method: "merge"}
		p := b.policy("reload_partition", a, repair.Auto)
		r := b.repaired(p, b.incident(tuesday))
		if r.State != sentinel.RepairSucceeded || !strings.Contains(strings.Join(r.Plan.Steps[0].Do, " "), "updating rows whose key is there") {
			t.Fatalf("%s: %s %v", r.State, r.Message, r.Plan.Steps)
		}
		got := queryAll(t, b.driver, b.dsn, "SELECT id, note FROM orders WHERE id BETWEEN 100 AND 199 ORDER BY 1")
		if want := "100|new|\n101|old|\n103|new|\n104|new|\n105|new|\n106|new|\n107|new|\n"; got != want {
			t.Errorf("merged:\n%s", got)
		}
		ann := repair.Decisions{Store: b.store, Now: clock, Who: "ann"}
		if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.advanced(r.ID); r.State != sentinel.RolledBack || b.content("orders") != before {
			t.Errorf("taken back: %s %s\n%s", r.State, r.Message, b.content("orders"))
		}
		// A key that stands for a row of another day is not moved.
		b.exec("UPDATE staging SET id = 3 WHERE id = 103")
		a = &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Method: "merge", MinRatio: 0.5}
		run := b.planned(a, b.target())
		run.Repair.ID, run.Repair.Key = "r9", "k9"
		b.must(a.Stage(t.Context(), run))
		if err := a.Apply(t.Context(), run); err == nil || !strings.Contains(err.Error(), "outside of the window") {
			t.Errorf("a key of another day: %v", err)
		}
	})
	b := newBench(t, "postgres")
	b.exec("CREATE TABLE orders (id integer, at timestamptz)", "CREATE TABLE staging (id integer, at timestamptz)", "INSERT INTO staging VALUES (1, '2026-03-11 01:00:00')")
	a := &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}, Method: "merge", Key: []string{"id"}}
	b.must(a.Validate())
	if _, err := a.Plan(t.Context(), b.target(), b.incident(tuesday)); err == nil || !strings.Contains(err.Error(), "no unique key of the table is within id") {
		t.Errorf("without a unique key: %v", err)
	}
}
