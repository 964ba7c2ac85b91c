package predict

import (
	"math"
	"time"
)

// recordSize is how many of the latest forecasts are kept to be judged.
const recordSize = 60

// forecast is one day-ahead forecast with what it is compared with.
type forecast struct {
	risk   float64
	base   float64 // expanding base rate of the dataset at the time
	recent float64 // rate of the 28 periods before
	missed bool
	lead   float64 // minutes from the early warning to the deadline; NaN without a warning
}

// record is how the model has done lately.
type record struct {
	latest []forecast // oldest first, at most recordSize
	misses float64    // ever
}

func lead(c Context, o Outcome) float64 {
	if o.Warned.IsZero() {
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

// off reports whether the regression has been clearly worse than the rate of
// 28 periods lately. The margin of a tenth keeps chance from switching it.
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

// Report is how the day-ahead forecasts of the last 30 outcomes turned out.
// Values that cannot be told yet are NaN.
type Report struct {
	Outcomes    int           // judged here, at most 30
	Misses      int           // of them
	Brier       float64       // mean squared error of the risk
	Skill       float64       // 1 - Brier / Brier of the expanding base rate
	Calibration float64       // expected calibration error over the bins of Reliability
	Warned      int           // misses an early warning was raised for
	Lead        time.Duration // median time from warning to deadline of those; 0 without any
	Reliability []Bin         // fixed fifths of the risk, empty ones left out
	Off         bool          // the regression does worse than the 28-period rate and that answers instead
}

// Bin is one line of a reliability table.
type Bin struct {
	Low, High float64 // bounds of the risk
	Count     int
	Risk      float64 // mean of the forecasts
	Missed    float64 // share that missed
}

// Report judges the forecasts of the last 30 outcomes.
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
		if f.missed && !math.IsNaN(f.lead) {
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
