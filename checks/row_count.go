package checks

import (
	"errors"
	"fmt"
	"math"
	"slices"
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

// Needs implements Check.
func (c *RowCount) Needs(t Target) Needs {
	n := Needs{Column: t.columnName(c.Column), Past: c.hasPast()}
	if c.Estimate {
		n.Facts |= warehouse.Estimates
	}
	if c.Change != nil {
		n.History = []Series{c.series(t)}
	}
	return n
}

// series returns the part of the count's history that Change needs.
func (c *RowCount) series(t Target) Series {
	return Series{Metric: "row_count", Since: t.Tick.AddDate(0, 0, -400), Limit: 10000}
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
		asks = append(asks, Ask{Key: askSegments, Groups: &Groups{By: c.By, Where: c.Where, Window: window, Limit: c.Limit}})
	case a.asked(askCount):
	case !c.estimateDecides(t):
		asks = append(asks, Ask{Key: askCount, Aggregate: &Aggregate{Func: "count", Where: c.Where, Window: window}})
	}
	if p := c.ExpectedPartitions; p != nil {
		periods := c.periods(t, p.Every)
		from, to := p.span(t, periods)
		asks = append(asks, Ask{Key: askBuckets, Groups: &Groups{Every: grain, Where: c.Where, Limit: maxGrains,
			Window: c.between(t, rel, periods, from, to)}})
	}
	if c.wantsPast(t) {
		asks = append(asks, c.askPast(t))
	}
	return asks
}

// timeError returns why the time column cannot be used, if one is needed.
func (c *RowCount) timeError(t Target) error {
	if c.Bucket == "" && c.ExpectedPartitions == nil {
		return nil
	}
	_, err := c.timeColumn(t, t.Known.Relation)
	return err
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
	switch {
	case t.Known.Err != nil:
		return errorResult(kind, t.Known.Err)
	case t.Known.Relation == nil:
		return missingTable(kind, t, c.OnMissing)
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	for _, key := range []string{askCount, askSegments, askBuckets} {
		if err := a.of(key).Err; err != nil {
			return errorResult(kind, err)
		}
	}
	var r sentinel.Result
	if len(c.By) > 0 {
		r = c.judgeSegments(t, a.of(askSegments))
	} else {
		r = c.judgeCount(t, a)
	}
	if c.Bucket != "" {
		if from, to := c.closed(t); !t.Known.Server.covers(from, to, t.Known.Catalog.AsOf) {
			r = incomplete(r, c.label(t, from))
		}
	}
	if c.ExpectedPartitions != nil {
		r = c.judgePartitions(t, a.of(askBuckets), r)
	}
	if c.wantsPast(t) {
		r.Past = c.past(t, a.of(askPast))
	}
	return r
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
	learning := ""
	if c.Change != nil {
		f, bad, wait := c.judgeChange(t, o, what)
		learning = wait
		if bad {
			findings = append(findings, f)
		}
	}
	r := conclude("row_count", findings, what)
	if r.Status == sentinel.Pass && learning != "" {
		r.Status, r.Message = sentinel.Unknown, what+"; "+learning
	}
	r.Evidence, r.Observations = got.Evidence, []sentinel.Observation{o}
	return r
}

// judgeChange compares the count with its past, of which it is not a part. wait says what
// is missing if the past is too short.
func (c *RowCount) judgeChange(
	t Target, o sentinel.Observation, what string,
) (f sentinel.Finding, bad bool, wait string) {
	at := o.Bucket
	if at.IsZero() {
		at = t.Tick
	}
	past := slices.DeleteFunc(slices.Clone(t.Known.History[c.series(t)]),
		func(p sentinel.Point) bool { return p.Bad || !p.Time.Before(at) })
	reference, words, ok := c.Change.reference(past, at, c.Bucket, t.zone())
	if !ok {
		return f, false, fmt.Sprintf("learning: no value to compare with yet (%s)", words)
	}
	if reference == 0 {
		return f, false, fmt.Sprintf("%s is 0: no percentage of it", words)
	}
	percent := (o.Value.Float64() - reference) / math.Abs(reference) * 100
	change := sentinel.Float(math.Round(percent*100) / 100)
	text := fmt.Sprintf("%s, %+.1f%% against %s (%s)", what, percent, words,
		groupDigits(sentinel.Int(int64(math.Round(reference)))))
	f, bad = against("change", text, change, c.Change.Warn, c.Change.Fail)
	return f, bad, ""
}

// reference returns the value to compare with, and its name.
func (c *Change) reference(
	past []sentinel.Point, at time.Time, bucket Period, loc *time.Location,
) (v float64, words string, ok bool) {
	switch c.Against {
	case "average":
		words = fmt.Sprintf("the average of the last %d", c.Over)
		if len(past) < c.Over {
			return 0, words, false
		}
		for _, p := range past[len(past)-c.Over:] {
			v += p.Value / float64(c.Over)
		}
		return v, words, true
	case "same_weekday":
		words = "the same day last week"
		want := at.In(loc).AddDate(0, 0, -7)
		slack := 12 * time.Hour
		if bucket == "hour" {
			slack = 30 * time.Minute
		}
		best := slack
		for _, p := range past {
			if off := p.Time.Sub(want).Abs(); off <= best {
				best, v, ok = off, p.Value, true
			}
		}
		return v, words, ok
	}
	if len(past) == 0 {
		return 0, "the previous value", false
	}
	return past[len(past)-1].Value, "the previous value", true
}

func (c *RowCount) judgeSegments(t Target, got Answer) sentinel.Result {
	var findings []sentinel.Finding
	var observations []sentinel.Observation
	var bucket time.Time
	if c.Bucket != "" {
		bucket, _ = c.closed(t)
	}
	groups := got.Groups
	if got.Other.Size > 0 {
		groups = append(slices.Clone(groups), got.Other)
	}
	for i, g := range groups {
		observations = append(observations,
			sentinel.Observation{Metric: "row_count", Segment: g.Segment, Bucket: bucket, Value: g.Count})
		if i == len(got.Groups) {
			continue // the bounds do not apply to the sum of the other groups
		}
		what := fmt.Sprintf("%s rows in %s", groupDigits(g.Count), g.Segment)
		if f, bad := against(g.Segment, what, g.Count, c.Warn, c.Fail); bad {
			findings = append(findings, f)
		}
	}
	pass := fmt.Sprintf("%d segments", len(got.Groups))
	if got.Other.Size > 0 {
		pass = fmt.Sprintf("%d largest segments and %d more as one (limit: %d)", len(got.Groups), got.Other.Size, c.Limit)
	}
	if len(got.Groups) == 0 {
		pass = "no rows, so no segments"
		if f, bad := against("", "no rows in any segment", sentinel.Int(0), c.Warn, c.Fail); bad {
			findings = append(findings, f)
		}
	}
	r := conclude("row_count", findings, pass)
	r.Evidence, r.Observations = got.Evidence, observations
	return r
}
