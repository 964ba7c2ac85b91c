package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A filter that reaches into the statement around it is an error of its own check, on every
// engine: it never binds a value of Sentinel, and never gives a count.
func TestAFilterNeverReachesOut(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE f (id integer, note varchar(20), at "+b.plain()+")",
			"INSERT INTO f VALUES (1, 'costs $1 :x ?;)', "+b.ago(0)+"), (2, 'b', "+b.ago(0)+")")
		parameter := map[string]string{"postgres": "$1", "mysql": "?", "sqlite": ":x"}[b.name]
		day := checks.Bucketed{Bucket: "day"}
		where := func(text string) checks.Options { return checks.Options{Where: text} }
		any := bound(t, "< 0")
		results := b.run("f",
			&checks.RowCount{Options: where("at < " + parameter), Bucketed: day, Fail: any},
			&checks.RowCount{Options: where("at < " + parameter), By: []string{"note"}, Fail: any},
			&checks.RowCount{Options: where("id = 1) OR (1 = 1"), Fail: any},
			&checks.RowCount{Options: where("id = 1;"), Fail: any},
			&checks.SQL{Query: "SELECT count(*) FROM f WHERE id = " + parameter, Fail: any},
			&checks.RowCount{Options: where("note = 'costs $1 :x ?;)'"), Fail: bound(t, "!= 1")},
			&checks.RowCount{Options: where("id = 2 -- the second"), Fail: bound(t, "!= 1")},
			&checks.RowCount{Options: where("id = 2 -- the second"), By: []string{"id"}, Fail: bound(t, "!= 1")},
		)
		for i, r := range results {
			want := sentinel.Error
			if i > 4 {
				want = sentinel.Pass
			}
			if r.Status != want {
				t.Errorf("%s: check %d: %s %s, want %s", b.name, i, r.Status, r.Message, want)
			}
		}
	})
}

// Numbers that differ never read as equal.
func TestNumbersAreWrittenAsTheyAreJudged(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE here (v float8)", "CREATE TABLE there (v float8)",
		"INSERT INTO here VALUES (5105.001)", "INSERT INTO there VALUES (5105.002)")
	with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "there"}
	b.want("here", &checks.Reconcile{With: with, Sum: []string{"v"}}, sentinel.Fail, "sum of v: 5105.001, 5105.002 in")
	b.want("here", &checks.SQL{Query: "SELECT v FROM here", Fail: bound(t, "> 5105")}, sentinel.Fail,
		"5105 (exactly 5105.001), expected <= 5,105")
	b.want("here", &checks.SQL{Query: "SELECT v FROM here", Fail: bound(t, "> 5000")}, sentinel.Fail,
		"the query answers 5105, expected <= 5,000")
}

func TestBoundsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"> 10000000000000000000000":          "the number is too large: want at most 9,223,372,036,854,775,807",
		"between 1 and 99999999999999999999": "too large",
		"< -10_000_000_000_000_000_000":      "too large",
		"> x":                                "want an operator and a number",
	} {
		if _, err := checks.ParseBound(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, c := range []struct {
		change checks.Change
		want   string
	}{
		{checks.Change{Fail: bound(t, "> 100")}, "change.fail: want a change in percent, such as \"> 100%\""},
		{checks.Change{Warn: bound(t, "< -5"), Fail: bound(t, "< -9%")}, "change.warn: want a change in percent"},
		{checks.Change{Fail: bound(t, "> 100%")}, ""},
	} {
		err := (&checks.RowCount{Change: &c.change}).Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.change, err, c.want)
		}
	}
}
