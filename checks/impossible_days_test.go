package checks_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestSQLiteImpossibleDays holds that a day which no calendar has is no time, and not the
// first of the next month.
func TestSQLiteImpossibleDays(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"2026-09-31", "2026-11-31", "2026-02-29", "2026-11-31 10:00:00", "2026-11-31T10:00:00Z", "2026-13-01"} {
		b := newBench(t, "sqlite", warehouse.Config{})
		b.exec("CREATE TABLE t (at text)", "INSERT INTO t VALUES ('"+day+"'), ('2026-01-02')")
		b.tick = time.Date(2026, 12, 2, 12, 0, 0, 0, time.UTC)
		for _, c := range []checks.Check{
			&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "> 0")},
			&checks.Freshness{Fail: hour},
			&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 3}},
		} {
			b.want("t", c, sentinel.Error, "2 values, 1 not readable as a time")
		}
	}
}

// TestNegativeInfinityIsBadData holds that a table of such times has none, and says so.
func TestNegativeInfinityIsBadData(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE t (at timestamptz)", "INSERT INTO t VALUES ('-infinity')")
	b.want("t", &checks.Freshness{Fail: hour, OnEmpty: "pass"}, sentinel.Warn, "-infinity")
	b.want("t", &checks.Freshness{Fail: hour}, sentinel.Fail, "no row has a timestamp but -infinity")
	b.exec("INSERT INTO t VALUES (now())")
	b.want("t", &checks.Freshness{Fail: hour}, sentinel.Pass, "")
}

// TestPartialDates holds that a date without a day or month is in no period.
func TestPartialDates(t *testing.T) {
	t.Parallel()
	b := newBench(t, "mysql", warehouse.Config{})
	b.exec("CREATE TABLE t (at date, k integer)", "INSERT INTO t VALUES ('2026-11-30', 1), ('2026-11-29', 1), ('2026-11-28', 1)")
	with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "t"}
	all := func(status sentinel.Status, says string) {
		t.Helper()
		b.tick = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
		day := checks.Bucketed{Bucket: "day"}
		for _, c := range []checks.Check{
			&checks.RowCount{Bucketed: day, Fail: bound(t, "!= 1")},
			&checks.RowCount{Bucketed: day, By: []string{"k"}, Fail: bound(t, "!= 1")},
			&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 3}},
			&checks.Reconcile{With: with, Bucketed: day},
			&checks.Freshness{Fail: checks.Duration(1e18), OnFuture: "pass"},
			&checks.Freshness{Fail: checks.Duration(1e18), OnFuture: "pass", By: []string{"k"}},
		} {
			b.want("t", c, status, says)
		}
	}
	b.exec("INSERT INTO t VALUES ('2026-01-00', 1), ('0000-00-00', 1), (NULL, 1)") // neither newest nor in the periods
	all(sentinel.Pass, "")
	b.exec("INSERT INTO t VALUES ('2026-12-00', 1)")
	all(sentinel.Error, "dates without a day or month")
	b.want("t", &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "!= 1"),
		Options: checks.Options{Where: "dayofmonth(at) <> 0"}}, sentinel.Pass, "1 rows")
}
