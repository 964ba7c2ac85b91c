package predict

import (
	"math"
	"time"
)

// openCount is the number of features of an open period, see [Model.OpenFeatures].
const openCount = 6

// openFeatures returns the features that turn the day-ahead risk of a period into its
// risk while it is open. A period that misses is certainly open, so Bayes' rule gives
// logit p' = logit p - log S, where S is the survival of on-time arrivals. Two
// estimates of S use a long and a short memory. The other features correct the
// estimates by pooled coefficients.
func (m *Model) openFeatures(day float64, left time.Duration) [openCount]float64 {
	long := -math.Log(m.Survival(left, 60))
	short := -math.Log(m.Survival(left, 7))
	waited := math.Max(long, short) / (1 + math.Max(long, short))
	return [openCount]float64{waited, logit(clamp(day, .001, .999)), long, short, long * short / (1 + long + short),
		waited * math.Log1p(left.Minutes()/30)}
}

// OpenFeatures returns the features to fit [Prior].Open with: one row per period and
// time left until the deadline.
func (m *Model) OpenFeatures(c Context, left time.Duration) []float64 {
	v := m.openFeatures(m.DayAhead(c), left)
	return v[:]
}
