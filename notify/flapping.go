package notify

import (
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// An incident flaps once flapOpenings of its episodes began within flapWindow. Then people
// are notified of that alone, until it has been good, or bad, for FlapSettle without a break.
const (
	flapOpenings = 3
	flapWindow   = time.Hour
	FlapSettle   = 30 * time.Minute
)

// CountOpening notes that an episode of an incident begins, and finds out whether it flaps.
func CountOpening(i sentinel.Incident, at time.Time) sentinel.Incident {
	i.Openings = append(slices.Clone(i.Openings), at)
	i.Openings = i.Openings[max(0, len(i.Openings)-flapOpenings):]
	if i.Flapping.On() {
		i.Flapping.Count++
		i.Flapping.Latest = at
		return i
	}
	i.Told = nil
	if first := i.Openings[0]; len(i.Openings) == flapOpenings && at.Sub(first) <= flapWindow {
		i.Flapping = sentinel.Flapping{Since: first, Count: flapOpenings, Latest: at}
	}
	return i
}

// Settle ends the flapping of an incident that has been good or bad for long enough at now.
// It reports whether it did. The note says how it ended.
func Settle(i sentinel.Incident, now time.Time) (_ sentinel.Incident, settled bool) {
	since, is := i.Flapping.Latest, "bad"
	if i.State == sentinel.Resolved {
		since, is = i.Resolved, "good"
	}
	if !i.Flapping.On() || now.Sub(since) <= FlapSettle {
		return i, false
	}
	i.Note = fmt.Sprintf("it flapped (bad %d times since %s), and has been %s since %s",
		i.Flapping.Count, i.Flapping.Since.UTC().Format("15:04 UTC"), is, since.UTC().Format("15:04 UTC"))
	i.Flapping, i.Openings = sentinel.Flapping{}, nil
	return i, true
}

// remembered notes what people are notified of an incident. While nobody is notified of it, it
// is not noted.
func remembered(i sentinel.Incident) sentinel.Incident {
	switch i.State {
	case sentinel.Resolved, sentinel.Suppressed, sentinel.Repairing, sentinel.Verifying:
		return i
	case sentinel.Escalated:
		i.Flapping.Escalated = i.Flapping.On()
	}
	if !known(i, i.Told) {
		told := sentinel.Told{Severity: i.Severity, Tier: i.Tier, Monitor: i.Monitor}
		i.Told = append(slices.Clone(i.Told), told)
	}
	return i
}
