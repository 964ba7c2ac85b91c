package reload_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// A window of a column that is no time, or has another zone, would hold other rows than
// those that the check counted.
func TestWindowsOfOtherColumnsAreRefused(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		engine, column string
		zone           *time.Location
		want           string
	}{
		{"postgres", "id", time.UTC, "id is "},
		{"mysql", "note", time.UTC, "not a date or timestamp: set `partition:`"},
		{"sqlite", "id", time.UTC, "not a date or timestamp"},
		{"sqlite", "at", berlin, "only windows in UTC can be loaded again"},
	} {
		b := repairtest.New(t, c.engine)
		b.CreateOrders()
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: c.column}
		b.Must(a.Validate())
		trigger := b.OpenIncident(repairtest.MissingDay)
		trigger.Location = c.zone
		if _, err := a.Plan(t.Context(), b.Target(), trigger); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.engine, c.column, err, c.want)
		}
	}
}

// The window of a repair is the one that the check counted, however times are written.
func TestWindowsAreThoseOfChecks(t *testing.T) {
	t.Parallel()
	// Of each case the first two rows lie in the window, 2026-03-11 in UTC, and the others do not.
	for _, c := range []struct {
		engine, column, unit, format string
		rows                         []string
	}{
		{engine: "sqlite", column: "text", rows: []string{"'2026-03-10T23:30:00-05:00'", "'2026-03-11'",
			"'2026-03-11T23:30:00-05:00'", "'2026-03-12 00:00:00'", "'2026-03-11T01:00:00+02:00'"}},
		{engine: "sqlite", column: "", rows: []string{"1773190800", "'2026-03-11T05:00'", "1773273600", "'2026-03-10 23:59:59.999'"}},
		{engine: "sqlite", column: "integer", unit: "ms", rows: []string{"1773187200000", "1773273599999", "1773273600000", "1773187199999"}},
		{engine: "postgres", column: "bigint", unit: "s", rows: []string{"1773187200", "1773273599", "1773273600", "0"}},
		{engine: "mysql", column: "bigint", unit: "us", rows: []string{"1773187200000000", "1773273599999999", "1773273600000000", "0"}},
		{engine: "postgres", column: "text", format: "%d.%m.%Y", rows: []string{"'11.03.2026'", "'11.03.2026'", "'12.03.2026'", "'10.03.2026'"}},
		{engine: "mysql", column: "int", format: "%Y%m%d", rows: []string{"20260311", "20260311", "20260312", "20260310"}},
		{engine: "sqlite", column: "text", format: "%Y/%m/%d %H", rows: []string{"'2026/03/11 00'", "'2026/03/11 23'", "'2026/03/12 00'", "'2026/03/10 23'"}},
	} {
		t.Run(c.engine+" "+c.column+c.unit+c.format, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, c.engine)
			for _, table := range []string{"orders", "staging"} {
				b.Exec("CREATE TABLE " + table + " (id integer NOT NULL PRIMARY KEY, at " + c.column + ", note varchar(20))")
				for i, row := range c.rows {
					b.Exec(fmt.Sprintf("INSERT INTO %s VALUES (%d, %s, '%s')", table, i, row, table))
				}
			}
			trigger := b.OpenIncident(repairtest.MissingDay)
			trigger.TimeUnit, trigger.TimeFormat = c.unit, c.format
			a := b.ReloadFromStaging()
			run := b.NewRunOf(a, b.Target(), trigger)
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			want := "staging|\nstaging|\n" + strings.Repeat("orders|\n", len(c.rows)-2)
			if got := repairtest.Query(t, b.Driver, b.Owner, "SELECT note FROM orders ORDER BY id"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
