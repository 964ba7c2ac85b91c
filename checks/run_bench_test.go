package checks_test

import (
	"fmt"
	"testing"

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
	tick := func() {
		for _, o := range checks.Run(b.Context(), e.env, "w", jobs) {
			for _, r := range o.Results {
				if r.Status.String() != "pass" {
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
