package reload_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestKeysOutsideOfTheWindowStandOnce: a key that the table does not enforce is not put in
// for a second time, next to a row of another day or a row without a time.
func TestKeysOutsideOfTheWindowStandOnce(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + " (id integer, v integer, at " + b.Timestamp + " NULL)")
		}
		b.Exec("INSERT INTO orders VALUES (1, 1, '2026-03-11 05:00:00'), (5, 2, '2026-03-12 05:00:00'), (6, 2, NULL)")
		for i, c := range []struct{ id, want string }{{"5", "1 keys"}, {"6", "1 keys"}, {"7", ""}} {
			b.Exec("DELETE FROM staging", "INSERT INTO staging VALUES (1, 1, '2026-03-11 05:00:00'), ("+c.id+", 1, '2026-03-11 05:00:00')")
			before := shown(b, "SELECT * FROM orders ORDER BY id")
			a := b.ReloadFromStaging()
			a.Key = []string{"id"}
			run := b.NewRun(a, b.Target())
			run.Repair.ID, run.Repair.Key = "r"+c.id, "k"+c.id
			b.Must(a.Stage(t.Context(), run))
			err := a.Apply(t.Context(), run)
			switch got := shown(b, "SELECT * FROM orders ORDER BY id"); {
			case c.want == "":
				b.Must(err)
			case err == nil || !strings.Contains(err.Error(), c.want+" of the source belong to rows outside") || got != before:
				t.Errorf("%d: %v\n%s", i, err, got)
			}
		}
	})
}

// TestSwapLeavesKeysOnce: a partition is not swapped for one with a key of another partition.
func TestSwapLeavesKeysOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, engine)
			b.CreatePartitionedOrders()
			b.FillOrders()
			b.Exec("UPDATE staging SET id = 3 WHERE id = 103")
			before := b.Rows("orders")
			a := b.ReloadFromStaging()
			a.Method, a.Key = "swap", []string{"id"}
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run))
			err := a.Apply(t.Context(), run)
			if err == nil || !strings.Contains(err.Error(), "1 keys of the source belong to rows outside") || b.Rows("orders") != before {
				t.Errorf("%v\n%s", err, b.Rows("orders"))
			}
		})
	}
}
