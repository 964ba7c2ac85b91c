package counts

import "math"

// powers holds the laws of the noise from which a series chooses. The variance of a value
// grows with its mean to the power 2-2q: q is 0 for noise in proportion to the value, 0.5
// for a Poisson distribution, and 1 for noise that does not depend on the value. Errors
// are measured by the Box-Cox transform with the power q of the value over its mean
// (Box and Cox 1964), which makes the spread the same for all means.
var powers = [laws]float64{0, 0.25, 0.5, 1}

const (
	laws          = 4
	noiseMemory   = 400.0 // values over which the spread is learned
	noisePrior    = 1.0   // values that the first guess of the spread counts as
	firstVariance = 0.01  // first guess of the variance
	spreadPrior   = 10.0  // values that the spread of the series counts as at each place
	spreadMost    = 40.0  // values in the memory of the spread of one place
	floorSpread   = 0.003 // smallest spread: a value that little off is not unusual
)

// distance returns the Box-Cox transform of a ratio, given its logarithm l. It is about l
// for small l.
func distance(l, q float64) float64 {
	if q == 0 {
		return l
	}
	return math.Expm1(q*min(l, 300)) / q
}

// ratio is the inverse of distance. It returns a logarithm, -Inf if no value is that low.
func ratio(d, q float64) float64 {
	if q == 0 {
		return d
	}
	if q*d <= -1 {
		return math.Inf(-1)
	}
	return math.Log1p(q*d) / q
}

// noise returns the variance of a value around its center, by the law in use.
func (m *Model) noise(f *Forecast) float64 {
	v := float64(m.Phi[m.Law]) * m.scale(f, int(m.Law)) * m.local(f).spread()
	return math.Max(v, m.least(f))
}

// scale returns the variance of a value by a law over that at Ref.
func (m *Model) scale(f *Forecast, law int) float64 {
	if q := powers[law]; q > 0 {
		return math.Exp(-2 * q * (f.center - m.Ref))
	}
	return 1
}

// least returns the smallest variance of a value.
func (m *Model) least(f *Forecast) float64 {
	least := floorSpread * floorSpread
	if !m.Fraction { // whole numbers are at least half a number apart from their mean
		half := 0.5 * math.Exp(-f.center)
		least += half * half
	}
	return least
}

// local returns the effect whose spread applies.
func (m *Model) local(f *Forecast) *effect {
	if f.place.Daily {
		return &m.Week[f.place.Weekday]
	}
	return &m.Hours[f.place.Hour]
}

// spread returns the variance at a place over that of the series. A place with few
// values borrows from the series.
func (e *effect) spread() float64 {
	n := math.Min(float64(e.Weight), spreadMost)
	return (spreadPrior + n*float64(e.Spread)) / (spreadPrior + n)
}

// learnNoise learns the variance by each law, and which law explains the errors best. l is
// the logarithm of the value over its expectation.
func (m *Model) learnNoise(f *Forecast, l float64) {
	share := f.trust * f.trust // how much the error tells about the noise
	gain := math.Max(share/(float64(m.Known)+noisePrior+1), share/noiseMemory)
	other, best := f.sd*f.sd-f.noise, 0
	local, spread := m.local(f), m.local(f).spread()
	for k, q := range powers {
		d, scale := distance(l, q), m.scale(f, k)
		v := math.Max(float64(m.Phi[k])*scale, m.least(f))
		u := d * d / (v + other)
		if k == int(m.Law) {
			local.Weight += float32(share)
			near := math.Min(u, 9*spread)
			local.Spread += (float32(near) - local.Spread) * float32(share) / max(min(local.Weight, spreadMost), 1)
		}
		// Where the least variance counts, the error says how large it is beside that one.
		m.Phi[k] += float32(gain * (1.03*math.Min(u, 9)*v/scale - float64(m.Phi[k])))
		fit := -0.5*math.Log(v+other) - 3.5*math.Log1p(u/6) + q*l
		m.Fit[k] += float32((fit - float64(m.Fit[k])) * gain)
		if m.Fit[k] > m.Fit[best] {
			best = k
		}
	}
	m.Known += float32(share)
	if int32(best) != m.Law && m.Known > 10 && (m.Fit[best]-m.Fit[m.Law])*min(m.Known, noiseMemory) > 2 {
		m.Law = int32(best)
		for i := range m.Week {
			m.Week[i].Spread, m.Week[i].Weight = 1, 0
		}
		for i := range m.Hours {
			m.Hours[i].Spread, m.Hours[i].Weight = 1, 0
		}
	}
}
