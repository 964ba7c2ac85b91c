package repair

import (
	"cmp"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
)

// Window is the part of a table that a failed check found bad: the rows of the periods
// between From (included) and To (not included).
type Window struct {
	From, To time.Time

	periods schedule.Periods
}

// Walls returns the bounds as UTC times, for a column whose values have no zone.
func (w Window) Walls() (from, to time.Time) {
	from, _ = w.periods.Walls(w.From)
	to, _ = w.periods.Walls(w.To)
	return from, to
}

// Window returns the part of the table that the failed check found bad. bucket is the
// length of the part: hour, day, week or month; empty means day. With wallClock the
// column has no zone, and an hour that the clock shows twice is one part.
func (trigger Trigger) Window(bucket string, wallClock bool) (Window, error) {
	p := schedule.Periods{
		Unit: schedule.Unit(cmp.Or(bucket, string(schedule.Day))), Zone: trigger.Location, WallClock: wallClock,
	}
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	if _, label, ok := strings.Cut(trigger.Incident.Key, "missing_partition:"); ok {
		start, err := labelled(p, label)
		if err != nil {
			return Window{}, err
		}
		return Window{start.In(p.Zone), p.Next(start).In(p.Zone), p}, nil
	}
	for _, o := range trigger.Result.Observations {
		if o.Metric == "row_count" && !o.Bucket.IsZero() {
			start := p.Start(o.Bucket)
			return Window{start.In(p.Zone), p.Next(start).In(p.Zone), p}, nil
		}
	}
	return Window{}, &RefusedError{Why: "the check does not report which window is bad: " +
		"use row_count with `bucket:` or `expected_partitions:`"}
}

// labelled returns the first instant of the period that has a label.
func labelled(p schedule.Periods, label string) (time.Time, error) {
	text := strings.TrimPrefix(label, "the week of ")
	for _, layout := range []string{"2006-01-02 15:04", time.DateOnly, "2006-01"} {
		wall, err := time.Parse(layout, text[:min(len(layout), len(text))])
		if err != nil {
			continue
		}
		// An hour that comes twice has a label for each pass.
		for start := p.StartOfWall(wall); !start.After(wall.Add(26 * time.Hour)); start = p.Next(start) {
			if p.Label(start) == label {
				return start, nil
			}
		}
		return time.Time{}, Refuse("%q is no date that begins a %s: set `bucket:` to what the check has", label, p.Unit)
	}
	return time.Time{}, Refuse("%q is no date", label)
}
