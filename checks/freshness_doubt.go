package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
)

// newestRow is the newest row that an answer shows. Its Number is in Unix seconds, also for
// a time without a zone.
type newestRow struct {
	Answer
	// doubt is by how much earlier the row may be, because the clock showed its time twice,
	// or never.
	doubt   time.Duration
	skipped bool // the clock never showed its time
	// first says that the row is of the first pass of an hour that comes twice, and that
	// the second pass is not over. Rows of the second pass have earlier times.
	first  bool
	hidden bool // such rows are not known
}

// newest returns the newest row that was asked for under a key.
func (f *Freshness) newest(t Target, a Answers, key string) (newestRow, bool) {
	got, ok := a.Get(key)
	row := newestRow{Answer: got}
	if !ok || got.Err != nil {
		return row, ok
	}
	if f.Query != "" {
		if got.Wall {
			row = f.inZone(t, row, false)
			row.hidden = row.first
		}
		return row, ok
	}
	source, err := f.source(t)
	if err != nil {
		row.Err = err
		return row, true
	}
	if source.Wall {
		return f.inZone(t, row, source.Dates), true
	}
	walls, _ := a.Get(key + askWall)
	if !source.Mixed {
		return row, true
	}
	other := f.inZone(t, newestRow{Answer: walls}, false)
	if other.Err != nil || row.Number.Absent() || row.Number.Cmp(other.Number) < 0 {
		return other, true
	}
	return row, true
}

// inZone reads a row's time as what a clock showed in the zone of the check. If the clock
// showed it twice, or never, the row is of the later time that is not in the future. A
// date is the first instant of its day, and so is a midnight that the clock skipped.
func (f *Freshness) inZone(t Target, row newestRow, dates bool) newestRow {
	if row.Err != nil || !row.Number.Finite() {
		return row
	}
	wall := seconds(row.Number)
	first, last, shown := instantsOf(wall, t.zone())
	days := schedule.Periods{Unit: schedule.Day, Zone: t.zone()}
	if midnight := wall.Equal(wall.Truncate(24 * time.Hour)); midnight && (dates || !shown) {
		first = days.StartOfWall(wall)
		last = first
	}
	if last.After(row.AsOf.Add(time.Duration(*f.MaxFuture))) {
		row.first = shown && !first.Equal(last)
		last = first
	}
	row.Number, row.doubt, row.skipped = unixSeconds(last), last.Sub(first), !shown
	return row
}

// askChange asks, after a change of the clock, for rows that may be newer than the row with
// the latest time: while the clock shows an hour for the second time, the newest row that
// may be of this pass; for a day after the clock skipped a time, the newest row until the gap's
// end that is not in the future by the offset before the change.
func (f *Freshness) askChange(t Target, s TimeSource) (asks []Ask) {
	if !s.Wall && !s.Mixed || s.Dates {
		return nil
	}
	which := AllValues
	if s.Mixed {
		which = WallValues
	}
	limit := t.Known.Catalog.AsOf.Add(time.Duration(*f.MaxFuture)).In(t.zone())
	newest := func(key string, before time.Time) {
		w := Window{Time: s, To: limit, ToWall: before}
		latest := &Aggregate{Func: "max", Time: s, Values: which, Where: f.Where, Window: w}
		asks = append(asks, Ask{Key: key, Aggregate: latest})
	}
	shown := schedule.AsWall(limit)
	if !shown.Equal(schedule.AfterWalls(limit)) {
		newest(askPass, shown)
	}
	hours := schedule.Periods{Unit: schedule.Hour, Zone: t.zone()}
	if gaps := hours.Gaps(shown.Add(-24*time.Hour), shown); len(gaps) > 0 {
		newest(askGap, endOfGap(gaps[len(gaps)-1], limit))
	}
	return asks
}

// endOfGap returns the time of the wall clock before which rows are until a limit, if the
// clock had not been changed at the gap: the gap's end, or earlier shortly after the change.
func endOfGap(gap schedule.Range, limit time.Time) time.Time {
	_, change, _ := instantsOf(gap.From, limit.Location())
	if until := gap.From.Add(limit.Sub(change)); until.Before(gap.To) {
		return until
	}
	return gap.To
}

// withChange compares the newest row with those that a change of the clock may hide.
func (f *Freshness) withChange(t Target, a Answers, row newestRow) newestRow {
	for _, key := range []string{askPass, askGap} {
		if got, asked := a.Get(key); asked && row.Err == nil {
			row = f.newerOf(t, row, got)
		}
	}
	return row
}

// newerOf returns the row that may be newer, with the doubt that the other leaves.
func (f *Freshness) newerOf(t Target, row newestRow, got Answer) newestRow {
	other := f.inZone(t, newestRow{Answer: got}, false)
	switch {
	case other.Err != nil || row.Number.Absent():
		return other
	case !other.Number.Finite() || other.Number.Cmp(row.Number) <= 0 || f.future(row) > 0:
		return row
	}
	// The earliest that the newest row can be is that of the surer of the two.
	newest := seconds(other.Number)
	surest := seconds(row.Number).Add(-row.doubt)
	if earlier := newest.Add(-other.doubt); earlier.After(surest) {
		surest = earlier
	}
	other.doubt = newest.Sub(surest)
	return other
}

// lateInDoubt is lateAsOf for a row whose time the clock may have shown twice. What holds
// only for the earlier time is not known.
func (f *Freshness) lateInDoubt(t Target, row newestRow) []sentinel.Finding {
	newest := seconds(row.Number)
	findings := f.lateAsOf(t, newest, row.AsOf)
	if row.hidden {
		for i := range findings {
			findings[i].Status = sentinel.Unknown
			findings[i].Message += ": or there is a younger row, because the clock shows this hour for the second time"
		}
	}
	if row.doubt == 0 {
		return findings
	}
	for _, earlier := range f.lateAsOf(t, newest.Add(-row.doubt), row.AsOf) {
		if indexOfKey(findings, earlier.Key) < 0 {
			shown := "showed that time twice"
			if row.skipped {
				shown = "never showed that time"
			}
			earlier.Status = sentinel.Unknown
			earlier.Message += ": or " + humanDuration(row.doubt) + " younger, because the clock " + shown
			findings = append(findings, earlier)
		}
	}
	return findings
}
