package checks

import (
	"github.com/sentinel-dq/sentinel/settings"
)

// Change compares a count with the check's past.
type Change struct {
	Against string `yaml:"against" default:"previous" enum:"previous,average,same_weekday,same_day_last_week,avg" doc:"Past value to compare with."`
	Over    int    `yaml:"over" default:"7" doc:"Points of an average, 1 to 366."`
	Warn    Bound  `yaml:"warn" doc:"Change that warns, in percent: \"< -20%\"."`
	Fail    Bound  `yaml:"fail" doc:"Change that fails, in percent: \"< -50%\"."`
}

// Partitions names the buckets that must have rows.
type Partitions struct {
	Every Period   `yaml:"every" default:"day" doc:"Length of a bucket."`
	Last  int      `yaml:"last" default:"7" doc:"Closed buckets to look at, 1 to 400."`
	Delay Duration `yaml:"delay" doc:"A bucket closes this long after its end."`
}

func (c *Change) validate() error {
	if c == nil {
		return nil
	}
	switch c.Against {
	case "same_day_last_week":
		c.Against = "same_weekday"
	case "avg":
		c.Against = "average"
	}
	switch {
	case c.Over < 1 || c.Over > 366:
		return settings.Wrong("change.over", "want 1 to 366 points")
	case !c.Warn.Set() && !c.Fail.Set():
		return settings.Wrong("change", "set warn or fail, such as fail: \"< -50%%\"")
	}
	return nil
}

func (p *Partitions) validate() error {
	if p == nil {
		return nil
	}
	if p.Last < 1 || p.Last > 400 {
		return settings.Wrong("expected_partitions.last", "want 1 to 400 buckets")
	}
	return nil
}
