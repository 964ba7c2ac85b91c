package checks

import (
	"fmt"

	"github.com/sentinel-dq/sentinel"
)

// segments judges the number of each segment. One that had rows and has none has no value,
// or 0 if rows are counted.
func (j *aggregateJudge) segments(got Answer, a Answers) sentinel.Result {
	c, t := j.check, j.target
	if c.segmentRows() == "" {
		t.Known.Segments, t.Known.SegmentsErr = nil, nil
	}
	j.evidence = got.Evidence
	list := segmentsOf(t, a, got, c.Limit)
	var failed []error
	for _, g := range list.present {
		if _, err := j.judge(g.Segment, j.ofGroup(got, g)); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", g.Segment, err))
			j.unjudged(g.Segment, err)
		}
	}
	if len(failed) > 0 && len(failed) == len(list.present)+len(list.gone) {
		return errorResult("aggregate", failed[0])
	}
	for _, k := range list.gone {
		j.gone(k.Name)
	}
	if len(list.present)+len(list.gone) == 0 {
		j.findings = append(j.findings, sentinel.Finding{Key: sentinel.EmptyKey, Status: c.OnNull.status(),
			Expected: "a segment", Message: "no rows, so no segments" + j.label})
	}
	if j.learning > 0 {
		j.findings = append(j.findings, sentinel.Finding{Key: "learning", Status: sentinel.Unknown,
			Message: fmt.Sprintf("%d of %d segments: %s", j.learning, len(list.present)+len(list.gone), j.wait)})
	}
	if list.unjudged != nil {
		j.findings = append(j.findings, *list.unjudged)
	}
	r := conclude("aggregate", j.findings, j.summary(list))
	r.Evidence, r.Observations = j.evidence, j.observations
	return r
}

// know notes a segment that has rows but no value, so that its loss is noticed.
func (j *aggregateJudge) know(segment string) {
	if segment != "" {
		j.observations = append(j.observations, sentinel.Observation{Metric: valueMetric, Segment: segment, Bucket: j.bucket})
	}
}

// unjudged says that the number of a segment cannot be computed. The key is that of a segment
// with nothing to judge, which leaves every finding of the segment as it is.
func (j *aggregateJudge) unjudged(segment string, err error) {
	j.know(segment)
	j.findings = append(j.findings, sentinel.Finding{Key: sentinel.SegmentKey(sentinel.EmptyKey, segment),
		Status: sentinel.Unknown, Expected: "a number", Message: segment + " is not judged: " + err.Error()})
}

// gone judges a segment that has no rows any more.
func (j *aggregateJudge) gone(segment string) {
	c := j.check
	if c.counts() {
		zero := sentinel.Int(0)
		j.compare(segment, zero, oneLine(c.title())+" is 0"+inSegment(segment)+", which has no rows any more"+j.label)
		j.observations[len(j.observations)-1].Gone = true
		return
	}
	j.observations = append(j.observations,
		sentinel.Observation{Metric: valueMetric, Segment: segment, Bucket: j.bucket, Gone: true})
	j.none(segment, "no rows in "+segment+" any more"+j.label)
}

// summary says what the numbers of the segments are.
func (j *aggregateJudge) summary(list segmentList) string {
	var low, high sentinel.Number
	for _, o := range j.observations {
		if o.Value.Absent() {
			continue
		}
		if low.Absent() || o.Value.Cmp(low) < 0 {
			low = o.Value
		}
		if high.Absent() || o.Value.Cmp(high) > 0 {
			high = o.Value
		}
	}
	text := fmt.Sprintf("%s in %d segments", oneLine(j.check.title()), len(list.present))
	if !low.Absent() {
		text = fmt.Sprintf("%s is %s to %s%s in %d segments", oneLine(j.check.title()), groupDigits(low), groupDigits(high),
			j.check.unit(), len(list.present))
	}
	if len(list.gone) > 0 {
		text += fmt.Sprintf(", and %d had rows", len(list.gone))
	}
	if j.target.Known.NoState && j.check.segmentRows() != "" {
		text += "; without a state, one that is gone is not noticed"
	}
	return text + j.label
}
