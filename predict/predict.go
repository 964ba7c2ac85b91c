// Package predict estimates the risk that a dataset misses its next deadline. A [Model]
// is an online Bayesian logistic regression of one dataset. It starts from coefficients
// pooled over many feeds, and uses the empirical survival of arrivals while a period is
// open. A [Tracker] follows a dataset from load to load and teaches its model. The
// package reads no clock and does no I/O, and a risk depends only on outcomes learned
// before. Begin with tracker.go, then model.go and features.go.
package predict

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Context is what is known about a period before its outcome. The zero value of every
// field but Deadline means unknown, and does not change the risk.
type Context struct {
	Deadline time.Time // in the dataset's time zone, which decides the weekday
	Holiday  bool      // the day of the deadline is a holiday

	Upstreams []Upstream      // present state of the datasets that this one depends on
	Anomaly   sentinel.Number // largest anomaly score of the dataset's checks since the last outcome, 0 to 1
	Retries   sentinel.Number // failed attempts of the present load
}

// Upstream is the state of one dataset that another one depends on.
type Upstream struct {
	Name string
	Risk sentinel.Number // probability that it misses its own deadline, 0 to 1; absent if unknown
	Late time.Duration   // time since its own missed deadline; 0 if it is not late
}

// Outcome is the outcome of a period.
type Outcome struct {
	Arrival  time.Time       // first arrival of the period's data; zero if none came
	Volume   sentinel.Number // rows loaded; absent if unknown
	Duration time.Duration   // duration of the load; 0 if unknown
	Warned   time.Time       // when the warning that stood at the deadline was raised; zero if none was
}

// Missed reports whether the data arrived after the deadline or not at all. An arrival
// at the deadline is on time.
func (o Outcome) Missed(deadline time.Time) bool {
	return o.Arrival.IsZero() || o.Arrival.After(deadline)
}

// period is one remembered outcome.
type period struct {
	deadline time.Time
	margin   float64 // minutes from the deadline to the arrival; NaN if nothing arrived
	volume   float64 // log1p of the rows; NaN if unknown
	duration float64 // log of the seconds; NaN if unknown
}

func (p period) missed() bool { return math.IsNaN(p.margin) || p.margin > 0 }

func newPeriod(c Context, o Outcome) period {
	p := period{deadline: c.Deadline, margin: math.NaN(), volume: math.NaN(), duration: math.NaN()}
	if !o.Arrival.IsZero() {
		p.margin = o.Arrival.Sub(c.Deadline).Minutes()
	}
	if o.Volume.Finite() && o.Volume.Float64() >= 0 {
		p.volume = math.Log1p(o.Volume.Float64())
	}
	if o.Duration > 0 {
		p.duration = math.Log(o.Duration.Seconds())
	}
	return p
}

func logit(p float64) float64    { return math.Log(p / (1 - p)) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func clamp(x, low, high float64) float64 { return math.Max(low, math.Min(high, x)) }

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
