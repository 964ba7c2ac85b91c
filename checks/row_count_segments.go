package checks

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// validateSegments refuses what cannot be judged by segment.
func (c *RowCount) validateSegments() error {
	if err := distinctColumns(c.By); err != nil {
		return err
	}
	if len(c.By) > 0 && c.ExpectedPartitions != nil {
		return settings.Wrong("expected_partitions", "looks at all rows, not at segments: put it into a check without `by`")
	}
	return nil
}

// distinctColumns refuses a column of `by` that is empty or listed twice.
func distinctColumns(by []string) error {
	for i, name := range by {
		if name == "" || slices.Contains(by[:i], name) {
			return settings.Wrong(settings.Index("by", i), "%q is empty or listed twice", name)
		}
	}
	return nil
}

// segmentRows implements segmented. Where no rows are as good as some, nothing needs to
// be remembered.
func (c *RowCount) segmentRows() string {
	if c.Change == nil && c.Anomaly == nil && !c.mayBeBad(0, 0) {
		return ""
	}
	return segmentRowsOf(c.By, c.Where)
}

// segmentLimit implements segmented.
func (c *RowCount) segmentLimit() int { return c.Limit }

// mayBeBad reports whether a bound may be crossed by a count from low to high.
func (c *RowCount) mayBeBad(low, high int64) bool {
	for _, b := range []Bound{c.Warn, c.Fail} {
		if b.Set() && b.mayHold(sentinel.Int(low), sentinel.Int(high)) {
			return true
		}
	}
	return false
}

// mayHold reports whether an integer from low to high may meet the condition.
func (b Bound) mayHold(low, high sentinel.Number) bool {
	within := func(n sentinel.Number) bool { return n.Cmp(low) >= 0 && n.Cmp(high) <= 0 }
	switch b.Op {
	case "=":
		return within(b.Low)
	case "!=":
		return low.Cmp(high) < 0 || low.Cmp(b.Low) != 0
	case "between":
		return b.Low.Cmp(high) <= 0 && b.High.Cmp(low) >= 0
	}
	return b.Holds(low) || b.Holds(high)
}

// judgeSegments judges each segment. One that had rows and has none has 0 rows.
func (c *RowCount) judgeSegments(t Target, a Answers) sentinel.Result {
	got := a.of(askSegments)
	if c.segmentRows() == "" {
		t.Known.Segments, t.Known.SegmentsErr = nil, nil
	}
	list := segmentsOf(t, a, got, c.Limit)
	if got.beyond() > 0 && c.segmentRows() == "" && len(got.Groups) > 0 {
		smallest, _ := got.Groups[len(got.Groups)-1].Count.Int64()
		if !c.mayBeBad(1, smallest) {
			list.unjudged = nil // the others have fewer rows, which no bound minds
		}
	}
	j := segmentJudge{check: c, target: t}
	if c.Bucket != "" {
		j.bucket, _ = c.closed(t)
	}
	for _, g := range list.present {
		j.judge(g.Segment, g.Count, false)
	}
	for _, k := range list.gone {
		j.judge(k.Name, sentinel.Int(0), true)
	}
	if got.beyond() > 0 {
		j.observe(otherSegment, got.Other.Count, false)
	}
	return c.concludeSegments(t, got, list, j)
}

// segmentJudge judges the segments of a result one after the other.
type segmentJudge struct {
	check        *RowCount
	target       Target
	bucket       time.Time
	findings     []sentinel.Finding
	observations []sentinel.Observation
	learning     int    // segments without a value to compare with
	wait         string // why
}

func (j *segmentJudge) observe(segment string, n sentinel.Number, gone bool) sentinel.Observation {
	o := sentinel.Observation{Metric: "row_count", Segment: segment, Bucket: j.bucket, Value: n, Gone: gone}
	j.observations = append(j.observations, o)
	return o
}

// judge compares one segment with the bounds and with its past.
func (j *segmentJudge) judge(segment string, n sentinel.Number, gone bool) {
	c := j.check
	o := j.observe(segment, n, gone)
	what := fmt.Sprintf("%s rows in %s", groupDigits(n), segment)
	if f, bad := against(segment, what, n, c.Warn, c.Fail); bad {
		j.findings = append(j.findings, f)
	}
	if c.Change == nil {
		return
	}
	f, bad, wait := c.judgeChange(j.target, o, what)
	f.Key = sentinel.SegmentKey(sentinel.ChangeKey, segment)
	switch {
	case bad:
		j.findings = append(j.findings, f)
	case wait != "" && len(j.target.Known.History[c.series(j.target, segment)]) > 0:
		f.Status, f.Message, f.Observed = sentinel.Unknown, what+"; "+wait, n
		j.findings = append(j.findings, f)
	case wait != "":
		j.learning++
		j.wait = wait
	}
}

// concludeSegments makes the result of what was judged.
func (c *RowCount) concludeSegments(t Target, got Answer, list segmentList, j segmentJudge) sentinel.Result {
	findings := j.findings
	pass := fmt.Sprintf("%d segments", len(list.present))
	if got.beyond() > 0 {
		pass = fmt.Sprintf("%d largest segments and %d more as one (limit: %d)",
			len(list.present), got.beyond(), c.Limit)
	}
	if len(list.gone) > 0 {
		pass += fmt.Sprintf(" with rows, and %d that had some", len(list.gone))
	}
	unjudged := c.Change != nil || c.Anomaly != nil && c.Anomaly.Alone
	if len(j.observations) == 0 {
		pass = "no rows, so no segments"
		if f, bad := against("", "no rows in any segment", sentinel.Int(0), c.Warn, c.Fail); bad {
			findings = append(findings, f)
		} else if unjudged {
			findings = append(findings, sentinel.Finding{Key: sentinel.UnjudgedSegmentsKey, Status: sentinel.Unknown,
				Expected: "a segment", Message: pass + ": nothing to compare"})
		}
	}
	if j.learning > 0 {
		findings = append(findings, sentinel.Finding{Key: "learning", Status: sentinel.Unknown,
			Message: fmt.Sprintf("%d of %d segments: %s", j.learning, len(list.present)+len(list.gone), j.wait)})
	}
	if list.unjudged != nil {
		findings = append(findings, *list.unjudged)
	}
	if t.Known.NoState && c.segmentRows() != "" {
		pass += "; without a state, one that is gone is not noticed"
	}
	r := conclude("row_count", findings, pass)
	r.Evidence, r.Observations = got.Evidence, j.observations
	return r
}

// recentBuckets is how many buckets before the first check tell which segments a check
// with a past expects.
const recentBuckets = 7

// segmentPast reads the past of each segment from the answer: by segment, the counts by
// start of the bucket in UTC.
func (c *RowCount) segmentPast(t Target, a Answers) map[string]map[time.Time]int64 {
	periods := c.periods(t, c.Bucket)
	counts := map[string]map[time.Time]int64{}
	for i, part := range c.pastParts(t) {
		got := a.of(fmt.Sprint(askPast, i))
		if got.Err != nil || got.beyond() > 0 {
			return nil // the detector learns from now on
		}
		for _, g := range got.Groups {
			start := part.start(periods, g.Step).UTC()
			if counts[g.Segment] == nil {
				counts[g.Segment] = map[time.Time]int64{}
			}
			n, _ := g.Count.Int64() // a count is an integer
			counts[g.Segment][start] += n
		}
	}
	return counts
}

// addSegmentPast adds to a result the past counts of the segments that it judges. It
// also adds those segments that had rows lately and have none in the newest bucket.
func (c *RowCount) addSegmentPast(t Target, a Answers, r *sentinel.Result) {
	if r.Status == sentinel.Error || len(r.Observations) == 0 && t.Known.Segments != nil {
		return
	}
	counts := c.segmentPast(t, a)
	periods := c.periods(t, c.Bucket)
	end, _ := c.closed(t)
	judged := map[string]bool{}
	for _, o := range r.Observations {
		judged[o.Segment] = true
	}
	recent := periods.Back(end, recentBuckets)
	for _, segment := range slices.Sorted(maps.Keys(counts)) {
		first, last := end, time.Time{}
		for b := range counts[segment] {
			if b.Before(first) {
				first = b
			}
			if b.After(last) {
				last = b
			}
		}
		if !judged[segment] && (judged[otherSegment] || last.Before(recent)) {
			continue
		}
		if !judged[segment] {
			r.Observations = append(r.Observations, sentinel.Observation{
				Metric: "row_count", Segment: segment, Bucket: end, Value: sentinel.Int(0), Gone: true})
			c.addGone(segment, r)
		}
		for at := periods.Start(first); at.Before(end); at = periods.Next(at) {
			r.Past = append(r.Past, sentinel.Observation{
				Metric: "row_count", Segment: segment, Bucket: at, Value: sentinel.Int(counts[segment][at.UTC()])})
		}
	}
}

// addGone judges a segment without rows by the bounds, and adds the finding.
func (c *RowCount) addGone(segment string, r *sentinel.Result) {
	f, bad := against(segment, "0 rows in "+segment, sentinel.Int(0), c.Warn, c.Fail)
	if !bad {
		return
	}
	r.Findings = append(r.Findings, f)
	if f.Status.Worse(r.Status) {
		r.Status, r.Message = f.Status, f.Message
	}
}

// maxSegmentPast is how many counts of the past are read at most: those of 1,000 segments
// by day, or of 148 by hour.
const maxSegmentPast = 200_000

// askSegmentPast counts the past of each segment: one question for each offset of the
// zone from UTC.
func (c *RowCount) askSegmentPast(t Target) (asks []Ask) {
	parts := c.pastParts(t)
	for i, p := range parts {
		window := t.window(p.source, p.from, p.to)
		if len(parts) == 1 {
			window = c.between(t, t.Known.Relation, c.periods(t, c.Bucket), p.from, p.to)
		}
		asks = append(asks, Ask{Key: fmt.Sprint(askPast, i), Groups: &Groups{
			By: c.By, Every: p.every, Offset: p.offset, Where: c.Where, Limit: maxSegmentPast,
			Window: window,
		}})
	}
	return asks
}
