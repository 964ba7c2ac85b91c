package predict

import (
	"math"
	"time"
)

// recordSize is the number of latest forecasts that a record keeps.
const recordSize = 60

// forecast is one day-ahead forecast, with the rates that it is compared with.
type forecast struct {
	risk   float64
	base   float64 // rate of misses over all outcomes at the time
	recent float64 // rate of misses in the 28 periods before
	missed bool
	lead   float64 // minutes from the early warning to the deadline, above 0; NaN without a warning
}

// record holds the latest forecasts of a model and their outcomes.
type record struct {
	latest []forecast // oldest first, at most recordSize
	misses float64    // number of misses over all outcomes
}

// lead returns the minutes from the early warning to the deadline. Without a warning, or
// with one that came no earlier than the deadline, it is NaN.
func lead(c Context, o Outcome) float64 {
	if o.Warned.IsZero() || !o.Warned.Before(c.Deadline) {
		return math.NaN()
	}
	return c.Deadline.Sub(o.Warned).Minutes()
}

func (r *record) add(f forecast) {
	r.latest = append(r.latest, f)
	if len(r.latest) > recordSize {
		r.latest = append(r.latest[:0], r.latest[1:]...)
	}
}

// off reports whether the regression is switched off, because its latest squared error
// is more than a tenth above that of the rate of 28 periods.
func (r *record) off() bool {
	if len(r.latest) < warmup {
		return false
	}
	model, recent := 0.0, 0.0
	for _, f := range r.latest {
		model += square(f.risk - indicator(f.missed))
		recent += square(f.recent - indicator(f.missed))
	}
	return model > 1.1*recent
}

func square(x float64) float64 { return x * x }

// Report holds the quality of the day-ahead forecasts of the last 30 outcomes. Values
// without data are NaN.
type Report struct {
	Outcomes    int           // number of outcomes in the report, at most 30
	Misses      int           // number of outcomes that missed the deadline
	Brier       float64       // mean squared error of the risk
	Skill       float64       // 1 - Brier / Brier of the rate of misses over all outcomes
	Calibration float64       // expected calibration error over the bins of Reliability
	Warned      int           // number of misses with a warning that was raised before the deadline and stood until then
	Lead        time.Duration // median time from those warnings to the deadline; 0 without a warning
	Reliability []Bin         // fifths of the risk that have forecasts
	Off         bool          // the regression is switched off; the rate of 28 periods replaces it
}

// Bin is one line of a reliability table.
type Bin struct {
	Low, High float64 // bounds of the risk
	Count     int     // number of forecasts
	Risk      float64 // mean of the forecasts
	Missed    float64 // share of misses
}

// Report returns the quality of the forecasts of the last 30 outcomes.
func (m *Model) Report() Report {
	latest := m.record.latest[max(0, len(m.record.latest)-30):]
	r := Report{Outcomes: len(latest), Off: m.record.off(), Reliability: reliability(latest)}
	n, base := float64(len(latest)), 0.0
	var leads []float64
	for _, f := range latest {
		y := indicator(f.missed)
		r.Brier += square(f.risk-y) / n
		base += square(f.base-y) / n
		r.Misses += int(y)
		if f.missed && f.lead > 0 { // a state of an earlier version may hold warnings that came too late
			leads = append(leads, f.lead)
		}
	}
	for _, b := range r.Reliability {
		r.Calibration += math.Abs(b.Risk-b.Missed) * float64(b.Count) / n
	}
	r.Skill = 1 - r.Brier/base
	if len(latest) == 0 {
		r.Brier, r.Skill, r.Calibration = math.NaN(), math.NaN(), math.NaN()
	}
	if r.Warned = len(leads); r.Warned > 0 {
		r.Lead = time.Duration(median(leads) * float64(time.Minute))
	}
	return r
}

func reliability(latest []forecast) []Bin {
	var bins [5]Bin
	for _, f := range latest {
		b := &bins[min(4, int(f.risk*5))]
		b.Count++
		b.Risk += f.risk
		b.Missed += indicator(f.missed)
	}
	var out []Bin
	for i, b := range bins {
		if b.Count == 0 {
			continue
		}
		n := float64(b.Count)
		out = append(out, Bin{Low: float64(i) / 5, High: float64(i+1) / 5, Count: b.Count, Risk: b.Risk / n,
			Missed: b.Missed / n})
	}
	return out
}
