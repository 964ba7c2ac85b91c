package checks_test

import (
	"fmt"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// BenchmarkTick1000Tables is one tick of 1,000 tables of 8 columns with two
// checks each, on a private PostgreSQL.
func BenchmarkTick1000Tables(b *testing.B) {
	e := newBench(b, "postgres", warehouse.Config{})
	e.column = "updated_at"
	e.exec(`DO $$ BEGIN FOR i IN 0..999 LOOP
EXECUTE format('CREATE TABLE t_%s (id bigint PRIMARY KEY, customer_id integer, name text NOT NULL, status text, amount numeric(12,2), qty integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)', i);
EXECUTE format('INSERT INTO t_%s VALUES (1, 1, ''a'', ''new'', 1, 1, now(), now())', i);
END LOOP; END $$`)
	jobs := make([]checks.Job, 1000)
	for i := range jobs {
		count, fresh := &checks.RowCount{Fail: bound(b, "<= 0")}, &checks.Freshness{Fail: 24 * hour}
		count.ID, fresh.ID = fmt.Sprintf("count-%d", i), fmt.Sprintf("fresh-%d", i)
		jobs[i] = e.job(fmt.Sprintf("t_%d", i), count, fresh)
	}
	benchTicks(b, e, jobs)
}

// BenchmarkTick4000ColumnChecks is one tick of 200 tables with 20 column checks each, which are
// 600 statements.
func BenchmarkTick4000ColumnChecks(b *testing.B) {
	e := newBench(b, "postgres", warehouse.Config{})
	e.exec("CREATE TABLE parents (id bigint PRIMARY KEY)", "INSERT INTO parents VALUES (1)", `DO $$ BEGIN FOR i IN 0..199 LOOP
EXECUTE format('CREATE TABLE t_%s (id bigint, customer_id bigint, name text, status text, amount numeric(12,2), qty integer)', i);
EXECUTE format('INSERT INTO t_%s VALUES (1, 1, ''a'', ''new'', 1, 1)', i);
END LOOP; END $$`)
	jobs := make([]checks.Job, 200)
	for i := range jobs {
		jobs[i] = e.job(fmt.Sprintf("t_%d", i), twentyColumnChecks(b, e.schema)...)
	}
	benchTicks(b, e, jobs)
}

// twentyColumnChecks are 18 scalars, a duplicate and a reference.
func twentyColumnChecks(b *testing.B, schema string) (list []checks.Check) {
	for _, column := range []string{"id", "customer_id", "name", "status", "amount", "qty"} {
		list = append(list, &checks.Missing{Column: column})
	}
	for _, column := range []string{"id", "customer_id", "amount", "qty"} {
		list = append(list, &checks.Invalid{Column: column, Min: "0", Max: "1000"})
	}
	for _, function := range []checks.Function{"avg", "sum", "min", "max", "stddev"} {
		list = append(list, &checks.AggregateCheck{Column: "amount", Function: function, Fail: bound(b, "> 1000")})
	}
	return append(list, &checks.Invalid{Column: "name", Pattern: "^[a-z]+$"},
		&checks.Invalid{Column: "status", ValidValues: checks.ValueList{"new", "paid", "shipped"}},
		&checks.Missing{Column: "status", Blank: true, Options: checks.Options{ID: "blank"}},
		&checks.Duplicate{Columns: []string{"id", "customer_id"}},
		&checks.Reference{Column: "customer_id", Field: []string{"id"},
			To: &sentinel.Table{Warehouse: "w", Schema: schema, Name: "parents"}})
}

// benchTicks measures ticks of jobs whose checks pass.
func benchTicks(b *testing.B, e *bench, jobs []checks.Job) {
	b.Helper()
	tick := func() {
		for _, o := range checks.Run(b.Context(), e.env, "w", jobs) {
			for _, r := range o.Results {
				if r.Status != sentinel.Pass && r.Status != sentinel.Unknown {
					b.Fatalf("%s: %s", r.Check, r.Message)
				}
			}
		}
	}
	tick() // connects
	b.ReportAllocs()
	before := testenv.CPU(b)
	for b.Loop() {
		tick()
	}
	b.ReportMetric(float64((testenv.CPU(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
