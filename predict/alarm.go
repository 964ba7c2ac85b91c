package predict

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Alarm is the early warning of one dataset with hysteresis: it is raised when
// the risk reaches Raise and cleared when it falls below Clear, so that a risk
// near the threshold does not flap. A new deadline starts anew. It is not safe
// for concurrent use.
type Alarm struct {
	Raise    float64   // such as 0.8
	Clear    float64   // at most Raise, such as 0.6
	Since    time.Time // when it was raised, for [Outcome].Warned; zero while it is not
	Deadline time.Time // of the period it speaks of
}

// Update takes in a risk and reports whether the alarm was raised or cleared
// by it. A deadline other than the last one's clears silently first.
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
