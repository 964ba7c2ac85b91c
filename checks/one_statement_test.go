package checks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// manyNumbers are checks that ask for several numbers of one table. Each has a filter with
// its place in the list.
func manyNumbers(t *testing.T) (list []checks.Check) {
	where := func() checks.Options {
		return checks.Options{Where: fmt.Sprintf("x <> %d", -1000-len(list))}
	}
	list = append(list, &checks.AggregateCheck{Column: "x", Function: "avg", Fail: bound(t, "!= 10"), Options: where()})
	list = append(list, &checks.AggregateCheck{Column: "x", Function: "stddev", Fail: bound(t, "!= 0"), Options: where()})
	list = append(list, &checks.AggregateCheck{Column: "s", Function: "avg_length", Fail: bound(t, "!= 2"),
		Options: where()})
	list = append(list, &checks.FailedRows{Expression: "x + 0 > 10", Options: where()})
	return append(list, &checks.Missing{Column: "x", Options: where()})
}

// holdWhole reports checks whose filters are in more than one of the statements, or in none.
func holdWhole(t *testing.T, planned []checks.PlannedStatement, list []checks.Check) {
	t.Helper()
	for _, c := range list {
		found := 0
		for _, p := range planned {
			if strings.Contains(p.Statement.SQL, c.Common().Where) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the numbers of %s are of %d statements", c.Common().Where, found)
		}
	}
}

// All numbers of a check are of one statement: rows that are inserted between two would make
// a sum and a count that never were. So each check has one when a broken neighbour fails
// the statement of all.
func TestABrokenNeighbourDividesNoCheck(t *testing.T) {
	t.Parallel()
	for _, engine := range warehouse.Dialects() {
		for name, broken := range map[string]checks.Check{
			"missing column": &checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: "nope = 1"}},
			"no function":    &checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: "nope(x) = 1"}},
		} {
			t.Run(engine+" "+name, func(t *testing.T) {
				t.Parallel()
				var sent statementCount
				b := newBench(t, engine, warehouse.Config{Observer: &sent})
				b.exec("CREATE TABLE n (x integer, s varchar(9))", "INSERT INTO n VALUES (10, 'ab'), (10, 'cd')")
				list := manyNumbers(t)
				b.run("n", &checks.Schema{}) // connects
				before := sent.Load()
				b.run("n", list...)
				whole := sent.Load() - before
				for i, r := range b.run("n", append(list, broken)...) {
					if want := i == len(list); (r.Status == sentinel.Error) != want || !want && r.Status != sentinel.Pass {
						t.Errorf("%s: %s %q", r.Check, r.Status, r.Message)
					}
				}
				most := int64(len(list) + 1)
				if n := sent.Load() - before - 2*whole; n > most {
					t.Errorf("%d statements more, want at most %d: one of each check", n, most)
				}
			})
		}
	}
}

// The same holds for a statement that times out, and for those to the table in the day after.
func TestATimeoutDividesNoCheck(t *testing.T) {
	t.Parallel()
	for engine, slow := range map[string]string{
		"postgres": "pg_sleep(2) IS NOT NULL",
		"mysql":    "sleep(2) = 0",
		"sqlite": `(
			WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000000000)
			SELECT count(*) + x FROM r) > 0`,
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{StatementTimeout: time.Second})
			b.exec("CREATE TABLE n (x integer, s varchar(9))", "INSERT INTO n VALUES (10, 'ab'), (10, 'cd')")
			list := manyNumbers(t)
			heavy := &checks.FailedRows{Expression: slow, Options: checks.Options{Where: "x <> -2000"}}
			light := &checks.FailedRows{Expression: "abs(x) > 10", Options: checks.Options{Where: "x <> -3000"}}
			list = append(list, light, heavy)
			for _, r := range b.run("n", list...) {
				if r.Check == heavy.ID != (r.Status == sentinel.Error) {
					t.Errorf("%s: %s %q", r.Check, r.Status, r.Message)
				}
			}
			planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("n", list...)})
			if len(planned) < 3 {
				t.Errorf("%d statements: the heavy checks are not apart", len(planned))
			}
			holdWhole(t, planned, list)
		})
	}
}

// The same holds for a statement that is too large for one.
func TestALargeStatementIsDividedByCheck(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE n (x integer)")
		var list []checks.Check
		for i := range 301 {
			list = append(list, &checks.AggregateCheck{Column: "x", Function: "avg", Fail: bound(b.tb, "!= 10"),
				Options: checks.Options{Where: fmt.Sprintf("x <> %d", -1000-i)}})
		}
		planned := checks.Plan(b.tb.Context(), b.env, "w", []checks.Job{b.job("n", list...)})
		if len(planned) < 2 {
			b.tb.Errorf("%d statements for 602 numbers", len(planned))
		}
		holdWhole(b.tb.(*testing.T), planned, list)
	})
}

// The same holds for what is cached: a check of which one number must be read is read whole.
func TestCachedAnswersAreOfWholeChecks(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{ChangeCounters: true})
	b.exec("CREATE TABLE n (x integer, s varchar(9))", "INSERT INTO n VALUES (10, 'ab'), (10, 'cd')")
	rows := &checks.RowCount{Fail: bound(t, "< 1")}
	list := []checks.Check{rows, &checks.FailedRows{Expression: "x + 0 > 10"}}
	var planned []checks.PlannedStatement
	poll(t, func() bool { // until the server's counters hold still
		b.run("n", list...)
		planned = checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("n", rows)})
		return planned[0].Statement.SQL == ""
	})
	planned = checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("n", list...)})
	if len(planned) != 1 || !strings.Contains(planned[0].Statement.SQL, "s1.c2") {
		t.Errorf("want one statement for the rows and the bad ones: %+v", planned)
	}
}
