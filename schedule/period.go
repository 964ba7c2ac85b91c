package schedule

import (
	"time"
)

// Unit is the length of a calendar period: hour, day, week (from Monday) or month.
type Unit string

// The units that a period may have.
const (
	Hour  Unit = "hour"
	Day   Unit = "day"
	Week  Unit = "week"
	Month Unit = "month"
)

// Words returns all units.
func (Unit) Words() []string {
	return []string{string(Hour), string(Day), string(Week), string(Month)}
}

// Periods divides time into calendar periods of one unit in one time zone.
//
// A period begins at its first instant, which is not always midnight or a full
// hour: where the clock jumps over midnight, the day begins at the instant after
// the jump. Periods follow each other without gap and without overlap, and none
// is empty: for every instant t, Start(t) <= t < Next(t) and
// Start(Next(t)) == Next(t). A day that a zone leaves out, as Samoa left out
// 30 December 2011, is no period.
type Periods struct {
	Unit Unit
	Zone *time.Location // nil means UTC
	// WallClock says that the times to be divided hold no zone, only what a clock
	// showed. An hour that the clock shows twice is then one period, because such
	// times cannot tell its two passes apart. Two hours of which the clock shows parts
	// by turns are one too: the Chatham Islands set their clocks back from 03:45 to
	// 02:45. With WallClock unset both passes are periods of their own, and every change
	// of the zone's offset begins an hour.
	WallClock bool
}

// Start returns the first instant of the period that holds t.
func (p Periods) Start(t time.Time) time.Time {
	start, _ := p.around(t)
	return start
}

// Next returns the first instant of the period after the one that holds t.
func (p Periods) Next(t time.Time) time.Time {
	_, next := p.around(t)
	return next
}

// Previous returns the first instant of the period before the one that holds t.
func (p Periods) Previous(t time.Time) time.Time {
	return p.Start(p.Start(t).Add(-time.Nanosecond))
}

// Back returns the first instant of the period n periods before the one that
// holds t. Back(t, 0) is Start(t).
func (p Periods) Back(t time.Time, n int) time.Time {
	start := p.Start(t)
	for range n {
		start = p.Previous(start)
	}
	return start
}

// Closed returns the bounds of the newest period that ended at or before t. With
// WallClock it is the newest one whose times the clock never shows again. Clocks that are
// set back at a minute past midnight show the day before again.
func (p Periods) Closed(t time.Time) (start, end time.Time) {
	end = p.Start(t)
	start = p.Previous(end)
	if !p.WallClock {
		return start, end
	}
	earliest := earliestWall(t.In(p.zone()))
	for p.endOfWall(start).After(earliest) {
		start, end = p.Previous(start), start
	}
	return start, end
}

// Walls returns the wall-clock times, written as UTC, that belong to the period
// that holds t: from <= wall < to. They bound columns whose values hold no zone.
// Every wall-clock time lies in the bounds of one period: a time that the clock jumps
// over lies in those of the period that begins with the jump. See Gaps.
func (p Periods) Walls(t time.Time) (from, to time.Time) {
	return p.endOfWall(p.Previous(t)), p.endOfWall(t)
}

// endOfWall returns where the period that holds t ends by the calendar.
func (p Periods) endOfWall(t time.Time) time.Time {
	wall := p.Unit.following(p.Unit.floor(AsWall(p.Start(t).In(p.zone()))))
	for !p.begins(wall) {
		wall = p.Unit.following(wall)
	}
	return wall
}

// StartOfWall returns the first instant of the period in whose bounds a wall-clock
// time, written as UTC, lies.
func (p Periods) StartOfWall(wall time.Time) time.Time {
	return p.Start(firstAt(p.Unit.floor(wall), p.zone()))
}

// Label names the period that holds t for people. The two passes of an hour that
// comes twice differ in the zone's abbreviation.
func (p Periods) Label(t time.Time) string {
	start := p.Start(t).In(p.zone())
	switch p.Unit {
	case Hour:
		return start.Format("2006-01-02 15:04 MST")
	case Month:
		return start.Format("2006-01")
	case Week:
		return "the week of " + p.Unit.floor(AsWall(start)).Format(time.DateOnly)
	}
	return start.Format(time.DateOnly)
}

func (p Periods) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// around returns the bounds of the period that holds t.
func (p Periods) around(t time.Time) (start, next time.Time) {
	if p.Unit == Hour && !p.WallClock {
		return hourAround(t.In(p.zone()))
	}
	wall := p.Unit.floor(AsWall(t.In(p.zone())))
	for !p.begins(wall) {
		wall = wall.Add(-time.Hour)
	}
	start = firstAt(wall, p.zone())
	for {
		wall = p.Unit.following(wall)
		next = firstAt(wall, p.zone())
		if !p.begins(wall) {
			continue
		}
		if next.After(t) {
			return start, next
		}
		// The clock was set back over the end of the period, or the zone leaves
		// the period out: the later one has begun.
		start = next
	}
}

// begins reports whether a period begins where a unit does by the calendar. An hour does not
// if the clock shows a part of the hour before it once more.
func (p Periods) begins(wall time.Time) bool {
	return p.Unit != Hour || !earliestWall(firstAt(wall, p.zone())).Before(wall)
}

// floor returns where the unit that holds a wall-clock time begins.
func (u Unit) floor(wall time.Time) time.Time {
	day := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	switch u {
	case Hour:
		return wall.Truncate(time.Hour)
	case Week:
		sinceMonday := (int(day.Weekday()) + 6) % 7
		return day.AddDate(0, 0, -sinceMonday)
	case Month:
		return day.AddDate(0, 0, 1-day.Day())
	}
	return day
}

// following returns where the unit after the one that begins at wall begins.
func (u Unit) following(wall time.Time) time.Time {
	switch u {
	case Hour:
		return wall.Add(time.Hour)
	case Week:
		return wall.AddDate(0, 0, 7)
	case Month:
		return wall.AddDate(0, 1, 0)
	}
	return wall.AddDate(0, 0, 1)
}

// hourAround returns the bounds of the hour that holds t: the full hours of t's
// zone, and each instant at which its offset changes.
func hourAround(t time.Time) (start, next time.Time) {
	from, to := stretch(t)
	_, offset := t.Zone()
	shift := time.Duration(offset) * time.Second
	start = t.Add(shift).Truncate(time.Hour).Add(-shift)
	next = start.Add(time.Hour)
	if start.Before(from) {
		start = from
	}
	if !to.IsZero() && to.Before(next) {
		next = to
	}
	return start.In(t.Location()), next.In(t.Location())
}

// stretch returns the longest time around t in which the offset of t's zone does
// not change: [from, to), where a zero from or to means that there is no bound.
func stretch(t time.Time) (from, to time.Time) {
	_, offset := t.Zone()
	from, to = bounds(t)
	for !from.IsZero() { // a new abbreviation alone changes no clock
		before := from.Add(-time.Nanosecond)
		if _, o := before.Zone(); o != offset {
			break
		}
		from, _ = bounds(before)
	}
	for !to.IsZero() {
		if _, o := to.Zone(); o != offset {
			break
		}
		_, to = bounds(to)
	}
	return from, to
}

// bounds is [time.Time.ZoneBounds] with an end that is always after t. In a leap
// year that a zone describes by a rule, which is any after 2037, the package time
// returns an end that is t itself at the first instant of 31 December in UTC.
func bounds(t time.Time) (from, to time.Time) {
	from, to = t.ZoneBounds()
	if !to.IsZero() && !to.After(t) {
		to = t.Add(time.Second)
	}
	return from, to
}

// maxOffset is larger than the offset of any zone from UTC.
const maxOffset = 26 * time.Hour

// firstAt returns the first instant at which the clock of a zone shows at least a
// wall-clock time.
func firstAt(wall time.Time, loc *time.Location) time.Time {
	at := wall.Add(-maxOffset).In(loc)
	for {
		_, offset := at.Zone()
		candidate := wall.Add(-time.Duration(offset) * time.Second).In(loc)
		start, end := bounds(at)
		switch {
		case !start.IsZero() && candidate.Before(start): // the clock jumped over the time
			return start.In(loc)
		case end.IsZero() || candidate.Before(end):
			return candidate
		}
		at = end.In(loc)
	}
}
