package checks

import (
	"errors"
	"fmt"
)

// Change holds a count against the same check's past.
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
	case "":
		c.Against = "previous"
	case "same_day_last_week":
		c.Against = "same_weekday"
	case "avg":
		c.Against = "average"
	case "previous", "average", "same_weekday":
	default:
		return fmt.Errorf("change: against: unknown word %q: want previous, average or same_weekday", c.Against)
	}
	if c.Over == 0 {
		c.Over = 7
	}
	switch {
	case c.Over < 1 || c.Over > 366:
		return errors.New("change: over: want 1 to 366 points")
	case !c.Warn.Set() && !c.Fail.Set():
		return errors.New("change: set warn or fail, such as fail: \"< -50%\"")
	}
	return nil
}

func (p *Partitions) validate() error {
	if p == nil {
		return nil
	}
	if p.Every == "" {
		p.Every = "day"
	}
	if p.Last == 0 {
		p.Last = 7
	}
	if p.Last < 1 || p.Last > 400 || p.Delay < 0 {
		return errors.New("expected_partitions: want last from 1 to 400, and a positive delay")
	}
	return p.Every.validate("expected_partitions: every")
}
