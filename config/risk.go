package config

import (
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
)

// Risk is the value of a dataset's `risk:`: the deadline of its next load, and the risk
// at which an early warning is raised.
type Risk struct {
	Deadline  string        `yaml:"deadline" doc:"06:00, or a cron expression. Default: that of the freshness check."`
	Grace     time.Duration `yaml:"grace" doc:"Time allowed after the deadline."`
	Holidays  string        `yaml:"holidays" doc:".ics or text file of days without a deadline."`
	Threshold *float64      `yaml:"threshold" default:"0.8" doc:"Probability of a miss that warns."`
	Clear     *float64      `yaml:"clear" doc:"A warning ends below this. Default: threshold - 0.2."`
	Horizon   time.Duration `yaml:"horizon" doc:"Warn only this long before the deadline."`
	Status    string        `yaml:"status" default:"warn" enum:"warn,fail" doc:"Result of a warning."`

	Check    int               `yaml:"-"` // index of the dataset's check that observes arrivals
	Schedule schedule.Schedule `yaml:"-"` // schedule of the deadlines; zero: Age applies
	Age      time.Duration     `yaml:"-"`
	Calendar Calendar          `yaml:"-"` // nil: no day is a holiday
}

// Calendar says which days have no deadline. [schedule.Calendar] is one, and so is a
// freshness check.
type Calendar interface {
	// Holiday reports whether the date of t, in t's own zone, has no deadline.
	Holiday(t time.Time) bool
}

// risk completes `risk:`. Without that key, a freshness check with `expected` suffices.
func (r *reader) risk(d Dataset, entry *datasetEntry) *Risk {
	e := entry.Risk
	if e.off {
		return nil
	}
	n := e.node
	out := e.value
	if out == nil {
		out = &Risk{}
	}
	out.Check = -1
	var fresh checks.DeadlineCheck
	for i, c := range d.Checks {
		f, ok := c.Check.(checks.DeadlineCheck)
		if ok && (fresh == nil || fresh.Deadline().Expected == "" && f.Deadline().Expected != "") {
			fresh, out.Check = f, i
		}
	}
	if n == nil && (fresh == nil || fresh.Deadline().Expected == "") {
		return nil
	}
	if fresh == nil && len(d.Checks) < len(entry.Checks) {
		return nil // the one that is meant may have a mistake
	}
	if err := out.complete(d, fresh, r.path); r.invalid(n, n, "risk", err) {
		return nil
	}
	return out
}

func (k *Risk) complete(d Dataset, fresh checks.DeadlineCheck, path func(string) string) error {
	if fresh == nil {
		const message = "%s has no freshness check, which measures when rows arrive: " +
			"add one, such as `- freshness: {fail: 26h}`"
		return settings.Wrong("", message, d.Table)
	}
	spec, deadline := k.Deadline, fresh.Deadline()
	if spec == "" {
		spec = deadline.Expected
		if k.Grace == 0 {
			k.Grace = deadline.Grace
		}
		k.Calendar = fresh
	}
	if hour, minute, found := strings.Cut(spec, ":"); found && !strings.Contains(spec, " ") {
		spec = minute + " " + hour + " * * *"
	}
	zone := d.Location
	if zone == nil {
		zone = time.UTC
	}
	var err error
	switch {
	case spec != "":
		if k.Schedule, err = schedule.Parse(spec, zone); err != nil {
			return settings.In("deadline", err)
		}
	case deadline.MaxAge > 0:
		k.Age = deadline.MaxAge
	default:
		return settings.Wrong("deadline", "say by when rows must have come, such as \"06:00\": "+
			"the freshness check has neither expected nor fail")
	}
	if k.Holidays != "" {
		calendar, err := schedule.LoadCalendar(path(k.Holidays))
		if err != nil {
			return settings.In("holidays", err)
		}
		k.Calendar = calendar
	}
	return k.bounds()
}

func (k *Risk) bounds() error {
	if err := settings.Complete(k); err != nil {
		return err
	}
	if k.Clear == nil {
		low := max(*k.Threshold-0.2, *k.Threshold/2)
		k.Clear = &low
	}
	switch {
	case *k.Threshold <= 0 || *k.Threshold >= 1:
		return settings.Wrong("threshold", "want a probability between 0 and 1, such as 0.8")
	case *k.Clear <= 0 || *k.Clear > *k.Threshold:
		return settings.Wrong("clear", "want a probability of at most the threshold, %g", *k.Threshold)
	}
	return nil
}
