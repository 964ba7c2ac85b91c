package checks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// datesOf is how a column keeps the days of TestDatesAreDaysOfTheZone.
type datesOf struct {
	kind, literal, format string // literal and format are of package time and of the key
}

var dateForms = map[string]datesOf{
	"date":   {"date", "'2006-01-02'", ""},
	"text":   {"varchar(10)", "'2006-01-02'", "%Y-%m-%d"},
	"number": {"integer", "20060102", "%Y%m%d"},
}

// TestDatesAreDaysOfTheZone counts dates by day. A date is a day of the check's zone on
// every engine, in every form, and also where times of day are in UTC.
func TestDatesAreDaysOfTheZone(t *testing.T) {
	t.Parallel()
	days := map[string]int{"2026-11-29": 2, "2026-11-28": 1, "2026-11-27": 4}
	onEveryEngine(t, func(b *bench) {
		for form, of := range dateForms {
			table := "dates_" + form
			b.exec("CREATE TABLE " + table + " (d " + of.kind + ")")
			for day, n := range days {
				at, err := time.Parse(time.DateOnly, day)
				if err != nil {
					t.Fatal(err)
				}
				for range n {
					b.exec("INSERT INTO " + table + " VALUES (" + at.Format(of.literal) + ")")
				}
			}
			for _, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"} {
				for _, utc := range []bool{false, true} {
					how := &checks.TimeColumn{Column: "d", Format: of.format, UTC: utc}
					b.countDays(table, zone, how, days)
				}
			}
			b.datesWithoutZone(table, of.format)
		}
	})
}

// countDays holds each kind that reads periods to the number of rows of each day.
func (b *bench) countDays(table, zone string, how *checks.TimeColumn, days map[string]int) {
	b.tb.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.loc = loc
	bucket := checks.Bucketed{Bucket: "day", Time: how}
	with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: table}
	for day, n := range days {
		at, err := time.ParseInLocation(time.DateOnly, day, loc)
		if err != nil {
			b.tb.Fatal(err)
		}
		b.tick = at.AddDate(0, 0, 1).Add(time.Hour)
		says := fmt.Sprintf("%d rows for %s", n, day)
		b.want(table, &checks.RowCount{Bucketed: bucket, Fail: bound(b.tb, fmt.Sprintf("!= %d", n))}, sentinel.Pass, says)
		b.want(table, &checks.Reconcile{With: with, Bucketed: bucket}, sentinel.Pass, fmt.Sprintf("rows: %d, %d", n, n))
	}
	partitions := &checks.Partitions{Every: "day", Last: 4}
	b.tick = time.Date(2026, 11, 30, 1, 0, 0, 0, loc)
	missing := &checks.RowCount{ExpectedPartitions: partitions, Bucketed: checks.Bucketed{Time: how}}
	b.want(table, missing, sentinel.Fail, "no rows for 2026-11-26")
	r := b.run(table, &checks.Freshness{Time: how, Fail: checks.Duration(time.Hour)})[0]
	first := time.Date(2026, 11, 29, 0, 0, 0, 0, loc)
	for _, o := range r.Observations {
		if want := sentinel.Float(float64(first.Unix())); o.Metric == "newest_timestamp_seconds" && o.Value.Cmp(want) != 0 {
			b.tb.Errorf("%s in %s, utc %t: the newest row is of %s, want %s", table, zone, how.UTC, o.Value, want)
		}
	}
	if len(r.Observations) == 0 {
		b.tb.Errorf("%s in %s, utc %t: %s", table, zone, how.UTC, r.Message)
	}
}

// datesWithoutZone holds that no kind guesses the zone of a date. SQLite's texts without a
// format are in UTC.
func (b *bench) datesWithoutZone(table, format string) {
	b.tb.Helper()
	if b.name == "sqlite" && format == "" {
		return
	}
	b.loc = nil
	how := &checks.TimeColumn{Column: "d", Format: format}
	bucket := checks.Bucketed{Bucket: "day", Time: how}
	for _, c := range []checks.Check{
		&checks.Freshness{Time: how, Fail: hour},
		&checks.RowCount{Bucketed: bucket, Fail: bound(b.tb, "< 1")},
		&checks.RowCount{Bucketed: checks.Bucketed{Time: how}, ExpectedPartitions: &checks.Partitions{Every: "day", Last: 4}},
		&checks.Reconcile{With: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: table}, Bucketed: bucket},
	} {
		b.want(table, c, sentinel.Error, "has no time zone of its own")
	}
}
