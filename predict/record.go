package predict

import (
	"math"
	"time"
)

// recordSize is the number of latest forecasts that a record keeps.
const recordSize = 60

// Leads are the times before the deadline at which the quality of risks is judged. At 0, the first, it is that of the
// day-ahead risk.
var Leads = [...]time.Duration{0, time.Hour, 20 * time.Minute, 10 * time.Minute}

// forecast is the risks of one period at the leads, with the rates that they are compared with.
type forecast struct {
	at     [len(Leads)]given
	recent float64 // rate of misses in the 28 periods before
	missed bool
	lead   float64 // minutes from the early warning to the deadline, above 0; NaN without a warning
}

// given is a risk that was given, and the rate of misses, at the time, over all periods that were open at that lead. Both
// are NaN for a period that was not.
type given struct{ Risk, Base float64 }

// record holds the latest forecasts of a model and their outcomes.
type record struct {
	latest []forecast // oldest first, at most recordSize
	misses float64    // number of misses over all outcomes
	open   [len(Leads)]openCounts
}

// openCounts counts all periods that were open at a lead, and the misses among them.
type openCounts struct{ Open, Missed float64 }

// forecast returns the risks of a period that has ended, as they were without its outcome.
func (m *Model) forecast(c Context, o Outcome) forecast {
	f := forecast{recent: m.rate28(), missed: o.Missed(c.Deadline), lead: lead(c, o)}
	for i, lead := range Leads {
		n := m.record.open[i]
		base := (n.Missed + 1) / (n.Open + 2)
		switch at := c.Deadline.Add(-lead); {
		case i == 0:
			f.at[i] = given{m.DayAhead(c), base}
		case o.Arrival.IsZero() || o.Arrival.After(at):
			f.at[i] = given{m.Probability(c, at), base}
		default:
			f.at[i] = given{math.NaN(), math.NaN()}
		}
	}
	return f
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
	for i, g := range f.at {
		if !math.IsNaN(g.Risk) {
			r.open[i].Open++
			r.open[i].Missed += indicator(f.missed)
		}
	}
	r.latest = append(r.latest, f)
	if len(r.latest) > recordSize {
		r.latest = append(r.latest[:0], r.latest[1:]...)
	}
}

// off reports whether the model is switched off, because its latest squared error
// is more than a tenth above that of the rate of 28 periods.
func (r *record) off() bool {
	if len(r.latest) < warmup {
		return false
	}
	model, recent := 0.0, 0.0
	for _, f := range r.latest {
		model += square(f.at[0].Risk - indicator(f.missed))
		recent += square(f.recent - indicator(f.missed))
	}
	return model > 1.1*recent
}

func square(x float64) float64 { return x * x }

// Report holds the quality of the day-ahead forecasts of the last 30 outcomes. Values
// without data are NaN.
type Report struct {
	Outcomes    int     // number of outcomes in the report, at most 30
	Misses      int     // number of outcomes that missed the deadline
	Brier       float64 // mean squared error of the risk
	Skill       float64 // 1 - Brier / Brier of the rate of misses over all outcomes
	ByLead      [len(Leads)]Quality
	Calibration float64       // expected calibration error over the bins of Reliability
	Warned      int           // number of misses with a warning that was raised before the deadline and stood until then
	Lead        time.Duration // median time from those warnings to the deadline; 0 without a warning
	Reliability []Bin         // fifths of the risk that have forecasts
	Off         bool          // the model is switched off; the rate of 28 periods replaces it
}

// Quality is how good the risks at one lead were, of the periods that were open then.
type Quality struct {
	Open, Missed int
	Squares      float64 // sum of the squared errors of the risk
	Base         float64 // the same of the rate of misses over all periods open at that lead
}

// Skill returns 1 - Squares / Base; NaN without periods.
func (q Quality) Skill() float64 { return 1 - q.Squares/q.Base }

// Add adds the periods of another dataset.
func (q *Quality) Add(other Quality) {
	q.Open += other.Open
	q.Missed += other.Missed
	q.Squares += other.Squares
	q.Base += other.Base
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
	n := float64(len(latest))
	var leads []float64
	for _, f := range latest {
		y := indicator(f.missed)
		for i, g := range f.at {
			if !math.IsNaN(g.Risk) {
				r.ByLead[i].Add(Quality{1, int(y), square(g.Risk - y), square(g.Base - y)})
			}
		}
		r.Misses += int(y)
		if f.missed && f.lead > 0 { // a state of an earlier version may hold warnings that came too late
			leads = append(leads, f.lead)
		}
	}
	for _, b := range r.Reliability {
		r.Calibration += math.Abs(b.Risk-b.Missed) * float64(b.Count) / n
	}
	r.Brier, r.Skill = r.ByLead[0].Squares/n, r.ByLead[0].Skill()
	if len(latest) == 0 {
		r.Brier, r.Calibration = math.NaN(), math.NaN()
	}
	if r.Warned = len(leads); r.Warned > 0 {
		r.Lead = time.Duration(median(leads) * float64(time.Minute))
	}
	return r
}

func reliability(latest []forecast) []Bin {
	var bins [5]Bin
	for _, f := range latest {
		risk := f.at[0].Risk
		b := &bins[min(4, int(risk*5))]
		b.Count++
		b.Risk += risk
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
