package postgres

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// node is a part of a plan that was run.
type node struct {
	Relation string  `json:"Relation Name"` // that it reads; "" for none
	Rows     float64 `json:"Actual Rows"`   // a loop
	Filtered float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []node
}

// read is the number of rows that a plan has read of the server's relations.
func (n node) read() (rows float64) {
	if n.Relation != "" {
		rows = (n.Rows + n.Filtered) * n.Loops
	}
	for _, p := range n.Plans {
		rows += p.read()
	}
	return rows
}

// rowsRead is what the catalog's statement reads for a scope.
func rowsRead(t *testing.T, db *warehouse.DB, scope warehouse.Scope) float64 {
	t.Helper()
	st := catalogStatement(scope)
	st.SQL = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + st.SQL
	var plan []struct{ Plan node }
	db.Run(t.Context(), []warehouse.Statement{st}, func(_ int, rows warehouse.Rows, err error) {
		if err == nil {
			err = json.Unmarshal([]byte(rows[0][0].Text), &plan)
		}
		if err != nil || len(plan) != 1 {
			t.Fatalf("%d plans: %v", len(plan), err)
		}
	})
	return plan[0].Plan.read()
}

// TestCatalogReadsWhatIsWatched: what is read of the catalogs grows with the tables that are
// asked for, and not with the others.
func TestCatalogReadsWhatIsWatched(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	const watched, others = 60, 8_000
	create := `DO $$ BEGIN FOR i IN %d..%d LOOP EXECUTE format('CREATE %s AS SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d', i); END LOOP; END $$`
	testenv.Exec(t, "pgx", dsn, fmt.Sprintf(create, 1, watched, "TABLE w_%s"))
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn)})
	measure := func() (rows []float64) {
		testenv.Exec(t, "pgx", dsn, "ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, "+
			"pg_catalog.pg_type, pg_catalog.pg_description")
		for _, facts := range []warehouse.Facts{warehouse.Indexes, warehouse.AllFacts} {
			rows = append(rows, rowsRead(t, db, watchedScope(t, db, facts, watched)))
		}
		return rows
	}
	few := measure()
	for from := 1; from < others; from += 1000 { // every relation needs a lock until its transaction ends
		testenv.Exec(t, "pgx", dsn, fmt.Sprintf(create, from, from+999, "VIEW o_%s"))
	}
	for i, many := range measure() {
		if t.Logf("%.0f rows beside few others, %.0f beside %d", few[i], many, others); many-few[i] > others/4 {
			t.Errorf("%.0f rows are read for %d tables beside %d others, and %.0f beside few", many, watched, others, few[i])
		}
	}
}

// watchedScope asks for some facts of the tables w_1 to w_n alone.
func watchedScope(t *testing.T, db *warehouse.DB, facts warehouse.Facts, n int) warehouse.Scope {
	t.Helper()
	scope := warehouse.Scope{Facts: facts}
	if facts == warehouse.Indexes {
		scope.ColumnNames = []string{"a"}
	}
	for i := range n {
		scope.Tables = append(scope.Tables, warehouse.TableName{Schema: "public", Name: fmt.Sprintf("w_%d", i+1)})
	}
	c, err := db.Catalog(t.Context(), scope)
	if err != nil || len(c.Tables) != n {
		t.Fatalf("%d tables: %v", len(c.Tables), err)
	}
	scope.Relations = c.Relations
	return scope
}
