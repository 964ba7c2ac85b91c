package anomaly

import (
	"math"

	"github.com/sentinel-dq/sentinel"
)

// steps is the number of bisections by which an end of a range is found.
const steps = 6

// farOff bounds a range: no value beyond this multiple of the largest one seen is
// expected.
const farOff = 10

// curve says how improbable every value of one point would be. All but the value is
// fixed: the forecast, the errors before it, and the tails of the tests.
type curve struct {
	s      *state
	f      forecast
	limit  float64 // largest probability that is an alarm
	value  float64 // logarithm of the forecast
	weekly float64 // logarithm of the profile, corrected by the trend
	spread float64 // spread of the error from the profile
	sums   pastSums
	have   [tests]bool
	count  float64 // number of tests
}

func (s *state) curve(f forecast, limit float64) curve {
	c := curve{s: s, f: f, limit: limit, value: s.log(f.value)}
	c.have[0] = true
	c.have[againstLong] = s.LongSpread > 0
	if s.SlowError > 0 && f.have[byWeek] {
		c.weekly, c.spread = s.weekly(f)
		c.sums = s.past(0)
		for i := range c.sums.windows {
			c.have[i+1] = true
		}
		c.have[stepTest] = c.sums.newest > 0
	}
	for i := range tests {
		if c.have[i] {
			c.count++
		}
	}
	return c
}

// sizes returns the size of each test for a value and its logarithm.
func (c *curve) sizes(v, l float64) (x [tests]float64) {
	x[0] = (l - c.value) / c.f.spread
	if c.have[againstLong] {
		x[againstLong] = c.s.awayFromLong(v, c.f)
	}
	if c.sums.windows > 0 {
		c.sums.sizes(limited((l-c.weekly)/c.spread), &x)
	}
	return x
}

// unusual reports whether a value of the given logarithm is an alarm.
func (c *curve) unusual(l float64) bool {
	x := c.sizes(c.s.unlog(l), l)
	sum, enough := 0.0, c.count/c.limit
	for i := 0; i < tests && sum < enough; i++ {
		if c.have[i] {
			sum += c.s.Tails[i][sideOf(x[i])].rarity(math.Abs(x[i]))
		}
	}
	return sum >= enough
}

// span returns the values that are no alarm, around the one whose logarithm is center.
func (c *curve) span(center float64) (low, high float64) {
	s := c.s
	low, high = s.lowest(), math.Inf(1)
	bottom := math.Max(s.log(math.Inf(-1)), math.Min(c.value, center)-c.reach(0))
	if c.unusual(bottom) {
		low = math.Max(low, s.unlog(c.edge(center, bottom)))
	}
	top := math.Min(math.Max(c.value, center)+c.reach(1), math.Log(largest))
	if c.unusual(top) {
		high = s.unlog(c.edge(center, top))
	}
	return low, high
}

// reach returns how far from the forecast every value is an alarm, as a logarithm.
func (c *curve) reach(side int) float64 {
	u, excess := c.s.Tails[0][side].shape()
	return 1.01 * c.f.spread * (u + excess*math.Log(tailPart*c.count/c.limit)) // a little more than test 0 alone allows
}

// edge returns the logarithm at which values become an alarm, on the way from one that is
// none to one that is.
func (c *curve) edge(inside, outside float64) float64 {
	for range steps {
		if mid := (inside + outside) / 2; c.unusual(mid) {
			outside = mid
		} else {
			inside = mid
		}
	}
	return (inside + outside) / 2
}

// lowest returns the smallest value that can be expected. It is 0 where negative values
// are not usual.
func (s *state) lowest() float64 {
	if !s.signed() {
		return 0
	}
	return s.Low - farOff*s.Size
}

// expected is the range of values that are no alarm.
type expected struct {
	low, high float64 // NaN if there is no range: every value would be an alarm, or none
	center    float64 // what is expected; deviations are measured from it
	zero      bool    // zero is normal too
}

// noRange is the range of a point that more than its value makes an alarm.
func noRange() expected { return expected{low: math.NaN(), high: math.NaN()} }

// stated reports whether there is a range.
func (e expected) stated() bool { return e.low <= e.high }

// outside reports whether a value is outside of the range.
func (e expected) outside(v float64) bool { return v < e.low || v > e.high }

// expect returns the range for a value v, which is outside of it if the tests make it an
// alarm. Where they would make every value one, because of the points before it, the
// profile is an end of the range, and side says which one.
func (c *curve) expect(v float64, alarm bool, side float64) expected {
	center := c.value
	if c.unusual(center) {
		center = c.s.log(c.f.seasonal)
	}
	if c.unusual(center) && !alarm {
		center = c.s.log(v)
	}
	var e expected
	switch {
	case !c.unusual(center):
		e = c.around(center, v, alarm)
	case side < 0:
		e = expected{low: c.f.seasonal, high: max(v, c.f.seasonal, c.s.unlog(c.value+c.reach(1)))}
	default:
		low := min(max(v, c.s.lowest()), c.f.seasonal, c.s.unlog(c.value-c.reach(0)))
		e = expected{low: low, high: c.f.seasonal}
	}
	e.low = max(e.low, min(c.s.lowest(), e.high))
	if c.s.Top > 0 {
		e.high = min(e.high, farOff*c.s.Top)
	}
	return e
}

// around returns the range around a normal value, whose logarithm is center. Its ends are
// approximate: v decides by its own tests on which side of them it is.
func (c *curve) around(center, v float64, alarm bool) expected {
	low, high := c.span(center)
	switch below := c.s.log(v) < center; {
	case !alarm:
		low, high = min(low, v), max(high, v)
	case below && low <= v:
		low = math.Nextafter(v, math.Inf(1))
	case !below && high >= v:
		high = math.Nextafter(v, math.Inf(-1))
	}
	return expected{low: low, high: high}
}

// countPart is the share of the budget that the model of counts has for its range.
const countPart = 0.65

// testsLimit returns the share of points that the tests may make alarms: what the model of
// counts leaves of the budget, if it describes the series.
func (s *state) testsLimit(c Config, f forecast) float64 {
	if s.Count.Fits(f.count) {
		return (1 - countPart*min(1, s.Step/3600)) * c.limit(s.Step)
	}
	return c.limit(s.Step)
}

// told returns the range that is told of a point: that of the tests, narrowed to that of the
// model of counts where the model describes the series. Smaller distances from what is expected
// than the configuration wants are in it. Of two expectations the one of the model counts.
func (s *state) told(c Config, v float64, f forecast, tests expected) expected {
	e := tests
	e.center = s.toldValue(f)
	if both, ok := s.narrow(c, v, f, tests); ok {
		e = both
		e.center = s.Count.Value(f.count)
	}
	return s.whole(s.ignoring(c, e), v)
}

// narrow narrows a range to that of the model of counts. ok is false if the model does not
// describe the series, or the two ranges have nothing in common.
func (s *state) narrow(c Config, v float64, f forecast, e expected) (both expected, ok bool) {
	if !s.Count.Fits(f.count) || f.shift != 0 || s.signed() || !e.stated() {
		return e, false
	}
	low, high := s.Count.Range(f.count, s.countLimit(c))
	if v == 0 && s.zeroProbability(f) > c.limit(s.Step) {
		low = 0
	}
	both = expected{low: max(e.low, low), high: min(e.high, high), zero: e.zero}
	return both, both.stated()
}

// countLimit returns the share of points that may be beyond one end of the range of the model
// of counts.
func (s *state) countLimit(c Config) float64 {
	prob := countPart * c.limit(s.Step) / 2
	if c.Direction == "drop" || c.Direction == "spike" {
		prob *= 2
	}
	return prob * min(1, s.Step/3600) // its errors do not depend on each other, also of points within an hour
}

// ignoring widens a range by the distances from what is expected that are too small to matter.
func (s *state) ignoring(c Config, e expected) expected {
	if c.IgnoreBelow != (Floors{}) && e.stated() {
		away := max(c.IgnoreBelow.Absolute, c.IgnoreBelow.Relative*math.Abs(e.center))
		e.low, e.high = min(e.low, e.center-away), max(e.high, e.center+away)
		if !s.signed() {
			e.low = max(e.low, 0)
		}
	}
	return e
}

// whole narrows the range of a series of whole numbers to whole numbers. v stays on its
// side of it, also where no whole number is inside.
func (s *state) whole(e expected, v float64) expected {
	if s.Fraction || v != math.Trunc(v) {
		return e
	}
	low, high := math.Ceil(e.low), math.Floor(e.high)
	switch {
	case low <= high:
	case v < low:
		high = low
	default:
		low = high
	}
	e.low, e.high = low, high
	return e
}

// sideOf returns the index of the tail of a size: 0 for drops, 1 for spikes.
func sideOf(x float64) int {
	if x > 0 {
		return 1
	}
	return 0
}

// verdictOf compares a point with all tests. It returns how improbable the point is,
// the state that an alarm has, and the side of the loudest test: -1 or 1.
func (c *curve) verdictOf(v float64) (prob float64, kind sentinel.ScoreState, side float64) {
	sum, alone := 0.0, 1.0
	least, loudest := 2.0, 0
	x := c.sizes(v, c.s.log(v))
	most := 1e300 // a zero is not rarer than zeros are
	if v == 0 {
		most = min(most, 1/c.s.zeroProbability(c.f))
	}
	for i := range tests {
		if !c.have[i] {
			continue
		}
		single := i <= 1 || i == againstLong
		rarity := min(c.s.Tails[i][sideOf(x[i])].rarity(math.Abs(x[i])), 1e300)
		if single {
			rarity = min(rarity, most)
		}
		sum += rarity
		if p := 1 / rarity; p < least {
			least, loudest = p, i
		}
		if single {
			alone = min(alone, 1/rarity)
		}
	}
	kind = sentinel.Onset
	switch {
	case alone*tests <= c.limit:
	case loudest == longestSum:
		kind = sentinel.SlowDrift
	default:
		kind = sentinel.LevelShift
	}
	return min(1, c.count/sum), kind, sign(x[loudest])
}
