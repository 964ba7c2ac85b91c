package predict

import (
	"math"
	"time"
)

// The features of a period, as indexes of a [Vector]. Each has 0 as its neutral value,
// and is scaled to about one unit.
const (
	Bias = iota
	Arrivals
	SlowRate
	FastRate
	WeekdayRate
	MissRun
	NothingRun
	VolumeChange
	YearEnd
	Holiday
	Gap
	UpstreamRisk
	UpstreamLate
	AnomalyScore
	LoadRetries
	DurationTrend
	FeatureCount // number of features
)

// FeatureNames holds the names of the features, as reports write them.
var FeatureNames = [FeatureCount]string{
	"bias", "arrivals", "slow_rate", "fast_rate", "weekday_rate", "miss_run", "nothing_run", "volume_change",
	"year_end", "holiday", "gap", "upstream_risk", "upstream_late", "anomaly_score",
	"load_retries", "duration_trend",
}

// Raising marks the features whose coefficients are never below 0: more misses never lower a risk, and fewer never
// raise it.
var Raising = [FeatureCount]bool{
	Arrivals: true, SlowRate: true, FastRate: true, WeekdayRate: true, MissRun: true, NothingRun: true,
	UpstreamRisk: true, UpstreamLate: true, AnomalyScore: true, LoadRetries: true,
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
	v[Arrivals] = logit(clamp(m.outlook(c.Deadline).survival(0), .002, .998))
	m.load(&v)
	m.calendar(&v, c)
	upstream(&v, c)
	return v
}

// rates sets the features that are shares of misses: exponential averages, and how far the latest periods of the same
// weekday are above them.
func (m *Model) rates(v *Vector, c Context) {
	slow := clamp(m.slow, .01, .99)
	v[SlowRate] = logit(slow) / 2
	v[FastRate] = logit(clamp(m.fast, .02, .98)) / 2
	const keep, prior = .7, 1
	missed, n := 0.0, 0.0
	for _, p := range m.history {
		if p.deadline.Weekday() == c.Deadline.Weekday() {
			missed, n = keep*missed+indicator(p.missed()), keep*n+1
		}
	}
	v[WeekdayRate] = (logit((missed+prior*slow)/(n+prior)) - logit(slow)) / 2
}

// runs sets the features of the misses, and of the periods without an arrival, up to now.
func (m *Model) runs(v *Vector) {
	n := len(m.history)
	missed := 0
	for missed < n && m.history[n-1-missed].missed() {
		missed++
	}
	v[MissRun] = math.Log1p(float64(missed))
	v[NothingRun] = math.Log1p(float64(nothingRun(m.history)))
}

// nothingRun counts the last periods without an arrival.
func nothingRun(history []period) int {
	n := 0
	for n < len(history) && math.IsNaN(history[len(history)-1-n].margin) {
		n++
	}
	return n
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
	v[YearEnd] = indicator(d.Month() == time.December && d.Day() >= 23 || d.Month() == time.January && d.Day() <= 2)
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
