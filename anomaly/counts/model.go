// Package counts models a series of counts whose noise has a constant law. Its [Model] says
// which values are expected next. A model is a level with a slope, effects of the hour, the
// weekday and holidays, and noise whose law, spread and tails are learned. It learns online,
// in constant memory, and knows how well it describes its series.
//
// The level (level.go) is the mean of a bank of filters, weighted by how well each predicts
// (dynamic model averaging, Raftery et al. 2010). The effects (effects.go) are learned by a
// Kalman filter with independent parts (West and Harrison 1997). The noise (noise.go) has the
// variance law that explains the errors best, measured by its Box-Cox transform. The tails
// (tail.go) are learned from peaks over a threshold (Siffer et al. 2017).
package counts

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Place says when a value is due.
type Place struct {
	Daily   bool    // values come once a day, and have no hour
	Hour    int     // 0 to 23
	Weekday int     // 0 to 6
	Holiday bool    // the weekday is that of a day like it
	Ahead   float64 // steps since the value before, at least 1
	Step    float64 // seconds between values
}

// Model is the state of a model. Its zero value knows nothing. Only the package changes its
// fields; they are exported so that they can be stored.
type Model struct {
	N        int32               // number of values
	Offset   float64             // added to values before logarithms
	Size     float32             // mean of the values
	Fraction bool                // some values are not whole numbers
	Last     float64             // logarithm of the newest of the first values
	Steps    [firstSteps]float32 // distances of the first values from each other, as logarithms

	Bank      [members]level
	Weight    float32 // number of values that told about the level
	Precision float32 // mean of one over the variance of the noise

	Week    [hoursAWeek]effect // by hour of the week; of a daily series, by weekday
	Hours   [24]effect
	Weekday [7]effect
	Holiday effect
	Base    float64 // mean of the effects in Week
	Places  int32   // number of places in Week that have a value

	Known float32       // number of values that told about the noise
	Ref   float64       // center at which all laws have the same variance
	Phi   [laws]float32 // variance by each law
	Fit   [laws]float32 // mean log likelihood of each law
	Law   int32         // index of the law in use

	Tails [2]tail // of single errors: 0 for drops, 1 for spikes
	Odd   bool    // the newest value was far off
	Wild  float32 // share of values that are too far off for the model, and yet no incident
}

const (
	firstSteps  = 7 // steps between the first values, which give a first guess of the noise
	hoursAWeek  = 7 * 24
	winsor      = 3.0   // spreads by which one value may move what is learned
	wildFrom    = 3.3   // spreads from which on a value speaks against the model
	wildMemory  = 400.0 // values over which they are counted
	wildMost    = 0.006 // share of such values that the model stands; a normal distribution has 0.001
	oddSpreads  = 6.0   // spreads beyond which a single value says little
	wildTo      = 10.0  // spreads from which on a value is an incident
	leastDays   = 28.0  // values that tell about the noise before the model of a daily series is used
	leastHours  = 100.0 // the same for more frequent series
	studentPart = 4.0   // how much wider Student's t is in its far tail, for each missing degree of freedom
	offsetPart  = 0.01  // part of the usual size added before logarithms
	offsetCount = 0.5   // least that is added to counts
)

// Forecast is the predictive distribution of one value, as a logarithm.
type Forecast struct {
	place   Place
	own     [members]float64 // level that each filter predicts
	weight  [members]float64 // share of each filter in the forecast
	effects float64          // sum of the effects of the calendar
	holiday float64          // that of the holiday among them
	unsure  float64          // variance of that sum
	noise   float64          // variance of the value around its center
	center  float64          // logarithm of the expected value
	sd      float64          // spread of the forecast: noise and what is not known yet
	trust   float64          // share of the noise in the variance of the noise and the effects
}

// Forecast returns what is expected at a place.
func (m *Model) Forecast(p Place) Forecast {
	f := Forecast{place: p}
	m.addEffects(&f)
	m.weigh(&f)
	level, apart := 0.0, 0.0
	for i, w := range f.weight {
		level += w * f.own[i]
	}
	for i, w := range f.weight {
		apart += w * (f.own[i] - level) * (f.own[i] - level)
	}
	f.center = level + f.effects
	f.noise = m.noise(&f)
	f.sd = math.Sqrt(f.noise + f.unsure + apart)
	f.trust = f.noise / (f.noise + f.unsure)
	return f
}

// Place returns the place that the forecast is for.
func (f Forecast) Place() Place { return f.place }

// Value returns the expected value.
func (m *Model) Value(f Forecast) float64 { return m.unlog(f.center) }

// Remainder returns the level that a value stands for: its logarithm without the effects of the
// calendar. spread is the spread that it has by chance.
func (m *Model) Remainder(f Forecast, v float64) (level, spread float64) {
	away := distance(m.log(v)-f.center, powers[m.Law])
	return f.center - f.effects + away, math.Sqrt(f.noise + f.unsure)
}

// At returns the value that a level stands for at the place of a forecast.
func (m *Model) At(f Forecast, level float64) float64 { return m.unlog(level + f.effects) }

// Rescaled returns a level by the present offset that was one by another offset.
func (m *Model) Rescaled(level, offset float64) float64 {
	return math.Log(math.Max(math.Exp(math.Min(level, 600))-offset, 0) + m.Offset)
}

// Fits reports whether the model is known well enough at a place, and describes the series.
func (m *Model) Fits(f Forecast) bool {
	least := leastHours
	if f.place.Daily {
		least = leastDays
	}
	return float64(m.Known) >= least && m.Wild <= wildMost
}

// MarshalBinary encodes the model.
func (m *Model) MarshalBinary() ([]byte, error) { return binary.Append(nil, binary.LittleEndian, m) }

// UnmarshalBinary decodes what [Model.MarshalBinary] returned.
func (m *Model) UnmarshalBinary(b []byte) error {
	if len(b) != binary.Size(m) {
		return errors.New("the state of a model of counts has another size")
	}
	_, err := binary.Decode(b, binary.LittleEndian, m)
	return err
}

// Range returns the values that are not rarer than prob beyond each end.
func (m *Model) Range(f Forecast, prob float64) (low, high float64) {
	q := powers[m.Law]
	low = m.unlog(f.center + ratio(-m.bound(0, prob)*f.sd, q))
	high = m.unlog(f.center + ratio(m.bound(1, prob)*f.sd, q))
	return low, high
}

// bound returns the distance from the forecast, in spreads, that is exceeded on a side with
// a probability. With few values the spread itself is uncertain, as in Student's t.
func (m *Model) bound(side int, prob float64) float64 {
	return m.Tails[side].bound(prob) * (1 + studentPart/(float64(m.Known)+2))
}

// Learn takes in a value that is not negative, with its forecast from before.
func (m *Model) Learn(f Forecast, v float64) {
	m.Fraction = m.Fraction || v != math.Trunc(v)
	m.N++
	m.Size += max(1/float32(m.N), 1/200.0) * (float32(v) - m.Size)
	if m.N == 1 {
		m.begin(v)
		return
	}
	if want := m.offset(); want > 4*m.Offset || 4*want < m.Offset {
		m.rebase(want)
		return
	}
	m.guess(v)
	l := m.log(v) - f.center
	d := distance(l, powers[m.Law])
	z := d / f.sd
	odd := math.Abs(z) > oddSpreads
	part := math.Min(1, winsor/math.Abs(z))
	if odd && !m.Odd { // one odd value says little, two say more
		part *= oddSpreads / math.Abs(z)
	}
	m.Odd = odd
	if d == 0 {
		part = 1
	}
	m.learnLevel(&f, part*d)
	m.learnEffects(&f, part*d)
	m.learnNoise(&f, l)
	if f.trust > 0.4 {
		m.Tails[0].learn(math.Max(0, -z))
		m.Tails[1].learn(math.Max(0, z))
		m.learnWild(math.Abs(z))
	}
}

// guess takes the first guess of the noise from the steps between the first values.
func (m *Model) guess(v float64) {
	if m.N > firstSteps+1 {
		return
	}
	m.Steps[m.N-2], m.Last = float32(math.Abs(m.log(v)-m.Last)), m.log(v)
	if m.N <= firstSteps {
		return
	}
	steps := m.Steps
	slices.Sort(steps[:])
	middle := float64(steps[firstSteps/2])
	m.Steps, m.Last = [firstSteps]float32{}, 0
	for k := range m.Phi {
		m.Phi[k] = float32(math.Max(middle*middle, 4*floorSpread*floorSpread))
	}
}

// learnWild learns how often values are too far off for the model. Values that are much
// further off are incidents, which say nothing about the model.
func (m *Model) learnWild(z float64) {
	wild := float32(0)
	if z > wildFrom && z < wildTo {
		wild = 1
	}
	m.Wild += (wild - m.Wild) / min(max(m.Known, 200), wildMemory)
}

// begin starts the filters at the first value.
func (m *Model) begin(v float64) {
	m.Offset = m.offset()
	l := m.log(v)
	m.Ref, m.Last = l, l
	for i := range m.Bank {
		m.Bank[i] = level{Level: float32(l), Var: 1}
	}
	for k := range m.Phi {
		m.Phi[k] = firstVariance
	}
}

// offset returns what is added to values before logarithms.
func (m *Model) offset() float64 {
	if m.Fraction {
		return math.Max(offsetPart*float64(m.Size), 1e-9)
	}
	return math.Max(offsetPart*float64(m.Size), offsetCount)
}

// log returns the logarithm by which values are compared.
func (m *Model) log(v float64) float64 { return math.Log(math.Max(v, 0) + m.Offset) }

// unlog is the inverse of log.
func (m *Model) unlog(l float64) float64 { return math.Max(0, math.Exp(math.Min(l, 600))-m.Offset) }

// rebase changes the offset. Expected values stay about the same.
func (m *Model) rebase(offset float64) {
	base := float64(m.Bank[0].Level)
	move := func(l float64) float64 { return math.Log(math.Max(math.Exp(l)-m.Offset, 0) + offset) }
	sum := 0.0
	for i := range m.Week {
		if x := &m.Week[i]; x.Var != 0 {
			x.Mean = float32(move(base+float64(x.Mean)-m.Base) - move(base))
			sum += float64(x.Mean)
		}
	}
	for i := range m.Hours {
		m.Hours[i].Mean = float32(move(base+float64(m.Hours[i].Mean)-m.Base) - move(base))
	}
	for i := range m.Weekday {
		m.Weekday[i].Mean = float32(move(base+float64(m.Weekday[i].Mean)) - move(base))
	}
	m.Base = sum / math.Max(float64(m.Places), 1)
	for i := range m.Bank {
		m.Bank[i].Level = float32(move(float64(m.Bank[i].Level)) + m.Base)
		m.Bank[i].Gap, m.Bank[i].Slope = 0, 0
	}
	m.Ref = move(m.Ref)
	m.Offset = offset
}
