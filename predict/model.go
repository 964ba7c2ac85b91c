package predict

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// The values of [sentinel.Risk].Model.
const (
	Own      = "own"       // coefficients of the dataset, after at least 28 outcomes
	Pooled   = "pooled"    // coefficients close to those pooled over other datasets
	BaseRate = "base_rate" // rate of misses in the last 28 periods, because the model was worse
)

// warmup is the number of outcomes after which a model counts as the dataset's own.
const warmup = 28

// Model is the predictor of one dataset. Make one with [New]. It is not safe
// for concurrent use.
type Model struct {
	prior       Prior
	arrivals    arrivals
	regression  regression
	answers     answers
	history     []period // oldest first, at most memory
	slow        float64  // exponential average of misses with weight .04
	fast        float64  // exponential average of misses with weight .2
	calibration platt
	record      record
	outcomes    int
	today       *outlook // of the last period that was asked for; nil after an outcome
}

// answers weighs the two answers of a model, the distribution of arrivals alone and the regression, by Bayes' rule: log
// odds of the regression from the likelihoods of the outcomes, faded.
type answers struct {
	Day  float64 // of day-ahead risks
	Open float64 // of risks of periods still open, see [outlook.halfway]
}

const (
	dayPrior    = -1.0
	openPrior   = -1.5
	answersKeep = .997
)

func (a *answers) day() float64  { return logistic(a.Day + dayPrior) }
func (a *answers) open() float64 { return logistic(a.Open + openPrior) }

// New returns a model without outcomes, which answers from the prior.
func New(p Prior) *Model {
	m := &Model{
		prior:       p,
		regression:  newRegression(p.Mean[:], p.Precision[:]),
		arrivals:    newArrivals(),
		calibration: newPlatt(),
		slow:        .12, fast: .12,
	}
	return m
}

// outlook returns that on the period of a deadline.
func (m *Model) outlook(deadline time.Time) *outlook {
	if m.today == nil || !m.today.deadline.Equal(deadline) || m.today.deadline.Location() != deadline.Location() {
		m.today = m.arrivals.outlook(deadline)
	}
	return m.today
}

// regressionRisk returns the day-ahead risk by the regression. It is calibrated once that has proved better.
func (m *Model) regressionRisk(c Context) float64 {
	x := m.Features(c).Known()
	raw := m.regression.score(x[:])
	if m.calibration.better() {
		raw = m.calibration.score(raw)
	}
	return clamp(logistic(raw), .001, .999)
}

// DayAhead returns the probability that the period misses its deadline. It ignores the time of day.
func (m *Model) DayAhead(c Context) float64 {
	w := m.answers.day()
	return w*m.regressionRisk(c) + (1-w)*cautious(m.outlook(c.Deadline).survival(0))
}

// cautious draws the log odds of a risk of the outlook a tenth towards 0, because its parameters are estimates.
func cautious(p float64) float64 { return logistic(.91 * logit(clamp(p, .001, .999))) }

// DayAheadRisk returns [Model.DayAhead], or the rate of the last 28 periods while the
// model is switched off.
func (m *Model) DayAheadRisk(c Context) float64 {
	if m.record.off() {
		return m.rate28()
	}
	return m.DayAhead(c)
}

// Probability returns the probability that a period that is still open at now misses
// its deadline. It is 1 after the deadline.
func (m *Model) Probability(c Context, now time.Time) float64 {
	left := c.Deadline.Sub(now)
	if left < 0 {
		return 1
	}
	o := m.outlook(c.Deadline)
	if m.record.off() {
		return m.openRisk(o, m.rate28(), left)
	}
	w := m.answers.open()
	return w*m.openRisk(o, m.regressionRisk(c), left) + (1-w)*cautious(o.miss(-left.Minutes()))
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
	missed, p := o.Missed(c.Deadline), newPeriod(c, o)
	m.record.add(m.forecast(c, o))
	x := m.Features(c).Known()
	view, day := m.outlook(c.Deadline), m.regressionRisk(c)
	m.answers.learn(&m.answers.Day, day, view.survival(0), missed)
	if at := view.halfway(); !(p.margin <= at) {
		left := time.Duration(-at * float64(time.Minute))
		m.answers.learn(&m.answers.Open, m.openRisk(view, day, left), view.miss(at), missed)
	}
	m.calibration.learn(m.regression.score(x[:]), missed)
	m.regression.learn(x[:], missed, m.prior.Precision[:])
	m.regression.bound(Raising[:])
	m.arrivals.learn(view, p.margin)
	m.today = nil
	m.remember(p, missed)
	return true
}

// learn updates one of the log odds with the likelihoods of an outcome.
func (a *answers) learn(odds *float64, regression, arrivals float64, missed bool) {
	arrivals = clamp(arrivals, .001, .999)
	if !missed {
		regression, arrivals = 1-regression, 1-arrivals
	}
	*odds = answersKeep**odds + math.Log(regression/arrivals)
}

// Outcomes returns how many periods the model has learned.
func (m *Model) Outcomes() int { return m.outcomes }

// base returns the rate of misses over all outcomes, smoothed by one of each kind.
func (m *Model) base() float64 {
	return (m.record.misses + 1) / (float64(m.outcomes) + 2)
}

func (m *Model) remember(p period, missed bool) {
	m.slow += .04 * (indicator(missed) - m.slow)
	m.fast += .2 * (indicator(missed) - m.fast)
	m.history = append(m.history, p)
	if len(m.history) > memory {
		m.history = append(m.history[:0], m.history[1:]...)
	}
	m.outcomes++
	m.record.misses += indicator(missed)
}
