package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// rowsOfBadRows is a table with one row for each thing that engines see differently. Its times
// are before the tick, which must be at noon.
func rowsOfBadRows(b *bench) {
	b.exec("CREATE TABLE r (id integer, s varchar(20), n integer, country varchar(2), at "+b.plain()+")",
		"INSERT INTO r VALUES (1, 'a', 1, 'DE', "+b.ago(30*time.Hour)+"), (2, 'A', 2, 'DE', "+b.ago(time.Second)+"), "+
			"(3, 'a ', NULL, 'FR', "+b.ago(time.Second)+"), (4, '', 4, 'FR', "+b.ago(time.Second)+"), "+
			"(5, NULL, 50, NULL, "+b.ago(time.Second)+")")
}

func TestBadRows(t *testing.T) {
	t.Parallel()
	list := checks.ValueList{"a"}
	half := checks.BadRows{Fail: bound(t, "> 50%")}
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		rowsOfBadRows(b)
		b.exec("CREATE TABLE hollow (s varchar(20))")
		b.want("r", &checks.Missing{Column: "s"}, sentinel.Fail, "1 of 5 rows have no s (20%), expected <= 0")
		b.want("r", &checks.Missing{Column: "s", Blank: true, BadRows: half}, sentinel.Pass, "2 of 5 rows")
		b.want("r", &checks.Missing{Column: "s", AtLeastOne: true}, sentinel.Pass, "1 of 5 rows")
		b.want("r", &checks.Missing{Column: "nope"}, sentinel.Error, "column nope does not exist; the table has id, s")
		b.want("r", &checks.Invalid{Column: "s", ValidValues: list}, sentinel.Fail, "3 of 4 values of s are invalid (75%)")
		b.want("r", &checks.Invalid{Column: "s", ValidValues: list, Compare: "ignore_case"}, sentinel.Fail, "2 of 4 values")
		b.want("r", &checks.Invalid{Column: "s", ValidValues: list, Of: "rows"}, sentinel.Fail, "3 of 5 rows have an invalid s")
		b.want("r", &checks.Invalid{Column: "n", ValidValues: list}, sentinel.Error, `"a" is no number`)
		b.want("r", &checks.Invalid{Column: "n", Pattern: "a"}, sentinel.Error, "a pattern is for texts")
		b.want("r", &checks.Invalid{Column: "n", Min: "1", Max: "4"}, sentinel.Fail, "1 of 4 values of n are invalid")
		b.want("r", &checks.Invalid{Column: "n", Min: "id"}, sentinel.Pass, "0 of 4 values")
		b.want("r", &checks.Invalid{Column: "n", Max: "id", ValidValues: checks.ValueList{"1", "2"}}, sentinel.Fail,
			"2 of 4 values of n are invalid (50%): 2 not in the list, 1 out of range")
		b.want("r", &checks.FailedRows{Expression: "n > 3"}, sentinel.Fail, "2 of 5 rows fail (n > 3) (40%)")
		b.want("r", &checks.FailedRows{Query: "SELECT id FROM r WHERE n > 3; "}, sentinel.Fail, "the query returns 2 rows")
		b.want("r", &checks.FailedRows{Query: "SELECT id FROM r WHERE n > 3 -- bad", RowsQuery: "SELECT id FROM r",
			BadRows: half}, sentinel.Pass, "2 of 5 rows fail (40%)")
		b.want("hollow", &checks.Missing{Column: "s"}, sentinel.Pass, "no rows to look at")
		b.want("hollow", &checks.Missing{Column: "s", BadRows: checks.BadRows{OnEmpty: "fail"}}, sentinel.Fail, "no rows")
		b.want("gone", &checks.Missing{Column: "s"}, sentinel.Fail, "the table does not exist")
	})
}

func TestBadRowsBySegmentAndBucket(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		rowsOfBadRows(b)
		none := 0
		by := checks.BadRows{By: []string{"country"}, MinRows: &none, Warn: bound(t, "> 0"), Fail: bound(t, "> 60%")}
		r := b.want("r", &checks.Missing{Column: "s", BadRows: by}, sentinel.Fail,
			"1 of 1 rows have no s (100%) in country=<null>")
		if len(r.Observations) != 6 || len(r.Findings) != 1 || r.Findings[0].Key != "country=<null>" {
			b.tb.Errorf("observations %+v, findings %+v", r.Observations, r.Findings)
		}
		few := by
		few.MinRows, few.Warn = nil, checks.Bound{}
		b.want("r", &checks.Missing{Column: "s", BadRows: few}, sentinel.Unknown, "too few for a share (min_rows: 30)")
		few.Limit = 1
		b.want("r", &checks.Missing{Column: "s", BadRows: few}, sentinel.Unknown, "2 segments beyond the limit of 1")
		day := checks.BadRows{TimeBucket: checks.TimeBucket{Bucket: "day"}, OnEmpty: "warn"}
		b.want("r", &checks.Invalid{Column: "s", ValidValues: checks.ValueList{"b"}, BadRows: day}, sentinel.Fail,
			"1 of 1 values of s are invalid (100%) for "+b.tick.Add(-24*time.Hour).UTC().Format(time.DateOnly))
	})
}

// The checks of a table are one statement, and those with the same segments another.
func TestBadRowsShareTheirStatements(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		rowsOfBadRows(b)
		by := checks.BadRows{By: []string{"country"}}
		job := b.job("r", &checks.Missing{Column: "s"}, &checks.Missing{Column: "n"}, &checks.RowCount{Fail: bound(t, "< 1")},
			&checks.Invalid{Column: "s", Pattern: "^a"}, &checks.FailedRows{Expression: "n > 3"},
			&checks.Missing{Column: "s", BadRows: by}, &checks.Invalid{Column: "n", Min: "0", BadRows: by},
			&checks.RowCount{By: []string{"country"}, Fail: bound(t, "< 1")})
		planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{job})
		if len(planned) != 2 {
			b.tb.Fatalf("%d statements, want 2: %+v", len(planned), planned)
		}
		if n := strings.Count(planned[0].Statement.SQL, " FROM (SELECT "); n != 1 {
			b.tb.Errorf("%d scans, want 1: %s", n, planned[0].Statement.SQL)
		}
		for _, r := range checks.Run(t.Context(), b.env, "w", []checks.Job{job})[0].Results {
			if r.Status == sentinel.Error {
				b.tb.Errorf("%s: %s", r.Check, r.Message)
			}
		}
	})
}

// A condition that the database refuses is an error of its check alone.
func TestABadConditionFailsAlone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		rowsOfBadRows(b)
		by := checks.BadRows{By: []string{"country"}}
		got := b.run("r", &checks.FailedRows{Expression: "no_such_column > 3"}, &checks.Missing{Column: "id"},
			&checks.FailedRows{Expression: "no_such_column > 3", BadRows: by}, &checks.Missing{Column: "id", BadRows: by})
		for i, want := range []sentinel.Status{sentinel.Error, sentinel.Pass, sentinel.Error, sentinel.Pass} {
			if got[i].Status != want {
				b.tb.Errorf("check %d: %s %q, want %s", i, got[i].Status, got[i].Message, want)
			}
		}
	})
}
