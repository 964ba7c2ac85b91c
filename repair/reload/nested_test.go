package reload_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// nested makes orders by day, whose days have partitions of their own, and a staging table
// that has the whole of Tuesday.
func nested(b *repairtest.Fixture) {
	b.T.Helper()
	const columns = "(id bigint NOT NULL, amount bigint, note varchar(20), "
	if b.Driver == "mysql" {
		b.Exec("CREATE TABLE orders "+columns+"at datetime NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE COLUMNS (at) "+
			"SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION p10 VALUES LESS THAN ('2026-03-11'), "+
			"PARTITION p11 VALUES LESS THAN ('2026-03-12'), PARTITION p12 VALUES LESS THAN ('2026-03-13'))",
			"CREATE TABLE staging "+columns+"at datetime NOT NULL)")
	} else {
		b.Exec("CREATE TABLE orders "+columns+"at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
			"CREATE TABLE staging "+columns+"at timestamptz NOT NULL)")
		for day, next := range map[string]string{"10": "11", "11": "12", "12": "13"} {
			b.Exec("CREATE TABLE orders_"+day+" PARTITION OF orders FOR VALUES FROM ('2026-03-"+day+"') TO ('2026-03-"+next+
				"') PARTITION BY HASH (id)",
				"CREATE TABLE orders_"+day+"_a PARTITION OF orders_"+day+" FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
				"CREATE TABLE orders_"+day+"_b PARTITION OF orders_"+day+" FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
		}
	}
	b.Exec("INSERT INTO orders VALUES (1, 1, 'monday', '2026-03-10 05:00:00'), (2, 2, 'half', '2026-03-11 01:00:00'), "+
		"(4, 4, 'wednesday', '2026-03-12 05:00:00')",
		"INSERT INTO staging VALUES (2, 20, 'whole', '2026-03-11 01:00:00'), (3, 30, 'whole', '2026-03-11 02:00:00'), "+
			"(5, 50, 'whole', '2026-03-11 03:00:00'), (9, 9, 'other day', '2026-03-13 03:00:00')")
}

// TestReloadOfNestedPartitions: rows are put where the server wants them, at any depth. A
// partition that has partitions of its own is not exchanged for a table.
func TestReloadOfNestedPartitions(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		for _, method := range []string{"delete_insert", "merge", "swap"} {
			t.Run(engine+"/"+method, func(t *testing.T) {
				t.Parallel()
				b := repairtest.New(t, engine)
				nested(b)
				before := b.Rows("orders")
				a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: method}
				r := b.RunRepair(b.Policy("reload_partition", a, repair.Auto), b.OpenIncident(repairtest.MissingDay))
				if method == "swap" {
					if !r.Applied.IsZero() || !strings.Contains(r.Message, "has partitions of its own, by hash") ||
						b.Rows("orders") != before {
						t.Errorf("%s: %s", r.State, r.Message)
					}
					return
				}
				if r.State != sentinel.RepairSucceeded {
					t.Fatalf("%s: %s", r.State, r.Message)
				}
				got := repairtest.Query(t, b.Driver, b.Owner, "SELECT id, note FROM orders ORDER BY 1")
				if want := "1|monday|\n2|whole|\n3|whole|\n4|wednesday|\n5|whole|\n"; got != want {
					t.Errorf("after the reload:\n%s", got)
				}
				ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
				if _, err := ann.Rollback(t.Context(), r.ID, "to see"); err != nil {
					t.Fatal(err)
				}
				if r := b.AdvanceRepair(r.ID); r.State != sentinel.RolledBack || b.Rows("orders") != before {
					t.Errorf("taken back: %s %s\n%s", r.State, r.Message, b.Rows("orders"))
				}
			})
		}
	}
}
