package predict

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// The values of [sentinel.Risk].Model.
const (
	Own      = "own"       // coefficients of the dataset, after at least 28 outcomes
	Pooled   = "pooled"    // coefficients close to those pooled over other datasets
	BaseRate = "base_rate" // rate of misses in the last 28 periods, because the regression was worse
)

// warmup is the number of outcomes after which a model counts as the dataset's own.
const warmup = 28

// Model is the predictor of one dataset. Make one with [New]. It is not safe
// for concurrent use.
type Model struct {
	prior       Prior
	regression  regression
	history     []period // oldest first, at most memory
	slow        float64  // exponential average of misses with weight .04
	fast        float64  // exponential average of misses with weight .2
	unexpected  float64  // exponential average of misses minus the rate of their weekday
	weekday     [7]rate
	chain       [4]rate // rates of misses by the last two outcomes
	calibration platt
	record      record
	outcomes    int
}

// rate is a share of misses in which older outcomes weigh less.
type rate struct{ missed, total float64 }

func (r *rate) add(missed bool, keep float64) {
	r.missed = keep*r.missed + indicator(missed)
	r.total = keep*r.total + 1
}

// logit returns the logit of the share, shrunk towards the base rate by the weight of
// three outcomes.
func (r rate) logit(base float64) float64 {
	return logit(clamp((r.missed+3*base)/(r.total+3), .02, .98))
}

// New returns a model without outcomes, which answers from the prior.
func New(p Prior) *Model {
	m := &Model{
		prior:       p,
		regression:  newRegression(p.Mean[:], p.Precision[:]),
		calibration: newPlatt(),
		slow:        .12, fast: .12,
	}
	return m
}

// state returns the last two outcomes as two bits, 1 for a miss.
func (m *Model) state() int {
	s := 0
	for _, p := range m.history[max(0, len(m.history)-2):] {
		s = s<<1 | int(indicator(p.missed()))
	}
	return s
}

// DayAhead returns the probability that the period misses its deadline by the
// regression alone. It ignores the time of day. It is calibrated once that has proved
// better.
func (m *Model) DayAhead(c Context) float64 {
	x := m.Features(c).Known()
	raw := m.regression.score(x[:])
	if m.calibration.better() {
		raw = m.calibration.score(raw)
	}
	return clamp(logistic(raw), .001, .999)
}

// DayAheadRisk returns [Model.DayAhead], or the rate of the last 28 periods while the
// regression is switched off.
func (m *Model) DayAheadRisk(c Context) float64 {
	if m.record.off() {
		return m.rate28()
	}
	return m.DayAhead(c)
}

// Probability returns the probability that a period that is still open at now misses
// its deadline. It is 1 after the deadline.
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

// rate28 returns the smoothed share of misses in the last 28 periods.
func (m *Model) rate28() float64 {
	recent := m.history[max(0, len(m.history)-28):]
	s := 1.0
	for _, p := range recent {
		s += indicator(p.missed())
	}
	return s / float64(len(recent)+2)
}

// Risk returns the risk of a period that is still open at now, with the expected
// arrival and the reasons. The caller sets Table.
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

// Learn learns the outcome of a period. Call it once per period in order of deadlines,
// with the context as it was before the deadline. It ignores a period that does not
// come after the last one, and then returns false.
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

// base returns the rate of misses over all outcomes, smoothed by one of each kind.
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
