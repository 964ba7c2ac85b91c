package notify

import (
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Quiet holds the maintenance windows, which are configured, and the silences, which
// people set. Checks continue meanwhile. Incidents that are still open afterwards are
// notified then.
type Quiet struct {
	Windows  []Window // validated
	Silences []Silence
}

// Suppressed says why nobody is notified of an incident at now: each of its open findings
// is in a window or silenced.
func (q Quiet) Suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	for _, part := range i.Parts() {
		if why, ok = q.finding(part, now); !ok {
			return "", false
		}
	}
	return why, ok
}

// finding says why nobody is notified of one finding, which the incident is narrowed to.
func (q Quiet) finding(i sentinel.Incident, now time.Time) (why string, ok bool) {
	for n := range q.Windows {
		if w := &q.Windows[n]; w.matches(i) && w.Active(now) {
			return "maintenance: " + w.Name, true
		}
	}
	for _, s := range q.Silences {
		if s.Suppresses(i, now) {
			return "silenced by " + s.Who + ": " + s.Why, true
		}
	}
	return "", false
}

// Window is a time in which nobody is notified.
type Window struct {
	Name    string `yaml:"name" doc:"Name for people. Default: window and its number."`
	Times   `yaml:",inline"`
	Dataset []string `yaml:"dataset" doc:"Tables that it holds for, with * and %. Default: all."`
	Tier    []string `yaml:"tier" enum:"critical,warning,info" doc:"Tiers that it holds for. Default: all."`
	Owner   []string `yaml:"owner" doc:"Owners that it holds for, with * and %. Default: all."`
	Tag     []string `yaml:"tag" doc:"Tags of the dataset of which one must match, with * and %. Default: any."`
}

func (w *Window) matches(i sentinel.Incident) bool {
	return matchTable(w.Dataset, i.Table) && matchAny(w.Tier, i.Tier) && matchAny(w.Owner, i.Owner) && matchTags(w.Tag, i.Tags)
}

// Validate reads the times; a window must be validated before it is used.
func (w *Window) Validate() error {
	if err := settings.Complete(w); err != nil {
		return err
	}
	if err := sentinel.CheckPatterns(w.Dataset...); err != nil {
		return settings.In("dataset", err)
	}
	return w.Times.Validate()
}
