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

// gapColumns hold what a clock showed, in every form that has an hour.
var gapColumns = []struct {
	name, kind string // kind: "" is the engine's timestamp without a zone
	layout     string
	how        checks.TimeColumn
}{
	{"plain", "", "'2006-01-02 15:04:05'", checks.TimeColumn{}},
	{"number", "bigint", "20060102150405", checks.TimeColumn{Format: "%Y%m%d%H%M%S"}},
	{"german", "varchar(40)", "'02.01.2006 15:04:05'", checks.TimeColumn{Format: "%d.%m.%Y %H:%M:%S"}},
}

// TestTimesThatTheClockSkippedAreInNoPeriod has a row every five minutes by the wall clock,
// also in the hour that a clock skips.
func TestTimesThatTheClockSkippedAreInNoPeriod(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		for i, c := range []struct {
			zone, day  string
			rows       int // of the day
			before     int // of the day before
			hour       int // the hour after the gap
			skipped    string
			skippedDay string // "" if it is the same
		}{
			{"Europe/Berlin", "2026-03-29", 276, 288, 3, "12 more rows are at times that the clock of Europe/Berlin skipped", ""},
			{"America/New_York", "2026-03-08", 276, 288, 3, "12 more rows", ""},
			{"Australia/Lord_Howe", "2026-10-04", 282, 288, 2, "6 more rows", ""},
			// Midnight stands for the day, but is no hour.
			{"America/Santiago", "2026-09-06", 277, 288, 1, "12 more rows", "11 more rows"},
			{"Europe/Berlin", "2026-10-25", 288, 288, 3, "", ""},
		} {
			loc, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			day, err := time.Parse(time.DateOnly, c.day)
			if err != nil {
				t.Fatal(err)
			}
			table := fmt.Sprintf("g%d", i)
			b.createGapRows(table, day)
			skippedDay := c.skippedDay
			if skippedDay == "" {
				skippedDay = c.skipped
			}
			b.loc = loc
			for k := range gapColumns {
				how := gapColumns[k].how
				how.Column = gapColumns[k].name
				what := fmt.Sprintf("%s %s %s %s", b.name, c.zone, c.day, how.Column)
				at := func(hour, minute int) time.Time {
					return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, loc)
				}
				b.wantGap(what+", the day", table, how, at(24, 10), "day", c.rows, skippedDay)
				b.wantGap(what+", the day before", table, how, at(12, 0), "day", c.before, "")
				b.wantGap(what+", the hour", table, how, at(c.hour+1, 10), "hour", int(at(c.hour+1, 0).Sub(at(c.hour, 0))/(5*time.Minute)), c.skipped)
			}
		}
	})
}

// createGapRows makes a table with a row every five minutes of three days. The segment is
// the hour.
func (b *bench) createGapRows(table string, day time.Time) {
	columns := []string{"h integer"}
	for _, c := range gapColumns {
		kind := c.kind
		if kind == "" {
			kind = b.plain()
		}
		columns = append(columns, c.name+" "+kind)
	}
	var rows []string
	for at := day.AddDate(0, 0, -1); at.Before(day.AddDate(0, 0, 2)); at = at.Add(5 * time.Minute) {
		row := []string{at.Format("15")}
		for _, c := range gapColumns {
			row = append(row, at.Format(c.layout))
		}
		rows = append(rows, "("+strings.Join(row, ", ")+")")
	}
	b.exec("CREATE TABLE "+table+" ("+strings.Join(columns, ", ")+")",
		"INSERT INTO "+table+" VALUES "+strings.Join(rows, ", "))
}

// wantGap runs the kinds that have periods. All of them count the same rows and tell of the
// others in the same words.
func (b *bench) wantGap(what, table string, how checks.TimeColumn, tick time.Time, unit checks.Period, rows int, note string) {
	b.tb.Helper()
	b.tick = tick
	bucket := checks.Bucketed{Bucket: unit, Time: &how}
	never := bound(b.tb, "< 0")
	got := b.run(table,
		&checks.RowCount{Bucketed: bucket, Fail: never},
		&checks.RowCount{Bucketed: bucket, By: []string{"h"}, Fail: never},
		&checks.Reconcile{Bucketed: bucket, With: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: table}},
		&checks.RowCount{Bucketed: checks.Bucketed{Time: &how}, ExpectedPartitions: &checks.Partitions{Every: unit, Last: 1},
			Fail: never},
	)
	for i, r := range got {
		sum := int64(0)
		for _, o := range r.Observations {
			if n, _ := o.Value.Int64(); o.Metric == "row_count" && i < 3 {
				sum += n
			}
		}
		if i < 3 && sum != int64(rows) {
			b.tb.Errorf("%s, check %d: %d rows, want %d (%s)", what, i, sum, rows, r.Message)
		}
		if noted := strings.Contains(r.Message, "more row"); r.Status != sentinel.Pass || !strings.Contains(r.Message, note) ||
			noted != (note != "") {
			b.tb.Errorf("%s, check %d: %s %q, want it to say %q", what, i, r.Status, r.Message, note)
		}
	}
}

// A partition whose only rows are at times that the clock skipped is missing.
func TestRowsInTheGapFillNoPartition(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		loc, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		b.loc, b.tick = loc, time.Date(2026, 3, 30, 0, 10, 0, 0, loc)
		b.exec("CREATE TABLE gap (at "+b.plain()+")",
			"INSERT INTO gap VALUES ('2026-03-29 02:00:00'), ('2026-03-29 02:59:59'), ('2026-03-28 12:00:00')")
		b.want("gap", &checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 2}}, sentinel.Fail,
			"no rows for 2026-03-29; 2 more rows are at times")
		b.want("gap", &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "< 1")}, sentinel.Fail,
			"0 rows for 2026-03-29, expected >= 1; 2 more rows are at times")
	})
}

// TestGapsUseTheIndex holds that the condition for a gap compares the column as it is.
func TestGapsUseTheIndex(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		loc, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		b.loc, b.tick = loc, time.Date(2026, 3, 30, 0, 10, 0, 0, loc)
		b.exec("CREATE TABLE gap (at " + b.plain() + ")")
		planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("gap",
			&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "< 1")})})
		q, err := b.db.Dialect.Quote("at")
		if err != nil {
			t.Fatal(err)
		}
		if len(planned) != 1 {
			t.Fatalf("%d statements, want 1", len(planned))
		}
		if _, byValue := b.db.Dialect.(warehouse.ValueTimes); byValue {
			return // each value says for itself what it is, so that each is read
		}
		for _, part := range []string{"NOT ((" + q + " >= ", " AND ((" + q + " >= "} {
			if !strings.Contains(planned[0].Statement.SQL, part) {
				t.Errorf("no %s in %s", part, planned[0].Statement.SQL)
			}
		}
	})
}

// The age of a row at a time that the clock skipped is known but for the length of the gap.
func TestFreshnessInTheGap(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		// A zone whose clock went forward by an hour 30 minutes ago.
		change := b.tick.Add(-30 * time.Minute).UTC().Truncate(time.Second)
		b.loc = zoneThatChanges(t, change, time.Hour, 2*time.Hour)
		wall := change.Add(time.Hour + 10*time.Minute).Format("2006-01-02 15:04:05")
		b.exec("CREATE TABLE skipped (at "+b.plain()+")", "INSERT INTO skipped VALUES ('"+wall+"')")
		b.want("skipped", &checks.Freshness{Fail: 2 * hour}, sentinel.Pass, "newest row 20m")
		b.want("skipped", &checks.Freshness{Fail: hour}, sentinel.Unknown, "the clock never showed that time")
		b.want("skipped", &checks.Freshness{Fail: 5 * minute}, sentinel.Fail, "newest row 20m")
		query := &checks.Freshness{Query: "SELECT max(at) FROM " + b.schema + ".skipped", Fail: hour}
		b.want("skipped", query, sentinel.Unknown, "the clock never showed that time")

		// A row of 29 minutes ago has a later time, but the one in the gap may be newer.
		after := change.Add(2*time.Hour + time.Minute).Format("2006-01-02 15:04:05")
		b.exec("INSERT INTO skipped VALUES ('" + after + "')")
		b.want("skipped", &checks.Freshness{Fail: hour}, sentinel.Pass, "newest row 20m")
		b.want("skipped", &checks.Freshness{Fail: 25 * minute}, sentinel.Unknown, "or 9m younger")
		b.want("skipped", &checks.Freshness{Fail: 5 * minute}, sentinel.Fail, "newest row 20m")
	})
}

// Shortly after the change, a row at a skipped time is of before the change, or of the future.
// It hides no row that is newer than the first of the two.
func TestFreshnessWhileTheGapIsInTheFuture(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		change := b.tick.Add(-9 * time.Minute).UTC().Truncate(time.Second)
		b.loc = zoneThatChanges(t, change, time.Hour, 2*time.Hour)
		row := func(wall time.Duration) string {
			return "('" + change.Add(time.Hour+wall).Format("2006-01-02 15:04:05") + "')"
		}
		b.exec("CREATE TABLE ahead (at "+b.plain()+")", "INSERT INTO ahead VALUES "+row(20*time.Minute))
		b.want("ahead", &checks.Freshness{Fail: 2 * hour}, sentinel.Pass, "newest row 49m")
		b.exec("INSERT INTO ahead VALUES " + row(-time.Minute))
		b.want("ahead", &checks.Freshness{Fail: 20 * minute}, sentinel.Pass, "newest row 10m")
		b.want("ahead", &checks.Freshness{Fail: 5 * minute}, sentinel.Fail, "newest row 10m")
		b.exec("INSERT INTO ahead VALUES " + row(5*time.Minute))
		b.want("ahead", &checks.Freshness{Fail: 2 * hour}, sentinel.Pass, "newest row 4m")
	})
}

// The same hour is another time of the wall clock in another zone. While nothing is
// written, a kept answer for one zone is none for the other.
func TestKeptAnswersAreOfOneZone(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{ChangeCounters: true})
	b.tick = time.Date(2026, 6, 1, 12, 10, 0, 0, time.UTC)
	b.exec("CREATE TABLE walls (at timestamp)",
		"INSERT INTO walls VALUES ('2026-06-01 12:30:00'), ('2026-06-01 13:30:00'), ('2026-06-01 13:40:00')")
	hours := func(zone string) checks.Check {
		return &checks.RowCount{Options: checks.Options{ID: zone, Timezone: zone},
			Bucketed: checks.Bucketed{Bucket: "hour"}, Fail: bound(t, "< 1")}
	}
	for range 3 { // until an answer is kept
		b.want("walls", hours("Europe/London"), sentinel.Pass, "1 rows for")
		b.want("walls", hours("Europe/Berlin"), sentinel.Pass, "2 rows for")
	}
}

// While a clock shows an hour for the second time, a row of the first pass has a later
// time than the newest row may have. Neither hides the other.
func TestFreshnessWhileAnHourComesTwice(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		// A zone whose clock went back by an hour 30 minutes ago.
		back := b.tick.Add(-30 * time.Minute).UTC().Truncate(time.Second)
		b.loc = zoneThatChanges(t, back, 2*time.Hour, time.Hour)
		wall := func(ago time.Duration) string { return local(b.tick.Add(-ago).In(b.loc)) }
		b.exec("CREATE TABLE passes (id integer, at "+b.plain()+")",
			"INSERT INTO passes VALUES (1, "+wall(35*time.Minute)+"), (1, "+wall(2*time.Minute)+"), (2, "+wall(35*time.Minute)+
				"), (3, '"+b.tick.Add(50*time.Hour).In(b.loc).Format("2006-01-02 15:04:05")+"'), (3, "+wall(35*time.Minute)+")")
		// The age is 2 minutes, or 35 if the row that seems younger is of the first pass too.
		b.want("passes", &checks.Freshness{Fail: hour, Options: checks.Options{Where: "id = 1"}}, sentinel.Pass, "newest row 2m")
		b.want("passes", &checks.Freshness{Fail: 10 * minute, Options: checks.Options{Where: "id = 1"}}, sentinel.Unknown,
			"the clock showed that time twice")
		b.want("passes", &checks.Freshness{Fail: minute, Options: checks.Options{Where: "id = 1"}}, sentinel.Fail, "newest row 2m")
		b.want("passes", &checks.Freshness{Fail: 10 * minute, Options: checks.Options{Where: "id = 2"}}, sentinel.Fail, "newest row 35m")
		// A row in the future does not hide those of the first pass.
		b.want("passes", &checks.Freshness{Fail: 50 * minute, OnFuture: "ignore", Options: checks.Options{Where: "id = 3"}},
			sentinel.Pass, "newest row 35m")
		r := b.want("passes", &checks.Freshness{By: []string{"id"}, Fail: 10 * minute, OnFuture: "ignore"}, sentinel.Fail,
			"newest row 35m")
		if len(r.Findings) != 3 {
			t.Errorf("%d findings, want one for each segment: %+v", len(r.Findings), r.Findings)
		}
		query := func(id int) *checks.Freshness {
			return &checks.Freshness{Fail: 10 * minute,
				Query: fmt.Sprintf("SELECT max(at) FROM %s.passes WHERE id = %d", b.schema, id)}
		}
		b.want("passes", query(2), sentinel.Unknown, "or there is a younger row")
	})
}
