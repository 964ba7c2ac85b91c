package predict

import (
	"math"
	"time"
)

// openCount is the number of features of an open period.
const openCount = 6

// openFeatures are what turns the day-ahead risk of a period into its risk
// while it is still open. Bayes' rule gives logit p' = logit p - log S when S
// is the survival of on-time arrivals, for a period that misses is open for
// certain; S is taken from a long and a short memory of arrivals, and the
// pooled coefficients of the rest correct what the estimates get wrong.
func (m *Model) openFeatures(day float64, left time.Duration) [openCount]float64 {
	long := -math.Log(m.Survival(left, 60))
	short := -math.Log(m.Survival(left, 7))
	waited := math.Max(long, short) / (1 + math.Max(long, short))
	return [openCount]float64{waited, logit(clamp(day, .001, .999)), long, short, long * short / (1 + long + short),
		waited * math.Log1p(left.Minutes()/30)}
}

// OpenFeatures are the features of [Prior].Open for fitting it: one row per
// period and lead before the deadline.
func (m *Model) OpenFeatures(c Context, left time.Duration) []float64 {
	v := m.openFeatures(m.DayAhead(c), left)
	return v[:]
}
