package checks_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestPartialDatesAreReadWithTheNewestRow holds that whether the newest date lacks a day is
// asked of the newest partitions only, and of the whole table where those do not answer.
func TestPartialDatesAreReadWithTheNewestRow(t *testing.T) {
	t.Parallel()
	b := newBench(t, "mysql", warehouse.Config{})
	day := b.tick.UTC().Truncate(24 * time.Hour)
	parts, rows := "", ""
	for i := range 10 {
		at := day.AddDate(0, 0, i-9)
		parts += fmt.Sprintf("PARTITION p%d VALUES LESS THAN ('%s'), ", i, at.AddDate(0, 0, 1).Format(time.DateOnly))
		for range 100 {
			rows += fmt.Sprintf("('%[1]s', '%[1]s', 'x'),", at.Format(time.DateOnly))
		}
	}
	b.exec("CREATE TABLE t (d date, at datetime, k varchar(9), KEY (k, d)) PARTITION BY RANGE COLUMNS(d) ("+
		parts+"PARTITION p VALUES LESS THAN (MAXVALUE))", "INSERT INTO t VALUES "+rows[:len(rows)-1])
	check := func(column, where string) *checks.Freshness {
		return &checks.Freshness{Column: column, Fail: 30 * hour, Options: checks.Options{Where: where}}
	}
	for _, where := range []string{"", "k = 'x'"} {
		for _, column := range []string{"d", "at"} {
			if n := b.rowsRead("t", check(column, where)); n > 350 {
				t.Errorf("%s where %q: %d rows are read, want those of the newest of 10 partitions", column, where, n)
			}
			r := b.run("t", check(column, where), withPartitions())[0] // which reads the partitions
			if r.Status != sentinel.Pass || r.Evidence.Confidence != sentinel.Bounded {
				t.Errorf("%s where %q: %s %q, %+v, want bounded", column, where, r.Status, r.Message, r.Evidence)
			}
		}
	}
	partial := day.AddDate(0, 2, 0).Format("2006-01-00")
	b.exec("UPDATE t SET at = '" + partial + "' WHERE d = '" + day.Format(time.DateOnly) + "' LIMIT 1")
	want := func(status sentinel.Status, says string) {
		t.Helper()
		r := b.run("t", check("at", ""), withPartitions())[0]
		if r.Status != status || !strings.Contains(r.Message, says) {
			t.Errorf("%s %q, want %s %q", r.Status, r.Message, status, says)
		}
	}
	want(sentinel.Error, "dates without a day or month")
	b.exec("UPDATE t SET at = '2001-02-00' WHERE at = '"+partial+"'",
		"UPDATE t SET at = at - INTERVAL 30 DAY WHERE at > '2002-01-01'")
	want(sentinel.Fail, "newest row") // and not the partial one
	b.exec("UPDATE t SET at = '" + partial + "' WHERE d = '" + day.AddDate(0, 0, -8).Format(time.DateOnly) + "' LIMIT 1")
	want(sentinel.Error, "dates without a day or month") // in an old partition
}

// TestPartialDatesBesideTheFuture holds that a date without a day is no time where a row in
// the future hides it.
func TestPartialDatesBesideTheFuture(t *testing.T) {
	t.Parallel()
	b := newBench(t, "mysql", warehouse.Config{})
	b.exec("CREATE TABLE t (at date, k integer)", "INSERT INTO t VALUES ('2999-01-01', 1), ('2020-11-00', 1)")
	for _, by := range [][]string{nil, {"k"}} {
		b.want("t", &checks.Freshness{Fail: hour, By: by}, sentinel.Error, "dates without a day or month")
	}
}

// rowsRead counts the rows that the engine reads for the first statement of a check.
func (b *bench) rowsRead(table string, c checks.Check) (n int64) {
	b.tb.Helper()
	st := checks.Plan(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, c, withPartitions())})[0]
	if st.Err != nil {
		b.tb.Fatal(st.Err)
	}
	db, err := sql.Open(b.driver, b.admin)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // the counters are of the session
	if _, err := db.Exec("FLUSH STATUS"); err != nil {
		b.tb.Fatal(err)
	}
	rows, err := db.Query(st.Statement.SQL, st.Statement.Args...)
	if err != nil {
		b.tb.Fatalf("%s: %v", st.Statement.SQL, err)
	}
	for rows.Next() {
	}
	if err := rows.Close(); err != nil {
		b.tb.Fatal(err)
	}
	const read = "SELECT sum(variable_value) FROM information_schema.session_status WHERE variable_name IN " +
		"('HANDLER_READ_RND_NEXT', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV')"
	if err := db.QueryRow(read).Scan(&n); err != nil {
		b.tb.Fatal(err)
	}
	return n
}

// withPartitions is a check that has the partitions of MySQL read.
func withPartitions() checks.Check {
	return &checks.Schema{Severities: checks.Severities{PartitionAdded: "warn"}}
}
