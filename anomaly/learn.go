package anomaly

import (
	"math"
	"time"
)

// learn adds a point to the state. A value far from the forecast counts as one that is
// closer to it.
func (s *state) learn(t time.Time, v float64, f forecast, z float64) {
	s.learnStep(t)
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
	s.countRun(v)
	if v == 0 {
		s.Day[f.day].zero()
		s.Week[f.week].zero()
	}
	capped := v
	size := 0.0
	if s.N > 5 && f.spread > 0 {
		capped, size = s.learnErrors(v, f, z)
		s.restoreFormer(v, f)
		s.seasonal(t, v, f)
		s.monthly(v, f)
	} else {
		s.firstErrors(v)
	}
	if f.shift != 0 { // the profile describes days that are not special
		capped = s.unlog(s.log(capped) - f.shift)
	}
	s.long(capped)
	s.Level += (capped - s.Level) / min(float64(s.N), levelMemory)
	s.Week[f.week].learn(capped, 1.25*size, slotMemory)
	s.Day[f.day].learn(capped, 1.25*size, dayMemory)
	s.Prev, s.Last = v, t
}

// learnStep learns the usual time between points.
func (s *state) learnStep(t time.Time) {
	if s.Last.IsZero() {
		return
	}
	dt := t.Sub(s.Last).Seconds()
	if s.N <= 15 {
		s.Step += (dt - s.Step) / float64(s.N)
	} else if dt < s.Step { // a gap says nothing about the step
		s.Step += (dt - s.Step) / 20
	} else if dt < 2*s.Step {
		s.Step += (dt - s.Step) / 50
	}
}

// learnErrors learns the errors of the forecasts and the sizes of the tests. It returns
// the value capped to the forecast's neighbourhood, and the size of its error.
func (s *state) learnErrors(v float64, f forecast, z float64) (capped, size float64) {
	capped = v
	r := s.log(v) - s.log(f.value)
	size = math.Abs(r)
	if limit := winsor * max(f.spread, floorSpread); size > limit {
		capped = s.unlog(s.log(f.value) + sign(r)*limit)
		size = limit
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
	return capped, size
}

// firstErrors estimates all errors from the difference of two successive values. Later
// points refine them.
func (s *state) firstErrors(v float64) {
	r := math.Abs(s.log(v) - s.log(s.Prev))
	s.Spread += (1.25*r - s.Spread) / float64(s.N)
	for i := range experts {
		s.Errors[i] = s.Spread
	}
	for _, i := range []int{byDay, byWeek, byWeekMoved} {
		s.Errors[i] = 1.5 * s.Spread
	}
}

// long learns the mean over some weeks, whatever the hour.
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

// countRun counts equal values in a row. A longer run than usual raises the usual
// length by one only, so that a stuck value does not become usual at once.
func (s *state) countRun(v float64) {
	switch {
	case v == s.Prev:
		s.Flat++
		return
	case s.Flat > s.FlatMost:
		s.FlatMost++
	}
	s.Flat = 0
}

// seasonal learns the error of the seasonal forecast, and the difference of the last
// day and the last weeks from it.
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

// monthly learns the difference of a day of the month from the profile.
func (s *state) monthly(v float64, f forecast) {
	if f.month < 0 || !f.have[byWeek] {
		return
	}
	m := &s.Month[f.month]
	e := min(max(s.log(v)-s.log(f.all[byWeek])+f.shift, -3), 3)
	m.learn(e, math.Abs(e-float64(m.Mean)), monthMemory)
	if m.N == 1 {
		m.Spread = float32(math.Abs(e)) // one value has no spread yet
	}
}

// usualSizes returns the sizes from which the tails learn. Sums are those of some
// points ago, so that a growing incident does not become usual before it is found.
func (s *state) usualSizes(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x, have = s.single(v, f, z)
	w := windows[s.pace()]
	if ago := w[1]; s.Seen > ago {
		s.sums(&x, &have, float64(s.Window[ago]), ago+1)
	}
	return x, have
}

// every returns the number of points between two sizes that a test learns. Sums over
// long windows overlap, and would learn one incident many times.
func (s *state) every(test int) int {
	switch test {
	case 0, againstLong:
		return 1
	case stepTest:
		return max(1, stepWindow[s.pace()]/3)
	}
	return max(1, windows[s.pace()][test-1]/3)
}
