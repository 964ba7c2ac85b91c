package oracle_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// columnTick is when the tables of odd values are checked.
var columnTick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// columnCheck is a drawn check of bad rows, with its bounds and the rows that it looks at.
type columnCheck struct {
	badRule
	warn, fail threshold
	where      string
	looked     func(r []cell) truth
	by         []string
	bucket     bool
	beyond     bool // keys of the bucket are looked up in all rows
	minRows    int  // as it applies
	empty      sentinel.Status
}

// threshold is a bound; op is empty where there is none.
type threshold struct {
	op      string
	than    string
	percent bool
}

func (t threshold) String() string {
	if t.percent {
		return t.op + " " + t.than + "%"
	}
	return t.op + " " + t.than
}

// holds compares exactly.
func (t threshold) holds(bad, of int) bool {
	than, _ := new(big.Rat).SetString(t.than)
	n := new(big.Rat).SetInt64(int64(bad))
	if t.percent {
		if n.SetInt64(0); of > 0 {
			n.SetFrac64(100*int64(bad), int64(of))
		}
	}
	return compares(n.Cmp(than), t.op)
}

func drawThreshold(r *rand.Rand) threshold {
	t := threshold{op: pick(r, []string{">", ">", ">=", "!="}), than: pick(r, []string{"0", "1", "3", "10", "40"})}
	if r.IntN(2) == 0 {
		t = threshold{pick(r, []string{">", ">="}), pick(r, []string{"0", "0.5", "5", "25", "33.3", "50", "100"}), true}
	}
	return t
}

func drawColumnCheck(r *rand.Rand, table string) columnCheck {
	c := columnCheck{looked: func([]cell) truth { return yes }}
	switch r.IntN(7) {
	case 6:
		c.badRule = drawReference(r, table)
	case 5:
		c.badRule = drawDuplicate(r)
	case 0, 1:
		c.badRule = drawMissing(r)
	case 2, 3:
		c.badRule = drawInvalid(r)
	default:
		c.badRule = drawFailed(r)
	}
	c.fail = threshold{op: ">", than: "0"} // the default
	if r.IntN(4) > 0 {
		c.fail = drawThreshold(r)
		c.options["fail"] = c.fail.String()
	}
	if r.IntN(3) == 0 {
		c.warn = drawThreshold(r)
		c.options["warn"] = c.warn.String()
		if c.options["fail"] == nil {
			c.fail = threshold{}
		}
	}
	c.drawRows(r)
	c.empty = sentinel.Pass
	if r.IntN(3) == 0 {
		word := pick(r, []string{"warn", "fail", "unknown"})
		c.empty = map[string]sentinel.Status{"warn": sentinel.Warn, "fail": sentinel.Fail, "unknown": sentinel.Unknown}[word]
		c.options["on_empty"] = word
	}
	return c
}

// drawRows draws which rows are looked at.
func (c *columnCheck) drawRows(r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		n := r.IntN(50)
		c.where = fmt.Sprintf("id >= %d", n)
		c.looked = func(r []cell) truth {
			id, _ := strconv.Atoi(*r[0])
			return truthOf(id >= n)
		}
	case 1:
		c.where = "g <> 'DE'"
		c.looked = cellTruth("g", func(v string) bool { return v != "DE" })
	}
	if c.where != "" {
		c.options["where"] = c.where
	}
	if c.missing == nil && r.IntN(3) == 0 {
		c.by = pick(r, [][]string{{"g"}, {"g", "k"}})
		c.options["by"] = c.by
	}
	if c.bucket = r.IntN(4) == 0; c.bucket {
		c.options["bucket"] = "day"
	}
	if c.beyond = c.bucket && c.mayReach && c.by == nil; c.beyond {
		c.options["within"] = "table"
	}
	if c.bucket || c.by != nil {
		c.minRows = 30
	}
	if r.IntN(3) == 0 {
		c.minRows = r.IntN(5)
		c.options["min_rows"] = c.minRows
	}
}

// status judges what was counted.
func (c *columnCheck) status(all map[string]rowTally) sentinel.Status {
	worst, rows := sentinel.Pass, 0
	for _, n := range all {
		rows += n.rows
		if n.rows == 0 {
			continue
		}
		got := sentinel.Pass
		for i, t := range []threshold{c.warn, c.fail} {
			status := []sentinel.Status{sentinel.Warn, sentinel.Fail}[i]
			switch {
			case t.op == "":
				continue
			case t.percent && n.bad > 0 && n.of < c.minRows:
				status = sentinel.Unknown
			case !t.holds(n.bad, n.of):
				continue
			}
			if status.Worse(got) {
				got = status
			}
		}
		if got.Worse(worst) {
			worst = got
		}
	}
	if rows == 0 {
		return c.empty
	}
	return worst
}

// TestVerdictsOfColumnChecks draws tables of odd values with 1 to 25 checks of bad rows. The
// verdict and every number must be those of plain Go, on every engine. Each check must also
// have the result alone that it has among the others.
func TestVerdictsOfColumnChecks(t *testing.T) {
	engines := columnEngines(t)
	verdicts := 0
	for k := range uint64(*rounds) / 4 {
		verdicts += columnRound(t, engines, *seed+k)
	}
	t.Logf("%d tables from seed %d: %d verdicts agree", *rounds/4, *seed, verdicts)
}

func columnRound(t *testing.T, engines map[string]*engine, seed uint64) (verdicts int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	table := drawOdd(r, fmt.Sprintf("c%d", seed))
	list := make([]columnCheck, 1+r.IntN(25))
	for i := range list {
		list[i] = drawColumnCheck(r, table.name)
	}
	alone := r.IntN(len(list))
	for _, name := range warehouse.Dialects() {
		e := engines[name]
		table.create(t, e)
		rows := table.seen(e)
		results := e.checkColumns(t, table, list)
		for i := range list {
			verdicts++
			if wrong := list[i].disagreement(rows, results[i]); wrong != "" {
				text, _ := json.Marshal(map[string]any{list[i].kind: list[i].options})
				t.Errorf("seed %d on %s: %s\ncheck %s\nmessage %s\n%s",
					seed, e.name, wrong, text, results[i].Message, shown(rows))
			}
		}
		single := e.checkColumns(t, table, list[alone:alone+1])[0]
		if single.Status != results[alone].Status || single.Message != results[alone].Message {
			t.Errorf("seed %d on %s: check %d alone: %s %q, among others %s %q", seed, e.name, alone,
				single.Status, single.Message, results[alone].Status, results[alone].Message)
		}
		e.exec(t, "DROP TABLE "+table.name)
	}
	return verdicts
}

// checkColumns runs checks by a configuration file.
func (e *engine) checkColumns(t *testing.T, table *oddTable, list []columnCheck) []sentinel.Result {
	t.Helper()
	return e.checkColumnsAt(t, columnTick, table, list)
}

// checkColumnsAt is checkColumns at another instant.
func (e *engine) checkColumnsAt(t *testing.T, tick time.Time, table *oddTable, list []columnCheck) []sentinel.Result {
	t.Helper()
	type m = map[string]any
	var items []any
	for i, c := range list {
		c.options["id"] = fmt.Sprint("c", i)
		if c.missing != nil {
			c.options["to"] = fmt.Sprintf("%s.%s.%s", e.name, e.database.Schema, table.name)
		}
		items = append(items, m{c.kind: c.options})
	}
	text, err := json.Marshal(m{
		"warehouses": m{e.name: m{"dialect": e.name, "dsn": e.database.Warehouse}},
		"defaults":   m{"schedule": "* * * * *", "timezone": "UTC"},
		"datasets": []any{m{"table": fmt.Sprintf("%s.%s.%s", e.name, e.database.Schema, table.name),
			"time_column": "at", "checks": items}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e.checkFile(t, tick, text)
}

// checkFile runs the checks of the one dataset of a configuration.
func (e *engine) checkFile(t *testing.T, tick time.Time, text []byte) []sentinel.Result {
	t.Helper()
	dsn := func(string) (string, bool) { return e.database.Warehouse, true }
	cfg, err := config.Parse("oracle.yaml", text, dsn)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	d := cfg.Datasets[0]
	job := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Tick: tick}
	for _, c := range d.Checks {
		job.Checks = append(job.Checks, c.Check)
	}
	env := checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(string) (*warehouse.DB, error) { return e.db, nil }}
	return checks.Run(t.Context(), env, e.name, []checks.Job{job})[0].Results
}

// disagreement says how a result differs from what it must be; "" if it does not.
func (c *columnCheck) disagreement(rows [][]cell, got sentinel.Result) string {
	want := c.count(rows)
	if status := c.status(want); got.Status != status {
		return fmt.Sprintf("status %s, want %s of %v", got.Status, status, want)
	}
	numbers := map[string]rowTally{}
	for _, o := range got.Observations {
		n := numbers[o.Segment]
		v, _ := o.Value.Int64()
		switch o.Metric {
		case "failed_rows":
			n.bad = int(v)
		case "examined_rows":
			n.of = int(v)
		}
		numbers[o.Segment] = n
	}
	for segment, n := range want {
		if got, ok := numbers[segment]; !ok || got.bad != n.bad || got.of != n.of {
			return fmt.Sprintf("%q: %+v, want %+v", segment, got, n)
		}
	}
	if len(numbers) != len(want) {
		return fmt.Sprintf("segments %v, want %v", numbers, want)
	}
	return ""
}

func shown(rows [][]cell) string {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString("\n  ")
		for i, v := range r {
			b.WriteString(oddColumns[i].name + "=")
			if v == nil {
				b.WriteString("NULL ")
				continue
			}
			b.WriteString(strconv.Quote(*v) + " ")
		}
	}
	return b.String()
}

// No value of a column leaves the warehouse with the results, but for those of `by`.
func TestResultsHoldNoValues(t *testing.T) {
	for _, name := range warehouse.Dialects() {
		e := openEngine(t, name)
		e.exec(t, "CREATE TABLE canary (id bigint, s varchar(60), n bigint, at date)")
		e.exec(t, "INSERT INTO canary VALUES (1, 'CANARY-73', 7373737373, '2026-11-29')")
		table := &oddTable{name: "canary"}
		list := []columnCheck{
			{badRule: badRule{kind: "missing", options: map[string]any{"column": "s", "values": []string{"x"}}}},
			{badRule: badRule{kind: "invalid", options: map[string]any{"column": "s", "valid_values": []string{"x"}}}},
			{badRule: badRule{kind: "invalid", options: map[string]any{"column": "s", "pattern": "^x$", "by": "id"}}},
			{badRule: badRule{kind: "invalid", options: map[string]any{"column": "n", "max": "1"}}},
			{badRule: badRule{kind: "failed_rows", options: map[string]any{"query": "SELECT * FROM canary"}}},
		}
		results := e.checkColumns(t, table, list)
		text, err := json.Marshal(results)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "CANARY") || strings.Contains(string(text), "7373737373") {
			t.Errorf("%s: a value is in the results: %s", name, text)
		}
		if !slices.ContainsFunc(results, func(r sentinel.Result) bool { return r.Status == sentinel.Fail }) {
			t.Errorf("%s: nothing was found: %s", name, text)
		}
	}
}
