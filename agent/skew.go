package agent

import (
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// observe records whether the warehouse has answered, and the offset of its clock.
func (t *tickRun) observe(outcomes []checks.Outcome) {
	now := t.agent.now()
	for _, o := range outcomes {
		for i := range o.Results {
			r := &o.Results[i]
			t.duration = max(t.duration, r.Duration)
			if r.Evidence.AsOf.IsZero() {
				continue
			}
			t.up = true // also where the answer was an error of one statement
			if r.Status != sentinel.Error {
				t.skew = clockSkew(r.Evidence.AsOf, t.began, now)
			}
		}
	}
	t.answered = true
}

// clockSkew returns by how much a clock is ahead that showed shown at some time between from
// and to: the least that explains it.
func clockSkew(shown, from, to time.Time) time.Duration {
	switch {
	case shown.After(to):
		return shown.Sub(to)
	case shown.Before(from):
		return shown.Sub(from)
	}
	return 0
}
