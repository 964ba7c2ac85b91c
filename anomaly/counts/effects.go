package counts

import "math"

// effect is what one place of the calendar adds to the level, as a logarithm.
type effect struct {
	Mean, Var float32 // estimate and its variance
	Spread    float32 // mean squared error there, over the one expected
	Weight    float32 // number of values that told about Spread
}

// The variances of effects of which nothing is known. An hour of the week that has no value
// yet is like its hour and its weekday.
const (
	hourPrior    = 4.0
	weekdayPrior = 4.0
	cellPrior    = 0.15
	holidayPrior = 0.1
)

// effectDrift is the variance by which an effect may move between two values, over that of
// the noise.
const effectDrift = 0.001

// cell returns the index of a place in Week.
func (p Place) cell() int {
	if p.Daily {
		return p.Weekday
	}
	return p.Weekday*24 + p.Hour
}

// addEffects adds up the effects of a place. A weekday or an hour that has no value yet is
// like what is known of it.
func (m *Model) addEffects(f *Forecast) {
	cell := &m.Week[f.place.cell()]
	f.effects, f.unsure = float64(cell.Mean), float64(cell.Var)
	switch {
	case cell.Var != 0:
	case f.place.Daily:
		f.effects, f.unsure = m.Base, weekdayPrior
	default:
		f.effects, f.unsure = m.main(f)
		f.unsure += cellPrior
	}
	f.effects -= m.Base
	if f.place.Holiday {
		f.holiday = float64(m.Holiday.Mean)
		f.effects += f.holiday
		f.unsure += m.Holiday.variance(holidayPrior)
	}
}

// main returns the sum of the effects of an hour and a weekday, and its variance.
func (m *Model) main(f *Forecast) (mean, variance float64) {
	hour, weekday := &m.Hours[f.place.Hour], &m.Weekday[f.place.Weekday]
	return float64(hour.Mean + weekday.Mean), hour.variance(hourPrior) + weekday.variance(weekdayPrior)
}

// variance returns how uncertain an effect is.
func (e *effect) variance(prior float64) float64 {
	if e.Var == 0 {
		return prior
	}
	return float64(e.Var)
}

// learnEffects learns the effects of the calendar from an error e of the forecast. It
// measures them from a filter whose memory is about a day, or a week of a daily series, so that
// the level does not imitate the calendar.
func (m *Model) learnEffects(f *Forecast, e float64) {
	k := f.place.anchor()
	e += f.center - f.effects - f.own[k]
	noise := f.noise * math.Max(float64(m.Bank[k].Var), 1) * math.Max(1, 3600/f.place.Step)
	all := f.unsure + noise
	most := winsor * math.Sqrt(all)
	e = math.Min(math.Max(e, -most), most)
	cell := &m.Week[f.place.cell()]
	switch {
	case f.place.Holiday:
		m.Holiday.learn(holidayPrior, e, all, f.noise)
	case f.place.Daily:
		if cell.Var == 0 {
			cell.Mean = float32(m.Base)
		}
		m.recenter(cell.learn(weekdayPrior, e, all, f.noise))
	default:
		mean, variance := m.main(f)
		if cell.Var == 0 {
			cell.Mean = float32(mean)
		}
		rest := e + float64(cell.Mean) - mean // error of a forecast by the hour and the weekday alone
		m.recenter(cell.learn(variance+cellPrior, e, all, f.noise))
		all = variance + cellPrior + noise
		m.Hours[f.place.Hour].learn(hourPrior, rest, all, f.noise)
		m.Weekday[f.place.Weekday].learn(weekdayPrior, rest, all, f.noise)
	}
}

// anchor returns the index of the filter from which effects are measured.
func (p Place) anchor() int {
	switch {
	case p.Daily:
		return 2
	case p.Step < 2700:
		return 0
	}
	return 1
}

// recenter keeps the mean of the effects of all places at Base, when one of them has moved.
// What the effects have in common belongs to the level.
func (m *Model) recenter(before, after float32, first bool) {
	if first {
		m.Places++
		before = float32(m.Base)
	}
	move := float64(after-before) / float64(m.Places)
	m.Base += move
	for i := range m.Bank {
		m.Bank[i].Level += float32(move)
	}
}

// learn takes in an error e of a forecast, whose variance is all. An effect that is not
// known takes most of it. It returns the means before and after.
func (x *effect) learn(prior, e, all, noise float64) (from, to float32, first bool) {
	before, first, from := x.variance(prior), x.Var == 0, x.Mean
	gain := before / all
	x.Mean += float32(gain * e)
	x.Var = float32(before*(1-gain) + effectDrift*noise)
	return from, x.Mean, first
}
