package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestExpressionsShareAStatement: however many numbers are asked for, the table gets one
// statement, and each number is that of a query of its own.
func TestExpressionsShareAStatement(t *testing.T) {
	t.Parallel()
	for _, engine := range warehouse.Dialects() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var sent statementCount
			b := newBench(t, engine, warehouse.Config{Observer: &sent})
			b.exec("CREATE TABLE n (x integer, s varchar(9))",
				"INSERT INTO n VALUES (1, 'ab'), (4, NULL), (7, 'cd'), (NULL, 'ef')")
			var merged, apart []checks.Check
			for _, expression := range []string{
				"avg(x)", "max(x) - min(x)", "count(*) - count(s)", "sum(x) / count(DISTINCT s)", "sum(x + NULL)",
				"count(CASE WHEN x > 1 THEN 1 END)", "max(s)", "sum(x) /* all */",
			} {
				for _, where := range []string{"", "x > 1", "x > 100"} {
					query := "SELECT " + expression + " FROM n"
					if where != "" {
						query += " WHERE " + where
					}
					merged = append(merged, &checks.SQL{Expression: expression, Fail: bound(t, "> 5"),
						Options: checks.Options{Where: where}})
					apart = append(apart, &checks.SQL{Query: query, Fail: bound(t, "> 5")})
				}
			}
			got, want := b.run("n", merged...), b.run("n", apart...)
			for i := range want {
				same := len(got[i].Observations) == len(want[i].Observations)
				if same && len(want[i].Observations) > 0 {
					same = got[i].Observations[0].Value.Float64() == want[i].Observations[0].Value.Float64()
				}
				if !same || got[i].Status != want[i].Status || got[i].Kind != "sql" {
					t.Errorf("%s: %s %q, by itself %s %q", apart[i].(*checks.SQL).Query, got[i].Status, got[i].Message,
						want[i].Status, want[i].Message)
				}
			}
			beside := []checks.Check{merged[0], &checks.RowCount{Fail: bound(t, "< 1")}, &checks.Missing{Column: "x"},
				&checks.RowCount{Fail: bound(t, "> 9"), Options: checks.Options{Where: "x > 1"}}}
			for _, p := range checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("n", beside...)}) {
				if strings.Contains(p.Statement.SQL, "CROSS JOIN") {
					t.Errorf("the table is read more than once: %s", p.Statement.SQL)
				}
			}
			plain := merged[:12] // all of them are numbers
			count := func(list []checks.Check) int64 {
				before := sent.Load()
				b.run("n", list...)
				return int64(sent.Load() - before)
			}
			if one, all := count(plain[:1]), count(plain); one != all {
				t.Errorf("%d statements for one expression, %d for %d", one, all, len(plain))
			}
		})
	}
}

// TestExpressionOrQuery: exactly one of them.
func TestExpressionOrQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		check checks.SQL
		valid bool
	}{
		{checks.SQL{Expression: "avg(x)"}, true},
		{checks.SQL{Expression: "avg(x)", Options: checks.Options{Where: "x > 1"}}, true},
		{checks.SQL{Query: "SELECT 1"}, true},
		{checks.SQL{Query: "SELECT 1", Options: checks.Options{Where: "x > 1"}}, false},
		{checks.SQL{Query: "SELECT 1", Expression: "avg(x)"}, false},
		{checks.SQL{}, false},
	} {
		c.check.Fail = bound(t, "> 1")
		if err := c.check.Validate(); (err == nil) != c.valid {
			t.Errorf("query %q, expression %q, where %q: %v", c.check.Query, c.check.Expression, c.check.Where, err)
		}
	}
}
