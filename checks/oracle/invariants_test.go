package oracle_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// law is what must hold between results of one table, whatever the right verdict is. It needs
// no oracle. It returns how many comparisons it made.
type law func(t *testing.T, s scene) int

// scene is a drawn table on one engine, with drawn checks of bad rows.
type scene struct {
	r     *rand.Rand
	seed  uint64
	e     *engine
	table *oddTable
	list  []columnCheck
}

// TestLawsOfColumnChecks holds laws of column checks on every engine. The table "What holds
// for column checks" in docs/architecture.md names the tests of all such laws.
func TestLawsOfColumnChecks(t *testing.T) {
	engines := columnEngines(t)
	laws := map[string]law{
		"segments add up":             segmentsAddUp,
		"order does not matter":       orderDoesNotMatter,
		"one more row":                oneMoreRow,
		"three conditions are all":    conditionsAddUp,
		"buckets add up":              bucketsAddUp,
		"a proof is what a scan says": proofsAreScans,
	}
	held := map[string]int{}
	for k := range uint64(*rounds) / 200 {
		seed := *seed + k
		for _, e := range engines {
			for _, name := range slices.Sorted(maps.Keys(laws)) {
				r := rand.New(rand.NewPCG(seed, 22))
				s := scene{r: r, seed: seed, e: e, table: drawOdd(r, fmt.Sprintf("l%d", seed))}
				for range 1 + r.IntN(12) {
					s.list = append(s.list, drawColumnCheck(r, s.table.name))
				}
				held[name] += laws[name](t, s)
			}
		}
	}
	t.Logf("comparisons: %v", held)
	for name := range laws {
		if held[name] == 0 {
			t.Errorf("%s: nothing was compared", name)
		}
	}
}

// columnEngines opens every engine for tables of odd values.
func columnEngines(t *testing.T) map[string]*engine {
	t.Helper()
	engines := map[string]*engine{}
	for _, name := range warehouse.Dialects() {
		engines[name] = openEngine(t, name)
	}
	engines["postgres"].exec(t, `CREATE COLLATION folding
		(provider = icu, locale = 'und-u-ks-level1', deterministic = false)`)
	engines["mysql"].exec(t, "SET sql_mode = ''") // or it refuses the date 0000-00-00
	return engines
}

// run makes the table, checks it at an instant, and drops it.
func (s scene) run(t *testing.T, tick time.Time, list []columnCheck) []sentinel.Result {
	t.Helper()
	if len(list) == 0 {
		return nil
	}
	s.table.create(t, s.e)
	defer s.e.exec(t, "DROP TABLE "+s.table.name)
	return s.e.checkColumnsAt(t, tick, s.table, list)
}

// with returns the check with other options; nil removes one.
func (c columnCheck) with(options map[string]any) columnCheck {
	c.options = maps.Clone(c.options)
	for key, value := range options {
		if value == nil {
			delete(c.options, key)
		} else {
			c.options[key] = value
		}
	}
	return c
}

// whole returns the check for all rows as one segment.
func (c columnCheck) whole() columnCheck {
	return c.with(map[string]any{"by": nil, "bucket": nil, "min_rows": nil})
}

// and returns the check for those of its rows for which a condition is true.
func (c columnCheck) and(condition string) columnCheck {
	if c.where != "" {
		condition = "(" + c.where + ") AND " + condition
	}
	return c.with(map[string]any{"where": condition})
}

// rowNumbers are the numbers of rows that a result observed, summed over its segments.
type rowNumbers struct{ bad, examined int64 }

func numbersOf(results ...sentinel.Result) (n rowNumbers) {
	for _, r := range results {
		for _, o := range r.Observations {
			v, _ := o.Value.Int64()
			switch o.Metric {
			case "failed_rows":
				n.bad += v
			case "examined_rows":
				n.examined += v
			}
		}
	}
	return n
}

// wrong reports a law that does not hold.
func (s scene) wrong(t *testing.T, law string, c columnCheck, got, want any) {
	t.Helper()
	t.Errorf("seed %d on %s: %s: %s %v: got %+v, want %+v\n%s", s.seed, s.e.name, law, c.kind, c.options, got, want,
		shown(s.table.seen(s.e)))
}

// errored reports whether a check could not be run, which no law is about.
func (s scene) errored(t *testing.T, c columnCheck, results ...sentinel.Result) bool {
	t.Helper()
	for _, r := range results {
		if r.Status == sentinel.Error {
			t.Errorf("seed %d on %s: %s %v: %s", s.seed, s.e.name, c.kind, c.options, r.Message)
			return true
		}
	}
	return false
}

// The numbers of all segments are those of the whole.
func segmentsAddUp(t *testing.T, s scene) (held int) {
	var list []columnCheck
	for _, c := range s.list {
		if c.key == nil {
			list = append(list, c.whole(), c.whole().with(map[string]any{"by": []string{"g", "k"}}))
		}
	}
	results := s.run(t, columnTick, list)
	for i := 0; i < len(results); i += 2 {
		if s.errored(t, list[i], results[i], results[i+1]) {
			continue
		}
		held++
		if whole, parts := numbersOf(results[i]), numbersOf(results[i+1]); whole != parts {
			s.wrong(t, "segments", list[i+1], parts, whole)
		}
	}
	return held
}

// Other orders of rows and of checks have the same results.
func orderDoesNotMatter(t *testing.T, s scene) (held int) {
	first := s.run(t, columnTick, s.list)
	rows, places := s.r.Perm(len(s.table.rows)), s.r.Perm(len(s.list))
	other := scene{r: s.r, seed: s.seed, e: s.e, table: &oddTable{name: s.table.name}}
	for _, i := range rows {
		other.table.rows = append(other.table.rows, s.table.rows[i])
	}
	for _, i := range places {
		other.list = append(other.list, s.list[i].with(nil))
	}
	for at, r := range other.run(t, columnTick, other.list) {
		want := first[places[at]]
		held++
		if r.Status != want.Status || r.Message != want.Message || !reflect.DeepEqual(observed(r), observed(want)) {
			s.wrong(t, "order", other.list[at], []any{r.Message, observed(r)}, []any{want.Message, observed(want)})
		}
	}
	return held
}

// A copy of a good row adds no bad row, and one of a bad row adds one. Which of them a row is,
// the check says of this row alone. A row that repeats another repeats its key.
func oneMoreRow(t *testing.T, s scene) (held int) {
	if len(s.table.rows) == 0 {
		return 0
	}
	row := s.table.rows[s.r.IntN(len(s.table.rows))]
	var list, single []columnCheck
	for _, c := range s.list {
		if !c.keys {
			list = append(list, c.whole())
			single = append(single, c.whole().and("id = "+*row[0]))
		}
	}
	before := s.run(t, columnTick, append(slices.Clone(list), single...))
	more := s
	more.table = &oddTable{name: s.table.name, rows: append(slices.Clone(s.table.rows), row)}
	for i, after := range more.run(t, columnTick, list) {
		all, alone := before[i], before[len(list)+i]
		if s.errored(t, list[i], after, all, alone) {
			continue
		}
		held++
		want := numbersOf(all, alone)
		if list[i].kind == "duplicate" { // the copy repeats the key, if it has one
			want.bad += numbersOf(alone).examined - numbersOf(alone).bad
		}
		if got := numbersOf(after); got != want {
			more.wrong(t, "a copy of row "+*row[0], list[i], got, want)
		}
	}
	return held
}

// The rows for which a condition is true, false or unknown are all rows.
func conditionsAddUp(t *testing.T, s scene) (held int) {
	condition := pick(s.r, []string{"g = 'DE'", "n > 1", "m < 2 OR k = 'x'", "day >= '2026-11-30'",
		"NOT (d > 1 AND g <> 'FR')"})
	var list []columnCheck
	for _, c := range s.list {
		if c.kind != "duplicate" {
			list = append(list, c.whole(), c.whole().and("("+condition+")"), c.whole().and("NOT ("+condition+")"),
				c.whole().and("("+condition+") IS NULL"))
		}
	}
	results := s.run(t, columnTick, list)
	for i := 0; i < len(results); i += 4 {
		if s.errored(t, list[i], results[i:i+4]...) {
			continue
		}
		held++
		if whole, parts := numbersOf(results[i]), numbersOf(results[i+1:i+4]...); whole != parts {
			s.wrong(t, condition, list[i], parts, whole)
		}
	}
	return held
}

// The days of a range of time have together the numbers of the range.
func bucketsAddUp(t *testing.T, s scene) (held int) {
	const from, to = "2026-11-27", "2026-11-30"
	var daily, whole []columnCheck
	for _, c := range s.list {
		if c.kind != "duplicate" {
			daily = append(daily, c.with(map[string]any{"by": nil, "bucket": "day"}))
			whole = append(whole, c.whole().and("at >= '"+from+"' AND at < '"+to+"'"))
		}
	}
	wanted := s.run(t, columnTick, whole)
	days := make([][]sentinel.Result, len(daily))
	for back := range 3 {
		for i, r := range s.run(t, columnTick.AddDate(0, 0, -back), daily) {
			days[i] = append(days[i], r)
		}
	}
	for i, c := range daily {
		if s.errored(t, c, append(days[i], wanted[i])...) {
			continue
		}
		held++
		if got, want := numbersOf(days[i]...), numbersOf(wanted[i]); got != want {
			s.wrong(t, "days", c, got, want)
		}
	}
	return held
}

// What a constraint proves is what the rows say.
func proofsAreScans(t *testing.T, s scene) (held int) {
	s.table.constraints = map[string]string{"id": " NOT NULL PRIMARY KEY"}
	seen := s.table.seen(s.e)
	for i, c := range oddColumns[1:] {
		if !slices.ContainsFunc(seen, func(r []cell) bool { return r[i+1] == nil }) && s.r.IntN(2) == 0 {
			s.table.constraints[c.name] = " NOT NULL"
		}
	}
	var list, verified []columnCheck
	add := func(rule badRule) {
		rule.options["verify"] = true
		c := columnCheck{badRule: rule}
		verified = append(verified, c)
		list = append(list, c.with(map[string]any{"verify": nil}))
	}
	for _, c := range oddColumns {
		add(badRule{kind: "missing", options: map[string]any{"column": c.name}})
		both := slices.Compact([]string{c.name, "id"})
		add(badRule{kind: "duplicate", options: map[string]any{"columns": both, "compare": "exact"}})
		add(badRule{kind: "duplicate", options: map[string]any{"column": c.name, "compare": "exact"}})
	}
	results := s.run(t, columnTick, append(slices.Clone(list), verified...))
	for i, c := range list {
		got, scan := results[i], results[len(list)+i]
		if s.errored(t, c, got, scan) {
			continue
		}
		if scan.Evidence.Source == "constraint" {
			s.wrong(t, "verify", c, scan.Evidence, "a scan")
		}
		if got.Evidence.Source == "constraint" {
			held++
		}
		if got.Status != scan.Status || got.Evidence.Source != "constraint" && numbersOf(got) != numbersOf(scan) {
			s.wrong(t, "a proof", c, got.Message, scan.Message)
		}
	}
	return held
}

// observed are the numbers of a result. Segments of the same size may come in any order.
func observed(r sentinel.Result) map[string]string {
	out := map[string]string{}
	for _, o := range r.Observations {
		out[fmt.Sprint(o.Metric, " ", o.Segment, " ", o.Bucket)] = o.Value.String()
	}
	return out
}

// Engines that keep the same values have the same results.
func TestColumnChecksAreTheSameOnEveryEngine(t *testing.T) {
	engines := columnEngines(t)
	held := 0
	for k := range uint64(*rounds) / 200 {
		seed := *seed + k
		r := rand.New(rand.NewPCG(seed, 23))
		table := drawOdd(r, fmt.Sprintf("e%d", seed))
		for _, row := range table.rows {
			for i, v := range row {
				for _, e := range engines {
					if kept := oddColumns[i].kept(e, v); v != nil && (kept == nil || *kept != *v) {
						row[i] = nil
					}
				}
			}
		}
		list := make([]columnCheck, 1+r.IntN(25))
		for i := range list {
			list[i] = drawColumnCheck(r, table.name)
		}
		var first []sentinel.Result
		for _, name := range warehouse.Dialects() {
			s := scene{seed: seed, e: engines[name], table: table}
			results := s.run(t, columnTick, list)
			if first == nil {
				first = results
			}
			for i, got := range results {
				held++
				if want := first[i]; got.Status != want.Status || !reflect.DeepEqual(observed(got), observed(want)) {
					s.wrong(t, "as on "+warehouse.Dialects()[0], list[i], observed(got), observed(want))
				}
			}
		}
	}
	t.Logf("%d results are the same on every engine", held)
}
