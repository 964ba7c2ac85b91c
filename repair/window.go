package repair

import (
	"strings"
	"time"
)

// Window tells which part of the table the failed check found bad: from is
// included, to is not. bucket is the length of a part that the check gives the
// begin of: hour, day, week or month.
func (why Trigger) Window(bucket string) (from, to time.Time, err error) {
	loc := why.Location
	if loc == nil {
		loc = time.UTC
	}
	if _, label, ok := strings.Cut(why.Incident.Key, "missing_partition:"); ok {
		for _, layout := range []string{"2006-01-02 15:04 MST", "2006-01-02", "2006-01"} {
			from, err = time.ParseInLocation(layout, strings.TrimPrefix(label, "the week of "), loc)
			if err == nil {
				return from, windowEnd(bucket, from), nil
			}
		}
		return from, to, Refuse("%q is no date", label)
	}
	for _, o := range why.Result.Observations {
		if o.Metric == "row_count" && !o.Bucket.IsZero() {
			from = o.Bucket.In(loc)
			return from, windowEnd(bucket, from), nil
		}
	}
	return from, to, &RefusedError{"the check does not tell which window is bad: " +
		"use row_count with `bucket:` or `expected_partitions:`"}
}

func windowEnd(bucket string, from time.Time) time.Time {
	switch bucket {
	case "hour":
		return from.Add(time.Hour)
	case "week":
		return from.AddDate(0, 0, 7)
	case "month":
		return from.AddDate(0, 1, 0)
	}
	return from.AddDate(0, 0, 1)
}
