package schedule

import (
	"slices"
	"testing"
	"time"
)

// has reports whether a wall-clock time lies in the range.
func (r Range) has(wall time.Time) bool {
	return !wall.Before(r.From) && wall.Before(r.To) && !(r.After && wall.Equal(r.From))
}

// shows reports whether the clock of a zone showed a wall-clock time. It tries every
// offset that the zone had around that time.
func shows(loc *time.Location, wall time.Time) bool {
	for at := wall.Add(-50 * time.Hour); at.Before(wall.Add(50 * time.Hour)); at = at.Add(2 * time.Hour) {
		_, offset := at.In(loc).Zone()
		if AsWall(wall.Add(-time.Duration(offset) * time.Second).In(loc)).Equal(wall) {
			return true
		}
	}
	return false
}

// TestGapsAreWhatNoClockShowed holds that gaps are just those wall-clock times that a
// clock, tried by every offset, does not show. A midnight is none unless its whole day is,
// or periods are hours.
func TestGapsAreWhatNoClockShowed(t *testing.T) {
	t.Parallel()
	gone := 0
	everyChange(t, func(loc *time.Location, change time.Time) {
		hours, days := Periods{Unit: Hour, Zone: loc}, Periods{Unit: Day, Zone: loc}
		before, after := AsWall(change.Add(-time.Nanosecond).In(loc)).Add(time.Nanosecond), AsWall(change.In(loc))
		low, high := before, after
		if high.Before(low) {
			low, high = high, low
		}
		gaps := hours.Gaps(low.Add(-90*time.Minute), high.Add(90*time.Minute))
		dayGaps := days.Gaps(low.Add(-90*time.Minute), high.Add(90*time.Minute))
		midnight := high.Add(-time.Nanosecond).Truncate(24 * time.Hour)
		for _, wall := range []time.Time{
			low.Add(-time.Minute), low.Add(-time.Nanosecond), low, low.Add(high.Sub(low) / 2), high.Add(-time.Nanosecond), high,
			high.Add(time.Minute), midnight, midnight.Add(time.Nanosecond),
		} {
			if wall.Before(low.Add(-90*time.Minute)) || wall.Sub(high) >= 90*time.Minute {
				continue
			}
			shown := shows(loc, wall)
			if !shown {
				gone++
			}
			in := func(list []Range) bool { return slices.ContainsFunc(list, func(g Range) bool { return g.has(wall) }) }
			if in(gaps) == shown {
				t.Fatalf("%s: %s was shown: %v, the gaps are %v", loc, wall, shown, gaps)
			}
			whole := !shows(loc, wall.Add(24*time.Hour-time.Nanosecond))
			isMidnight := wall.Equal(wall.Truncate(24 * time.Hour))
			if want := !shown && (!isMidnight || whole); in(dayGaps) != want {
				t.Fatalf("%s: %s was shown: %v, for days the gaps are %v", loc, wall, shown, dayGaps)
			}
		}
	})
	if gone < 1000 {
		t.Errorf("only %d times that no clock showed were tried", gone)
	}
}

func TestKnownGaps(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02 15:04"
	for _, c := range []struct {
		unit           Unit
		zone, from, to string
		want           []string // "> " where the first time is not in it
	}{
		{Day, "Europe/Berlin", "2026-03-29 00:00", "2026-03-30 00:00", []string{"2026-03-29 02:00", "2026-03-29 03:00"}},
		{Day, "Europe/Berlin", "2026-10-25 00:00", "2026-10-26 00:00", nil},
		{Day, "Europe/Berlin", "2026-03-29 02:30", "2026-03-29 02:40", []string{"2026-03-29 02:30", "2026-03-29 02:40"}},
		{Day, "UTC", "2026-03-29 00:00", "2026-03-30 00:00", nil},
		{Hour, "America/Santiago", "2026-09-06 00:00", "2026-09-07 00:00", []string{"2026-09-06 00:00", "2026-09-06 01:00"}},
		{Day, "America/Santiago", "2026-09-06 00:00", "2026-09-07 00:00", []string{"> 2026-09-06 00:00", "2026-09-06 01:00"}},
		{Day, "America/Santiago", "2026-09-05 00:00", "2026-09-06 00:00", nil},
		{Day, "Pacific/Apia", "2011-12-30 00:00", "2012-01-01 00:00", []string{"2011-12-30 00:00", "2011-12-31 00:00"}},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at := func(s string) time.Time {
			v, err := time.Parse(layout, s)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		var got []string
		for _, g := range (Periods{Unit: c.unit, Zone: loc}).Gaps(at(c.from), at(c.to)) {
			first := ""
			if g.After {
				first = "> "
			}
			got = append(got, first+g.From.Format(layout), g.To.Format(layout))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s from %s to %s: %q, want %q", c.zone, c.from, c.to, got, c.want)
		}
	}
}
