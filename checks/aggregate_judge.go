package checks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Judge implements Check.
func (c *AggregateCheck) Judge(t Target, a Answers) sentinel.Result {
	const kind = "aggregate"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	asks, err := c.numbers(t, c.grouped())
	if err = cmp.Or(err, c.answerError(t, asks, a)); err != nil {
		return errorResult(kind, err)
	}
	j := aggregateJudge{check: c, target: t, asks: asks,
		evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
	if c.Bucket != "" {
		j.bucket, _ = c.closes().closed(t)
		j.label = " for " + c.closes().label(t, j.bucket)
	}
	var r sentinel.Result
	switch got := a.of(askSegments); {
	case len(c.By) > 0:
		r = j.segments(got, a)
	case c.ranked():
		r = j.whole(j.ofGroup(got, got.Groups[0]))
	default:
		r = j.whole(a)
	}
	r = c.ofBucket(t, kind, r, a)
	if past, asks, ok := c.past(t); ok && t.Known.New {
		j.asks = asks
		past.addTo(&r, t, a, func(b pastBucket) (sentinel.Observation, bool) {
			n, err := c.value(t, j.ofGroup(Answer{}, b.Group))
			return sentinel.Observation{Metric: valueMetric, Value: n}, err == nil && !n.Absent()
		})
	}
	return r
}

// answerError returns the first error of the answers.
func (c *AggregateCheck) answerError(t Target, asks []Ask, a Answers) error {
	source := c.closes().window(t, t.Known.Relation).Time
	if err := cmp.Or(unreadableError(askRows, source, a), partialError(askRows, source, a)); err != nil {
		return err
	}
	if c.grouped() {
		asks = []Ask{{Key: askSegments}}
	}
	for _, ask := range asks {
		got, asked := a.Get(ask.Key)
		switch {
		case !asked:
			return errors.New("no statement was sent to the database")
		case got.Err != nil:
			return source.explain(got.Err)
		}
	}
	if c.ranked() && len(c.By) == 0 && len(a.of(askSegments).Groups) != 1 {
		return errors.New("the database answered without a row")
	}
	return nil
}

// aggregateJudge compares the numbers of one result with the bounds and with their past.
type aggregateJudge struct {
	check        *AggregateCheck
	target       Target
	asks         []Ask // whose answers the number is made of
	bucket       time.Time
	label        string // of the bucket, for messages
	evidence     sentinel.Evidence
	findings     []sentinel.Finding
	observations []sentinel.Observation
	learning     int    // segments without a value to compare with
	wait         string // why
}

// ofGroup returns the numbers of a group as the answers to the questions.
func (j *aggregateJudge) ofGroup(got Answer, g Group) (out Answers) {
	for i, ask := range j.asks {
		out = append(out, Answered{ask.Key, Answer{Number: g.Values[i], AsOf: got.AsOf, Evidence: got.Evidence}})
	}
	return out
}

// whole judges the number of all rows.
func (j *aggregateJudge) whole(a Answers) sentinel.Result {
	what, err := j.judge("", a)
	if err != nil {
		return errorResult("aggregate", err)
	}
	r := conclude("aggregate", j.findings, what)
	r.Evidence, r.Observations = j.evidence, j.observations
	return r
}

// judge judges the number of all rows or of a segment. what says what it is.
func (j *aggregateJudge) judge(segment string, a Answers) (what string, err error) {
	c := j.check
	name := c.title()
	n, err := c.value(j.target, a)
	if err != nil {
		return "", err
	}
	if count, _ := a.of(askValues).Number.Int64(); n.Absent() && count > 1 {
		return "", fmt.Errorf("%s is beyond what the engine can compute", name)
	}
	unit := c.unit()
	if n.Absent() {
		unit = ""
	}
	what = oneLine(name) + " is " + groupDigits(n) + unit + inSegment(segment) + j.label
	if bad, _ := a.of(askNotFinite).Number.Int64(); bad > 0 {
		j.notFinite(segment, sentinel.Int(bad), fmt.Sprintf("%s values of %s are no finite numbers%s",
			groupDigits(sentinel.Int(bad)), c.Column, inSegment(segment)))
	}
	switch {
	case n.Absent():
		j.know(segment)
		j.none(segment, what)
	case c.Unit != "" && !n.Finite():
		j.know(segment)
		j.notFinite(segment, n, fmt.Sprintf("%s is infinitely old%s: a value of the column is an infinity",
			name, inSegment(segment)))
	case !n.Finite() || math.Abs(n.Float64()) >= math.MaxFloat64: // MariaDB cuts what is larger
		return "", fmt.Errorf("%s is %s, which cannot be compared", name, n)
	default:
		j.compare(segment, n, what)
	}
	return what, nil
}

func inSegment(segment string) string {
	if segment == "" {
		return ""
	}
	return " in " + segment
}

// title names the number.
func (c *AggregateCheck) title() string {
	switch {
	case c.Expression != "":
		return cmp.Or(c.Name, c.Expression)
	case c.Function == "percentile":
		return fmt.Sprintf("percentile(%s, %s)", c.Column, c.percentileText())
	}
	return string(c.Function) + "(" + c.Column + ")"
}

// unit writes the unit after a number; "" if it has none.
func (c *AggregateCheck) unit() string {
	switch {
	case c.Unit != "":
		return " days old"
	case c.Function == "distinct_percent" || c.Function == "zero_percent":
		return "%"
	}
	return ""
}

// none judges that there is no value.
func (j *aggregateJudge) none(segment, what string) {
	key := sentinel.NullKey
	if segment != "" {
		key = sentinel.SegmentKey(sentinel.EmptyKey, segment)
	}
	j.findings = append(j.findings, sentinel.Finding{Key: key, Status: j.check.OnNull.status(), Expected: "a number",
		Message: what})
}

func (j *aggregateJudge) notFinite(segment string, observed sentinel.Number, message string) {
	j.findings = append(j.findings, sentinel.Finding{Key: sentinel.SegmentKey(sentinel.NotFiniteKey, segment),
		Status: sentinel.Fail, Observed: observed, Expected: "finite numbers", Message: message})
}

// compare compares a number with the bounds and with its past.
func (j *aggregateJudge) compare(segment string, n sentinel.Number, what string) {
	c := j.check
	o := sentinel.Observation{Metric: valueMetric, Segment: segment, Bucket: j.bucket, Value: n}
	j.observations = append(j.observations, o)
	if f, bad := against(segment, what, n, c.Warn, c.Fail); bad {
		j.findings = append(j.findings, f)
	}
	if c.Change == nil {
		return
	}
	past := changePast{target: j.target, series: c.series(j.target, segment), bucket: c.Bucket}
	f, bad, wait := c.Change.judge(past, o, what)
	f.Key = sentinel.SegmentKey(sentinel.ChangeKey, segment)
	switch {
	case bad:
		j.findings = append(j.findings, f)
	case wait != "" && (segment == "" || len(j.target.Known.History[past.series]) > 0):
		f.Status, f.Message, f.Observed = sentinel.Unknown, what+"; "+wait, n
		j.findings = append(j.findings, f)
	case wait != "":
		j.learning++
		j.wait = wait
	}
}

// value makes the number of the answers; absent if there is no value.
func (c *AggregateCheck) value(t Target, a Answers) (sentinel.Number, error) {
	switch {
	case c.Unit != "":
		return c.age(t, a)
	case c.Function == "avg" || c.Function == "avg_length":
		return quotient(a.of(askSum).Number, a.of(askValues).Number, 1), nil
	case c.Function == "zero_percent":
		return quotient(a.of(askZeros).Number, a.of(askValues).Number, 100), nil
	case !strings.HasPrefix(string(c.Function), "distinct"):
		return a.of(askValue).Number, nil
	}
	distinct, of := a.of(askDistinct).Number, a.of(askValues).Number
	if v := a.of(askDistinct).Values; len(v) == 4 {
		distinct, of = v[3], v[0]
	}
	if c.Function == "distinct_percent" {
		return quotient(distinct, of, 100), nil
	}
	return distinct, nil
}

// quotient returns a / b * factor; absent if b is 0 or a is absent.
func quotient(a, b sentinel.Number, factor int64) sentinel.Number {
	n, _ := b.Int64()
	if a.Absent() || n == 0 {
		return sentinel.Number{}
	}
	if !a.Finite() {
		return a
	}
	q := new(big.Rat).Mul(a.Rat(), big.NewRat(factor, n))
	if q.IsInt() && q.Num().IsInt64() {
		return sentinel.Int(q.Num().Int64())
	}
	f, _ := q.Float64()
	return sentinel.Float(f)
}
