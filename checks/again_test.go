package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A merged statement that times out is not sent again for each member: the table is scanned
// twice at most, by the server's own count. A member that an index answers is answered.
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
				case r.Kind == "row_count" && (r.Status != sentinel.Error || !strings.Contains(r.Message, "one statement for") ||
					!strings.Contains(r.Message, "statement_timeout")):
					t.Errorf("row_count: %s %q", r.Status, r.Message)
				}
			}
			took := time.Since(begin)
			if err := b.db.Close(); err != nil { // the sessions report what they counted
				t.Fatal(err)
			}
			poll(t, func() bool { return e.scans == "" || scans() > before })
			if n := scans() - before; n > 2 {
				t.Errorf("%d scans", n)
			}
			if n := sent.Load() - statements; n > 12 || took > 8*time.Second {
				t.Errorf("%d statements in %v, those of the catalog among them", n, took)
			}
		})
	}
}
