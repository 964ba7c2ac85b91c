package checks

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
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
	for field, b := range map[string]Bound{"warn": c.Warn, "fail": c.Fail} {
		if b.Set() && !b.Percent {
			return settings.Wrong("change."+field, "want a change in percent, such as \"%s%%\"", b)
		}
	}
	return nil
}

// onlyDrops reports whether no growth is bad.
func (c *Change) onlyDrops() bool {
	for _, b := range []Bound{c.Warn, c.Fail} {
		if b.Set() && !(b.Op == "<" || b.Op == "<=") || b.Set() && b.Low.Cmp(sentinel.Int(0)) > 0 {
			return false
		}
	}
	return true
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

// reference returns the value to compare with, and its name.
func (c *Change) reference(
	past []sentinel.Point, at time.Time, bucket Period, loc *time.Location,
) (v float64, words string, ok bool) {
	switch c.Against {
	case "average":
		words = fmt.Sprintf("the average of the last %d", c.Over)
		if len(past) < c.Over {
			return 0, words, false
		}
		for _, p := range past[len(past)-c.Over:] {
			v += p.Value / float64(c.Over)
		}
		return v, words, true
	case "same_weekday":
		words = "the same day last week"
		want := at.In(loc).AddDate(0, 0, -7)
		slack := 12 * time.Hour
		if bucket == "hour" {
			slack = 30 * time.Minute
		}
		best := slack
		for _, p := range past {
			if off := p.Time.Sub(want).Abs(); off <= best {
				best, v, ok = off, p.Value, true
			}
		}
		return v, words, ok
	}
	if len(past) == 0 {
		return 0, "the previous value", false
	}
	return past[len(past)-1].Value, "the previous value", true
}

// series completes a series with the part of its history that Change needs. The past of many
// segments is read, so it is kept short.
func (c *Change) series(t Target, s Series, segments bool) Series {
	s.Since, s.Limit = t.Tick.AddDate(0, 0, -400), 10000
	switch {
	case !segments || c == nil:
	case c.Against == "same_weekday":
		s.Since = t.Tick.AddDate(0, 0, -16)
	default:
		s.Limit = c.Over + 100 // some may be labelled as bad
	}
	return s
}

// changePast says where the past of a number is that Change compares it with.
type changePast struct {
	target Target
	series Series
	bucket Period // "": the number is one of the tick
	counts bool   // the number is a count
}

// judge compares a number with its past, of which it is not a part. wait says what is missing
// if the past is too short.
func (c *Change) judge(of changePast, o sentinel.Observation, what string) (f sentinel.Finding, bad bool, wait string) {
	at := o.Bucket
	if at.IsZero() {
		at = of.target.Tick
	}
	past := slices.DeleteFunc(slices.Clone(of.target.Known.History[of.series]),
		func(p sentinel.Point) bool { return p.Bad || !p.Time.Before(at) })
	reference, words, ok := c.reference(past, at, of.bucket, of.target.zone())
	if !ok {
		return f, false, fmt.Sprintf("learning: no value to compare with yet (%s)", words)
	}
	if reference == 0 && o.Value.Cmp(sentinel.Int(0)) > 0 && c.onlyDrops() {
		return f, false, "" // whatever it has grown by is no drop
	}
	if reference == 0 {
		return f, false, fmt.Sprintf("%s is 0: no percentage of it", words)
	}
	percent := (o.Value.Float64() - reference) / math.Abs(reference) * 100
	percent = max(-math.MaxFloat64, min(percent, math.MaxFloat64)) // an infinite one would be within any bound
	change := sentinel.Float(math.Round(percent*100) / 100)
	if !change.Finite() {
		change = sentinel.Float(percent)
	}
	shown := sentinel.Float(reference)
	if of.counts || reference == math.Trunc(reference) && math.Abs(reference) < 1<<53 {
		shown = sentinel.Int(int64(math.Round(reference)))
	}
	text := fmt.Sprintf("%s, %s against %s (%s)", what, percentText(percent), words, groupDigits(shown))
	f, bad = against(sentinel.ChangeKey, text, change, c.Warn, c.Fail)
	return f, bad, ""
}

// percentText writes a change: +12.5%. A very large one has an exponent.
func percentText(percent float64) string {
	if math.Abs(percent) >= 1e9 {
		return fmt.Sprintf("%+.3g%%", percent)
	}
	return fmt.Sprintf("%+.1f%%", percent)
}
