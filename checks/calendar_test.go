package checks_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// clockChange is a day and zone in which a clock is changed.
type clockChange struct{ zone, day string }

var clockChanges = []clockChange{
	{"America/Santiago", "2026-09-06"}, {"America/Santiago", "2026-04-05"}, // at midnight
	{"America/Havana", "2026-03-08"}, {"America/Havana", "2026-11-01"}, // at midnight, at one
	{"Asia/Beirut", "2026-03-29"}, {"Africa/Cairo", "2026-04-24"}, {"America/Asuncion", "2023-10-01"}, // at midnight
	{"Australia/Lord_Howe", "2026-04-05"}, {"Australia/Lord_Howe", "2026-10-04"}, // by half an hour
	{"Europe/Berlin", "2026-03-29"}, {"Europe/Berlin", "2026-10-25"},
	{"America/New_York", "2026-03-08"}, {"America/New_York", "2026-11-01"},
	{"Asia/Kathmandu", "2026-06-01"}, // a quarter to the hour, never changed
	{"Pacific/Apia", "2011-12-30"},   // a day that was left out
}

// calendarRow is a row of the table, and where PostgreSQL puts it.
type calendarRow struct {
	at        time.Time
	day, wall string // the local date, and the hour that the clock showed
	hour      int64  // Unix time of the hour's begin
}

// TestBucketsAreThoseOfPostgreSQL compares what bucketed checks count around changes of
// the clock with what PostgreSQL's own calendar groups.
func TestBucketsAreThoseOfPostgreSQL(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE rows (zone text, day text, at timestamptz, wall timestamp)")
	for _, c := range clockChanges {
		b.exec(fmt.Sprintf(`INSERT INTO rows SELECT '%[1]s', '%[2]s', at, at AT TIME ZONE '%[1]s'
			FROM generate_series('%[2]s'::timestamptz - interval '100 hours', '%[2]s'::timestamptz + interval '80 hours',
				interval '15 minutes') at`, c.zone, c.day))
	}
	for _, c := range clockChanges {
		rows := calendarRows(t, b, c)
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		b.loc = loc
		where := fmt.Sprintf("zone = '%s' AND day = '%s'", c.zone, c.day)
		for i, r := range rows {
			if i%3 != 0 || i < 240 || r.at.Sub(rows[0].at) > 170*time.Hour { // two days before, three after
				continue
			}
			b.tick = r.at.Add(time.Minute)
			bucket := func(unit checks.Period, column string) checks.Check {
				return &checks.RowCount{Options: checks.Options{Where: where}, Fail: bound(t, "< 0"),
					Bucketed: checks.Bucketed{Bucket: unit, Column: column}}
			}
			got := b.run("rows", bucket("day", "at"), bucket("day", "wall"), bucket("hour", "at"), bucket("hour", "wall"))
			want := []int{
				closedGroup(rows[:i+1], rows, func(r calendarRow) string { return r.day }),
				closedGroup(rows[:i+1], rows, func(r calendarRow) string { return r.day }),
				closedGroup(rows[:i+1], rows, func(r calendarRow) string { return fmt.Sprintf("%020d", r.hour) }),
				closedGroup(rows[:i+1], rows, func(r calendarRow) string { return r.wall }),
			}
			for k, res := range got {
				if len(res.Observations) == 0 || res.Observations[0].Value != sentinel.Int(int64(want[k])) {
					t.Fatalf("%s %s at %s, check %d: %s, PostgreSQL counts %d", c.zone, c.day, b.tick.In(loc), k, res.Message, want[k])
				}
			}
		}
	}
}

// calendarRows asks PostgreSQL where it puts the rows of a change.
func calendarRows(t *testing.T, b *bench, c clockChange) (out []calendarRow) {
	t.Helper()
	db, err := sql.Open(b.driver, b.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT at, (at AT TIME ZONE zone)::date::text, date_trunc('hour', wall)::text,
		extract(epoch FROM date_trunc('hour', at, zone))::bigint
		FROM rows WHERE zone = $1 AND day = $2 ORDER BY at`, c.zone, c.day)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r calendarRow
		if err := rows.Scan(&r.at, &r.day, &r.wall, &r.hour); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// closedGroup counts the rows of the newest group that is over: the largest label
// before the largest that has been seen.
func closedGroup(seen, all []calendarRow, label func(calendarRow) string) (n int) {
	var labels []string
	for _, r := range seen {
		labels = append(labels, label(r))
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	closed := labels[len(labels)-2]
	for _, r := range all {
		if label(r) == closed {
			n++
		}
	}
	return n
}
