package anomaly

import (
	"math"
	"time"
)

// learn takes a point in: held back to what is near the expected where it is
// far off.
func (s *state) learn(t time.Time, v float64, f forecast, z float64) {
	if !s.Last.IsZero() {
		dt := t.Sub(s.Last).Seconds()
		if s.N <= 15 {
			s.Step += (dt - s.Step) / float64(s.N)
		} else if dt < s.Step { // a gap says nothing of the step
			s.Step += (dt - s.Step) / 20
		} else if dt < 2*s.Step {
			s.Step += (dt - s.Step) / 50
		}
	}
	if v != math.Trunc(v) {
		s.Fraction = true
	}
	if v == 0 {
		s.Zeros++
	}
	s.Low = min(s.Low, v)
	first := s.N == 0
	s.N++
	a := max(1/float64(s.N), 1/200.0)
	s.Size += a * (math.Abs(v-s.Low) - s.Size)
	s.Bottom, s.Top = min(s.Bottom, v), max(s.Top, v)
	if first {
		s.Bottom, s.Top = v, v
		s.Level, s.Prev, s.Last = v, v, t
		return
	}
	s.runs(v)
	day, week := f.day, f.week
	if v == 0 {
		s.Day[day].zero()
		s.Week[week].zero()
	}
	held := v
	size := 0.0
	if s.N > 5 && f.spread > 0 {
		r := s.log(v) - s.log(f.value)
		size = math.Abs(r)
		if cap := winsor * max(f.spread, floorSpread); size > cap {
			held = s.unlog(s.log(f.value) + sign(r)*cap)
			size = cap
		}
		for i := range experts {
			if f.have[i] {
				e := min(math.Abs(s.log(v)-s.log(f.all[i])), 9*max(s.Spread, floorSpread))
				s.Errors[i] += (e - s.Errors[i]) / min(float64(s.N), errorMemory)
			}
		}
		s.Spread += (1.25*size - s.Spread) / min(float64(s.N), spreadMemory)
		x, have := s.usualSizes(v, f, z)
		for i := range tests {
			if have[i] && s.N > s.minPoints()/2 && s.N%s.every(i) == 0 {
				s.Tails[i][0].learn(max(0, -x[i]))
				s.Tails[i][1].learn(max(0, x[i]))
			}
		}
		s.comeBack(v, f)
		s.seasonal(t, v, f)
		s.monthly(v, f)
	} else {
		r := math.Abs(s.log(v) - s.log(s.Prev))
		s.Spread += (1.25*r - s.Spread) / float64(s.N)
		for i := range experts {
			s.Errors[i] = s.Spread
		}
		s.Errors[byWeek], s.Errors[byWeekMoved], s.Errors[byDay] = 1.5*s.Spread, 1.5*s.Spread, 1.5*s.Spread
	}
	if f.shift != 0 { // the profile is of days that are not special
		held = s.unlog(s.log(held) - f.shift)
	}
	s.long(held)
	s.Level += (held - s.Level) / min(float64(s.N), levelMemory)
	s.Week[week].learn(held, 1.25*size, slotMemory)
	s.Day[day].learn(held, 1.25*size, dayMemory)
	s.Prev, s.Last = v, t
}

// long learns what is usual over two weeks, whatever the hour.
func (s *state) long(held float64) {
	memory := min(float64(s.N), max(30, min(4000, longDays*86400/max(s.Step, 1))))
	if s.N <= 2 {
		s.Long = held
	}
	s.LongSpread += (math.Abs(held-s.Long) - s.LongSpread) / memory
	s.Long += (held - s.Long) / memory
}

func (s *slot) zero() {
	if s.Zeros < math.MaxUint16 {
		s.Zeros++
	}
}

// runs counts equal values in a row. A run that was told of as stuck is not
// what is usual.
func (s *state) runs(v float64) {
	switch {
	case v == s.Prev:
		s.Flat++
		return
	case s.Flat > s.FlatMost:
		s.FlatMost++
	}
	s.Flat = 0
}

// seasonal learns how far off the seasonal forecast is, and how the last day went.
func (s *state) seasonal(t time.Time, v float64, f forecast) {
	if !f.have[byWeek] {
		return
	}
	e := s.log(v) - s.log(f.all[byWeek])
	memory := 24.0
	if s.daily() {
		memory = 4
	}
	cap := 6 * max(s.SlowError, floorSpread)
	if s.SlowError == 0 {
		s.SlowError = math.Abs(e)
		cap = math.Abs(e)
	}
	e = min(max(e, -cap), cap)
	s.Drift.learn(t, e)
	standard := s.seasonalError(v, f)
	copy(s.Window[1:], s.Window[:])
	s.Window[0] = float32(standard)
	s.Seen = min(s.Seen+1, len(s.Window))
	s.Ratio += (e - s.Ratio) / memory
	s.Trend += (e - s.Trend) / (memory * trendDays)
	s.SlowError += (math.Abs(e-s.Trend) - s.SlowError) / spreadMemory
}

// monthly learns how a day at an end of the month differs from the profile.
func (s *state) monthly(v float64, f forecast) {
	if f.month < 0 || !f.have[byWeek] {
		return
	}
	m := &s.Month[f.month]
	e := min(max(s.log(v)-s.log(f.all[byWeek])+f.shift, -3), 3)
	m.learn(e, math.Abs(e-float64(m.Mean)), monthMemory)
	if m.N == 1 {
		m.Spread = float32(math.Abs(e)) // nothing is known of how they agree
	}
}

// usualSizes are the sizes that the tails learn from. Sums are learnt as they
// were one longest window ago: an incident that grows must not make itself usual
// before it is found.
func (s *state) usualSizes(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x, have = s.single(v, f, z)
	w := windows[s.pace()]
	if ago := w[1]; s.Seen > ago {
		s.sums(&x, &have, float64(s.Window[ago]), ago+1)
	}
	return x, have
}

// every is how often a test's size is learnt: sums over long windows overlap,
// and would learn one incident many times.
func (s *state) every(test int) int {
	switch test {
	case 0, againstLong:
		return 1
	case aStep:
		return max(1, stepWindow[s.pace()]/3)
	}
	return max(1, windows[s.pace()][test-1]/3)
}
