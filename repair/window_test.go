package repair_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// TestAWindowIsThePeriodOfTheCheck holds that a repair replaces just the rows of the
// period that the check found bad, also where a clock is changed.
func TestAWindowIsThePeriodOfTheCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bucket, zone, label string
		wallClock           bool
		from, to, walls     string
	}{
		"a day whose midnight is skipped": {"day", "America/Santiago", "2026-09-06", false,
			"2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00", "2026-09-06T00:00:00Z 2026-09-07T00:00:00Z"},
		"the day before": {"day", "America/Santiago", "2026-09-05", false,
			"2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00", "2026-09-05T00:00:00Z 2026-09-06T00:00:00Z"},
		"the first pass of an hour": {"hour", "Europe/Berlin", "2026-10-25 02:00 CEST", false,
			"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", ""},
		"the second pass of an hour": {"hour", "Europe/Berlin", "2026-10-25 02:00 CET", false,
			"2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00", ""},
		"both passes of an hour": {"hour", "Europe/Berlin", "2026-10-25 02:00 CEST", true,
			"2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-25T02:00:00Z 2026-10-25T03:00:00Z"},
		"an hour of a zone without a name": {"hour", "Asia/Kathmandu", "2026-10-25 02:00 +0545", false,
			"2026-10-25T02:00:00+05:45", "2026-10-25T03:00:00+05:45", ""},
		"a week": {"week", "Europe/Berlin", "the week of 2026-03-23", false,
			"2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00", ""},
		"a month": {"month", "Europe/Berlin", "2026-03", false,
			"2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", ""},
		"a week that is no week": {"week", "UTC", "the week of 2026-03-24", false, "", "", ""},
		"an hour as a day":       {"day", "UTC", "2026-03-24 02:00 UTC", false, "", "", ""},
		"no date":                {"day", "UTC", "soon", false, "", "", ""},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		trigger := repair.Trigger{Location: loc, Incident: sentinel.Incident{Key: "missing_partition:" + c.label}}
		w, err := trigger.Window(c.bucket, c.wallClock)
		if c.from == "" {
			if err == nil {
				t.Errorf("%s: %s to %s, want an error", name, w.From, w.To)
			}
			continue
		}
		if err != nil || w.From.Format(time.RFC3339) != c.from || w.To.Format(time.RFC3339) != c.to {
			t.Errorf("%s: %s to %s, %v; want %s to %s", name, w.From, w.To, err, c.from, c.to)
			continue
		}
		from, to := w.Walls()
		if got := from.Format(time.RFC3339) + " " + to.Format(time.RFC3339); c.walls != "" && got != c.walls {
			t.Errorf("%s: by the wall clock %s, want %s", name, got, c.walls)
		}
	}
}
