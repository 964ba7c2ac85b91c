package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// segmentAge is the metric of the age of a segment's newest row. The age of the oldest
// segment is freshness_seconds.
const segmentAge = "segment_freshness_seconds"

// validateSegments refuses what has no segments.
func (f *Freshness) validateSegments() error {
	if len(f.By) == 0 {
		return nil
	}
	switch {
	case f.Query != "":
		return settings.Wrong("by", "query gives one timestamp for the whole table: use a column or an expression")
	case f.Catalog != "":
		return settings.Wrong("by", "the engine records one time for the whole table: remove catalog")
	case f.Limit < 1 || f.Limit > 1000:
		return settings.Wrong("limit", "want 1 to 1000 segments")
	}
	return distinctColumns(f.By)
}

// segmentRows implements segmented.
func (f *Freshness) segmentRows() string {
	if f.OnEmpty.status() == sentinel.Pass {
		return "" // a segment without rows is fine
	}
	return segmentRowsOf(f.By, f.Where)
}

// segmentLimit implements segmented.
func (f *Freshness) segmentLimit() int { return f.Limit }

// whole returns the check as it is for the rows of one segment.
func (f *Freshness) whole() *Freshness {
	one := *f
	one.By = nil
	return &one
}

// newestAsks are the questions to each segment: its newest row, and values that are no
// time. With a limit they are about rows before it. The others stay in their group, because
// an engine may name a group by another spelling without them.
func (f *Freshness) newestAsks(t Target, s TimeSource, key string, limit time.Time) []Ask {
	w := Window{}
	if !limit.IsZero() {
		w = t.window(s, time.Time{}, limit)
	}
	asks := f.askNewest(key, s, w)
	if !limit.IsZero() {
		for _, one := range asks {
			one.Aggregate.InCase = true
		}
		return asks
	}
	for _, one := range f.askChange(t, s) {
		one.Aggregate.InCase = true // the other questions are to all rows
		asks = append(asks, one)
	}
	return append(asks, unreadableAsks("", s, f.Where, nil)...)
}

// askSegments asks for the newest row of each segment in one statement. If some are too
// far in the future, it asks again for those that are not.
func (f *Freshness) askSegments(t Target, s TimeSource, a Answers) []Ask {
	ask := func(key string, asks []Ask) Ask {
		g := &Groups{By: f.By, Where: f.Where, Limit: f.Limit}
		for _, one := range asks {
			g.Values = append(g.Values, one.Aggregate)
			g.Window = one.Aggregate.scanWindow()
		}
		return Ask{Key: key, Groups: g}
	}
	got, asked := a.Get(askSegments)
	if !asked {
		return []Ask{ask(askSegments, f.newestAsks(t, s, askNewest, time.Time{}))}
	}
	var same []Ask
	if f.segmentRows() != "" {
		same = sameAsks(t, &Groups{By: f.By, Where: f.Where, Limit: f.Limit}, got)
	}
	one := f.whole()
	for _, g := range got.Groups {
		answers, _ := f.answersOf(t, s, a, g)
		if row, ok := one.newest(t, answers, askNewest); ok && row.Err == nil && one.future(row) > 0 {
			limit := got.AsOf.Add(time.Duration(*f.MaxFuture))
			return append(same, ask(askPresent, f.newestAsks(t, s, askPresent, limit)))
		}
	}
	return same
}

// answersOf returns the answers about one segment, as a check of its rows alone would get
// them. sure is false if it may have rows that are not in the future, but under another name.
func (f *Freshness) answersOf(t Target, s TimeSource, a Answers, g Group) (out Answers, sure bool) {
	got := a.of(askSegments)
	fill := func(asks []Ask, values []sentinel.Number) {
		for i, one := range asks {
			answer := Answer{AsOf: got.AsOf, Evidence: got.Evidence}
			if values != nil {
				answer.Number = values[i]
			}
			out = append(out, Answered{one.Key, answer})
		}
	}
	fill(f.newestAsks(t, s, askNewest, time.Time{}), g.Values)
	present, asked := a.Get(askPresent)
	row, ok := f.whole().newest(t, out, askNewest)
	if !asked || !ok || f.future(row) <= 0 {
		return out, true
	}
	values, sure := presentValues(g, got.Groups, present)
	fill(f.newestAsks(t, s, askPresent, got.AsOf), values)
	return out, sure
}

// presentValues returns the newest of those rows of a group that are not in the future; nil
// if the group is gone. sure is false if one of the present groups may be it under another
// name, because its rows have changed between the two questions.
func presentValues(g Group, all []Group, present Answer) (values []sentinel.Number, sure bool) {
	names := map[string]bool{}
	for _, one := range all {
		names[one.Segment] = true
	}
	sure = present.beyond() == 0
	for _, p := range present.Groups {
		if p.Segment == g.Segment {
			return p.Values, true
		}
		sure = sure && names[p.Segment]
	}
	return nil, sure
}

// judgeSegments judges the newest row of each segment.
func (f *Freshness) judgeSegments(t Target, a Answers) sentinel.Result {
	const kind = "freshness"
	s, err := f.source(t)
	if err != nil {
		return errorResult(kind, err)
	}
	for _, key := range []string{askSegments, askPresent} {
		if got := a.of(key); got.Err != nil {
			return errorResult(kind, s.explain(got.Err))
		}
	}
	got := a.of(askSegments)
	if a.of(askPresent).beyond() > 0 {
		got.Other = a.of(askPresent).Other
	}
	if f.segmentRows() == "" {
		t.Known.Segments, t.Known.SegmentsErr = nil, nil
	}
	list := segmentsOf(t, a, got, f.Limit)
	j := freshnessJudge{check: f.whole(), target: t}
	for i, g := range list.present {
		answers, sure := f.answersOf(t, s, a, got.Groups[i])
		if r := j.judge(g.Segment, answers); r.Status == sentinel.Error {
			r.Message = g.Segment + ": " + r.Message
			return r
		}
		if !sure {
			j.doubt(g.Segment)
		}
	}
	for _, k := range list.gone {
		j.observations = append(j.observations, sentinel.Observation{Metric: segmentAge, Segment: k.Name, Gone: true})
		j.findings = append(j.findings, sentinel.Finding{
			Key: sentinel.SegmentKey(sentinel.EmptyKey, k.Name), Status: f.OnEmpty.status(),
			Message: "no rows in " + k.Name, Expected: "at least one row",
		})
	}
	if len(j.observations) == 0 {
		j.findings = append(j.findings, sentinel.Finding{Key: sentinel.EmptyKey, Status: f.OnEmpty.status(),
			Message: "no rows, so no segments", Expected: "at least one row"})
	}
	if list.unjudged != nil {
		j.findings = append(j.findings, *list.unjudged)
	}
	pass := fmt.Sprintf("%d segments", len(list.present))
	if j.oldest != "" {
		pass += ", the oldest " + j.oldest
	}
	r := conclude(kind, j.findings, pass)
	r.Evidence, r.Observations = got.Evidence, j.all()
	r.Evidence.AsOf = got.AsOf
	return r
}

// freshnessJudge judges the segments of a result one after the other.
type freshnessJudge struct {
	check        *Freshness // for the rows of one segment
	target       Target
	findings     []sentinel.Finding
	observations []sentinel.Observation
	age, newest  sentinel.Number // of the oldest segment, and of the newest row of all
	oldest       string          // the oldest segment, with its age
}

// judge judges one segment, and returns its result.
func (j *freshnessJudge) judge(segment string, a Answers) sentinel.Result {
	r := j.check.Judge(j.target, a)
	for _, found := range r.Findings {
		found.Key, found.Message = sentinel.SegmentKey(found.Key, segment), segment+": "+found.Message
		j.findings = append(j.findings, found)
	}
	own := sentinel.Observation{Metric: segmentAge, Segment: segment}
	for _, o := range r.Observations {
		switch {
		case o.Metric == "freshness_seconds":
			own.Value = o.Value
			if j.age.Absent() || o.Value.Cmp(j.age) > 0 {
				j.age, j.oldest = o.Value, segment+": "+r.Message
			}
		case j.newest.Absent() || o.Value.Cmp(j.newest) > 0:
			j.newest = o.Value
		}
	}
	j.observations = append(j.observations, own)
	return r
}

// doubt makes a segment unknown whose rows that are not in the future may be those of a group
// with another name: whatever an empty segment is, this one may not be empty.
func (j *freshnessJudge) doubt(segment string) {
	key := sentinel.SegmentKey(sentinel.EmptyKey, segment)
	j.findings = slices.DeleteFunc(j.findings, func(f sentinel.Finding) bool { return f.Key == key })
	j.findings = append(j.findings, sentinel.Finding{Key: key, Status: sentinel.Unknown, Expected: "at least one row",
		Message: segment + ": no row has a timestamp that is not in the future, or its group has another name without those"})
}

// all returns the observations of the segments, and those of the whole table.
func (j *freshnessJudge) all() []sentinel.Observation {
	for _, o := range []sentinel.Observation{
		{Metric: "freshness_seconds", Value: j.age}, {Metric: "newest_timestamp_seconds", Value: j.newest},
	} {
		if !o.Value.Absent() {
			j.observations = append(j.observations, o)
		}
	}
	return j.observations
}
