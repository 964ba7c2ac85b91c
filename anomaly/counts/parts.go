package counts

import "math"

// Parts are what a forecast consists of. Level, Slot and Holiday add up to Expected. All four are
// in the unit of the values.
type Parts struct {
	Expected float64
	Level    float64 // what is expected without the calendar
	Slot     float64 // what the weekday adds, or the hour of the week
	Holiday  float64 // what a holiday adds
	Scale
	Unknown float64 // share of the square of Spread that is not noise, but not known yet
}

// Scale says how far values are from an expected one, in spreads.
type Scale struct {
	Spread float64 // standard deviation, as a share of the expected value
	Power  float64 // of the Box-Cox transform by which distances are measured; 0 is the logarithm
	Offset float64 // added to values before that
}

// At returns the value that is a number of spreads above an expected one, or below it if it is
// less than 0. It is at least -Offset.
func (s Scale) At(expected, spreads float64) float64 {
	return (expected+s.Offset)*math.Exp(ratio(spreads*s.Spread, s.Power)) - s.Offset
}

// Spreads is the inverse of At. It returns how many spreads a value is above an expected one.
func (s Scale) Spreads(expected, v float64) float64 {
	l := math.Log(math.Max(v+s.Offset, 0) / (expected + s.Offset))
	return distance(l, s.Power) / s.Spread
}

// Parts returns the parts of a forecast.
func (m *Model) Parts(f Forecast) Parts {
	level, usual := m.unlog(f.center-f.effects), m.unlog(f.center-f.holiday)
	p := Parts{Expected: m.unlog(f.center), Level: level, Slot: usual - level}
	p.Holiday = p.Expected - usual
	p.Scale = Scale{Spread: f.sd, Power: powers[m.Law], Offset: m.Offset}
	p.Unknown = 1 - f.noise/(f.sd*f.sd)
	return p
}

// Reach returns how many spreads below and above what is expected the ends of [Model.Range] are.
func (m *Model) Reach(prob float64) (low, high float64) {
	return m.bound(0, prob), m.bound(1, prob)
}
