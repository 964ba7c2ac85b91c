package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// lookBack is the span of a table's past that a new check reads, by length of bucket.
// It suffices for the detector's profiles.
var lookBack = map[Period]time.Duration{
	"hour":  8 * 7 * 24 * time.Hour,
	"day":   26 * 7 * 24 * time.Hour,
	"week":  26 * 7 * 24 * time.Hour,
	"month": 26 * 7 * 24 * time.Hour,
}

// wantsPast reports whether the check has no stored history yet, and can read it from
// the table.
func (c *RowCount) wantsPast(t Target) bool { return t.Known.New && c.hasPast() }

// hasPast reports whether the past counts can be read from the table.
func (c *RowCount) hasPast() bool { return c.Anomaly != nil && c.Bucket != "" }

// askPast counts the past buckets in one GROUP BY over a bounded window. It
// groups by quarters of an hour, which fit every time zone.
func (c *RowCount) askPast(t Target) Ask {
	to, _ := c.closed(t)
	periods := c.periods(t, c.Bucket)
	from := periods.Start(to.Add(-lookBack[c.Bucket]))
	return Ask{Key: askPast, Groups: &Groups{Every: grain, Where: c.Where, Limit: maxGrains,
		Window: c.between(t, t.Known.Relation, periods, from, to)}}
}

// pastUnread says that the past could not be read from the table, so that a detector learns
// from now on; "" if it could.
func pastUnread(got Answer) string {
	const message = "the table's past could not be read"
	switch {
	case got.Err != nil:
		return message + " (" + oneLine(sentinel.Clip(got.Err.Error())) + ")"
	case got.beyond() > 0:
		return message + " (too many groups)"
	}
	return ""
}

// past returns the counts of the buckets before the one that is judged, oldest first. It
// begins with the first bucket that has rows. Later buckets without rows count as 0.
func (c *RowCount) past(t Target, got Answer) (out []sentinel.Observation) {
	if got.Err != nil || got.beyond() > 0 {
		return nil // the detector learns from now on
	}
	periods := c.periods(t, c.Bucket)
	counts := c.perBucket(t, got, periods)
	if len(counts) == 0 {
		return nil
	}
	end, _ := c.closed(t)
	at := end
	for b := range counts {
		if b.Before(at) {
			at = b
		}
	}
	for ; at.Before(end); at = periods.Next(at) {
		out = append(out, sentinel.Observation{Metric: "row_count", Bucket: at,
			Value: sentinel.Int(counts[at.UTC()])})
	}
	return out
}
