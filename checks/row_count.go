package checks

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("row_count", func() Check { return &RowCount{} }) }

// RowCount counts rows: all, filtered, of the last closed bucket, or by segment. It
// compares the count with bounds and with its own past, and finds missing buckets.
type RowCount struct {
	Options            `yaml:",inline"`
	Warn               Bound  `yaml:"warn" doc:"Condition that warns: \"< 1000\"."`
	Fail               Bound  `yaml:"fail" doc:"Condition that fails: \"< 10\"."`
	Min                *int64 `yaml:"min" doc:"Fail below this, instead of fail."`
	Max                *int64 `yaml:"max" doc:"Fail above this, instead of fail."`
	Bucketed           `yaml:",inline"`
	By                 []string    `yaml:"by" doc:"Count each combination of these columns' values."`
	Limit              int         `yaml:"limit" default:"100" doc:"Largest segments kept, 1 to 1000. The rest is other."`
	Change             *Change     `yaml:"change" doc:"Hold the count against its past."`
	ExpectedPartitions *Partitions `yaml:"expected_partitions" doc:"Buckets that must have rows."`
	Estimate           bool        `yaml:"estimate" doc:"Use the catalog's estimate where it decides."`
	OnMissing          Policy      `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
}

// Validate implements Check.
func (c *RowCount) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		return settings.Wrong("min", "%d is larger than max (%d)", *c.Min, *c.Max)
	}
	if (c.Min != nil || c.Max != nil) && c.Fail.Set() {
		return settings.Wrong("fail", "min and max replace fail: keep one of them")
	}
	const percentage = "a percentage has no reference value here: put it under `change:`"
	if c.Warn.Percent {
		return settings.Wrong("warn", percentage)
	}
	if c.Fail.Percent {
		return settings.Wrong("fail", percentage)
	}
	switch {
	case c.Min != nil && c.Max != nil:
		c.Fail = Bound{Op: "not between", Low: sentinel.Int(*c.Min), High: sentinel.Int(*c.Max)}
	case c.Min != nil:
		c.Fail = Bound{Op: "<", Low: sentinel.Int(*c.Min)}
	case c.Max != nil:
		c.Fail = Bound{Op: ">", Low: sentinel.Int(*c.Max)}
	}
	switch {
	case c.Limit < 1 || c.Limit > 1000:
		return settings.Wrong("limit", "want 1 to 1000 segments")
	case c.Estimate && (c.Where != "" || c.Bucket != "" || len(c.By) > 0):
		return settings.Wrong("estimate", "the catalog estimates the whole table only: remove where, bucket and by")
	}
	c.Aspect = c.aspect()
	return errors.Join(
		c.validateSegments(),
		c.validateClear(0, c.Warn, c.Fail),
		c.validateBucket(),
		c.watch(c.measure()),
		c.Change.validate(),
		c.ExpectedPartitions.validate(),
	)
}

func (c *RowCount) measure() measurement {
	return measurement{
		Metric: "row_count", Unit: "rows", Direction: "both", Clears: true,
		Alone: !c.Warn.Set() && !c.Fail.Set() && c.Change == nil && c.ExpectedPartitions == nil,
	}
}

// aspect names the rows that are counted, and the rules beside bounds.
func (c *RowCount) aspect() string {
	var parts []string
	if c.Bucket != "" {
		parts = append(parts, string(c.Bucket))
	}
	parts = append(parts, c.By...)
	if c.Change != nil {
		parts = append(parts, "change")
	}
	if c.ExpectedPartitions != nil {
		parts = append(parts, "partitions")
	}
	if c.Where != "" {
		parts = append(parts, c.Where)
	}
	return strings.Join(parts, ":")
}

// Times implements [TimedCheck].
func (c *RowCount) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *RowCount) Needs(t Target) Needs {
	n := Needs{Columns: c.By, Past: c.hasPast()}
	if c.Bucket != "" || c.ExpectedPartitions != nil || c.Column != "" || c.Time != nil {
		n.Column = c.timeColumnName(t)
	}
	if c.Estimate {
		n.Facts |= warehouse.Estimates
	}
	switch series := c.series(t, ""); {
	case c.Change == nil:
	case len(c.By) > 0:
		n.SegmentHistory = &series
	default:
		n.History = []Series{series}
	}
	return n
}

// series returns the part of a count's history that Change needs.
func (c *RowCount) series(t Target, segment string) Series {
	return c.Change.series(t, Series{Metric: "row_count", Segment: segment}, len(c.By) > 0)
}

const (
	askCount    = "count"
	askSegments = "segments"
	askBuckets  = "buckets"
	askPast     = "past"
)

// Ask implements Check.
func (c *RowCount) Ask(t Target, a Answers) []Ask {
	if t.Known.Relation == nil || c.timeError(t) != nil {
		return nil
	}
	var asks []Ask
	rel := t.Known.Relation
	window := c.window(t, rel)
	switch {
	case len(c.By) > 0:
		all := &Groups{By: c.By, Where: c.Where, Window: window, Limit: c.Limit}
		asks = append(asks, Ask{Key: askSegments, Groups: all})
		if got, asked := a.Get(askSegments); asked && c.segmentRows() != "" {
			asks = append(asks, sameAsks(t, all, got)...)
		}
	case a.asked(askCount):
	case !c.estimateDecides(t):
		asks = append(asks, Ask{Key: askCount, Aggregate: &Aggregate{Func: "count", Where: c.Where, Window: window}})
	}
	if c.ExpectedPartitions != nil {
		asks = append(asks, Ask{Key: askBuckets, Groups: &Groups{Every: grain, Where: c.Where, Limit: maxGrains,
			Window: c.partitionsWindow(t)}})
	}
	for i, w := range []Window{window, c.partitionsWindow(t)} {
		key := []string{askCount, askBuckets}[i]
		asks = append(asks, gapAsks(key, w, c.Where, nil)...)
		asks = append(asks, partialAsks(key, w, c.Where, nil)...)
	}
	switch {
	case !c.wantsPast(t):
	case len(c.By) > 0:
		asks = append(asks, c.askSegmentPast(t)...)
	default:
		asks = append(asks, c.askPast(t))
	}
	for _, unit := range c.units() {
		if source, err := c.source(t, rel, unit); err == nil {
			asks = append(asks, unreadableAsks(string(unit), source, c.Where, nil)...)
		}
	}
	return asks
}

// gapNote tells of rows in the windows at times that the clock never showed.
func (c *RowCount) gapNote(t Target, a Answers) (string, error) {
	note, err := t.inGaps(askBuckets, c.partitionsWindow(t), a)
	if err == nil && note == "" {
		note, err = t.inGaps(askCount, c.window(t, t.Known.Relation), a)
	}
	return note, err
}

// units returns the lengths of the periods that the check reads.
func (c *RowCount) units() (units []Period) {
	if c.Bucket != "" {
		units = append(units, c.Bucket)
	}
	if p := c.ExpectedPartitions; p != nil && p.Every != c.Bucket {
		units = append(units, p.Every)
	}
	return units
}

// timeError returns why the time column cannot be used, if one is needed.
func (c *RowCount) timeError(t Target) error {
	for _, unit := range c.units() {
		if _, err := c.source(t, t.Known.Relation, unit); err != nil {
			return err
		}
	}
	return nil
}

// answerError returns the first error of the answers that decide.
func (c *RowCount) answerError(t Target, a Answers) error {
	var last TimeSource
	for _, unit := range c.units() {
		source, err := c.source(t, t.Known.Relation, unit)
		if err == nil {
			err = unreadableError(string(unit), source, a)
		}
		if err != nil {
			return err
		}
		last = source
	}
	for _, key := range []string{askCount, askBuckets} {
		if err := partialError(key, last, a); err != nil {
			return err
		}
	}
	for _, key := range []string{askCount, askSegments, askBuckets} {
		if err := a.of(key).Err; err != nil {
			return last.explain(err)
		}
	}
	return nil
}

// estimateDecides reports whether the catalog's estimate is so far from every threshold
// that an exact count would give the same status.
func (c *RowCount) estimateDecides(t Target) bool {
	rows := t.Known.Relation.Rows
	if !c.Estimate || rows < 0 || c.Change != nil || rows == 0 {
		return false
	}
	for _, b := range []Bound{c.Fail, c.Warn} {
		if !b.Set() {
			continue
		}
		for _, factor := range []float64{1 - estimateError, 1, 1 + estimateError} {
			if b.Holds(sentinel.Float(float64(rows) * factor)) {
				return false
			}
		}
	}
	return true
}

// estimateError is the largest assumed relative error of an estimate. Autovacuum analyses
// a table after a tenth of it changed, and the sample adds to that error.
const estimateError = 0.25

// Judge implements Check.
func (c *RowCount) Judge(t Target, a Answers) sentinel.Result {
	const kind = "row_count"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	if err := c.answerError(t, a); err != nil {
		return errorResult(kind, err)
	}
	var r sentinel.Result
	if len(c.By) > 0 {
		r = c.judgeSegments(t, a)
	} else {
		r = c.judgeCount(t, a)
	}
	if c.Bucket != "" {
		if from, to := c.closed(t); !t.Known.Server.covers(from, to, t.Known.Catalog.AsOf) {
			r = incomplete(r, c.label(t, from), "", sentinel.ChangeKey)
		}
	}
	if c.ExpectedPartitions != nil {
		r = c.judgePartitions(t, a.of(askBuckets), r)
	}
	note, err := c.gapNote(t, a)
	if err != nil {
		return errorResult(kind, err)
	}
	r = noted(r, note)
	if c.wantsPast(t) {
		c.addPast(t, a, &r)
	}
	return r
}

// addPast adds to the first result what the table's past says.
func (c *RowCount) addPast(t Target, a Answers, r *sentinel.Result) {
	unread := pastUnread(a.of(askPast))
	if len(c.By) > 0 {
		for i := range c.pastParts(t) {
			unread = cmp.Or(unread, pastUnread(a.of(fmt.Sprint(askPast, i))))
		}
		c.addSegmentPast(t, a, r)
	} else {
		r.Past = c.past(t, a.of(askPast))
	}
	if unread != "" {
		r.Message += "; " + unread
	}
}

func (c *RowCount) judgeCount(t Target, a Answers) sentinel.Result {
	got, exact := a.Get(askCount)
	n, about := got.Number, ""
	if !exact {
		n, about = sentinel.Int(t.Known.Relation.Rows), "about "
		got.Evidence = sentinel.Evidence{Source: "catalog_estimate", Confidence: sentinel.Estimated}
	}
	o := sentinel.Observation{Metric: "row_count", Value: n}
	what := about + groupDigits(n) + " rows"
	if c.Bucket != "" {
		o.Bucket, _ = c.closed(t)
		what += " for " + c.label(t, o.Bucket)
	}
	var findings []sentinel.Finding
	if f, bad := against("", what, n, c.Warn, c.Fail); bad {
		findings = append(findings, f)
	}
	if c.Change != nil {
		f, bad, wait := c.judgeChange(t, o, what)
		if wait != "" {
			f = sentinel.Finding{Key: sentinel.ChangeKey, Status: sentinel.Unknown, Message: what + "; " + wait, Observed: n}
		}
		if bad || wait != "" {
			findings = append(findings, f)
		}
	}
	r := conclude("row_count", findings, what)
	r.Evidence, r.Observations = got.Evidence, []sentinel.Observation{o}
	return r
}

// judgeChange compares the count with its past.
func (c *RowCount) judgeChange(
	t Target, o sentinel.Observation, what string,
) (f sentinel.Finding, bad bool, wait string) {
	past := changePast{target: t, series: c.series(t, o.Segment), bucket: c.Bucket, counts: true}
	return c.Change.judge(past, o, what)
}
