package checks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// The metrics of the kinds that count bad rows. A share is of the rows that are examined,
// or of their values.
const (
	failedRows    = "failed_rows"
	examinedRows  = "examined_rows"
	failedPercent = "failed_percent"
)

// tally is what is known of the rows of a table or of a segment.
type tally struct {
	segment string
	rows    int64   // rows that are looked at
	of      int64   // what the bad ones are a share of
	bad     int64   // bad ones
	parts   []int64 // bad ones by each of several conditions
}

// judge returns the result of a rule.
func (b *BadRows) judge(t Target, c Check, rule *rowRule, a Answers) sentinel.Result {
	kind := KindOf(c)
	wanted := []string{askRows, askBad}
	if len(b.By) > 0 {
		wanted = []string{askSegments}
	}
	if err := b.answerError(t, a, wanted); err != nil {
		return errorResult(kind, err)
	}
	r := sentinel.Result{}
	if len(b.By) == 0 {
		r = b.judgeWhole(t, c, rule, a, rule.tally(a))
	} else {
		j := b.judgeOf(t, c.Common(), rule)
		r = b.ofBucket(t, kind, j.segments(kind, a.of(askSegments)), a)
	}
	o := c.Common()
	b.addPast(&r, t, a, pastOf{o, b.groups(o, rule.aggregates(o.Where, Window{})), rule.tallyOf})
	return r
}

// pastOf is what the past of a share is made of.
type pastOf struct {
	options *Options
	groups  Groups
	tally   func(Group) tally // reads the numbers of a bucket
}

// addPast adds the shares of past buckets to the first result. A share of too few rows is none.
func (b *BadRows) addPast(r *sentinel.Result, t Target, a Answers, of pastOf) {
	if !t.Known.New || !b.hasPast(of.options) {
		return
	}
	pastNumbers{b.closes(), of.groups}.addTo(r, t, a, func(p pastBucket) (sentinel.Observation, bool) {
		n := of.tally(p.Group)
		return sentinel.Observation{Metric: failedPercent, Value: n.percent()}, n.of > 0 && n.of >= int64(*b.MinRows)
	})
}

// judgeWhole returns the result of the numbers of a whole table.
func (b *BadRows) judgeWhole(t Target, c Check, rule *rowRule, a Answers, n tally) sentinel.Result {
	kind := KindOf(c)
	j := b.judgeOf(t, c.Common(), rule)
	return b.ofBucket(t, kind, j.whole(kind, n), a)
}

func (b *BadRows) judgeOf(t Target, o *Options, rule *rowRule) *rowJudge {
	j := &rowJudge{BadRows: b, options: o, rule: rule, tally: rule.tallyOf}
	if b.Bucket != "" {
		j.bucket, _ = b.closes().closed(t)
		j.label = " for " + b.closes().label(t, j.bucket)
	}
	return j
}

// tally reads the numbers of the whole table.
func (r *rowRule) tally(a Answers) tally {
	count := func(key string) int64 {
		n, _ := a.of(key).Number.Int64() // a count is an integer
		return n
	}
	out := tally{rows: count(askRows), bad: count(askBad)}
	if out.of = out.rows; r.values != "" {
		out.of = count(askValues)
	}
	for i := range r.parts {
		out.parts = append(out.parts, count(fmt.Sprint(askBad, i)))
	}
	return out
}

// tallyOf reads the numbers of a segment.
func (r *rowRule) tallyOf(g Group) tally {
	count := func(n sentinel.Number) int64 {
		v, _ := n.Int64() // a count is an integer
		return v
	}
	out := tally{segment: g.Segment, rows: count(g.Count), of: count(g.Count)}
	values := g.Values
	if r.values != "" {
		out.of, values = count(values[0]), values[1:]
	}
	out.bad = count(values[0])
	for _, v := range values[1:] {
		out.parts = append(out.parts, count(v))
	}
	return out
}

// rowJudge compares the numbers of one result with the bounds.
type rowJudge struct {
	*BadRows
	options      *Options
	rule         *rowRule
	tally        func(Group) tally // reads the numbers of a segment
	bucket       time.Time
	label        string // of the bucket, for messages
	findings     []sentinel.Finding
	observations []sentinel.Observation
}

func (j *rowJudge) whole(kind string, n tally) sentinel.Result {
	pass := j.words(n)
	if n.rows == 0 {
		pass = "no rows to look at" + j.label
		j.observe(n)
		j.empty()
	} else {
		j.judge(n)
	}
	r := conclude(kind, j.findings, pass)
	r.Observations = j.observations
	r.Evidence = sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}
	return r
}

// empty judges that there is no row to look at.
func (j *rowJudge) empty() {
	if status := j.OnEmpty.status(); status != sentinel.Pass {
		j.findings = append(j.findings, sentinel.Finding{Key: "", Status: status, Expected: "rows",
			Message: "no rows to look at" + j.label})
	}
}

// segments judges each segment.
func (j *rowJudge) segments(kind string, got Answer) sentinel.Result {
	total := tally{}
	for _, g := range got.Groups {
		n := j.tally(g)
		j.judge(n)
		total.add(n)
	}
	if got.beyond() > 0 {
		other := j.tally(*got.Other)
		total.add(other)
		j.observe(other)
		if j.mayBeBad(other) {
			j.findings = append(j.findings, sentinel.Finding{
				Key: sentinel.UnjudgedSegmentsKey, Status: sentinel.Unknown, Expected: "all segments judged",
				Message: fmt.Sprintf("%d segments beyond the limit of %d are not judged, and %s: "+
					"raise `limit`, or narrow `where` or `by`", got.beyond(), j.Limit, j.words(other)),
			})
		}
	}
	if len(got.Groups) == 0 {
		j.empty()
	}
	pass := fmt.Sprintf("%s in %d segments", j.words(total), len(got.Groups)+got.beyond())
	r := conclude(kind, j.findings, pass)
	r.Observations, r.Evidence = j.observations, got.Evidence
	return r
}

func (n *tally) add(m tally) {
	n.rows, n.of, n.bad = n.rows+m.rows, n.of+m.of, n.bad+m.bad
}

// mayBeBad reports whether one of the segments that are counted together may cross a bound.
// A segment without bad rows has none, and its share is 0.
func (j *rowJudge) mayBeBad(together tally) bool {
	for _, b := range []Bound{j.Fail, j.Warn} {
		if b.Set() && (together.bad > 0 || b.Holds(sentinel.Int(0))) {
			return true
		}
	}
	return j.options.Anomaly != nil && j.options.Anomaly.Alone
}

func (j *rowJudge) observe(n tally) {
	add := func(metric string, value sentinel.Number) {
		j.observations = append(j.observations,
			sentinel.Observation{Metric: metric, Segment: n.segment, Bucket: j.bucket, Value: value})
	}
	add(failedRows, sentinel.Int(n.bad))
	add(examinedRows, sentinel.Int(n.of))
	if j.options.Anomaly != nil && n.segment != otherSegment && n.of > 0 && n.of >= int64(*j.MinRows) {
		add(failedPercent, n.percent())
	}
}

// percent returns the share of bad rows; 0 if there is nothing that they are a share of.
func (n tally) percent() sentinel.Number {
	if n.of == 0 {
		return sentinel.Int(0)
	}
	return sentinel.Float(100 * float64(n.bad) / float64(n.of))
}

// judge compares the numbers of a table or segment with the bounds. A share of too few rows
// is unknown, unless no row is bad.
func (j *rowJudge) judge(n tally) {
	j.observe(n)
	open := false
	for _, at := range []struct {
		bound  Bound
		status sentinel.Status
	}{{j.Fail, sentinel.Fail}, {j.Warn, sentinel.Warn}} {
		number := sentinel.Int(n.bad)
		if at.bound.Percent {
			number = n.percent()
		}
		switch {
		case !at.bound.Set():
		case at.bound.Percent && n.bad > 0 && n.of < int64(*j.MinRows):
			open = true
		case at.bound.Holds(number):
			expected := at.bound.Not().String()
			j.findings = append(j.findings, sentinel.Finding{Key: n.segment, Status: at.status, Observed: number,
				Expected: expected, Message: j.words(n) + ", expected " + expected})
			return
		}
	}
	if open {
		j.findings = append(j.findings, sentinel.Finding{Key: n.segment, Status: sentinel.Unknown,
			Observed: sentinel.Int(n.bad), Expected: fmt.Sprintf("at least %d", *j.MinRows),
			Message: fmt.Sprintf("%s: too few for a share (min_rows: %d)", j.words(n), *j.MinRows)})
	}
}

// words says how many of the rows are bad: "3 of 10,000 rows have no email (0.03%)".
func (j *rowJudge) words(n tally) string {
	text := fmt.Sprintf("%s of %s %s", groupDigits(sentinel.Int(n.bad)), groupDigits(sentinel.Int(n.of)), j.rule.what)
	if n.bad > 0 && n.of > 0 {
		text += " (" + strconv.FormatFloat(n.percent().Float64(), 'g', 3, 64) + "%)"
	}
	var parts []string
	for i, bad := range n.parts {
		if bad > 0 {
			parts = append(parts, groupDigits(sentinel.Int(bad))+" "+j.rule.parts[i].name)
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if n.segment != "" {
		text += " in " + n.segment
	}
	return text + j.label
}

// judgeRows returns the result of a kind that counts bad rows.
func (b *BadRows) judgeRows(t Target, c rowChecker, a Answers) sentinel.Result {
	kind := KindOf(c)
	if r, unread := unreadTable(kind, t, b.OnMissing); unread {
		return r
	}
	rule, err := c.rule(t)
	if err == nil {
		err = b.timeError(t)
	}
	if err != nil {
		return errorResult(kind, err)
	}
	return b.judge(t, c, rule, a)
}
