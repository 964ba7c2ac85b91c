package notify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Flaps says when an incident flaps: once some of its episodes began within some time. Then
// people are notified of that alone, until it has been good, or bad, for the time to settle
// without a break. The zero value has the defaults.
type Flaps struct {
	Openings int           `yaml:"openings" default:"3" doc:"Episodes that make an incident flap, 2 to 20."`
	Within   time.Duration `yaml:"within" default:"1h" doc:"Time in which they begin."`
	Settle   time.Duration `yaml:"settle" default:"30m" doc:"Time without a change that ends it. What comes back within it is the same incident."`
}

// Validate completes the value and checks it.
func (f *Flaps) Validate() error {
	const want = "want a time from 1m to 7d, such as 1h"
	within := func(d time.Duration) bool { return d >= time.Minute && d <= 7*24*time.Hour }
	switch err := settings.Complete(f); {
	case err != nil:
		return err
	case f.Openings < 2 || f.Openings > 20:
		return settings.Wrong("openings", "want 2 to 20 episodes")
	case !within(f.Within):
		return settings.Wrong("within", want)
	case !within(f.Settle):
		return settings.Wrong("settle", want)
	}
	return nil
}

var defaultFlaps = settings.Default[Flaps]()

// OrDefault returns the defaults in place of the zero value.
func (f Flaps) OrDefault() Flaps { return cmp.Or(f, defaultFlaps) }

// CountOpening notes that an episode of an incident begins, and finds out whether it flaps.
func (f Flaps) CountOpening(i sentinel.Incident, at time.Time) sentinel.Incident {
	f = f.OrDefault()
	i.Openings = append(slices.Clone(i.Openings), at)
	i.Openings = i.Openings[max(0, len(i.Openings)-f.Openings):]
	if i.Flapping.On() {
		i.Flapping.Count++
		i.Flapping.Latest = at
		return i
	}
	i.Told = nil
	if first := i.Openings[0]; len(i.Openings) == f.Openings && at.Sub(first) <= f.Within {
		i.Flapping = sentinel.Flapping{Since: first, Count: f.Openings, Latest: at}
	}
	return i
}

// End ends the flapping of an incident that has been good or bad for long enough at now. It
// reports whether it did. The note says how it ended.
func (f Flaps) End(i sentinel.Incident, now time.Time) (_ sentinel.Incident, ended bool) {
	since, is := i.Flapping.Latest, "bad"
	if i.State == sentinel.Resolved {
		since, is = i.Resolved, "good"
	}
	if !i.Flapping.On() || now.Sub(since) <= f.OrDefault().Settle {
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
