package agent

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// segmentResult is a result that judged some segments, of which some are bad.
func segmentResult(minute int, judged []string, bad ...string) sentinel.Result {
	r := result(sentinel.Fail, minute, bad...)
	if len(bad) == 0 {
		r.Status = sentinel.Pass
	}
	for i, s := range judged {
		o := sentinel.Observation{Metric: "row_count", Segment: s, Value: sentinel.Int(int64(i + 1))}
		r.Observations = append(r.Observations, o)
	}
	return r
}

// beyondLimit adds to a result that it could not judge all segments.
func beyondLimit(r sentinel.Result) sentinel.Result {
	r.Findings = append(r.Findings, sentinel.Finding{Key: sentinel.UnjudgedSegmentsKey, Status: sentinel.Unknown})
	if r.Status == sentinel.Pass {
		r.Status = sentinel.Unknown
	}
	return r
}

// A run that could not judge a segment is none of the last M runs of the segment.
func TestUnjudgedRunsConfirmNothing(t *testing.T) {
	t.Parallel()
	rule := &checks.Confirm{Failures: 2, Of: 3}
	both, one := []string{"country=DE", "country=FR"}, []string{"country=FR"}
	for _, key := range []string{"country=DE", "change:country=DE"} {
		for name, c := range map[string]struct {
			between func(minute int) sentinel.Result
			want    sentinel.Status
		}{
			"good":     {func(m int) sentinel.Result { return segmentResult(m, both) }, sentinel.Unknown},
			"unjudged": {func(m int) sentinel.Result { return beyondLimit(segmentResult(m, one)) }, sentinel.Fail},
			"other bad, unjudged": {func(m int) sentinel.Result {
				return beyondLimit(segmentResult(m, one, "country=FR"))
			}, sentinel.Fail},
			"judged, others not": {func(m int) sentinel.Result {
				return beyondLimit(segmentResult(m, both))
			}, sentinel.Unknown},
			"learning": {func(m int) sentinel.Result {
				r := segmentResult(m, both)
				r.Scores = []sentinel.Score{{Segment: "country=DE", State: sentinel.Learning}}
				return r
			}, sentinel.Unknown}, // the detector's own key only
		} {
			runs := confirmations{}
			first := segmentResult(0, both, key)
			if runs.apply(rule, &first); first.Status != sentinel.Unknown {
				t.Fatalf("%s, %s: the first is %s", key, name, first.Status)
			}
			for m := range 3 {
				r := c.between(m + 1)
				runs.apply(rule, &r)
			}
			last := segmentResult(4, both, key)
			runs.apply(rule, &last)
			if got := last.Findings[0].Status; got != c.want {
				t.Errorf("%s, %s: %s, want %s", key, name, got, c.want)
			}
		}
	}
}
