package checks_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// Whether a time without a zone lies before now is not known where no zone is configured.
func TestRangesUntilNowNeedAZone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE z (at "+b.plain()+", day date)", "INSERT INTO z VALUES ("+b.ago(0)+", '2020-01-01')")
		b.loc = nil
		if b.name == "sqlite" { // its times are read as UTC, as documented
			b.want("z", &checks.Invalid{Column: "day", Max: "now"}, sentinel.Pass, "0 of 1 values of day are invalid")
			return
		}
		for _, column := range []string{"at", "day"} {
			b.want(
				"z",
				&checks.Invalid{Column: column, Max: "now"},
				sentinel.Error,
				"column "+column+" has no time zone of its own",
			)
		}
	})
}

// Now is when the statement runs, and not the tick: rows that came since are not of the future.
func TestRangesUntilNowOfALateTick(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		now := b.tick
		zone := time.FixedZone("east", 9*3600)
		b.exec(
			"CREATE TABLE z (id integer, at "+b.plain()+", day date)",
			"INSERT INTO z VALUES (1, '"+now.Add(-time.Minute).
				In(zone).
				Format(time.DateTime)+
				"', '"+now.In(zone).
				Format(time.DateOnly)+
				"')",
			"INSERT INTO z VALUES (2, '"+now.Add(time.Hour).
				In(zone).
				Format(time.DateTime)+
				"', '"+now.AddDate(0, 0, 2).
				In(zone).
				Format(time.DateOnly)+
				"')",
		)
		b.tick, b.loc = now.AddDate(0, 0, -3), zone
		for _, c := range []struct {
			check checks.Invalid
			bad   string
		}{
			{checks.Invalid{Column: "at", Max: "now"}, "1 of 2"},
			{checks.Invalid{Column: "at", Max: "now + 2h"}, "0 of 2"},
			{checks.Invalid{Column: "at", Min: "now"}, "1 of 2"},
			{checks.Invalid{Column: "at", Min: "now-30s", Max: "now+30m"}, "2 of 2"},
			{checks.Invalid{Column: "day", Max: "now"}, "1 of 2"},
			{checks.Invalid{Column: "day", Max: "now", Exclusive: true}, "2 of 2"},
			{checks.Invalid{Column: "day", Min: "now"}, "0 of 2"},
			{checks.Invalid{Column: "day", Max: "now+2d"}, "0 of 2"},
			{checks.Invalid{Column: "day", Min: "now-1d", Max: "now+1d"}, "1 of 2"},
		} {
			status := sentinel.Fail
			if c.bad == "0 of 2" {
				status = sentinel.Pass
			}
			b.want("z", &c.check, status, c.bad+" values")
		}
	})
}
