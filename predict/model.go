package predict

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Names of the models that answer, in [sentinel.Risk].Model.
const (
	Own      = "own"       // the dataset's own coefficients, 28 outcomes or more
	Pooled   = "pooled"    // still close to the coefficients pooled over other datasets
	BaseRate = "base_rate" // the regression was worse than the base rate: the rate of the last 28 periods
)

// warmup is how many outcomes make a model a dataset's own.
const warmup = 28

// Model is the predictor of one dataset. Make one with [New]. It is not safe
// for concurrent use.
type Model struct {
	prior       Prior
	regression  regression
	history     []period // oldest first, at most memory
	slow, fast  float64  // exponential averages of misses, weights .04 and .2
	unexpected  float64  // exponential average of misses less their weekday's rate
	weekday     [7]rate
	chain       [4]rate // by the last two outcomes
	calibration platt
	record      record
	outcomes    int
}

// rate is a share of misses whose past fades.
type rate struct{ missed, total float64 }

func (r *rate) add(missed bool, keep float64) {
	r.missed = keep*r.missed + indicator(missed)
	r.total = keep*r.total + 1
}

// logit shrinks the share towards the base rate by three outcomes' weight.
func (r rate) logit(base float64) float64 {
	return logit(clamp((r.missed+3*base)/(r.total+3), .02, .98))
}

// New returns a model that has seen nothing and answers from the prior.
func New(p Prior) *Model {
	m := &Model{
		prior:       p,
		regression:  newRegression(p.Mean[:], p.Precision[:]),
		calibration: newPlatt(),
		slow:        .12, fast: .12,
	}
	return m
}

// state is which of the last two outcomes were misses, as two bits.
func (m *Model) state() int {
	s := 0
	for _, p := range m.history[max(0, len(m.history)-2):] {
		s = s<<1 | int(indicator(p.missed()))
	}
	return s
}

// DayAhead returns the probability that the period misses its deadline from
// the outcomes learned so far, without looking at the time of day; calibrated
// where that has proved better, and never switched off.
func (m *Model) DayAhead(c Context) float64 {
	x := m.Features(c).Known()
	raw := m.regression.score(x[:])
	if m.calibration.better() {
		raw = m.calibration.score(raw)
	}
	return clamp(logistic(raw), .001, .999)
}

// DayAheadRisk is DayAhead, or the rate of 28 periods while the regression is
// switched off.
func (m *Model) DayAheadRisk(c Context) float64 {
	if m.record.off() {
		return m.rate28()
	}
	return m.DayAhead(c)
}

// Probability returns the probability that the period, which has not arrived
// at now, misses its deadline; 1 once the deadline has passed.
func (m *Model) Probability(c Context, now time.Time) float64 {
	return m.atTime(m.DayAheadRisk(c), c, now)
}

func (m *Model) atTime(day float64, c Context, now time.Time) float64 {
	if now.After(c.Deadline) {
		return 1
	}
	v := m.openFeatures(day, c.Deadline.Sub(now))
	return clamp(logistic(dot(m.prior.Open[:], v[:])), .001, .999)
}

// rate28 is the smoothed share of misses in the last 28 periods.
func (m *Model) rate28() float64 {
	recent := m.history[max(0, len(m.history)-28):]
	s := 1.0
	for _, p := range recent {
		s += indicator(p.missed())
	}
	return s / float64(len(recent)+2)
}

// Risk returns the risk of the period that has not arrived at now, with the
// expected arrival and the reasons. The caller fills in Table.
func (m *Model) Risk(c Context, now time.Time) sentinel.Risk {
	return sentinel.Risk{
		Deadline:    c.Deadline,
		Probability: m.Probability(c, now),
		Arrival:     m.expected(c.Deadline, now),
		Left:        c.Deadline.Sub(now),
		Reasons:     m.reasons(c, now),
		Model:       m.answering(),
	}
}

func (m *Model) answering() string {
	switch {
	case m.record.off():
		return BaseRate
	case m.outcomes < warmup:
		return Pooled
	}
	return Own
}

// Learn takes in what became of a period. Call it once per period, in the
// order of the deadlines, with the context as it was day-ahead; a period not
// after the last one learned is ignored and reported as false.
func (m *Model) Learn(c Context, o Outcome) bool {
	if n := len(m.history); n > 0 && !c.Deadline.After(m.history[n-1].deadline) {
		return false
	}
	missed := o.Missed(c.Deadline)
	x := m.Features(c).Known()
	day := m.DayAhead(c)
	m.record.add(forecast{day, m.base(), m.rate28(), missed, lead(c, o)})
	m.calibration.learn(m.regression.score(x[:]), missed)
	m.regression.learn(x[:], missed, m.prior.Precision[:])
	m.remember(newPeriod(c, o), missed)
	return true
}

// base is the expanding base rate, add-one smoothed.
func (m *Model) base() float64 {
	return (m.record.misses + 1) / (float64(m.outcomes) + 2)
}

func (m *Model) remember(p period, missed bool) {
	if len(m.history) >= 2 {
		m.chain[m.state()].add(missed, .99)
	}
	e := indicator(missed) - logistic(m.weekday[p.deadline.Weekday()].logit(m.slow))
	m.unexpected += .3 * (e - m.unexpected)
	m.weekday[p.deadline.Weekday()].add(missed, .95)
	m.slow += .04 * (indicator(missed) - m.slow)
	m.fast += .2 * (indicator(missed) - m.fast)
	m.history = append(m.history, p)
	if len(m.history) > memory {
		m.history = append(m.history[:0], m.history[1:]...)
	}
	m.outcomes++
	m.record.misses += indicator(missed)
}

// Coefficients returns the present coefficients by feature name.
func (m *Model) Coefficients() map[string]float64 {
	out := make(map[string]float64, FeatureCount)
	for i, w := range m.regression.mean {
		out[FeatureNames[i]] = w
	}
	return out
}
