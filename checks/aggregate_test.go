package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestAggregate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE a (n bigint, d decimal(9,2), s varchar(9))", "CREATE TABLE empty (n bigint)",
			"INSERT INTO a VALUES (1, 0.10, 'a'), (2, 0.20, 'ab'), (4, 0.60, 'abc'), (NULL, NULL, NULL)")
		for _, c := range []struct {
			column   string
			function checks.Function
			fail     string
			status   sentinel.Status
			message  string
		}{
			{"n", "sum", "> 7", sentinel.Pass, "sum(n) is 7"},
			{"n", "max", "> 3", sentinel.Fail, "max(n) is 4, expected <= 3"},
			{"n", "min", "< 1", sentinel.Pass, "min(n) is 1"},
			{"n", "avg", "> 2.3333333333", sentinel.Fail, "avg(n) is 2.33333"},
			{"d", "avg", "!= 0.3", sentinel.Pass, "avg(d) is 0.3"},
			{"n", "stddev", "> 1.6", sentinel.Pass, "stddev(n) is 1.52753"},
			{"n", "variance", "< 2.3", sentinel.Pass, "variance(n) is 2.33333"},
			{"s", "distinct_count", "!= 3", sentinel.Pass, "distinct_count(s) is 3"},
			{"s", "distinct_percent", "< 100", sentinel.Pass, "distinct_percent(s) is 100"},
			{"s", "avg_length", "!= 2", sentinel.Pass, "avg_length(s) is 2"},
			{"s", "max_length", "> 2", sentinel.Fail, "max_length(s) is 3"},
			{"s", "sum", "> 2", sentinel.Error, "sum is for numbers"},
			{"n", "avg_length", "> 2", sentinel.Error, "avg_length is for texts"},
			{"nope", "avg", "> 2", sentinel.Error, "column nope does not exist"},
		} {
			b.want("a", &checks.AggregateCheck{Column: c.column, Function: c.function, Fail: bound(t, c.fail)}, c.status, c.message)
		}
		b.want("a", &checks.AggregateCheck{Expression: "sum(n) - count(*)", Fail: bound(t, "!= 3")}, sentinel.Pass, "is 3")
		b.want("empty", &checks.AggregateCheck{Column: "n", Function: "avg", Fail: bound(t, "> 1")}, sentinel.Unknown, "no value")
		b.want("empty", &checks.AggregateCheck{Column: "n", Function: "sum", Fail: bound(t, "> 1"), OnNull: "fail"},
			sentinel.Fail, "no value")
	})
}

// NaN and infinities hide nothing, and are found.
func TestAggregateOfWhatIsNotFinite(t *testing.T) {
	t.Parallel()
	for engine, row := range map[string]string{"postgres": "('NaN'), ('Infinity')", "sqlite": "(9e999), ('text')"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			b.exec("CREATE TABLE f (x double precision)", "INSERT INTO f VALUES (1), (3), "+row)
			r := b.want("f", &checks.AggregateCheck{Column: "x", Function: "avg", Fail: bound(t, "> 2")}, sentinel.Fail,
				"2 values of x are no finite numbers")
			if len(r.Observations) != 1 || r.Observations[0].Value.Float64() != 2 {
				t.Errorf("observations %+v", r.Observations)
			}
		})
	}
}
