package checks_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// The forms in which the columns of timeColumns hold an instant of Europe/Berlin.
func zoned(t time.Time) string   { return quoted(t.UTC().Format("2006-01-02 15:04:05+00")) }
func offset(t time.Time) string  { return quoted(t.Format("2006-01-02T15:04:05-07:00")) }
func utcText(t time.Time) string { return quoted(t.UTC().Format("2006-01-02 15:04:05")) }
func isoUTC(t time.Time) string  { return quoted(t.UTC().Format("2006-01-02T15:04:05Z")) }
func goUTC(t time.Time) string   { return quoted(t.UTC().Format("2006-01-02 15:04:05 UTC")) }
func local(t time.Time) string   { return quoted(t.Format("2006-01-02 15:04:05")) }
func german(t time.Time) string  { return quoted(t.Format("02.01.2006 15:04:05")) }
func day(t time.Time) string     { return quoted(t.Format("2006-01-02")) }
func clockOf(t time.Time) string { return quoted(t.Format("15:04:05")) }
func ymd(t time.Time) string     { return t.Format("20060102") }
func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
func millis(t time.Time) string  { return strconv.FormatInt(t.UnixMilli(), 10) }
func micros(t time.Time) string  { return strconv.FormatInt(t.UnixMicro(), 10) }
func nanos(t time.Time) string   { return strconv.FormatInt(t.UnixNano(), 10) }
func quoted(s string) string     { return "'" + s + "'" }

func julian(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/864e5+2440587.5, 'f', -1, 64)
}

const (
	hoursToo = "is read"
	daysOnly = "is read, and has no hours"
)

// timeColumns says of every type of column, on every engine, whether checks read times
// from it, or the words of the error. The zone is Europe/Berlin.
var timeColumns = []struct {
	engines string // "" for all
	column  string // its type
	holds   func(time.Time) string
	time    checks.TimeColumn // zero: nothing is configured
	want    string
}{
	// Types that say it themselves.
	{"postgres", "timestamptz", zoned, checks.TimeColumn{}, hoursToo},
	{"postgres", "timestamp", local, checks.TimeColumn{}, hoursToo},
	{"postgres", "timestamp", utcText, checks.TimeColumn{UTC: true}, hoursToo},
	{"postgres", "instant", zoned, checks.TimeColumn{}, hoursToo}, // a domain
	{"mysql", "timestamp", utcText, checks.TimeColumn{}, hoursToo},
	{"mysql", "datetime", local, checks.TimeColumn{}, hoursToo},
	{"mysql", "datetime(6)", utcText, checks.TimeColumn{UTC: true}, hoursToo},
	{"", "date", day, checks.TimeColumn{}, daysOnly},

	// Types that do not, and are not configured.
	{"postgres", "time", clockOf, checks.TimeColumn{}, "a time of day without a date"},
	{"mysql", "time", clockOf, checks.TimeColumn{}, "a time of day without a date"},
	{"postgres mysql", "bigint", seconds, checks.TimeColumn{}, "unit: ms"},
	{"postgres mysql", "integer", ymd, checks.TimeColumn{}, "%Y%m%d"},
	{"postgres mysql", "decimal(20,3)", millis, checks.TimeColumn{}, "unit: ms"},
	{"postgres mysql", "varchar(40)", local, checks.TimeColumn{}, "format:"},
	{"postgres", "boolean", func(time.Time) string { return "true" }, checks.TimeColumn{}, "not a date or timestamp"},
	{"mysql", "year", func(t time.Time) string { return t.Format("2006") }, checks.TimeColumn{}, "not a date or timestamp"},

	// SQLite keeps times in no type of its own, so that each value speaks for itself.
	{"sqlite", "datetime", local, checks.TimeColumn{}, hoursToo},
	{"sqlite", "datetime", utcText, checks.TimeColumn{UTC: true}, hoursToo},
	{"sqlite", "text", isoUTC, checks.TimeColumn{}, hoursToo},
	{"sqlite", "text", offset, checks.TimeColumn{}, hoursToo},
	{"sqlite", "integer", seconds, checks.TimeColumn{}, hoursToo},
	{"sqlite", "real", julian, checks.TimeColumn{}, hoursToo},
	{"sqlite", "date", local, checks.TimeColumn{}, hoursToo},
	{"sqlite", "text", day, checks.TimeColumn{}, daysOnly},
	{"sqlite", "integer", millis, checks.TimeColumn{}, "none readable as a time"},
	{"sqlite", "integer", ymd, checks.TimeColumn{}, "none readable as a time"},
	{"sqlite", "text", seconds, checks.TimeColumn{}, "none readable as a time"},
	{"sqlite", "text", goUTC, checks.TimeColumn{}, "none readable as a time"},
	{"sqlite", "text", clockOf, checks.TimeColumn{}, "none readable as a time"},
	{"sqlite", "text", func(time.Time) string { return "'now'" }, checks.TimeColumn{}, "none readable as a time"},

	// Columns that are configured.
	{"", "bigint", seconds, checks.TimeColumn{Unit: "s"}, hoursToo},
	{"", "bigint", millis, checks.TimeColumn{Unit: "ms"}, hoursToo},
	{"", "bigint", micros, checks.TimeColumn{Unit: "us"}, hoursToo},
	{"", "bigint", nanos, checks.TimeColumn{Unit: "ns"}, hoursToo},
	{"", "decimal(20,3)", millis, checks.TimeColumn{Unit: "ms"}, hoursToo},
	{"", "double precision", millis, checks.TimeColumn{Unit: "ms"}, hoursToo},
	{"", "integer", ymd, checks.TimeColumn{Format: "%Y%m%d"}, daysOnly},
	{"", "varchar(40)", ymd, checks.TimeColumn{Format: "%Y%m%d"}, daysOnly},
	{"", "varchar(40)", german, checks.TimeColumn{Format: "%d.%m.%Y %H:%M:%S"}, hoursToo},
	{"", "char(30)", goUTC, checks.TimeColumn{Format: "%Y-%m-%d %H:%M:%S UTC", UTC: true}, hoursToo},
	{"", "varchar(40)", isoUTC, checks.TimeColumn{Format: "%Y-%m-%dT%H:%M:%SZ", UTC: true}, hoursToo},
	{"", "varchar(40)", local, checks.TimeColumn{Format: "%Y-%m-%dT%H:%M:%S"}, "none readable as a time in the format"},
	{"postgres mysql", "varchar(40)", seconds, checks.TimeColumn{Unit: "s"}, "is for numbers"},
	{"sqlite", "text", seconds, checks.TimeColumn{Unit: "s"}, "none readable as a number of s"},
	{"postgres", "timestamptz", zoned, checks.TimeColumn{Unit: "ms"}, "is for numbers"},
	{"postgres mysql", "double precision", ymd, checks.TimeColumn{Format: "%Y%m%d"}, "is for texts and whole numbers"},

	// Expressions give instants.
	{"postgres", "bigint", millis, checks.TimeColumn{Expression: "to_timestamp(at / 1000.0)"}, hoursToo},
	{"postgres", "text", isoUTC, checks.TimeColumn{Expression: "at::timestamptz -- ISO 8601"}, hoursToo},
	{"postgres", "bigint", seconds, checks.TimeColumn{Expression: "at"}, "must give a date or timestamp"},
	{"postgres", "time", clockOf, checks.TimeColumn{Expression: "at"}, "must give a date or timestamp"},
	{"postgres", "timestamp", local, checks.TimeColumn{Expression: "at AT TIME ZONE 'Europe/Berlin'"}, hoursToo},
	{"mysql", "bigint", seconds, checks.TimeColumn{Expression: "from_unixtime(at)"}, hoursToo},
	{"mysql", "time", clockOf, checks.TimeColumn{Expression: "at"}, "none readable as a time"},
	{"mysql", "integer", ymd, checks.TimeColumn{Expression: "at"}, "none readable as a time"},
	{"mysql", "bigint", seconds, checks.TimeColumn{Expression: "at"}, "none readable as a time"},
	{"sqlite", "integer", millis, checks.TimeColumn{Expression: "at / 1000"}, hoursToo},
	{"sqlite", "integer", millis, checks.TimeColumn{Expression: "at"}, "none readable as a time"},
}

// TestTimeColumns runs every kind that takes a time column on every row of timeColumns.
func TestTimeColumns(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	onEveryEngine(t, func(b *bench) {
		if b.name == "postgres" {
			b.exec("CREATE DOMAIN instant AS timestamptz")
		}
		b.loc = berlin
		newest := b.tick.Add(-5 * time.Minute).In(berlin).Truncate(time.Second)
		for i, c := range timeColumns {
			if c.engines != "" && !slices.Contains(strings.Fields(c.engines), b.name) {
				continue
			}
			table := fmt.Sprintf("c%d", i)
			var rows []string
			for n := range 80 { // three days of one row an hour
				rows = append(rows, "("+c.holds(newest.Add(-time.Duration(n)*time.Hour))+")")
			}
			b.exec("CREATE TABLE "+table+" (at "+c.column+")", "INSERT INTO "+table+" VALUES "+strings.Join(rows, ", "))
			how := c.time
			if how != (checks.TimeColumn{}) && how.Expression == "" {
				how.Column = "at"
			}
			b.wantTimes(table, fmt.Sprintf("%s %s %+v", b.name, c.column, c.time), how, c.want)
		}
	})
}

// wantTimes runs the kinds on a table of one row an hour until five minutes ago.
func (b *bench) wantTimes(table, what string, how checks.TimeColumn, want string) {
	b.tb.Helper()
	own := &how
	if how == (checks.TimeColumn{}) {
		own = nil // the dataset's time_column
	}
	bucketed := func(unit checks.Period) checks.Bucketed { return checks.Bucketed{Bucket: unit, Time: own} }
	partitions := func(unit checks.Period) *checks.RowCount {
		return &checks.RowCount{Bucketed: checks.Bucketed{Time: own},
			ExpectedPartitions: &checks.Partitions{Every: unit, Last: 2}}
	}
	with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: table}
	days := []checks.Check{
		&checks.Freshness{Fail: 26 * hour, Time: own},
		&checks.RowCount{Bucketed: bucketed("day"), Fail: bound(b.tb, "not between 23 and 25")},
		partitions("day"),
		&checks.Reconcile{With: with, Bucketed: bucketed("day")},
	}
	hours := []checks.Check{
		&checks.Freshness{Fail: hour, Time: own},
		&checks.RowCount{Bucketed: bucketed("hour"), Fail: bound(b.tb, "not between 1 and 2")},
		partitions("hour"),
		&checks.Reconcile{With: with, Bucketed: bucketed("hour")},
	}
	list := append(days, hours...)
	for i, r := range b.run(table, list...) {
		status, words := sentinel.Pass, ""
		switch {
		case want == daysOnly && i == len(days): // a date is not that fresh
			continue
		case want == daysOnly && i > len(days):
			status, words = sentinel.Error, ""
		case want != hoursToo && want != daysOnly:
			status, words = sentinel.Error, want
		}
		if r.Status != status || !strings.Contains(r.Message, words) {
			b.tb.Errorf("%s: check %d, %s: %s %q, want %s %s", what, i, r.Kind, r.Status, r.Message, status, words)
		}
	}
}

// A value that is no time could be the newest, or belong to a bucket. No check skips it,
// and `where` can leave it out.
func TestAValueThatIsNoTimeIsNotSkipped(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE odd (at text)", "INSERT INTO odd VALUES ("+b.ago(time.Minute)+"), ('soon'), (NULL)")
	for _, c := range []checks.Check{
		&checks.Freshness{Fail: hour},
		&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "> 5")},
		&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 1}},
		&checks.Reconcile{With: &sentinel.Table{Warehouse: "w", Schema: "main", Name: "odd"},
			Bucketed: checks.Bucketed{Bucket: "day"}},
	} {
		b.want("odd", c, sentinel.Error, "2 values, 1 not readable as a time")
	}
	b.want("odd", &checks.Freshness{Fail: hour, Options: checks.Options{Where: "at <> 'soon'"}}, sentinel.Pass, "newest row 1m")
}

// In SQLite a column may hold times with a zone and without one. Each is read as it is.
func TestTimesWithAndWithoutAZoneInOneColumn(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	b.loc = tokyo
	at := func(ago time.Duration) time.Time { return b.tick.Add(-ago).In(tokyo) }
	b.exec("CREATE TABLE both (id integer, at datetime)",
		"INSERT INTO both VALUES (1, "+local(at(10*time.Minute))+"), (2, "+isoUTC(at(20*time.Minute))+"), (3, "+
			seconds(at(30*time.Minute))+")")
	for newest, where := range map[string]string{"10m": "id > 0", "20m": "id > 1", "30m": "id > 2"} {
		b.want("both", &checks.Freshness{Fail: hour, Options: checks.Options{Where: where}}, sentinel.Pass, "newest row "+newest)
	}
	hours := checks.Bucketed{Bucket: "hour"}
	b.tick = at(-time.Hour)
	total := int64(0)
	for range 3 {
		r := b.want("both", &checks.RowCount{Bucketed: hours, Fail: bound(t, "> 9")}, sentinel.Pass, "rows for")
		n, _ := r.Observations[0].Value.Int64()
		total += n
		b.tick = b.tick.Add(-time.Hour)
	}
	if total != 3 {
		t.Errorf("%d rows in three hours, want 3", total)
	}
}

// An index on the column as it is stored serves a unit and a number of a date.
func TestBoundsOfNumbersAreComparedWithTheColumn(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE e (ms bigint, ymd integer)", "CREATE INDEX e_ms ON e (ms)", "CREATE INDEX e_ymd ON e (ymd)")
		for column, how := range map[string]checks.TimeColumn{"ms": {Unit: "ms"}, "ymd": {Format: "%Y%m%d"}} {
			if column == "ymd" && b.name == "sqlite" {
				continue // any value may stand in the column, so that each is read
			}
			how.Column = column
			planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("e",
				&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day", Time: &how}, Fail: bound(t, "< 1")},
				&checks.Freshness{Time: &how, Fail: hour})})
			q, err := b.db.Dialect.Quote(column)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{q + " >= ", q + " < ", "max(" + q + ")"} {
				if len(planned) != 1 || !strings.Contains(planned[0].Statement.SQL, part) {
					t.Errorf("%s: no %s in %+v", column, part, planned)
				}
			}
		}
	})
}

// A row of the hour that the clock shows twice is not late for sure if it is late by the
// first pass alone.
func TestFreshnessInTheHourThatComesTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	// A zone whose clock went back by an hour 30 minutes ago.
	back := b.tick.Add(-30 * time.Minute).UTC()
	loc := zoneThatChanges(t, back, 2*time.Hour, time.Hour)
	b.loc = loc
	wall := b.tick.Add(-10 * time.Minute).In(loc).Format("2006-01-02 15:04:05")
	b.exec("CREATE TABLE twice (at timestamp)", "INSERT INTO twice VALUES ('"+wall+"')")
	b.want("twice", &checks.Freshness{Fail: 2 * hour}, sentinel.Pass, "newest row 10m")
	b.want("twice", &checks.Freshness{Fail: hour}, sentinel.Unknown, "the clock showed that time twice")
	b.want("twice", &checks.Freshness{Fail: 5 * minute}, sentinel.Fail, "newest row 10m")
}

// zoneThatChanges returns a zone whose clock went from hours ahead of UTC to others.
func zoneThatChanges(t *testing.T, at time.Time, from, to time.Duration) *time.Location {
	t.Helper()
	data := []byte("TZif" + strings.Repeat("\x00", 16))
	for _, n := range []uint32{0, 0, 0, 2, 2, 8, 1, uint32(at.Unix())} { // counts, then two changes
		data = binary.BigEndian.AppendUint32(data, n)
	}
	data = append(data, 0, 1) // to which of the offsets
	data = append(binary.BigEndian.AppendUint32(data, uint32(from.Seconds())), 1, 0)
	data = append(binary.BigEndian.AppendUint32(data, uint32(to.Seconds())), 0, 4)
	loc, err := time.LoadLocationFromTZData("Test/Change", append(data, "AAA\x00BBB\x00"...))
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
