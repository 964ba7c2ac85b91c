package anomaly

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly/changes"
)

// seekChange gives a value to the tests for changes and drifts, and makes the point an alarm if
// they find one. What is no part of the level is left out: values outside of their range,
// zeros, bad points, holidays, and days of the month with a profile of their own. An open
// episode already tells that the series is unusual.
func (s *state) seekChange(c Config, v, limit float64, e *evidence) {
	f := e.forecast
	place := f.count.Place()
	switch {
	case e.alarm, e.expected.outside(v), e.point.Bad, v <= 0, v != e.point.Value:
		return
	case s.signed(), f.shift != 0, place.Holiday, s.Count.N == 0:
		return
	}
	k := changes.Chosen()
	if c.Changes != nil {
		k = *c.Changes
	}
	level, spread := s.Count.Remainder(f.count, v)
	found, news := s.Change.Learn(k, changes.Value{
		Time: e.point.Time.Unix(), Level: level, Spread: spread, Step: place.Step, Ahead: place.Ahead,
	}, k.Part*limit*min(1, s.Step/3600))
	if found.At == 0 {
		return
	}
	s.Learned = found.Since
	before, now := s.Count.At(f.count, found.Before), s.Count.At(f.count, found.Now)
	if !news || !c.counts(now, before) {
		return
	}
	s.Change.Tell(found)
	if s.Open {
		return
	}
	e.rule, e.alarm, e.kind, e.expected = changeRule, true, sentinel.LevelShift, noRange()
	e.side = sign(now - before)
	if found.Drift {
		e.kind = sentinel.SlowDrift
	}
}

// rescale moves the levels of the tests for changes to the offset of the model of counts.
func (s *state) rescale(offset float64) {
	if s.Change.N == 0 || s.Count.Offset == offset {
		return
	}
	level := float64(s.Change.Profiles[s.Change.Used].Level)
	s.Change.Shift(s.Count.Rescaled(level, offset) - level)
}

// changeText returns the text of a change that no single value shows: since when, and the
// values that are expected at this place by the level before and now.
func changeText(c Config, s *state, e evidence) string {
	found := s.Change.Told
	before, now := s.Count.At(e.forecast.count, found.Before), s.Count.At(e.forecast.count, found.Now)
	since := clock(c, s.daily(), time.Unix(found.Since, 0).In(e.point.Time.Location()))
	side, word, share := "above", "higher", now/before-1
	if share < 0 {
		side, word, share = "below", "lower", -share
	}
	text := "since " + since
	if found.Drift {
		text = fmt.Sprintf("drifting %s since %s, now", word, since)
	}
	return fmt.Sprintf("%s: %s about %.0f %% %s its level (%s before, %s now for a %s)", amount(c, e.point.Value, 0),
		text, 100*share, side, digits(before, 0), digits(now, 0), place(c, s.daily(), e.point.Time))
}
