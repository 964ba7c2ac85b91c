package predict

import (
	"math"
	"time"
)

// The features of a period, as indexes of a [Vector]. Each has 0 as its neutral value,
// and is scaled to about one unit.
const (
	Bias = iota
	SlowRate
	FastRate
	WeekdayRate
	ChainRate
	LastMissed
	LastWeekMissed
	MissRun
	NothingRun
	SinceMiss
	UsualMargin
	LastMargin
	MarginTrend
	MarginSpread
	Forecast
	VolumeChange
	Weekend
	YearEnd
	MonthEnd
	Holiday
	Gap
	Unexpected
	WeekdayMargin
	WeekdayLast
	UpstreamRisk
	UpstreamLate
	AnomalyScore
	LoadRetries
	DurationTrend
	FeatureCount // number of features
)

// FeatureNames holds the names of the features, as reports write them.
var FeatureNames = [FeatureCount]string{
	"bias", "slow_rate", "fast_rate", "weekday_rate", "chain_rate", "last_missed", "last_week_missed", "miss_run",
	"nothing_run", "since_miss", "usual_margin", "last_margin", "margin_trend", "margin_spread", "forecast",
	"volume_change", "weekend", "year_end", "month_end", "holiday", "gap", "unexpected", "weekday_margin", "weekday_last",
	"upstream_risk", "upstream_late", "anomaly_score", "load_retries", "duration_trend",
}

// Vector holds the features of one period. NaN marks an unknown feature, which neither
// changes a risk nor is learned from.
type Vector [FeatureCount]float64

// Known returns v with 0 for every unknown feature.
func (v Vector) Known() Vector {
	for i, x := range v {
		if math.IsNaN(x) {
			v[i] = 0
		}
	}
	return v
}

// Features returns the features of a period. They depend only on its context and on
// the outcomes learned so far, which are of earlier periods.
func (m *Model) Features(c Context) Vector {
	var v Vector
	v[Bias] = 1
	m.rates(&v, c)
	m.runs(&v)
	m.margins(&v)
	m.load(&v)
	m.sameWeekday(&v, c)
	m.calendar(&v, c)
	upstream(&v, c)
	return v
}

// rates sets the features that are shares of misses: exponential averages, the share of
// the weekday, and the share after the same last two outcomes (a Markov chain).
func (m *Model) rates(v *Vector, c Context) {
	v[SlowRate] = logit(clamp(m.slow, .01, .99)) / 2
	v[FastRate] = logit(clamp(m.fast, .02, .98)) / 2
	v[WeekdayRate] = m.weekday[c.Deadline.Weekday()].logit(m.slow) - v[SlowRate]*2
	v[Unexpected] = m.unexpected * 2
	v[ChainRate] = m.chain[m.state()].logit(m.slow) / 2
}

// runs sets the features of single outcomes and of runs of them: misses, periods
// without an arrival, and periods since the last miss.
func (m *Model) runs(v *Vector) {
	n := len(m.history)
	v[LastMissed], v[LastWeekMissed] = math.NaN(), math.NaN()
	if n > 0 {
		v[LastMissed] = indicator(m.history[n-1].missed())
	}
	if n >= 7 {
		v[LastWeekMissed] = indicator(m.history[n-7].missed())
	}
	missed, nothing, onTime := 0, 0, 0
	for missed < n && m.history[n-1-missed].missed() {
		missed++
	}
	for nothing < n && math.IsNaN(m.history[n-1-nothing].margin) {
		nothing++
	}
	for onTime < n && !m.history[n-1-onTime].missed() {
		onTime++
	}
	v[MissRun] = math.Log1p(float64(missed))
	v[NothingRun] = math.Log1p(float64(nothing))
	v[SinceMiss] = math.Log1p(float64(onTime)) / 2
}

// margins sets the features of the distance between arrivals and deadlines. Their
// scale, asinh of ten minutes, suits margins of minutes and of hours.
func (m *Model) margins(v *Vector) {
	for _, i := range []int{UsualMargin, LastMargin, MarginTrend, MarginSpread, Forecast} {
		v[i] = math.NaN()
	}
	recent := m.recentMargins(14)
	if len(recent) < 5 {
		return
	}
	usual, spread := median(recent), math.Max(deviation(recent), 5)
	v[UsualMargin] = asinh10(usual)
	v[LastMargin] = asinh10(recent[len(recent)-1])
	v[MarginSpread] = math.Log(spread/30) / 2
	k := len(recent)
	v[MarginTrend] = clamp((median(recent[max(0, k-3):])-median(recent[max(0, k-10):]))/spread, -2, 2)
	v[Forecast] = m.forecast(recent)
}

func asinh10(minutes float64) float64 { return math.Asinh(minutes/10) / 3 }

// forecast returns the logit of the share of recent arrivals after the deadline. Each
// arrival is smoothed by a small kernel, and newer ones weigh more.
func (m *Model) forecast(margins []float64) float64 {
	width := math.Max(deviation(margins)/2, 5)
	total, late, w := 0.0, 0.0, 1.0
	for i := len(margins) - 1; i >= 0; i-- {
		total += w
		late += w * logistic(1.7*margins[i]/width)
		w *= .85
	}
	return logit(clamp(late/total, .01, .99)) / 2
}

// sameWeekday sets the features of the same weekday: its usual margin, and its share of
// misses, in which the latest weigh most.
func (m *Model) sameWeekday(v *Vector, c Context) {
	var margins []float64
	missed, n := 0.0, 0.0
	for _, p := range m.history {
		if p.deadline.Weekday() != c.Deadline.Weekday() {
			continue
		}
		n = n*.6 + 1
		missed = missed*.6 + indicator(p.missed())
		if !math.IsNaN(p.margin) {
			margins = append(margins, p.margin)
		}
	}
	v[WeekdayMargin] = math.NaN()
	if k := len(margins); k >= 3 {
		v[WeekdayMargin] = asinh10(median(margins[max(0, k-5):]))
	}
	v[WeekdayLast] = logit(clamp((missed+.5*m.slow+.05)/(n+.6), .01, .99))/2 - v[SlowRate]
}

// load sets the features that compare the last load with those before it.
func (m *Model) load(v *Vector) {
	v[VolumeChange] = lastAgainst(m.history, func(p period) float64 { return p.volume })
	v[DurationTrend] = lastAgainst(m.history, func(p period) float64 { return p.duration })
}

// lastAgainst returns the last of ten values minus the median of the others. It is NaN
// if the last value is unknown, or fewer than four others are known.
func lastAgainst(history []period, value func(period) float64) float64 {
	n := len(history)
	if n == 0 {
		return math.NaN()
	}
	var before []float64
	for _, p := range history[max(0, n-10) : n-1] {
		if x := value(p); !math.IsNaN(x) {
			before = append(before, x)
		}
	}
	if len(before) < 4 {
		return math.NaN()
	}
	return clamp(value(history[n-1])-median(before), -2, 2)
}

func (m *Model) calendar(v *Vector, c Context) {
	d := c.Deadline
	v[Weekend] = indicator(d.Weekday() == time.Saturday || d.Weekday() == time.Sunday)
	v[YearEnd] = indicator(d.Month() == time.December && d.Day() >= 23 || d.Month() == time.January && d.Day() <= 2)
	v[MonthEnd] = indicator(d.AddDate(0, 0, 1).Day() == 1)
	v[Holiday] = indicator(c.Holiday)
	if n := len(m.history); n > 0 {
		v[Gap] = math.Log(clamp(d.Sub(m.history[n-1].deadline).Hours()/24, 1, 7))
	}
}

// upstream sets the features of the datasets it depends on to the worst of them, and
// those of the present load.
func upstream(v *Vector, c Context) {
	v[UpstreamRisk], v[UpstreamLate] = math.NaN(), math.NaN()
	for _, u := range c.Upstreams {
		v[UpstreamLate] = larger(v[UpstreamLate], math.Log1p(math.Max(0, u.Late.Minutes())/30))
		if u.Risk.Finite() {
			v[UpstreamRisk] = larger(v[UpstreamRisk], clamp(u.Risk.Float64(), 0, 1))
		}
	}
	v[AnomalyScore] = c.Anomaly.Float64()
	v[LoadRetries] = math.Log1p(math.Max(0, c.Retries.Float64()))
	if c.Retries.Absent() {
		v[LoadRetries] = math.NaN()
	}
}

// larger returns the maximum. It ignores an a that is NaN.
func larger(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	return math.Max(a, b)
}
