package checks

import (
	"time"
)

// Period is a calendar period: hour, day, week (from Monday) or month, in the
// dataset's own time zone, whatever daylight saving does to its length.
type Period string

// Words are the periods.
func (Period) Words() []string { return []string{"hour", "day", "week", "month"} }

// start returns the beginning of the period that holds t.
func (p Period) start(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	switch p {
	case "hour":
		// Truncating the instant keeps both hours of an autumn night apart.
		_, offset := t.Zone()
		shift := time.Duration(offset%3600) * time.Second
		return t.Add(shift).Truncate(time.Hour).Add(-shift)
	case "week":
		back := (int(t.Weekday()) + 6) % 7
		return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, loc)
	case "month":
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, loc)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
}

// add moves a period's start by n periods.
func (p Period) add(start time.Time, n int, loc *time.Location) time.Time {
	start = start.In(loc)
	switch p {
	case "hour":
		return start.Add(time.Duration(n) * time.Hour)
	case "week":
		n *= 7
	case "month":
		return time.Date(start.Year(), start.Month()+time.Month(n), 1, 0, 0, 0, 0, loc)
	}
	return time.Date(start.Year(), start.Month(), start.Day()+n, 0, 0, 0, 0, loc)
}

// closed returns the newest period that ended at least delay ago.
func (p Period) closed(now time.Time, delay time.Duration, loc *time.Location) (from, to time.Time) {
	to = p.start(now.Add(-delay), loc)
	return p.add(to, -1, loc), to
}

// label names a period for people.
func (p Period) label(start time.Time, loc *time.Location) string {
	switch p {
	case "hour":
		return start.In(loc).Format("2006-01-02 15:04 MST")
	case "month":
		return start.In(loc).Format("2006-01")
	case "week":
		return "the week of " + start.In(loc).Format("2006-01-02")
	}
	return start.In(loc).Format("2006-01-02")
}
