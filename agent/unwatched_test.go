package agent

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestAWarehouseOfWhichNothingIsKnownIsDown: no tick says that a warehouse does not answer whose
// patterns could not be resolved, because it has no dataset.
func TestAWarehouseOfWhichNothingIsKnownIsDown(t *testing.T) {
	t.Parallel()
	a := newAgent(openStore(t), time.Now)
	file := filepath.Join(t.TempDir(), "w.db")
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + file),
		Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var down map[string]bool
	resolve := func(datasets ...Dataset) {
		t.Helper()
		var problems []error
		if _, err := db.Catalog(t.Context(), warehouse.Scope{}); err != nil {
			problems = append(problems, &ResolveError{Warehouse: "w", Err: err})
		}
		down = a.exportUnwatched(datasets, problems, down)
	}
	want := func(when string, exported bool, up float64) {
		t.Helper()
		families, err := a.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range families {
			if f.GetName() != "sentinel_warehouse_up" {
				continue
			}
			for _, m := range f.Metric {
				if found = true; m.GetGauge().GetValue() != up {
					t.Errorf("%s: %v, want %g", when, m, up)
				}
			}
		}
		if found != exported {
			t.Errorf("%s: exported: %t", when, found)
		}
	}
	resolve(Dataset{Table: theTable})
	want("while it has a dataset, whose ticks say it", false, 0)
	resolve()
	want("while nothing is known of it", true, 0)
	testenv.Exec(t, "sqlite", file, "CREATE TABLE t (id int)")
	resolve()
	want("once it answers", true, 1)
}
