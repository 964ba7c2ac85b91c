package anomaly

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// learn adds a point to the state. A value far from the forecast counts as one that is
// closer to it.
func (s *state) learn(t time.Time, v float64, f forecast, z float64) {
	s.learnStep(t)
	if v != math.Trunc(v) {
		s.Fraction = true
	}
	zero := v == 0 && s.zeroShare(f) > 0
	s.learnZero(v, f)
	s.learnLow(v)
	v = s.believable(v)
	if !zero && v >= 0 && f.shift == 0 {
		offset := s.Count.Offset
		s.Count.Learn(f.count, v)
		s.rescale(offset)
	}
	first := s.N == 0
	s.N++
	s.Size += max(1/float64(s.N), 1/200.0) * (math.Abs(v-s.Low) - s.Size)
	s.Bottom, s.Top = min(s.Bottom, v), max(s.Top, v)
	if first {
		s.Bottom, s.Top = v, v
		s.Level, s.Prev, s.Last = v, v, t
		return
	}
	s.countRun(v)
	held := v
	size := 0.0
	if s.N > 5 && f.spread > 0 {
		held, size = s.learnErrors(v, f, z)
		s.restoreFormer(v, f)
		s.seasonal(t, v, f)
		s.monthly(v, f)
	} else {
		s.firstErrors(v)
	}
	if f.shift != 0 { // the profile describes days that are not special
		held = s.unlog(s.log(held) - f.shift)
	}
	s.long(held)
	s.Level += (held - s.Level) / min(float64(s.N), levelMemory)
	s.Week[f.week].learn(held, 1.25*size, slotMemory)
	s.Day[f.day].learn(held, 1.25*size, dayMemory)
	s.Prev, s.Last = v, t
}

// checkFirst compares the first points with each other. It starts again without one that
// is of another order of magnitude, or the only negative one: nothing that came before
// could tell that it is a mistake.
func (s *state) checkFirst(c Config, t time.Time, v float64) {
	if s.N > firstPoints || s.N != len(s.First)+1 {
		return // a state of an earlier version does not have them
	}
	s.First = append(s.First, sentinel.Point{Time: t, Value: v})
	if s.N < firstPoints {
		return
	}
	first := s.First
	s.First = nil
	odd := oddOne(first)
	if odd < 0 {
		return
	}
	*s = state{First: make([]sentinel.Point, 0, firstPoints)}
	for i, p := range first {
		if i == odd {
			continue
		}
		s.learn(p.Time, p.Value, s.forecast(p.Time, c.Holiday != nil && c.Holiday(p.Time)), 0)
		s.First = append(s.First, p)
	}
}

// farApart is the factor between two values that are of another order of magnitude.
const farApart = 100

// oddOne returns the index of the point that is not like the others; -1 if there is none.
func oddOne(points []sentinel.Point) int {
	largest, second, negative, negatives := 0, 0.0, 0, 0
	for i, p := range points {
		if p.Value < 0 {
			negative, negatives = i, negatives+1
		}
		switch v := math.Abs(p.Value); {
		case i == 0:
		case v > math.Abs(points[largest].Value):
			largest, second = i, math.Abs(points[largest].Value)
		default:
			second = max(second, v)
		}
	}
	switch {
	case negatives == 1:
		return negative
	case second > 0 && math.Abs(points[largest].Value) > farApart*second:
		return largest
	}
	return -1
}

// believable bounds a value that is learnt: a single one of another order of magnitude,
// or a negative one where none is, says nothing about the series.
func (s *state) believable(v float64) float64 {
	if s.N < firstPoints || s.Top <= 0 {
		return v
	}
	most := farOff * s.Top
	if s.N < s.minPoints() { // the first hours of a day do not know the others
		most = farApart * s.Top
	}
	return min(max(v, s.lowest()), most)
}

// learnLow learns the lowest value if it is negative. The first negative values may be
// mistakes: until there are more of them, they count as a part of the usual size.
func (s *state) learnLow(v float64) {
	if v < 0 {
		s.Negatives++
	}
	switch {
	case v >= s.Low:
	case s.N < firstPoints:
		s.Low = v
	case s.signed():
		s.Low = max(v, s.Low-s.Size)
	default:
		s.Low = min(s.Low, max(v, -0.5*s.Size))
	}
}

// signed reports whether negative values are usual.
func (s *state) signed() bool { return s.Negatives >= 2 && 50*s.Negatives >= s.N }

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

// countRun counts equal values in a row. A longer run than usual raises the usual
// length by one only, so that a stuck value does not become usual at once. A run that is
// most of a young history is how the series is.
func (s *state) countRun(v float64) {
	switch {
	case v == s.Prev:
		s.Flat++
		return
	case s.N >= s.minPoints() && 2*s.Flat >= s.N && s.N-s.Flat < 2*s.minPoints():
		s.FlatMost = max(s.FlatMost, s.Flat)
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
	most := 6 * max(s.SlowError, floorSpread)
	if s.SlowError == 0 {
		s.SlowError = math.Abs(e)
		most = math.Abs(e)
	}
	e = min(max(e, -most), most)
	standard := s.seasonalError(v, f)
	copy(s.Window[1:], s.Window[:])
	s.Window[0] = float32(standard)
	s.Seen = min(s.Seen+1, 3*windows[s.pace()][3])
	clear(s.Window[s.Seen:]) // a daily series needs fewer
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

// usualSizes returns the sizes from which the tails learn, and which of them there are.
// Sums are those of some points ago, so that a growing incident does not become usual
// before it is found.
func (s *state) usualSizes(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x[0], have[0] = z, true
	if s.LongSpread > 0 {
		x[againstLong], have[againstLong] = s.awayFromLong(v, f), true
	}
	ago := windows[s.pace()][1]
	if s.Seen <= ago {
		return x, have
	}
	sums := s.past(ago + 1)
	sums.sizes(float64(s.Window[ago]), &x)
	for i := range sums.windows {
		have[i+1] = true
	}
	have[stepTest] = sums.newest > 0
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
