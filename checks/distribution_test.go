package checks_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// distributed is a row of the tables that distributions are drawn for. "NULL" is NULL.
type distributed struct {
	category, number string
	day              int // days before the tick
}

// drawDistributed draws rows of today's bucket, day 1, and of 7 days before it.
func drawDistributed(r *rand.Rand, name string) (rows []distributed) {
	numbers := []string{"0", "1", "-1", "1.5", "-2.25", "1e300", "1e-300", "NULL", "49"}
	if name == "postgres" {
		numbers = append(numbers, "NaN", "Infinity")
	}
	categories := []string{"a", "A", "a b", "ä", "", "NULL", "x", "y"}
	shift := r.Float64() * 2
	for day := 1; day <= 9; day++ {
		for range 230 + r.IntN(200) {
			row := distributed{day: day, category: categories[r.IntN(len(categories))], number: numbers[r.IntN(len(numbers))]}
			if r.IntN(3) > 0 {
				mean := 100.0
				if day == 1 {
					mean += 10 * shift
				}
				row.number = fmt.Sprintf("%.3f", mean+10*r.NormFloat64())
			}
			if day == 1 && r.Float64() < shift/4 {
				row.category = "new"
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func (b *bench) createDistributed(table string, rows []distributed) {
	float := map[string]string{"postgres": "double precision", "mysql": "double", "sqlite": "double"}[b.name]
	b.exec("CREATE TABLE " + table + " (c varchar(20), x " + float + ", at " + b.plain() + ")")
	quote := func(s string) string {
		if s == "NULL" {
			return s
		}
		return "'" + s + "'"
	}
	var tuples []string
	for _, row := range rows {
		tuples = append(
			tuples,
			fmt.Sprintf("(%s, %s, %s)", quote(row.category), quote(row.number), b.ago(time.Duration(row.day)*24*time.Hour)),
		)
	}
	b.exec("INSERT INTO " + table + " VALUES " + strings.Join(tuples, ", "))
}

// shares counts how often each value is there today and in the reference.
func shares(rows []distributed, value func(distributed) string) (now, before map[string]float64, n, m float64) {
	now, before = map[string]float64{}, map[string]float64{}
	for _, row := range rows {
		switch {
		case row.day == 1:
			now[value(row)]++
			n++
		case row.day <= 8:
			before[value(row)]++
			m++
		}
	}
	return now, before, n, m
}

// thin reports whether a value has fewer than 20 rows where it is most frequent.
func thin(now, before map[string]float64, n, m float64) bool {
	for _, side := range []map[string]float64{now, before} {
		for v := range side {
			if max(now[v]/n, before[v]/m)*min(n, m) < 20 {
				return true
			}
		}
	}
	return false
}

// wantedShare is the largest change of a share, and wantedDistance the root of the Jensen-Shannon
// divergence, by plain loops over values of which each has enough rows.
func wantedShare(now, before map[string]float64, n, m float64) (most float64) {
	for _, side := range []map[string]float64{now, before} {
		for v := range side {
			most = max(most, math.Abs(now[v]/n-before[v]/m))
		}
	}
	return most
}

func wantedDistance(now, before map[string]float64, n, m float64) float64 {
	js := 0.0
	seen := map[string]bool{}
	for _, side := range []map[string]float64{now, before} {
		for v := range side {
			if seen[v] {
				continue
			}
			seen[v] = true
			p, q := now[v]/n, before[v]/m
			for _, s := range []float64{p, q} {
				if s > 0 {
					js += s * math.Log2(2*s/(p+q)) / 2
				}
			}
		}
	}
	return math.Sqrt(js)
}

// wantedKS is the largest difference of the cumulated shares at any value, where cells of 2 %
// are one value. NULL and what is no finite number come last.
func wantedKS(rows []distributed) (most float64) {
	type point struct{ at, now, before float64 }
	var points []point
	_, _, n, m := shares(rows, func(distributed) string { return "" })
	for _, row := range rows {
		if row.day > 8 {
			continue
		}
		p := point{at: 1e9}
		switch row.number {
		case "NULL":
			p.at = 4e9
		case "NaN":
			p.at = 3e9
		case "Infinity":
			p.at = 2e9
		default:
			var x float64
			fmt.Sscan(row.number, &x)
			p.at = 0
			if x != 0 {
				p.at = math.Copysign(1e5+math.Ceil(math.Log(math.Abs(x))/math.Log(1.01/0.99)), x)
			}
		}
		if p.before = 1 / m; row.day == 1 {
			p.now, p.before = 1/n, 0
		}
		points = append(points, p)
	}
	slices.SortFunc(points, func(a, b point) int {
		return int(math.Copysign(1, a.at-b.at)) * map[bool]int{true: 0, false: 1}[a.at == b.at]
	})
	var now, before float64
	for i, p := range points {
		now, before = now+p.now, before+p.before
		if i+1 == len(points) || points[i+1].at != p.at {
			most = max(most, math.Abs(now-before))
		}
	}
	return most
}

// Distances are those of plain Go, on every engine.
func TestDistances(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		for seed := range uint64(6) {
			rows := drawDistributed(rand.New(rand.NewPCG(seed, 3)), b.name)
			table := fmt.Sprintf("d%d", seed)
			b.createDistributed(table, rows)
			now, before, n, m := shares(rows, func(row distributed) string { return row.category })
			daily := checks.TimeBucket{Bucket: "day"}
			for _, c := range []struct {
				check *checks.Distribution
				want  float64
			}{
				{&checks.Distribution{Column: "c", Method: "max_share", TimeBucket: daily}, wantedShare(now, before, n, m)},
				{&checks.Distribution{Column: "c", TimeBucket: daily}, wantedDistance(now, before, n, m)},
				{&checks.Distribution{Column: "c", TimeBucket: daily, Against: checks.Against{From: "2026-11-22", To: "2026-11-29"}},
					wantedDistance(now, before, n, m)},
				{&checks.Distribution{Column: "x", Method: "ks", TimeBucket: daily}, wantedKS(rows)},
			} {
				r := b.run(table, c.check)[0]
				if c.check.Method == "js" && thin(now, before, n, m) {
					continue // such cells are joined
				}
				if len(r.Observations) != 1 || math.Abs(r.Observations[0].Value.Float64()-c.want) > 1e-9 {
					b.tb.Errorf("seed %d %s(%s): %s, want %g", seed, c.check.Method, c.check.Column, r.Message, c.want)
				}
				if bad := r.Status == sentinel.Fail; bad && c.want <= 0.1 {
					b.tb.Errorf("seed %d: %s", seed, r.Message)
				}
			}
		}
	})
}

// Without a change chance makes no finding, however small the threshold; a shift of a third of
// the spread is found.
func TestDistributionsByChance(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 3))
	const tables = 20
	alarms := map[string]int{}
	for g := range tables {
		name := fmt.Sprintf("n%d", g)
		b.exec("CREATE TABLE " + name + " (x double, y double, at timestamp)")
		var tuples []string
		for day := 1; day <= 4; day++ {
			for range 500 {
				x, y := r.NormFloat64(), r.NormFloat64()
				if day == 1 {
					y += 0.35
				}
				tuples = append(tuples, fmt.Sprintf("(%g, %g, %s)", x, y, b.ago(time.Duration(day)*24*time.Hour)))
			}
		}
		b.exec("INSERT INTO " + name + " VALUES " + strings.Join(tuples, ", "))
		var list []checks.Check
		for _, method := range []string{"js", "psi", "ks", "max_share"} {
			for _, column := range []string{"x", "y"} {
				list = append(list, &checks.Distribution{Column: column, Method: method, Fail: bound(t, "> 0.001"),
					Options:    checks.Options{ID: method + " " + column},
					TimeBucket: checks.TimeBucket{Bucket: "day"}, Against: checks.Against{Last: 3}})
			}
		}
		for _, r := range b.run(name, list...) {
			if r.Status == sentinel.Fail {
				alarms[r.Check]++
			} else if r.Status != sentinel.Pass {
				t.Fatal(r.Message)
			}
		}
	}
	for _, method := range []string{"js", "psi", "ks", "max_share"} {
		if without, with := alarms[method+" x"], alarms[method+" y"]; without > 0 || method != "max_share" && with < 17 {
			t.Errorf("%s: %d of %d without a change, %d with one", method, without, tables, with)
		}
	}
}

// TestDistributionOfInfinities: infinity and minus infinity are two values.
func TestDistributionOfInfinities(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		if b.name == "mysql" {
			return // it has no infinities
		}
		b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		plus, minus := "'Infinity'", "'-Infinity'"
		if b.name == "sqlite" {
			plus, minus = "9e999", "-9e999"
		}
		for table, days := range map[string][]string{"falls": {minus, plus}, "rises": {plus, minus}} {
			b.exec("CREATE TABLE " + table + " (x double precision, at " + b.plain() + ")")
			for i, value := range days { // today, and the day before
				at := b.ago(time.Duration(i+1) * 24 * time.Hour)
				half := "(" + value + ", " + at + "), "
				b.exec("INSERT INTO " + table + " VALUES " + strings.Repeat(half, 300) +
					strings.TrimSuffix(strings.Repeat("(1, "+at+"), ", 300), ", "))
			}
		}
		for table, want := range map[string]string{"falls": "from 0.0% to 50.0%", "rises": "from 50.0% to 0.0%"} {
			for _, method := range []string{"js", "psi", "ks", "max_share"} {
				b.want(table, &checks.Distribution{Column: "x", Method: method, ShowValues: true,
					TimeBucket: checks.TimeBucket{Bucket: "day"}}, sentinel.Fail,
					"the share of values about -infinity changed most, "+want)
			}
		}
		b.exec("UPDATE rises SET x = NULL WHERE x < 0")
		b.want("rises", &checks.Distribution{Column: "x", ShowValues: true, TimeBucket: checks.TimeBucket{Bucket: "day"}},
			sentinel.Fail, "the share of values about infinity changed most, from 0.0% to 50.0%")
	})
}

func TestDistributionMessages(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (c varchar(20), n integer, day date)")
		var tuples []string
		for i := range 1000 {
			tuples = append(tuples, fmt.Sprintf("('%s', %d, '2026-01-01')", []string{"DE", "US", "secret"}[i%3], i%50-10))
		}
		b.exec("INSERT INTO s VALUES " + strings.Join(tuples, ", "))
		values := func(v map[string]string) checks.Against { return checks.Against{Values: v} }
		b.want(
			"s",
			&checks.Distribution{Column: "c", Against: values(map[string]string{"DE": "0.34", "US": "0.33", "secret": "0.33"})},
			sentinel.Pass,
			"the js distance of c is",
		)
		r := b.want(
			"s",
			&checks.Distribution{Column: "c", Against: values(map[string]string{"DE": "0.8", "US": "0.2"})},
			sentinel.Fail,
			"the share of DE changed most, from 80.0% to 33.4%, expected <= 0.1",
		)
		if strings.Contains(r.Message, "secret") {
			b.tb.Error(r.Message)
		}
		b.want("s", &checks.Distribution{Column: "n", Against: values(map[string]string{"5": "0.02"})}, sentinel.Pass, "")
		b.want("s", &checks.Distribution{Column: "n", Against: values(map[string]string{"5": "1"})}, sentinel.Fail, "")
		b.want(
			"s",
			&checks.Distribution{Column: "c", MinRows: 1001, Against: values(map[string]string{"DE": "1"})},
			sentinel.Unknown,
			"too few",
		)
		b.want(
			"s",
			&checks.Distribution{Column: "day", Against: values(map[string]string{"DE": "1"})},
			sentinel.Error,
			"numbers or categories",
		)
		b.want(
			"s",
			&checks.Distribution{Column: "c", Method: "ks", TimeBucket: checks.TimeBucket{Bucket: "day", TimeColumn: "day"}},
			sentinel.Error,
			"ks is for numbers",
		)
		b.want(
			"s",
			&checks.Distribution{Column: "c", TimeBucket: checks.TimeBucket{Bucket: "day", TimeColumn: "day"}},
			sentinel.Unknown,
			"0 rows",
		)
		b.want(
			"s",
			&checks.Distribution{Column: "nope", Against: values(map[string]string{"DE": "1"})},
			sentinel.Error,
			"does not exist",
		)
	})
	for want, c := range map[string]*checks.Distribution{
		"want one of last":          {Column: "c", Against: checks.Against{Last: 1, From: "2026-01-01"}, TimeBucket: checks.TimeBucket{Bucket: "day"}},
		"needs bucket":              {Column: "c"},
		"want 1 to 60":              {Column: "c", Against: checks.Against{Last: 61}, TimeBucket: checks.TimeBucket{Bucket: "day"}},
		"no day such as":            {Column: "c", Against: checks.Against{From: "x"}, TimeBucket: checks.TimeBucket{Bucket: "day"}},
		"want a share from 0 to 1":  {Column: "c", Against: checks.Against{Values: map[string]string{"a": "2"}}},
		"want at most 1":            {Column: "c", Against: checks.Against{Values: map[string]string{"a": "0.9", "b": "0.2"}}},
		"a distance is no percent":  {Column: "c", Fail: bound(t, "> 1%"), Against: checks.Against{Values: map[string]string{"a": "1"}}},
		"the column whose values":   {},
		"ks is for numbers: use js": {Column: "c", Method: "ks", Against: checks.Against{Values: map[string]string{"a": "1"}}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestDistributionOfSpelledValues holds that the type of a column says what the configured
// values mean, as for a list of valid values.
func TestDistributionOfSpelledValues(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		halves := []map[string]string{{"1": "0.5", "0": "0.5"}}
		types := map[string]string{"integer": "", "decimal(5,2)": "", "double precision": ""}
		switch b.name {
		case "postgres":
			types["boolean"] = "::boolean"
		case "mysql":
			types["integer(5) zerofill"], types["tinyint(1)"] = "", ""
			b.exec("CREATE TABLE bits (n bit(1))")
			b.want("bits", &checks.Distribution{Column: "n", Against: checks.Against{Values: halves[0]}},
				sentinel.Error, "which is not compared with values")
		}
		i := 0
		for kind, cast := range types {
			i++
			table := fmt.Sprintf("spelled%d", i)
			b.exec("CREATE TABLE " + table + " (n " + kind + ")")
			b.exec("INSERT INTO " + table + " VALUES " + strings.TrimSuffix(strings.Repeat("(1"+cast+"), (0"+cast+"), ", 150), ", "))
			spellings := slices.Clone(halves)
			switch kind {
			case "integer", "decimal(5,2)", "double precision", "integer(5) zerofill":
				spellings = append(spellings, map[string]string{"1.00": "0.5", "00": "0.5"}, map[string]string{"1e0": "0.5", "-0": "0.5"})
			case "boolean", "tinyint(1)":
				spellings = append(spellings, map[string]string{"true": "0.5", "False": "0.5"})
			}
			for _, values := range spellings {
				b.want(table, &checks.Distribution{Column: "n", Against: checks.Against{Values: values}}, sentinel.Pass, "distance of n is 0")
			}
			b.want(table, &checks.Distribution{Column: "n", Against: checks.Against{Values: map[string]string{"one": "1"}}},
				sentinel.Error, `"one" is`)
			b.want(table, &checks.Distribution{Column: "n", Against: checks.Against{Values: map[string]string{"1": "0.5", "01": "0.5"}}},
				sentinel.Error, `"01" `)
			b.exec("INSERT INTO " + table + " VALUES " + strings.TrimSuffix(strings.Repeat("(NULL), ", 300), ", "))
			b.want(table, &checks.Distribution{Column: "n",
				Against: checks.Against{Values: map[string]string{"1": "0.25", "0": "0.25", "null": "0.5"}}}, sentinel.Pass, "distance of n is 0")
			b.want(table, &checks.Distribution{Column: "n",
				Against: checks.Against{Values: map[string]string{"1": "0.5", "0": "0.5"}}}, sentinel.Fail, "")
		}
	})
}
