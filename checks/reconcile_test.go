package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestReconcile compares tables of two engines.
func TestReconcile(t *testing.T) {
	t.Parallel()
	b, other := newBench(t, "postgres", warehouse.Config{}), newBench(t, "sqlite", warehouse.Config{})
	b.exec(
		"CREATE TABLE t (id bigint, amount numeric, at timestamptz)",
		"INSERT INTO t SELECT g, g, now() FROM generate_series(1, 100) g",
	)
	other.exec(
		"CREATE TABLE u (id integer, amount integer, at text)",
		"INSERT INTO u WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 99) SELECT i, i, "+
			"datetime('now') FROM g",
	)
	b.env.Warehouse = func(name string) (*warehouse.DB, error) {
		if name == "other" {
			return other.db, nil
		}
		return b.db, nil
	}
	with := &sentinel.Table{Warehouse: "other", Schema: "main", Name: "u"}
	tolerance := func(text string) (v checks.Tolerance) {
		if err := v.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		check  checks.Reconcile
		status sentinel.Status
		says   string
	}{
		"one row is missing there": {
			checks.Reconcile{With: with}, sentinel.Fail, "rows: 100, 99 in other.main.u, expected equal",
		},
		"a percent is allowed": {
			checks.Reconcile{With: with, Tolerance: tolerance("1%")}, sentinel.Pass, "rows: 100, 99",
		},
		"a row is allowed": {
			checks.Reconcile{With: with, Tolerance: tolerance("1")}, sentinel.Pass, "rows: 100, 99",
		},
		"the sums are not that near": {
			checks.Reconcile{With: with, Tolerance: tolerance("1%"), Sum: []string{"amount"}}, sentinel.Fail,
			"sum of amount: 5,050, 4,950",
		},
		"the same rows": {
			checks.Reconcile{With: with, Sum: []string{"amount"}, Options: checks.Options{Where: "id < 50"}}, sentinel.Pass,
			"rows: 49, 49",
		},
		"a table that is not there": {
			checks.Reconcile{With: &sentinel.Table{Warehouse: "other", Schema: "main", Name: "v"}}, sentinel.Error,
			"other.main.v does not exist",
		},
		"a column that is not there": {checks.Reconcile{With: with, Sum: []string{"size"}}, sentinel.Error, "size"},
	} {
		check := c.check
		r := b.run("t", &check)[0]
		if r.Status != c.status || !strings.Contains(r.Message, c.says) {
			t.Errorf("%s: %s %q, want %s %q", name, r.Status, r.Message, c.status, c.says)
		}
	}
	closed := checks.Reconcile{With: with, Bucketed: checks.Bucketed{Bucket: "day"}}
	b.tick = time.Now().AddDate(0, 0, 1)
	if r := b.run("t", &closed)[0]; r.Status != sentinel.Fail || !strings.Contains(r.Message, "rows: 100, 99") {
		t.Errorf("today's rows, seen tomorrow: %s %s", r.Status, r.Message)
	}
}
