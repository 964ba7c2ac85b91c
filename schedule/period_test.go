package schedule

import (
	_ "embed"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // all zones, whatever the machine has
)

// zoneNames are the names of the tz database.
//
//go:embed testdata/zones.txt
var zoneNames string

// zone is one zone of the tz database.
type zone struct {
	loc     *time.Location
	changes []time.Time // the instants from 2000 to 2040 at which its clock changes
}

// tzdb holds the zones of the tz database, once where several have been alike since 2000.
var tzdb = sync.OnceValues(func() (all []zone, err error) {
	seen := map[string]bool{}
	for _, name := range strings.Fields(zoneNames) {
		loc, err := time.LoadLocation(name)
		if err != nil {
			return nil, err
		}
		z := zone{loc: loc}
		at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
		history := at.Format("-0700")
		for {
			_, end := stretch(at)
			if end.IsZero() || end.Year() > 2040 {
				break
			}
			at = end.In(loc)
			z.changes = append(z.changes, at)
			history += at.Format(" 20060102150405-0700")
		}
		if !seen[history] {
			seen[history] = true
			all = append(all, z)
		}
	}
	return all, nil
})

// everyChange calls f with every change of the clock in every zone, or with every
// fifth under the race detector.
func everyChange(t *testing.T, f func(loc *time.Location, change time.Time)) {
	t.Helper()
	all, err := tzdb()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, z := range all {
		n += len(z.changes)
		for i, change := range z.changes {
			if i%everyNth == 0 {
				f(z.loc, change)
			}
		}
	}
	if len(all) < 150 || n < 5000 {
		t.Errorf("only %d zones with %d changes", len(all), n)
	}
}

// probes are instants around a change of the clock.
var probes = []time.Duration{
	-24 * time.Hour, -time.Nanosecond, 0, 29 * time.Minute, time.Hour, 25 * time.Hour,
}

var everyPeriod = []Periods{{Unit: Hour}, {Unit: Hour, WallClock: true}, {Unit: Day}, {Unit: Week}, {Unit: Month}}

// TestPeriodsFollowEachOther holds the laws of [Periods] in every zone at every
// change of the clock from 2000 to 2040.
func TestPeriodsFollowEachOther(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		for _, p := range everyPeriod {
			p.Zone = loc
			list := probes
			if p.Unit == Week || p.Unit == Month {
				list = probes[1:3] // their bounds are days, which all probes try
			}
			for _, d := range list {
				at := change.Add(d)
				start, next := p.around(at)
				before, same := p.around(start.Add(-time.Nanosecond))
				first, end := p.around(start)
				switch {
				case start.After(at) || !next.After(at):
					t.Fatalf("%s %+v: %s is not in [%s, %s)", loc, p, at, start, next)
				case !first.Equal(start) || !end.Equal(next) || !p.Start(next).Equal(next):
					t.Fatalf("%s %+v: %s: [%s, %s) is not found from its bounds", loc, p, at, start, next)
				case !same.Equal(start) || !before.Before(start):
					t.Fatalf("%s %+v: %s: the period before ends at %s, not at %s", loc, p, at, same, start)
				}
			}
		}
	})
}

// TestEveryWallClockTimeIsOfOnePeriod holds that the wall-clock bounds of periods
// follow each other too.
func TestEveryWallClockTimeIsOfOnePeriod(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		for _, p := range []Periods{{Unit: Hour, WallClock: true}, {Unit: Day}, {Unit: Week}, {Unit: Month}} {
			p.Zone = loc
			for _, at := range []time.Time{change.Add(-time.Nanosecond), change, change.Add(time.Hour)} {
				start, next := p.around(at)
				from, to := p.Walls(at)
				after, _ := p.Walls(next)
				if !from.Before(to) || !after.Equal(to) {
					t.Fatalf("%s %+v: %s has the wall-clock times [%s, %s), the next begin at %s", loc, p, at, from, to, after)
				}
				for _, wall := range []time.Time{from, from.Add(to.Sub(from) / 2), to.Add(-time.Nanosecond)} {
					if got := p.StartOfWall(wall); !got.Equal(start) {
						t.Fatalf("%s %+v: %s belongs to %s, want %s", loc, p, wall, got, start)
					}
				}
			}
		}
	})
}

// TestClosedWallsAreShownNoMore reads the clock every few minutes after an instant. It
// never shows a time of the period that was closed then, and it does show one of the
// period after that.
func TestClosedWallsAreShownNoMore(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		for _, p := range []Periods{{Unit: Hour, WallClock: true}, {Unit: Day, WallClock: true}} {
			p.Zone = loc
			for _, d := range []time.Duration{-61 * time.Minute, -31 * time.Minute, -time.Minute, 0, 20 * time.Minute, 61 * time.Minute} {
				at := change.Add(d)
				start, end := p.Closed(at)
				_, last := p.Walls(start)
				_, following := p.Walls(end)
				open := false
				for u := at; u.Sub(at) < 3*time.Hour; u = u.Add(5 * time.Minute) {
					wall := AsWall(u.In(loc))
					if wall.Before(last) {
						t.Fatalf("%s %+v: at %s the period to %s is closed, but the clock shows %s at %s", loc, p, at, last, wall, u)
					}
					open = open || wall.Before(following)
				}
				if !open {
					t.Fatalf("%s %+v: at %s the period after %s has ended too", loc, p, at, last)
				}
			}
		}
	})
}

// TestDaysAreThoseOfTheClock compares days with a clock that is read every few
// minutes: a day begins when the date first becomes later than all dates before.
func TestDaysAreThoseOfTheClock(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		p := Periods{Unit: Day, Zone: loc}
		at := change.Add(-26 * time.Hour).Truncate(time.Hour)
		start := p.Start(at)
		highest := start.In(loc).Format(time.DateOnly)
		for at.Before(change.Add(26 * time.Hour)) {
			if date := at.In(loc).Format(time.DateOnly); date > highest {
				highest, start = date, at
			}
			if got := p.Start(at); !got.Equal(start) || p.Label(at) != highest {
				t.Fatalf("%s: the day of %s begins at %s (%s), want %s (%s)", loc, at, got, p.Label(at), start, highest)
			}
			step := 15 * time.Minute
			if at.Sub(change).Abs() < 65*time.Minute {
				step = time.Minute
			}
			at = at.Truncate(step).Add(step)
		}
	})
}

// TestLengthsOfDays holds that a day is as long as its clock says, less what the
// clock was set forward in it. No zone has set its clock by more than three hours
// within a day since 2000.
func TestLengthsOfDays(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		p := Periods{Unit: Day, Zone: loc}
		for _, at := range []time.Time{change.Add(-time.Second), change, change.Add(24 * time.Hour)} {
			start, next := p.around(at)
			_, before := start.In(loc).Zone()
			_, after := next.In(loc).Zone()
			shown := AsWall(next.In(loc)).Sub(AsWall(start.In(loc)))
			length := next.Sub(start)
			if length != shown-time.Duration(after-before)*time.Second {
				t.Fatalf("%s: %s has %s", loc, p.Label(at), length)
			}
			if length < 21*time.Hour || length > 27*time.Hour {
				t.Errorf("%s: %s has %s", loc, p.Label(at), length)
			}
		}
	})
}

// TestSchedulesGoOnAtEveryChange holds that a schedule finds its next instant at
// every change of the clock, also where the package time ends a zone's year early.
func TestSchedulesGoOnAtEveryChange(t *testing.T) {
	t.Parallel()
	everyChange(t, func(loc *time.Location, change time.Time) {
		for _, spec := range []string{"*/30 * * * *", "15 2 * * *"} {
			s, err := Parse(spec, loc)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []time.Time{
				change.Add(-time.Minute), change, time.Date(change.Year(), 12, 30, 23, 50, 0, 0, time.UTC),
			} {
				if next := s.Next(at); !next.After(at) || next.Sub(at) > 49*time.Hour {
					t.Fatalf("%s %s: after %s comes %s", loc, spec, at, next)
				}
			}
		}
	})
}

func TestKnownPeriods(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		p                      Periods
		zone, at, start, label string
		length                 time.Duration
	}{
		"midnight is skipped": {
			Periods{Unit: Day}, "America/Santiago", "2026-09-06T12:00:00-03:00", "2026-09-06T01:00:00-03:00", "2026-09-06",
			23 * time.Hour,
		},
		"the day before": {
			Periods{Unit: Day}, "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-05T00:00:00-04:00", "2026-09-05",
			24 * time.Hour,
		},
		"midnight comes twice": {
			Periods{Unit: Day}, "America/Havana", "2026-11-01T12:00:00-05:00", "2026-11-01T00:00:00-04:00", "2026-11-01",
			25 * time.Hour,
		},
		"a day that is left out": {
			Periods{Unit: Day}, "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-29T00:00:00-10:00", "2011-12-29",
			24 * time.Hour,
		},
		"the day after it": {
			Periods{Unit: Day}, "Pacific/Apia", "2011-12-31T12:00:00+14:00", "2011-12-31T00:00:00+14:00", "2011-12-31",
			24 * time.Hour,
		},
		"first pass of an hour": {
			Periods{Unit: Hour}, "Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+02:00",
			"2026-10-25 02:00 CEST", time.Hour,
		},
		"second pass of an hour": {
			Periods{Unit: Hour}, "Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+01:00",
			"2026-10-25 02:00 CET", time.Hour,
		},
		"both passes as one": {
			Periods{Unit: Hour, WallClock: true}, "Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+02:00",
			"2026-10-25 02:00 CEST", 2 * time.Hour,
		},
		"a clock moved half an hour": {
			Periods{Unit: Hour}, "Australia/Lord_Howe", "2026-10-04T02:45:00+11:00", "2026-10-04T02:30:00+11:00",
			"2026-10-04 02:30 +11", 30 * time.Minute,
		},
		"a zone of 45 minutes": {
			Periods{Unit: Hour}, "Asia/Kathmandu", "2026-10-04T02:50:00+05:45", "2026-10-04T02:00:00+05:45",
			"2026-10-04 02:00 +0545", time.Hour,
		},
		"a week": {
			Periods{Unit: Week}, "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-23T00:00:00+01:00",
			"the week of 2026-03-23", 7*24*time.Hour - time.Hour,
		},
		"a month": {
			Periods{Unit: Month}, "Europe/Berlin", "2026-10-29T12:00:00+01:00", "2026-10-01T00:00:00+02:00", "2026-10",
			31*24*time.Hour + time.Hour,
		},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		c.p.Zone = loc
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		start, length := c.p.Start(at), c.p.Next(at).Sub(c.p.Start(at))
		if start.In(loc).Format(time.RFC3339) != c.start || length != c.length || c.p.Label(at) != c.label {
			t.Errorf("%s: %s, %s, %s; want %s, %s, %s", name, start, length, c.p.Label(at), c.start, c.length, c.label)
		}
	}
}
