package predict

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Alarm is the early warning of one dataset, with hysteresis. It is raised when the
// risk reaches Raise, and cleared when the risk falls below Clear, so that a risk near
// the threshold does not flap. An Alarm is not safe for concurrent use.
type Alarm struct {
	Raise    float64   // probability at which the alarm is raised, such as 0.8
	Clear    float64   // probability below which it is cleared, such as 0.6; at most Raise
	Since    time.Time // when the alarm was raised; zero while it is not
	Deadline time.Time // deadline of the period of the last risk
}

// Update takes a risk and reports whether it raised or cleared the alarm. A risk of a
// new deadline first clears the alarm without a report.
func (a *Alarm) Update(r sentinel.Risk, now time.Time) (changed bool) {
	if !r.Deadline.Equal(a.Deadline) {
		a.Deadline, a.Since = r.Deadline, time.Time{}
	}
	switch on := !a.Since.IsZero(); {
	case !on && r.Probability >= a.Raise:
		a.Since = now
		return true
	case on && r.Probability < a.Clear:
		a.Since = time.Time{}
		return true
	}
	return false
}
