package checks_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestAggregate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE a (n bigint, d decimal(9,2), s varchar(9), at "+b.plain()+")", "CREATE TABLE empty (n bigint)",
			"INSERT INTO a VALUES (1, 0.10, 'a', NULL), (2, 0.20, 'ab', NULL), (4, 0.60, 'abc', NULL), (NULL, NULL, NULL, NULL)")
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
			{"n", "median", "!= 2", sentinel.Pass, "median(n) is 2"},
			{"d", "median", "!= 0.2", sentinel.Pass, "median(d) is 0.2"},
			{"n", "zero_percent", "> 0", sentinel.Pass, "zero_percent(n) is 0%"},
			{"s", "sum", "> 2", sentinel.Error, "sum is for numbers"},
			{"s", "median", "> 2", sentinel.Error, "median is for numbers"},
			{"s", "count_true", "> 2", sentinel.Error, "count_true is for booleans"},
			{"at", "min", "> 2", sentinel.Error, "set `unit: days`"},
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

// A percentile is the value of the nearest rank, as PostgreSQL's percentile_disc.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE p (n bigint, g varchar(9))", "INSERT INTO p VALUES (10, 'a'), (20, 'a'), (30, 'b'), (40, 'b'), "+
			"(50, 'b'), (50, 'b'), (60, 'b'), (70, 'b'), (80, 'b'), (90, 'b'), (NULL, 'b'), (NULL, 'c')")
		for percentile, want := range map[float64]string{0.000001: "10", 0.1: "10", 0.100001: "20", 0.5: "50", 0.75: "70",
			0.9: "80", 0.95: "90", 1: "90"} {
			b.want("p", &checks.AggregateCheck{Column: "n", Function: "percentile", Percentile: percentile, Fail: bound(t, "> 1000")},
				sentinel.Pass, ") is "+want)
		}
		b.want("p", &checks.AggregateCheck{Column: "n", Function: "median", Fail: bound(t, "> 1"), Options: checks.Options{
			Where: "n IS NULL"}}, sentinel.Unknown, "median(n) is no value")
		r := b.want("p", &checks.AggregateCheck{Column: "n", Function: "percentile", Percentile: 0.5, By: []string{"g"},
			Fail: bound(t, "> 49")}, sentinel.Fail, "percentile(n, 0.5) is 50 in g=b, expected <= 49 (and 1 more)")
		if len(r.Findings) != 2 || r.Findings[1].Key != "empty:g=c" || len(r.Observations) != 3 {
			t.Errorf("findings %+v, observations %+v", r.Findings, r.Observations)
		}
		job := b.job("p", &checks.AggregateCheck{Column: "n", Function: "median", Fail: bound(t, "> 1")},
			&checks.AggregateCheck{Column: "n", Function: "percentile", Percentile: 0.95, Fail: bound(t, "> 1")})
		if planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{job}); len(planned) != 1 {
			t.Errorf("%d statements for two percentiles of a column, want 1", len(planned))
		}
	})
}

// Each segment has its own number, and what is no number is bad in its segment alone.
func TestAggregateBySegment(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (n bigint, ok boolean, c varchar(9))", "CREATE TABLE none (n bigint, c varchar(9))",
			"INSERT INTO s VALUES (1, TRUE, 'DE'), (3, FALSE, 'DE'), (0, TRUE, 'FR'), (10, NULL, 'FR'), (NULL, TRUE, NULL)")
		by := []string{"c"}
		for _, c := range []struct {
			function checks.Function
			column   string
			values   map[string]float64
		}{
			{"avg", "n", map[string]float64{"c=DE": 2, "c=FR": 5}},
			{"sum", "n", map[string]float64{"c=DE": 4, "c=FR": 10}},
			{"median", "n", map[string]float64{"c=DE": 1, "c=FR": 0}},
			{"distinct_count", "n", map[string]float64{"c=DE": 2, "c=FR": 2, "c=<null>": 0}},
			{"distinct_percent", "c", map[string]float64{"c=DE": 50, "c=FR": 50}},
			{"count_true", "ok", map[string]float64{"c=DE": 1, "c=FR": 1, "c=<null>": 1}},
			{"zero_percent", "n", map[string]float64{"c=DE": 0, "c=FR": 50}},
			{"max_length", "c", map[string]float64{"c=DE": 2, "c=FR": 2}},
		} {
			r := b.run("s", &checks.AggregateCheck{Column: c.column, Function: c.function, By: by, Fail: bound(t, "> 1000")})[0]
			got := map[string]float64{}
			for _, o := range r.Observations {
				if !o.Value.Absent() {
					got[o.Segment] = o.Value.Float64()
				}
			}
			if !maps.Equal(got, c.values) {
				t.Errorf("%s: %v, want %v (%s)", c.function, got, c.values, r.Message)
			}
		}
		b.want("s", &checks.AggregateCheck{Expression: "sum(n) - count(*)", By: by, Fail: bound(t, "> 7")}, sentinel.Fail,
			"is 8 in c=FR")
		b.want("s", &checks.AggregateCheck{Expression: "n + 1", By: by, Fail: bound(t, "> 7")}, sentinel.Error, "to be an aggregate")
		b.want("none", &checks.AggregateCheck{Column: "n", Function: "avg", By: by, Fail: bound(t, "> 7")}, sentinel.Unknown,
			"no rows, so no segments")
		b.want("s", &checks.AggregateCheck{Column: "n", Function: "avg", By: by, Limit: 1, Fail: bound(t, "> 7")}, sentinel.Unknown,
			"2 segments beyond the limit of 1")
	})
}

// The age of a date is one of the calendar, that of a time one of the clock.
func TestAggregateOfAges(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		b.loc = berlin
		day := b.tick.In(berlin).AddDate(0, 0, -3).Format(time.DateOnly)
		b.exec("CREATE TABLE ages (d date, at "+b.plain()+")", "CREATE TABLE empty (d date)",
			"INSERT INTO ages VALUES ('"+day+"', '"+b.tick.In(berlin).Add(-36*time.Hour).Format("2006-01-02 15:04:05")+"'), (NULL, NULL)",
			"INSERT INTO ages VALUES ('"+b.tick.In(berlin).Format(time.DateOnly)+"', '"+
				b.tick.In(berlin).Add(-12*time.Hour).Format("2006-01-02 15:04:05")+"')")
		age := func(column string, function checks.Function, fail string) *checks.AggregateCheck {
			return &checks.AggregateCheck{Column: column, Function: function, Unit: "days", Fail: bound(t, fail)}
		}
		aged := b.want("ages", age("d", "min", "> 4.2"), sentinel.Pass, "min(d) is ")
		midnight := time.Now().In(berlin).Day() != b.tick.In(berlin).Day() // it has passed since
		if !midnight && !strings.HasPrefix(aged.Message, "min(d) is 3") {
			t.Errorf("a date three days ago: %s", aged.Message)
		}
		b.want("ages", age("at", "min", "not between 1.4 and 1.6"), sentinel.Pass, "min(at) is 1.5")
		b.want("ages", age("at", "max", "not between 0.4 and 0.6"), sentinel.Pass, "days old")
		r := b.want("empty", age("d", "min", "> 3"), sentinel.Unknown, "min(d) is no value")
		if strings.Contains(r.Message, "days") {
			t.Errorf("no value has a unit: %s", r.Message)
		}
		if _, zero := b.db.Dialect.(warehouse.ZeroDates); zero {
			b.exec("INSERT IGNORE INTO empty VALUES ('0000-00-00')")
			b.want("empty", age("d", "min", "> 3"), sentinel.Error, "column d has 1 dates 0000-00-00, which have no age")
		}
	})
}

// A change is one against the past of the check, and of each segment.
func TestAggregateChange(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE h (n bigint)", "INSERT INTO h VALUES (40), (60)")
		past := &history{}
		b.env.History = past
		check := func() *checks.AggregateCheck {
			return &checks.AggregateCheck{Column: "n", Function: "avg", Change: &checks.Change{Fail: bound(t, "< -20%")}}
		}
		b.want("h", check(), sentinel.Unknown, "learning")
		past.points = []sentinel.Point{{Time: b.tick.Add(-time.Hour), Value: 100}}
		b.want("h", check(), sentinel.Fail, "avg(n) is 50, -50.0% against the previous value (100)")
		past.points[0].Value = 1e-320
		rise := check()
		rise.Change.Fail = bound(t, "> 5%")
		b.want("h", rise, sentinel.Fail, "+1.8e+308% against")
		past.points[0].Value = -50
		b.want("h", rise, sentinel.Fail, "+200.0% against the previous value (-50)")
	})
}
