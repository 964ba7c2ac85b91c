package anomaly

import (
	"math"

	"github.com/sentinel-dq/sentinel"
)

// rarest returns how improbable all sizes are together. It is the harmonic mean of
// their probabilities (Wilson 2019), which is valid for tests that depend on each other.
// A small probability of one test alone counts as one of several tries; several tests
// that agree count fully. kind is Onset if a value alone is improbable enough, else
// SlowDrift or LevelShift, by the test with the smallest probability.
func (s *state) rarest(x [tests]float64, have [tests]bool, limit float64) (prob float64, kind sentinel.ScoreState) {
	sum, n, alone := 0.0, 0.0, 1.0
	least, loudest := 2.0, 0
	for i := range tests {
		if !have[i] {
			continue
		}
		side := 0
		if x[i] > 0 {
			side = 1
		}
		p := max(s.Tails[i][side].p(math.Abs(x[i])), 1e-300)
		sum, n = sum+1/p, n+1
		if p < least {
			least, loudest = p, i
		}
		if i <= 1 || i == againstLong {
			alone = min(alone, p)
		}
	}
	kind = sentinel.Onset
	switch {
	case alone*tests <= limit:
	case loudest == longestSum:
		kind = sentinel.SlowDrift
	default:
		kind = sentinel.LevelShift
	}
	return min(1, n/sum), kind
}

// sizes returns the quantity of each test for a value and its forecast, positive for
// spikes and negative for drops. have says which tests have one.
func (s *state) sizes(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x, have = s.single(v, f, z)
	if s.SlowError <= 0 || !f.have[byWeek] {
		return x, have
	}
	e := s.seasonalError(v, f)
	s.sums(&x, &have, e, 0)
	return x, have
}

// single returns the sizes of the tests that need only one value.
func (s *state) single(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x[0], have[0] = z, true
	if f.shift != 0 {
		v = s.unlog(s.log(v) - f.shift)
	}
	if s.LongSpread > 0 {
		x[againstLong] = (v - s.Long) / max(1.25*s.LongSpread, floorSpread*s.Size)
		have[againstLong] = true
	}
	return x, have
}

// sums sets the sizes of the tests over windows. It adds up the error e and the errors
// in Window, of which it leaves out the newest skip.
func (s *state) sums(x *[tests]float64, have *[tests]bool, e float64, skip int) {
	sum, k := e, 1
	for i, n := range windows[s.pace()] {
		for ; k < n && skip+k <= s.Seen; k++ {
			sum += float64(s.Window[skip+k-1])
		}
		if have[i+1] = k == n; !have[i+1] {
			return
		}
		x[i+1] = sum / math.Sqrt(float64(n))
	}
	x[stepTest], have[stepTest] = s.step(e, skip)
}

// step returns the distance of the mean error of the newest points from that of the
// points before them. It is 0 for a step that leads back to the profile.
func (s *state) step(e float64, skip int) (size float64, have bool) {
	n, long := stepWindow[s.pace()], windows[s.pace()][3]
	if skip+n-1+long > s.Seen {
		return 0, false
	}
	now, before := e, 0.0
	for _, v := range s.Window[skip : skip+n-1] {
		now += float64(v)
	}
	for _, v := range s.Window[skip+n-1 : skip+n-1+long] {
		before += float64(v)
	}
	now, before = now/float64(n), before/float64(long)
	if now*(now-before) <= 0 || math.Abs(now) <= math.Abs(before) {
		return 0, true
	}
	return (now - before) / math.Sqrt(1/float64(n)+1/float64(long)), true
}

// seasonalError returns the distance of a value from the profile, corrected by the
// trend, in spreads.
func (s *state) seasonalError(v float64, f forecast) float64 {
	w := &s.Week[f.week]
	d := &s.Day[f.day]
	local := s.SlowError
	if w.N >= 3 {
		l := d
		if s.daily() {
			l = w
		}
		local = math.Sqrt(s.SlowError * max(float64(l.Spread), 0.3*s.SlowError))
	}
	spread := max(1.25*local, floorSpread)
	if !s.Fraction {
		spread = math.Hypot(spread, 1/math.Sqrt(max(f.all[byWeek], 0)+1))
	}
	e := (s.log(v) - s.log(f.all[byWeek]) - s.Trend) / spread
	return min(max(e, -errorCap), errorCap)
}
