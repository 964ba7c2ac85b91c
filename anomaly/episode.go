package anomaly

import (
	"math"

	"github.com/sentinel-dq/sentinel"
)

// episode opens an episode at an alarm. Inside an episode, no point is an alarm again,
// and each has the reason of the first alarm.
func (p *Profile) episode(c Config, e evidence, out sentinel.Score) sentinel.Score {
	s := &p.state
	switch {
	case e.alarm && !s.Open:
		s.open(e)
		out.State = e.kind
		out.Score = max(out.Score, 0.5)
		out.Reason = reason(c, s, e.point, e.forecast, out)
		s.Why = out.Reason
	case s.Open:
		out.State = sentinel.Ongoing
		if !e.alarm {
			out.State = sentinel.Recovering
		}
		out.Score = min(out.Score, 0.49)
		out.Reason = s.Why
		s.Peak = max(s.Peak, math.Abs(e.err))
	default:
		out.Score = min(out.Score, 0.49)
	}
	if s.Open && !e.point.Bad {
		s.follow(e.point, e.forecast, e.alarm)
	}
	return out
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
	s.Drift.Told = true // the episode covers a drift, whichever test opened it
}

// follow adds a point to the open episode. The episode ends after some points without
// an alarm and a minimum duration. A level that lasts for long becomes the expected one.
func (s *state) follow(pt sentinel.Point, f forecast, alarm bool) {
	s.Inside++
	away := s.log(pt.Value) - s.log(f.seasonal)
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
		s.Shift, s.Former = s.Former, 0
		s.move()
	}
}

// move shifts the profile by Shift, and starts its sums again.
func (s *state) move() {
	s.Drift.move(s.Shift)
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
