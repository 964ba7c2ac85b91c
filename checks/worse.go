package checks

import (
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Worse returns the bad findings of a check after a change that it did not have before, or
// that are farther from what is expected. Both results are of one check. It returns none if
// either says nothing of the data, and none that the passing of time alone explains.
func Worse(before, after sentinel.Result) (worse []sentinel.Finding) {
	if !judged(before.Status) || !judged(after.Status) {
		return nil
	}
	for _, f := range after.Findings {
		if !f.Status.Bad() || aged(before, after, f.Key) {
			continue
		}
		i := slices.IndexFunc(before.Findings, func(b sentinel.Finding) bool { return b.Key == f.Key })
		switch {
		case i >= 0 && before.Findings[i].Status == sentinel.Unknown:
		case i < 0, f.Status.Worse(before.Findings[i].Status), fartherOff(before, after, before.Findings[i], f):
			worse = append(worse, f)
		}
	}
	return worse
}

func judged(s sentinel.Status) bool { return s != sentinel.Error && s != sentinel.Unknown }

// aged reports whether a finding is about the age of rows that are as new as before.
func aged(before, after sentinel.Result, key string) bool {
	if notOfAge(key) {
		return false
	}
	was, known := newestOf(before, sentinel.SegmentOf(key))
	is, still := newestOf(after, sentinel.SegmentOf(key))
	const precision = time.Millisecond // ages are rounded to microseconds
	return known && still && !is.Before(was.Add(-precision))
}

// notOfAge reports whether a key of a freshness check is about something else.
func notOfAge(key string) bool {
	for _, rule := range []string{"future_timestamp", "empty", "anomaly"} {
		if key == rule || len(key) > len(rule) && key[:len(rule)+1] == rule+":" {
			return true
		}
	}
	return false
}

// newestOf returns the time of the newest row of a segment; "" and "deadline" are all rows.
// ok is false if the result does not say it.
func newestOf(r sentinel.Result, segment string) (newest time.Time, ok bool) {
	if r.Kind != "freshness" {
		return newest, false
	}
	for _, o := range r.Observations {
		switch {
		case !o.Value.Finite():
		case o.Metric == "newest_timestamp_seconds" && (segment == "" || segment == "deadline"):
			return seconds(o.Value), true
		case o.Metric == segmentAge && o.Segment == segment && segment != "" && !r.Evidence.AsOf.IsZero():
			return r.Evidence.AsOf.Add(-time.Duration(o.Value.Float64() * float64(time.Second))), true
		}
	}
	return newest, false
}

// fartherOff reports whether the number of a finding is farther from what is expected than
// before. Where nothing says how far it is, it is not.
func fartherOff(before, after sentinel.Result, was, is sentinel.Finding) bool {
	if !was.Observed.Finite() || !is.Observed.Finite() {
		return false
	}
	if allowed, err := ParseBound(is.Expected); err == nil && allowed.Set() {
		return allowed.distance(is.Observed) > allowed.distance(was.Observed)
	}
	for _, o := range after.Observations {
		if o.Metric != "difference" || o.Segment != is.Key {
			continue
		}
		for _, b := range before.Observations {
			if b.Metric == o.Metric && b.Segment == o.Segment && b.Value.Finite() && o.Value.Finite() {
				return abs(o.Value.Float64()) > abs(b.Value.Float64())
			}
		}
	}
	return false
}

func abs(v float64) float64 { return max(v, -v) }

// distance returns how far a number is from meeting the condition; 0 if it meets it.
func (b Bound) distance(n sentinel.Number) float64 {
	v, low, high := n.Float64(), b.Low.Float64(), b.High.Float64()
	switch b.Op {
	case "<", "<=":
		return max(0, v-low)
	case ">", ">=":
		return max(0, low-v)
	case "=":
		return abs(v - low)
	case "between":
		return max(0, low-v, v-high)
	case "not between":
		return max(0, min(v-low, high-v))
	}
	return 0
}
