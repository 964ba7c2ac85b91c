// Package predict tells which dataset will miss its next deadline before it
// does: an online Bayesian logistic regression per dataset, started from
// coefficients pooled over many feeds, with the empirical survival of arrivals
// while a period is still open. It is pure: it reads no clock and does no I/O;
// every time is passed in, and a risk depends only on outcomes learned before.
package predict

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Context is what is known of one period before its outcome. The zero value of
// every optional field means unknown and contributes nothing to the risk.
type Context struct {
	Deadline time.Time // in the dataset's time zone: its location decides weekday and calendar
	Holiday  bool      // the caller's calendar says no usual working day

	Upstreams []Upstream      // what the dataset depends on, as seen now
	Anomaly   sentinel.Number // largest anomaly score of the dataset's checks since the last outcome, 0 to 1
	Retries   sentinel.Number // failed attempts of the load now under way
}

// Upstream is the state of one dataset this one depends on.
type Upstream struct {
	Name string
	Risk sentinel.Number // probability that it misses its own deadline, 0 to 1; absent when not known
	Late time.Duration   // how far it is past its own deadline; 0 when it is not
}

// Outcome is what became of a period.
type Outcome struct {
	Arrival  time.Time       // first arrival of the period's data; zero when none came
	Volume   sentinel.Number // rows loaded; absent when not known
	Duration time.Duration   // of the load; 0 when not known
	Warned   time.Time       // when an early warning of this period was raised; zero when none was
}

// Missed reports whether the outcome breaks the deadline: a later arrival, or
// none. An arrival at the very deadline is on time.
func (o Outcome) Missed(deadline time.Time) bool {
	return o.Arrival.IsZero() || o.Arrival.After(deadline)
}

// period is one remembered outcome, as small as it can be.
type period struct {
	deadline time.Time
	margin   float64 // minutes after the deadline, negative when early; NaN when nothing came
	volume   float64 // log1p rows; NaN when not known
	duration float64 // log seconds; NaN when not known
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
