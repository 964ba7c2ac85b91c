package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestManySegmentsSpelledAnew changes the spelling of more segments than are looked up at
// once. None is taken for gone, all are found in the end, and then none is looked up again.
func TestManySegmentsSpelledAnew(t *testing.T) {
	t.Parallel()
	changes := map[string]string{
		"postgres": "ALTER TABLE t ALTER k TYPE numeric(10,1)",
		"mysql":    "ALTER TABLE t MODIFY k decimal(10,1)",
		"sqlite":   "UPDATE t SET k = lower(k)",
	}
	onEveryEngine(t, func(b *bench) {
		count := &statementCount{}
		db, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: b.name, DSN: sentinel.NewSecret(b.database.Warehouse),
			Clock: b.env.Clock, Observer: count})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		b.env.Warehouse = func(string) (*warehouse.DB, error) { return db, nil }
		kind, value := "numeric(10,2)", "%d.5"
		if b.name == "sqlite" {
			kind, value = "text COLLATE NOCASE", "'K%d'"
		}
		b.exec("CREATE TABLE t (k " + kind + ")")
		var rows []string
		for i := range 60 {
			rows = append(rows, fmt.Sprintf("("+value+")", i))
		}
		b.exec("INSERT INTO t VALUES " + strings.Join(rows, ","))
		h := &segmentHistory{points: map[string][]sentinel.Point{}}
		b.env.History = h
		tick := func() (r sentinel.Result, statements int64) {
			before := count.Load()
			job := b.job("t", &checks.RowCount{By: []string{"k"}, Fail: bound(b.tb, "< 1")})
			r = h.record(b.tb, checks.Run(b.tb.Context(), b.env, "w", []checks.Job{job})[0])
			return r, count.Load() - before
		}
		tick()
		_, usual := tick()
		b.exec(changes[b.name])
		var last sentinel.Status
		for range 2 {
			r, n := tick()
			if r.Status == sentinel.Fail || r.Status == sentinel.Error {
				b.tb.Fatalf("spelled anew: %s %q", r.Status, r.Message)
			}
			if b.name != "sqlite" && n == usual {
				b.tb.Fatalf("no segment was looked up: %d statements", n)
			}
			last = r.Status
		}
		if last != sentinel.Pass {
			b.tb.Errorf("after a second look: %s", last)
		}
		r, n := tick()
		if r.Status != sentinel.Pass || n > usual {
			b.tb.Errorf("found: %s %q, %d statements, usually %d", r.Status, r.Message, n, usual)
		}
		b.exec("DELETE FROM t WHERE k = " + fmt.Sprintf(value, 7))
		if r, _ := tick(); r.Status != sentinel.Fail || len(r.Findings) != 1 {
			b.tb.Errorf("without the rows of one: %s %q", r.Status, r.Message)
		}
		if m, err := h.stored.Decode(); err != nil || len(m.Known) != 60 {
			b.tb.Errorf("remembered: %v %v, want 60", m, err)
		}
		gone := slices.ContainsFunc(r.Observations, func(o sentinel.Observation) bool { return o.Gone })
		if gone {
			b.tb.Errorf("a segment is gone: %v", r.Observations)
		}
	})
}

// TestAFutureRowOfAnotherSpellingHidesNoLateSegment has two spellings of one segment, one of
// them only in a row of the future. Its other rows are late: whatever an empty segment is, the
// check does not pass.
func TestAFutureRowOfAnotherSpellingHidesNoLateSegment(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		kind := map[string]string{
			"postgres": "text COLLATE same", "mysql": "varchar(9) COLLATE utf8mb4_general_ci", "sqlite": "text COLLATE NOCASE",
		}[b.name]
		if b.name == "postgres" {
			b.exec("CREATE COLLATION same (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
		}
		b.exec("CREATE TABLE t (s "+kind+", at "+b.plain()+")",
			"INSERT INTO t VALUES ('de', "+b.ago(3*time.Hour)+"), ('de', "+b.ago(2*time.Hour)+"), ('DE', "+b.ago(-2*time.Hour)+")")
		for _, empty := range []checks.Policy{"ignore", "warn", "fail"} {
			r := b.run("t", &checks.Freshness{By: []string{"s"}, Column: "at", Fail: checks.Duration(time.Hour), OnEmpty: empty,
				OnFuture: "ignore"})[0]
			if r.Status != sentinel.Fail && r.Status != sentinel.Unknown {
				b.tb.Errorf("on_empty %s: %s %q", empty, r.Status, r.Message)
			}
		}
	})
}
