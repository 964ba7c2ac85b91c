package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestMissingColumns gives every key that names a column a name that the table has not. No
// engine may take it for anything else.
func TestMissingColumns(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE t (id integer, country varchar(10), amount integer, at "+b.plain()+")",
			"INSERT INTO t VALUES (1, 'a', 5, "+b.ago(2*60*60*1e9)+"), (2, 'b', 5, "+b.ago(60*60*1e9)+")")
		with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "t"}
		keys := func(name string) map[string]checks.Check {
			return map[string]checks.Check{
				"row_count by":         &checks.RowCount{By: []string{name}, Fail: bound(t, "< 1")},
				"row_count by, second": &checks.RowCount{By: []string{"country", name}, Fail: bound(t, "< 1")},
				"freshness by":         &checks.Freshness{By: []string{name}, Fail: hour},
				"freshness column":     &checks.Freshness{Column: name, Fail: hour},
				"time column":          &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day", Column: name}, Fail: bound(t, "< 0")},
				"reconcile sum":        &checks.Reconcile{With: with, Sum: []string{name}},
				"schema of a time": &checks.Freshness{
					Time: &checks.TimeColumn{Column: name, Format: "%Y-%m-%d"}, Fail: hour},
			}
		}
		for _, name := range []string{"contry", "2026-11-30", "t", "1"} {
			for key, c := range keys(name) {
				c.Common().ID = key
				r := b.want("t", c, sentinel.Error, name)
				if !strings.Contains(r.Message, "missing_column") || !strings.Contains(r.Message, "id, country, amount, at") {
					t.Errorf("%s: %q: %s, want missing_column and the columns", key, name, r.Message)
				}
			}
		}
		// A column that is gone takes no other check with it.
		b.exec("ALTER TABLE t RENAME COLUMN amount TO total")
		gone := &checks.Reconcile{With: with, Sum: []string{"amount"}}
		list := b.run("t", gone, &checks.Reconcile{With: with, Sum: []string{"total"}},
			&checks.RowCount{By: []string{"country"}, Fail: bound(t, "< 1")})
		if list[0].Status != sentinel.Error || !strings.Contains(list[0].Message, "id, country, total, at") ||
			list[1].Status != sentinel.Pass || list[2].Status != sentinel.Pass {
			t.Errorf("after a rename: %v", list)
		}
	})
}

// TestSQLiteTextsInDoubleQuotes holds that no name of a user's SQL is taken as a text.
func TestSQLiteTextsInDoubleQuotes(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE t (id integer, country text)", "INSERT INTO t VALUES (1, 'a')")
	where := &checks.RowCount{Fail: bound(t, "> 0"), Options: checks.Options{Where: `"contry" = 'a'`}}
	b.want("t", where, sentinel.Error, "no such column")
	query := &checks.SQL{Query: `SELECT count(*) FROM t WHERE "contry" = 'a'`, Fail: bound(t, "> 0")}
	b.want("t", query, sentinel.Error, "no such column")
	right := &checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: `"country" = 'a'`}}
	b.want("t", right, sentinel.Pass, "1 rows")
}
