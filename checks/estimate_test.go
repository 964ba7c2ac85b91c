package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// The engine's planner says whether a statement reads a table from end to end, or finds its
// rows by an index.
func TestEstimatesTellHowTablesAreRead(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE big (id integer PRIMARY KEY, n integer)", "INSERT INTO big VALUES (0, 7)")
		for k := range 11 {
			b.exec(fmt.Sprintf("INSERT INTO big SELECT id + %d, n FROM big", 1<<k))
		}
		estimate := func(st warehouse.Statement) warehouse.Estimate {
			t.Helper()
			e, ok, err := b.db.Estimate(t.Context(), st)
			if err != nil || !ok {
				t.Fatalf("%v, %v\n%s", ok, err, st.SQL)
			}
			return e
		}
		big := func(name string) bool { return strings.HasSuffix(name, "big") }
		table, err := warehouse.QuoteTable(b.db.Dialect, warehouse.TableName{Schema: b.schema, Name: "big"})
		if err != nil {
			t.Fatal(err)
		}
		e := estimate(warehouse.Statement{SQL: "SELECT n FROM " + table + " WHERE id = 77"})
		if !slices.ContainsFunc(e.ByIndex, big) || len(e.Whole) > 0 {
			t.Errorf("one row: %s", e)
		}
		count := &checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: "n > 1"}}
		planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("big", count)})
		e = estimate(planned[0].Statement)
		if !slices.ContainsFunc(e.Whole, big) || !strings.Contains(e.String(), "reads all of ") {
			t.Errorf("all rows: %s", e)
		}
	})
}
