package counts

import "math"

// filter is a local level with a slope, or with an error that dies away.
type filter struct {
	gain, slope float64 // shares of an error that the level and the slope take
	carry       float64 // share of the newest error that lasts for another step
}

// filters is the bank of filters. A series uses those that predict it best. The pairs of
// gains are those of fading memory filters of second order (Brown 1963).
var filters = [members]filter{
	{gain: 0.01}, {gain: 0.05}, {gain: 0.15}, {gain: 0.4}, {gain: 0.8},
	{gain: 0.0396, slope: 0.0004}, {gain: 0.0975, slope: 0.0025}, {gain: 0.19, slope: 0.01},
	{gain: 0.02, carry: 0.5}, {gain: 0.02, carry: 0.8}, {gain: 0.02, carry: 0.95},
}

const members = 11

// level is the state of a filter.
type level struct {
	Level float32
	Slope float32 // change of the level in one step
	Gap   float32 // error of the newest value
	Var   float32 // mean squared error, over the variance of the noise
}

// predict returns the level that a filter expects some steps ahead.
func (l *level) predict(f filter, ahead float64) float64 {
	if f.carry > 0 {
		return float64(l.Level) + float64(l.Gap)*f.carried(ahead)
	}
	return float64(l.Level) + float64(l.Slope)*ahead
}

// carried returns the share of the newest error that lasts for some steps.
func (f filter) carried(ahead float64) float64 {
	if ahead == 1 {
		return f.carry
	}
	return math.Pow(f.carry, ahead)
}

// news says how much one error tells about a level.
type news struct {
	ahead float64 // steps since the error before
	n     float64 // number of errors before
	trust float64 // share of the error that effects of the calendar do not explain
	clear float64 // usual variance of the noise over that of this value
}

// learn takes in an error e of a prediction.
func (l *level) learn(f filter, e float64, w news) {
	n := w.n
	gain, slope := math.Max(f.gain, 1/(n+1)), 0.0
	if f.slope > 0 { // first a line through all points, then a fading memory
		gain = math.Max(f.gain, 2*(2*n+1)/((n+1)*(n+2)))
		slope = math.Max(f.slope, 6/((n+1)*(n+2)))
	}
	gain = math.Min(gain, 0.98)
	slope = math.Min(slope, 0.2) / gain
	gain *= w.trust * w.clear / (gain*w.clear + 1 - gain)
	slope *= gain
	if f.carry > 0 {
		gap := e + float64(l.Gap)*f.carried(w.ahead)
		l.Level += float32(gain * gap)
		l.Gap = float32((1 - gain) * gap)
		return
	}
	l.Level += float32(float64(l.Slope)*w.ahead + gain*e)
	l.Slope += float32(slope * e / w.ahead)
}

// weightMemory is the number of values over which filters are compared.
const weightMemory = 100.0

// weigh sets the predictions and the shares of the filters.
func (m *Model) weigh(f *Forecast) {
	least := math.Inf(1)
	for i := range filters {
		f.own[i] = m.Bank[i].predict(filters[i], f.place.Ahead)
		least = math.Min(least, float64(m.Bank[i].Var))
	}
	sum, n := 0.0, math.Min(float64(m.Known), weightMemory)/2
	for i := range filters {
		w := math.Exp(-n * math.Log(math.Max(float64(m.Bank[i].Var), 1e-12)/math.Max(least, 1e-12)))
		f.weight[i] = w
		sum += w
	}
	for i := range f.weight {
		f.weight[i] /= sum
	}
}

// learnLevel learns the level from an error e of the forecast.
func (m *Model) learnLevel(f *Forecast, e float64) {
	center := f.center - f.effects
	rate := math.Max(1/(float64(m.Known)+2), 1/weightMemory) * f.trust
	w := news{ahead: f.place.Ahead, n: float64(m.Weight) + 1, trust: f.trust * f.trust, clear: 1}
	if m.Precision > 0 {
		w.clear = 1 / (float64(m.Precision) * f.noise)
	}
	for i := range filters {
		own := e + center - f.own[i]
		if u := math.Min(own*own/f.noise, 25); m.N > 2 {
			m.Bank[i].Var += float32((u - float64(m.Bank[i].Var)) * rate)
		}
		m.Bank[i].learn(filters[i], own, w)
	}
	m.Weight += float32(f.trust)
	m.Precision += (float32(1/f.noise) - m.Precision) * max(1/float32(m.N), 1/noiseMemory)
}
