package schedule

import (
	"slices"
	"time"
)

// Range is a range of wall-clock times, written as UTC: From <= wall < To, or
// From < wall < To with After.
type Range struct {
	From, To time.Time
	After    bool // From itself is not in the range
}

// Gaps returns the times of from <= wall < to that the zone's clock never showed, in
// order. They belong to no period. A midnight that the clock jumped over is not among
// them unless periods are hours or the zone leaves out that whole day: it stands for the
// day, as a date does.
func (p Periods) Gaps(from, to time.Time) (gaps []Range) {
	shown := p.shown(from, to)
	slices.SortFunc(shown, func(a, b Range) int { return a.From.Compare(b.From) })
	for at := from; at.Before(to); shown = shown[1:] {
		if len(shown) == 0 || !shown[0].From.Before(to) {
			return append(gaps, p.withoutMidnight(Range{From: at, To: to})...)
		}
		if shown[0].From.After(at) {
			gaps = append(gaps, p.withoutMidnight(Range{From: at, To: shown[0].From})...)
		}
		if shown[0].To.After(at) {
			at = shown[0].To
		}
	}
	return gaps
}

// shown returns ranges of wall-clock times that the zone's clock showed, among them all
// of from <= wall < to.
func (p Periods) shown(from, to time.Time) (ranges []Range) {
	at, last := from.Add(-maxOffset).In(p.zone()), to.Add(maxOffset)
	for at.Before(last) {
		_, end := bounds(at)
		if end.IsZero() || end.After(last) {
			end = last
		}
		_, seconds := at.Zone()
		offset := time.Duration(seconds) * time.Second
		ranges = append(ranges, Range{From: at.UTC().Add(offset), To: end.UTC().Add(offset)})
		at = end.In(p.zone())
	}
	return ranges
}

// withoutMidnight removes the midnight of a day that begins later than that.
func (p Periods) withoutMidnight(g Range) []Range {
	midnight := Day.floor(g.To.Add(-time.Nanosecond))
	if p.Unit == Hour || midnight.Before(g.From) || !g.To.Before(Day.following(midnight)) {
		return []Range{g}
	}
	rest := Range{From: midnight, To: g.To, After: true}
	if midnight.Equal(g.From) {
		return []Range{rest}
	}
	return []Range{{From: g.From, To: midnight}, rest}
}

// AfterWalls returns the first wall-clock time, written as UTC, that is later than all
// that the clock of t's zone showed in the day before t. It is what the clock shows at t,
// unless the clock was set back.
func AfterWalls(t time.Time) time.Time {
	latest := AsWall(t)
	for at, _ := bounds(t); !at.IsZero() && t.Sub(at) < 24*time.Hour; {
		before := at.Add(-time.Nanosecond).In(t.Location())
		if end := AsWall(before).Add(time.Nanosecond); end.After(latest) {
			latest = end
		}
		at, _ = bounds(before)
	}
	return latest
}

// earliestWall returns the earliest wall-clock time, written as UTC, that the clock of t's
// zone shows from t on. It is what the clock shows at t, unless the clock will be set back
// in the day after t.
func earliestWall(t time.Time) time.Time {
	earliest := AsWall(t)
	for _, at := bounds(t); !at.IsZero() && at.Sub(t) < 24*time.Hour; _, at = bounds(at) {
		at = at.In(t.Location())
		if shown := AsWall(at); shown.Before(earliest) {
			earliest = shown
		}
	}
	return earliest
}
