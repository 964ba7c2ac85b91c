package anomaly

import (
	"math"

	"github.com/sentinel-dq/sentinel"
)

// episode opens an episode at an alarm. Inside an episode no point is scored as an alarm
// again. Its state says whether the point is one.
func (p *Profile) episode(c Config, e evidence, out sentinel.Score) sentinel.Score {
	s := &p.state
	switch {
	case e.alarm && !s.Open:
		s.open(e)
		out.State = e.kind
	case e.alarm:
		out.State = sentinel.Ongoing
		out.Score = min(out.Score, 0.49)
		s.Peak = max(s.Peak, math.Abs(e.err))
	}
	s.Wait = max(s.Wait-1, 0)
	switch {
	case out.State.Alarm():
		s.Wait = calmPoints
		out.Reason = reason(c, s, e, out.State)
	case s.Wait > 0:
		out.State = sentinel.Recovering
		out.Reason = recovering(c, s, e)
	}
	if s.Open && !e.point.Bad {
		s.follow(e.point, e.forecast, e.alarm)
	}
	return out
}

// revise judges another value of the newest point. The value is judged by the range that
// the point had, and is not learnt again.
func (p *Profile) revise(c Config, was sentinel.Score, v float64) sentinel.Score {
	s := &p.state
	now := was
	now.Value = v
	e := evidence{point: sentinel.Point{Time: was.Time, Value: v}, expected: expected{low: was.Low, high: was.High}}
	extra := e.expected.extra(v)
	before := "; it was " + digits(was.Value, extra) + " before"
	switch {
	case !e.expected.stated() && was.State.Alarm():
		now.Reason = amount(c, v, extra) + before + ", and the points before it are an alarm"
	case !e.expected.stated():
	case e.expected.outside(v) && c.sideCounts(sign(v-e.expected.low)):
		if !was.State.Alarm() {
			now.Score, now.State = max(was.Score, 0.5), sentinel.Onset
			s.open(e)
			s.Wait = calmPoints
		}
		now.Reason = amount(c, v, extra) + ", " + expectation(c, e.expected, extra, s.daily(), was.Time) + before
	case was.State == sentinel.Normal:
	case s.Since.Equal(was.Time): // the episode that began with the former value
		s.Open, s.Wait = false, 0
		now.Score, now.State, now.Reason = min(was.Score, 0.49), sentinel.Normal, ""
	default:
		s.Wait = min(s.Wait, calmPoints-1)
		now.Score, now.State, now.Reason = min(was.Score, 0.49), sentinel.Recovering, recovering(c, s, e)
	}
	s.Final = now
	return now
}

// open begins an episode.
func (s *state) open(e evidence) {
	s.Open = true
	s.Since = e.point.Time
	s.Peak = math.Abs(e.err)
	s.Calm = 0
	s.Side = 0
	s.Inside = 0
	s.Shift = 0
	s.Learned = 0
	if e.rule == changeRule {
		s.Learned = s.Change.Last.Since
	}
}

// follow adds a point to the open episode. The episode ends after some points without
// an alarm and a minimum duration. A level that lasts for long becomes the expected one.
func (s *state) follow(pt sentinel.Point, f forecast, alarm bool) {
	s.Inside++
	away := s.log(s.believable(pt.Value)) - s.log(f.seasonal)
	s.Shift += (away - s.Shift) / float64(s.Inside)
	s.Side += sign(away)
	if alarm {
		s.Calm = 0
	} else {
		s.Calm++
	}
	proved := max(5, int(86400/max(s.Step, 1)))
	if s.Inside >= proved && math.Abs(s.Side) >= 0.9*float64(s.Inside) {
		s.adopt()
	}
	if s.Calm >= calmPoints && pt.Time.Sub(s.Since) >= silence {
		s.Open = false
	}
}

// adopt moves the profile to the level of the episode. It remembers the former level,
// because values return to it after a holiday or a few short loads.
func (s *state) adopt() {
	s.Former, s.Back, s.Adopted = -s.Shift, 0, s.Last
	if s.Learned == 0 {
		s.Learned = s.Since.Unix()
		s.Change.Move(s.Shift, s.Last.Unix())
	}
	s.move()
}

// restoreFormer moves the profile back to the former level when values return to it.
func (s *state) restoreFormer(v float64, f forecast) {
	if s.Former == 0 || !f.have[byWeek] {
		return
	}
	if s.Last.Sub(s.Adopted) > formerLevel {
		s.Former = 0
		return
	}
	memory := max(3, min(12, 43200/max(s.Step, 1)))
	e := s.log(v) - s.log(f.all[byWeek])
	closer := 0.0
	if math.Abs(e-s.Former) < math.Abs(e) {
		closer = 1
	}
	if s.Back += (closer - s.Back) / memory; s.Back > 0.8 {
		if last := s.Change.Last; last.At == s.Adopted.Unix() { // adopt moved it
			s.Change.Move(last.Before-last.Now, s.Last.Unix())
		}
		s.Shift, s.Former = s.Former, 0
		s.move()
	}
}

// move shifts the profile by Shift, and starts its sums again.
func (s *state) move() {
	for i := range s.Week {
		if s.Week[i].N > 0 {
			s.Week[i].Mean = float32(s.unlog(s.log(float64(s.Week[i].Mean)) + s.Shift))
		}
	}
	for i := range s.Day {
		if s.Day[i].N > 0 {
			s.Day[i].Mean = float32(s.unlog(s.log(float64(s.Day[i].Mean)) + s.Shift))
		}
	}
	s.Ratio, s.Trend, s.Side, s.Inside, s.Shift, s.Seen = 0, 0, 0, 0, 0, 0
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
