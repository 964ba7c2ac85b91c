package anomaly

import "math"

// awayFromLong returns the distance of a value from the mean over some weeks, in its
// spreads.
func (s *state) awayFromLong(v float64, f forecast) float64 {
	if f.shift != 0 {
		v = s.unlog(s.log(v) - f.shift)
	}
	return (v - s.Long) / max(1.25*s.LongSpread, floorSpread*s.Size)
}

// pastSums are the errors before a point, summed for each window. The point's own error
// completes them.
type pastSums struct {
	base    [4]float64 // sums of all errors of a window but the newest
	root    [4]float64 // square root of a window's length
	windows int        // number of windows that are full
	now     float64    // sum of the errors of the step's newest points but the newest
	before  float64    // mean of the errors before them
	newest  float64    // number of the step's newest points
	long    float64    // number of errors in before
}

// past returns the sums of the errors in Window, without the newest skip.
func (s *state) past(skip int) (p pastSums) {
	sum, k := 0.0, 1
	for i, n := range windows[s.pace()] {
		for ; k < n && skip+k <= s.Seen; k++ {
			sum += float64(s.Window[skip+k-1])
		}
		if k < n {
			return p
		}
		p.base[i], p.root[i] = sum, math.Sqrt(float64(n))
		p.windows++
	}
	n, long := stepWindow[s.pace()], windows[s.pace()][3]
	if skip+n-1+long > s.Seen {
		return p
	}
	for _, v := range s.Window[skip : skip+n-1] {
		p.now += float64(v)
	}
	for _, v := range s.Window[skip+n-1 : skip+n-1+long] {
		p.before += float64(v)
	}
	p.before /= float64(long)
	p.newest, p.long = float64(n), float64(long)
	return p
}

// sizes sets the sizes of the tests over windows for the newest error e.
func (p *pastSums) sizes(e float64, x *[tests]float64) {
	for i := range p.windows {
		x[i+1] = (p.base[i] + e) / p.root[i]
	}
	x[stepTest] = p.step(e)
}

// step returns the distance of the mean error of the newest points from that of the
// points before them. It is 0 for a step that leads back to the profile.
func (p *pastSums) step(e float64) float64 {
	if p.newest == 0 {
		return 0
	}
	now := (p.now + e) / p.newest
	if now*(now-p.before) <= 0 || math.Abs(now) <= math.Abs(p.before) {
		return 0
	}
	return (now - p.before) / math.Sqrt(1/p.newest+1/p.long)
}

// weekly returns the logarithm of the profile, corrected by the trend, and the spread of
// the errors from it.
func (s *state) weekly(f forecast) (l, spread float64) {
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
	spread = max(1.25*local, floorSpread)
	if !s.Fraction {
		spread = math.Hypot(spread, 1/math.Sqrt(max(f.all[byWeek], 0)+1))
	}
	return s.log(f.all[byWeek]) + s.Trend, spread
}

// seasonalError returns the distance of a value from the profile, corrected by the
// trend, in spreads.
func (s *state) seasonalError(v float64, f forecast) float64 {
	l, spread := s.weekly(f)
	return limited((s.log(v) - l) / spread)
}

// limited bounds an error, so that one value cannot outweigh a window.
func limited(e float64) float64 { return min(max(e, -errorCap), errorCap) }
