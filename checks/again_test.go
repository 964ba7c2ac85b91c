package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A merged statement that times out is not sent again for each member. Those that only
// compare are asked as one and answered, as is one that an index answers. The heavy one is
// asked alone, and has an error. So the table is scanned three times, by the server's own
// count. The next time the heavy one is asked apart at once.
func TestTimedOutStatementIsNotAskedMemberByMember(t *testing.T) {
	t.Parallel()
	for engine, e := range map[string]struct{ slow, scans string }{
		"postgres": {"pg_sleep(0.05) IS NOT NULL", `
			SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'big'`},
		"mysql": {"sleep(0.05) = 0", ""},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var sent statementCount
			b := newBench(t, engine, warehouse.Config{StatementTimeout: time.Second, Observer: &sent})
			b.exec("CREATE TABLE big (id integer, at "+b.plain()+")", "CREATE INDEX big_at ON big (at)")
			for range 10 {
				b.exec("INSERT INTO big VALUES" + strings.Repeat(" (1, "+b.ago(time.Minute)+"),", 99) + " (2, " + b.ago(time.Minute) + ")")
			}
			list := []checks.Check{&checks.Freshness{Fail: hour}}
			for i := range 8 {
				c := &checks.RowCount{Fail: bound(t, "< 1")}
				if c.Where = "id > " + string(rune('0'+i)); i == 3 {
					c.Where = e.slow
				}
				list = append(list, c)
			}
			b.run("big", &checks.Schema{}) // connects
			scans := func() (n int64) {
				if e.scans != "" {
					n = questions(t, b.driver, b.admin, e.scans)
				}
				return n
			}
			before, statements, begin := scans(), sent.Load(), time.Now()
			for _, r := range b.run("big", list...) {
				switch {
				case r.Kind == "freshness" && r.Status != sentinel.Pass:
					t.Errorf("freshness, which an index answers: %s %q", r.Status, r.Message)
				case r.Kind == "row_count" && r.Check == "c4":
					if r.Status != sentinel.Error || !strings.Contains(r.Message, "statement_timeout") {
						t.Errorf("the heavy one: %s %q", r.Status, r.Message)
					}
				case r.Status == sentinel.Error:
					t.Errorf("%s: %s %q", r.Check, r.Status, r.Message)
				}
			}
			took := time.Since(begin)
			planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("big", list...)})
			if len(planned) != 2 || strings.Contains(planned[0].Statement.SQL, e.slow) {
				t.Errorf("the next statements: %+v", planned)
			}
			if err := b.db.Close(); err != nil { // the sessions report what they counted
				t.Fatal(err)
			}
			poll(t, func() bool { return e.scans == "" || scans() > before })
			if n := scans() - before; n > 3 {
				t.Errorf("%d scans", n)
			}
			if n := sent.Load() - statements; n > 12 || took > 8*time.Second {
				t.Errorf("%d statements in %v, those of the catalog among them", n, took)
			}
		})
	}
}

// A merged statement that a value of a row fails is not sent again for each member, but for
// those with SQL of the user.
func TestAFailedStatementIsAskedByParts(t *testing.T) {
	t.Parallel()
	var sent statementCount
	b := newBench(t, "postgres", warehouse.Config{Observer: &sent})
	b.exec("CREATE TABLE f (a integer, b integer)", "INSERT INTO f VALUES (1, 0)")
	list := []checks.Check{&checks.FailedRows{Expression: "a / b > 1"}, &checks.FailedRows{Expression: "a > 1"}}
	for _, column := range []string{"a", "b"} {
		list = append(list, &checks.Missing{Column: column}, &checks.Invalid{Column: column, Min: "0"},
			&checks.Invalid{Column: column, Max: "9"}, &checks.Invalid{Column: column, InvalidValues: checks.ValueList{"7"}})
	}
	b.run("f", &checks.Schema{}) // connects
	before := sent.Load()
	for i, r := range b.run("f", list...) {
		if want := i == 0; (r.Status == sentinel.Error) != want || !want && r.Status != sentinel.Pass {
			t.Errorf("%s: %s %q", r.Check, r.Status, r.Message)
		}
	}
	alone := sent.Load()
	b.run("f", &checks.Missing{Column: "a"})
	catalog := sent.Load() - alone - 1
	if n := alone - before - catalog; n > 6 {
		t.Errorf("%d statements, want 6: all as one, those that only compare, and the 2 numbers of each expression", n)
	}
}
