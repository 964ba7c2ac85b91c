package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// spelling is a column whose engine calls two spellings of a value equal.
type spelling struct {
	kind, first, change string // type, literal that is stored, and what changes its spelling
	other               string // literal of another value
}

var spellings = map[string][]spelling{
	"postgres": {
		{"numeric", "1.0", "UPDATE t SET k = 1.00 WHERE k = 1", "2"},
		{"float8", "0", "UPDATE t SET k = '-0' WHERE k = 0", "2"},
		{"interval", "'24 hours'", "UPDATE t SET k = '1 day' WHERE k = '24 hours'", "'2 hours'"},
		{"jsonb", "'1.0'", "UPDATE t SET k = '1.00' WHERE k = '1.0'", "'2'"},
		{"char(5)", "'a'", "ALTER TABLE t ALTER k TYPE char(7)", "'b'"},
		{"numeric(10,2)", "1.5", "ALTER TABLE t ALTER k TYPE numeric(10,1)", "2.5"},
		{"text COLLATE any_case", "'MÜNCHEN'", "UPDATE t SET k = 'münchen' WHERE k = 'MÜNCHEN'", "'Berlin'"},
		{"text COLLATE any_accent", "'Munchen'", "UPDATE t SET k = 'münchen' WHERE k = 'Munchen'", "'Berlin'"},
	},
	"mysql": {
		{"varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "'DE'", "UPDATE t SET k = 'de  ' WHERE k = 'DE'", "'fr'"},
		{"varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "'DE'", "UPDATE t SET k = 'DE ' WHERE k = 'DE'", "'de'"},
		{"varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "'München'",
			"UPDATE t SET k = 'Munchen' WHERE k = 'München'", "'Berlin'"},
		{"varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "'Strasse, 1'",
			"UPDATE t SET k = 'straße, 1' WHERE k LIKE 'Strasse%'", "'Weg'"},
		{"decimal(10,2)", "1.5", "ALTER TABLE t MODIFY k decimal(10,1)", "2.5"},
	},
	"sqlite": {
		{"text COLLATE NOCASE", "'DE'", "UPDATE t SET k = 'de' WHERE k = 'DE'", "'fr'"},
		{"text COLLATE RTRIM", "'DE'", "UPDATE t SET k = 'DE  ' WHERE k = 'DE'", "'fr'"},
	},
}

// TestSegmentsKeepTheirIdentity changes how a value is spelled, which the engine calls
// equal. Its segment is not gone until its rows are.
func TestSegmentsKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		if b.name == "postgres" {
			b.exec("CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
				"CREATE COLLATION any_accent (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
		}
		for _, s := range spellings[b.name] {
			for _, by := range [][]string{{"k"}, {"k", "country"}} {
				b.keepsIdentity(s, by)
			}
		}
	})
}

func (b *bench) keepsIdentity(s spelling, by []string) {
	b.tb.Helper()
	b.exec("DROP TABLE IF EXISTS t", "CREATE TABLE t (k "+s.kind+", country varchar(9), at "+b.plain()+")",
		"INSERT INTO t VALUES ("+s.first+", 'x', "+b.ago(60e9)+"), ("+s.other+", 'x', "+b.ago(60e9)+")")
	count := &segmentHistory{points: map[string][]sentinel.Point{}}
	age := &segmentHistory{points: map[string][]sentinel.Point{}}
	judge := func() (results []sentinel.Result) {
		for h, c := range map[*segmentHistory]checks.Check{
			count: &checks.RowCount{By: by, Fail: bound(b.tb, "< 1")},
			age:   &checks.Freshness{By: by, Fail: hour},
		} {
			b.env.History = h
			o := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job("t", c)})[0]
			results = append(results, h.record(b.tb, o))
		}
		return results
	}
	says := func(when string, status sentinel.Status) {
		b.tb.Helper()
		for _, r := range judge() {
			if r.Status != status {
				b.tb.Errorf("%s by %v, %s: %s %s %q, want %s", s.kind, by, when, r.Kind, r.Status, r.Message, status)
			}
		}
	}
	says("at first", sentinel.Pass)
	b.exec(s.change)
	says("spelled anew", sentinel.Pass)
	b.exec("INSERT INTO t SELECT k, 'y', at FROM t WHERE k = " + s.other)
	says("with a new segment", sentinel.Pass)
	b.exec("DELETE FROM t WHERE k <> " + s.other)
	says("without its rows", sentinel.Fail)
}

// TestSegmentsWithOneName holds that values which are written alike are no one segment.
func TestSegmentsWithOneName(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		alike := map[string][2][]string{ // type, values that are written alike, and values as bytes
			"sqlite": {{"", "1", "'1'"}, {"blob", "x'ff'", "x'fe'"}},
			"mysql":  {{"float", "16777216", "16777217.9"}, {"varbinary(3)", "x'ff'", "x'fe'"}},
		}[b.name]
		if alike[0] == nil {
			return
		}
		for i, c := range alike {
			b.exec("DROP TABLE IF EXISTS t", "CREATE TABLE t (k "+c[0]+")", "INSERT INTO t VALUES ("+c[1]+"), ("+c[2]+")")
			r := b.run("t", &checks.RowCount{By: []string{"k"}, Fail: bound(t, "> 0")})[0]
			if i == 0 && (r.Status != sentinel.Error || !strings.Contains(r.Message, "different values are both written as k=")) {
				t.Errorf("%v: %s %q, want an error", c, r.Status, r.Message)
			}
			if i == 1 && (len(r.Findings) != 2 || r.Findings[0].Key == r.Findings[1].Key || !strings.Contains(r.Message, `k=\xf`)) {
				t.Errorf("%v: %v, want two segments", c, r.Findings)
			}
		}
	})
}
