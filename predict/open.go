package predict

import (
	"math"
	"time"
)

// openCount is the number of features of an open period, see [Model.OpenFeatures].
const openCount = 8

// openFeatures returns the features that turn the regression's day-ahead risk of a period into its risk while it is
// open. A period that misses is certainly open, so Bayes' rule gives logit p' = logit p - log S, where S is the share of
// on-time arrivals that come later. S is that of today's outlook; the plain shares of the last 60 periods and of the last
// weeks may correct it. All features but the correction of the outlook's own risk grow while nothing comes.
func (m *Model) openFeatures(o *outlook, day float64, left time.Duration) [openCount]float64 {
	s0, sx := o.survival(0), o.survival(-left.Minutes())
	today := -math.Log(clamp((sx-s0)/(1-s0), 1e-4, 1))
	width := clamp(o.noise.scale/3, 3, 10)
	waited := 1 - math.Exp(-today)
	l := logit(clamp(day, .001, .999))
	own := logit(clamp(s0, .001, .999)) - l
	return [openCount]float64{waited, l, today, own,
		-math.Log(m.laterShare(left, width, 60)) - today,
		-math.Log(m.laterShare(left, width, 7)) - today,
		waited * own, waited * l,
	}
}

// OpenFeatures returns the features to fit [Prior].Open with: one row per period and
// time left until the deadline.
func (m *Model) OpenFeatures(c Context, left time.Duration) []float64 {
	v := m.openFeatures(m.outlook(c.Deadline), m.regressionRisk(c), left)
	return v[:]
}

// openRisk returns the risk by the regression of a period that is open so long before its deadline.
func (m *Model) openRisk(o *outlook, day float64, left time.Duration) float64 {
	v := m.openFeatures(o, day, left)
	return clamp(logistic(dot(m.prior.Open[:], v[:])), .001, .999)
}
