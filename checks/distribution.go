package checks

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("distribution", func() Check { return &Distribution{} }) }

// Distribution compares how the values of a column are distributed with how they were, or
// should be. It is bad when the distance is beyond a bound, and more than chance makes of so
// few rows.
type Distribution struct {
	Options    `yaml:",inline"`
	Column     string  `yaml:"column" required:"true" doc:"Column whose values are compared: numbers, or categories."`
	Against    Against `yaml:"against" doc:"What they are compared with. Default: the 7 buckets before."`
	Method     string  `yaml:"method" default:"js" enum:"js,psi,ks,max_share" doc:"Distance of two distributions."`
	Warn       Bound   `yaml:"warn" doc:"Condition on the distance that warns: \"> 0.05\"."`
	Fail       Bound   `yaml:"fail" doc:"Condition that fails. Default without warn and anomaly: \"> 0.1\"."`
	ShowValues bool    `yaml:"show_values" doc:"Messages name the values whose shares changed most."`
	MinRows    int     `yaml:"min_rows" default:"200" doc:"Fewer rows on a side are unknown."`
	TimeBucket `yaml:",inline"`
	OnMissing  Policy `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
}

// Against says which distribution is the reference. One of the fields is set.
type Against struct {
	Last int `yaml:"last" doc:"So many buckets before the one that is judged, 1 to 60."`
	// SameWeekday compares a Monday with Mondays, and its hour with the same hour.
	SameWeekday int `yaml:"same_weekday" doc:"The same weekday, and hour, of so many weeks before, 1 to 26."`

	From string `yaml:"from" doc:"First day or time of a reference period: 2026-11-01."`
	To   string `yaml:"to" doc:"End of the reference period, which is no part of it."`

	Values map[string]string `yaml:"values" doc:"Shares of values: {DE: 0.6, US: 0.4}. null is NULL. All others together have the rest."`
}

// Validate implements Check.
func (c *Distribution) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	if c.Against.given() == 0 {
		c.Against.Last = 7
	}
	if !c.Warn.Set() && !c.Fail.Set() && c.Anomaly == nil {
		c.Fail = Bound{Op: ">", Low: sentinel.Float(0.1)}
	}
	switch {
	case c.Column == "":
		return settings.Wrong("column", "want the column whose values are compared")
	case c.MinRows < 1:
		return settings.Wrong("min_rows", "want 1 or more rows")
	case len(c.Against.Values) == 0 && c.Bucket == "":
		return settings.Wrong("bucket", "a comparison with the past needs bucket, such as day")
	}
	for key, b := range map[string]Bound{"warn": c.Warn, "fail": c.Fail} {
		if b.Percent {
			return settings.Wrong(key, "a distance is no percentage: remove the %%")
		}
	}
	if err := settings.In("against", c.Against.validate(c)); err != nil {
		return err
	}
	c.Aspect = strings.Join(slices.DeleteFunc([]string{c.Column, c.Method, string(c.Bucket), c.Where},
		func(s string) bool { return s == "" }), ":")
	return errors.Join(c.TimeBucket.validate(), c.watch(c.measure()))
}

// given returns how many references are configured.
func (a *Against) given() (n int) {
	for _, set := range []bool{a.Last != 0, a.SameWeekday != 0, a.From+a.To != "", len(a.Values) > 0} {
		if set {
			n++
		}
	}
	return n
}

// validate checks the reference of a check.
func (a *Against) validate(c *Distribution) error {
	switch {
	case a.given() > 1:
		return settings.Wrong("", "want one of last, same_weekday, from with to, and values")
	case a.Last < 0 || a.Last > 60:
		return settings.Wrong("last", "want 1 to 60 buckets")
	case a.SameWeekday < 0 || a.SameWeekday > 26:
		return settings.Wrong("same_weekday", "want 1 to 26 weeks")
	case a.SameWeekday > 0 && c.Bucket != schedule.Day && c.Bucket != schedule.Hour:
		return settings.Wrong("same_weekday", "needs bucket: day or hour")
	case len(a.Values) > 0 && c.Method == "ks":
		return settings.Wrong("values", "ks is for numbers: use js, psi or max_share")
	case len(a.Values) > mostCategories:
		return settings.Wrong("values", "want at most %d values", mostCategories)
	}
	if a.From+a.To != "" {
		from, err := readDay(a.From, time.UTC)
		if err != nil {
			return settings.Wrong("from", "%v", err)
		}
		to, err := readDay(a.To, time.UTC)
		if err != nil {
			return settings.Wrong("to", "%v", err)
		}
		if !from.Before(to) {
			return settings.Wrong("to", "want an end after %s", a.From)
		}
	}
	_, err := a.shares()
	return err
}

// readDay reads a day, or a time with a zone.
func readDay(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return t, fmt.Errorf("%q is no day such as 2026-11-01, and no time such as 2026-11-01T06:00:00Z", text)
	}
	return t, nil
}

// shares returns the configured shares by value.
func (a *Against) shares() (map[string]float64, error) {
	out, sum := map[string]float64{}, 0.0
	for _, value := range slices.Sorted(maps.Keys(a.Values)) {
		share, err := strconv.ParseFloat(a.Values[value], 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return nil, settings.Wrong("values", "%s: want a share from 0 to 1, not %q", value, a.Values[value])
		}
		out[value] = share
		sum += share
	}
	if sum > 1+1e-9 {
		return nil, settings.Wrong("values", "the shares are %g together: want at most 1", sum)
	}
	return out, nil
}

// nullShare is the name of NULL among the configured values.
const nullShare = "null"

// sharesOf returns the configured shares by the category of each value in a column.
func (a *Against) sharesOf(column *warehouse.Column) (map[string]float64, error) {
	shares, err := a.shares()
	if err != nil {
		return nil, err
	}
	out, written := map[string]float64{}, map[string]string{}
	for _, value := range slices.Sorted(maps.Keys(shares)) {
		category := value
		if value != nullShare {
			if _, err := warehouse.LiteralFor(column, value, time.UTC); err != nil {
				return nil, fmt.Errorf("values: %w", err)
			}
			category = categoryOf(column, value)
		}
		if other, twice := written[category]; twice {
			return nil, fmt.Errorf("values: %q and %q are the same value of column %s, which is %s",
				other, value, column.Name, column.Type.Native)
		}
		out[category], written[category] = shares[value], value
	}
	return out, nil
}

// categoryOf returns the one way in which a value of a column is written here: 1 for the
// numbers 1.00 and 01, and for true.
func categoryOf(c *warehouse.Column, text string) string {
	l, err := warehouse.LiteralFor(c, text, time.UTC)
	switch {
	case err != nil:
		return text
	case l.SQL == "TRUE":
		return "1"
	case l.SQL == "FALSE":
		return "0"
	case l.SQL != "":
		return l.SQL
	}
	return l.Text
}

func (c *Distribution) measure() measurement {
	return measurement{Metric: "value", Direction: "spike", Alone: !c.Warn.Set() && !c.Fail.Set()}
}

// userSQL implements sqlUser.
func (c *Distribution) userSQL() []userSQL { return c.TimeBucket.userSQL() }

// Times implements [TimedCheck].
func (c *Distribution) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Distribution) Needs(t Target) Needs {
	return Needs{Columns: []string{c.Column}, Column: c.bucketColumn(t)}
}

const askCells = "cells"

// Ask implements Check.
func (c *Distribution) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil || c.timeError(t) != nil {
		return nil
	}
	cells, err := c.cells(t)
	if err != nil {
		return nil // Judge says it
	}
	asks := []Ask{{Key: askCells, Cells: cells}}
	asks = append(asks, gapAsks(askRows, cells.Window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, cells.Window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, cells.Window.Time, c.Where, nil)...)
}

// cells returns the question, or why it cannot be asked.
func (c *Distribution) cells(t Target) (*Cells, error) {
	column, err := t.Column(c.Column)
	if err != nil {
		return nil, err
	}
	numbers := column.Type.IsNumber() && len(c.Against.Values) == 0
	switch {
	case column.Type.IsTime():
		return nil, fmt.Errorf("column %s is %s: a distribution is of numbers or categories", column.Name, column.Type.Native)
	case !numbers && c.Method == "ks":
		return nil, fmt.Errorf("column %s is %s, and ks is for numbers", column.Name, column.Type.Native)
	}
	if _, err := c.Against.sharesOf(column); err != nil {
		return nil, err
	}
	out := &Cells{Column: *column, Numbers: numbers, Where: c.Where}
	if c.Bucket == "" {
		return out, nil
	}
	b := c.closes()
	p := b.periods(t, c.Bucket)
	from, to := b.closed(t)
	out.Window = b.between(t, t.Known.Relation, p, from, to)
	switch a := c.Against; {
	case a.Last > 0:
		out.Reference = []Window{b.between(t, t.Known.Relation, p, p.Back(from, a.Last), from)}
	case a.SameWeekday > 0:
		for weeks := range a.SameWeekday {
			first := p.Start(from.In(t.zone()).AddDate(0, 0, -7*(weeks+1)))
			out.Reference = append(out.Reference, b.between(t, t.Known.Relation, p, first, p.Next(first)))
		}
	case a.From != "":
		first, err := readDay(a.From, t.zone())
		if err != nil {
			return nil, err
		}
		end, err := readDay(a.To, t.zone())
		if err != nil {
			return nil, err
		}
		out.Reference = []Window{t.window(out.Window.Time, first, end)}
	}
	return out, nil
}

// Judge implements Check.
func (c *Distribution) Judge(t Target, a Answers) sentinel.Result {
	const kind = "distribution"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	cells, err := c.cells(t)
	got, asked := a.Get(askCells)
	switch {
	case err != nil:
	case !asked:
		err = errors.New("no statement was sent to the database")
	default:
		source := cells.Window.Time
		err = cmp.Or(unreadableError(askRows, source, a), partialError(askRows, source, a), source.explain(got.Err))
	}
	if err != nil {
		return errorResult(kind, err)
	}
	j := &distributionJudge{Distribution: c, column: cells.Column.Name}
	if c.Bucket != "" {
		j.bucket, _ = c.closes().closed(t)
		j.label = " for " + c.closes().label(t, j.bucket)
	}
	return c.ofBucket(t, kind, j.judge(kind, newCompared(got.Groups, cells, &c.Against)), a)
}

// distributionJudge compares one distance with the bounds.
type distributionJudge struct {
	*Distribution
	column string
	bucket time.Time
	label  string
}

func (j *distributionJudge) judge(kind string, d *compared) sentinel.Result {
	sides := groupDigits(sentinel.Int(d.rows)) + " rows" + j.label
	if !d.fixed {
		sides += " against " + groupDigits(sentinel.Int(d.reference))
	}
	if d.rows < int64(j.MinRows) || !d.fixed && d.reference < int64(j.MinRows) {
		f := sentinel.Finding{Key: "", Status: sentinel.Unknown, Observed: sentinel.Int(d.rows),
			Expected: fmt.Sprintf("at least %d rows", j.MinRows),
			Message:  fmt.Sprintf("%s: too few to compare %s (min_rows: %d)", sides, j.column, j.MinRows)}
		return conclude(kind, []sentinel.Finding{f}, f.Message)
	}
	distance, chance := d.distance(j.Method)
	n := sentinel.Float(distance)
	what := fmt.Sprintf(
		"the %s distance of %s is %s (%s)",
		j.Method,
		j.column,
		strconv.FormatFloat(distance, 'g', 3, 64),
		sides,
	)
	if moved := d.moved(j.ShowValues || d.fixed); moved != "" {
		what += "; " + moved
	}
	var findings []sentinel.Finding
	if f, bad := against("", what, n, j.Warn, j.Fail); bad {
		if chance {
			what += "; so few rows differ as much by chance"
		} else {
			findings = append(findings, f)
		}
	}
	r := conclude(kind, findings, what)
	r.Evidence = sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}
	r.Observations = []sentinel.Observation{{Metric: "value", Bucket: j.bucket, Value: n}}
	return r
}
