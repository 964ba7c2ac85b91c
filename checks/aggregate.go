package checks

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("aggregate", func() Check { return &AggregateCheck{} }) }

// AggregateCheck compares one number over the values of a column, such as their mean, with
// bounds and with its own past: of all rows, or of each segment. Values that are no finite
// numbers take no part, and are bad.
type AggregateCheck struct {
	Options    `yaml:",inline"`
	Column     string   `yaml:"column" doc:"Column whose values are read."`
	Function   Function `yaml:"function" doc:"What is made of the values."`
	Percentile float64  `yaml:"percentile" doc:"With function percentile: which one, such as 0.95."`
	Unit       string   `yaml:"unit" enum:"days" doc:"days: min and max of a date or timestamp are ages in days."`
	Expression string   `yaml:"expression" doc:"SQL aggregate in place of column and function: sum(a) / count(*)."`
	Warn       Bound    `yaml:"warn" doc:"Condition that warns: \"> 900\"."`
	Fail       Bound    `yaml:"fail" doc:"Condition that fails: \"not between 10 and 900\"."`
	Compare    string   `yaml:"compare" default:"engine" enum:"engine,exact" doc:"Which texts are distinct."`
	TimeBucket `yaml:",inline"`
	By         []string `yaml:"by" doc:"Judge the rows of each combination of these columns' values."`
	Limit      int      `yaml:"limit" default:"100" doc:"Largest segments judged, 1 to 1000."`
	Change     *Change  `yaml:"change" doc:"Hold the number against its past."`
	OnNull     Policy   `yaml:"on_null" default:"unknown" doc:"Result when there is no value."`
	OnMissing  Policy   `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
}

// Function is what an aggregate makes of the values of a column.
type Function string

// Words returns the functions.
func (Function) Words() []string {
	return []string{"avg", "min", "max", "sum", "stddev", "variance", "median", "percentile",
		"distinct_count", "distinct_percent", "count_true", "zero_percent", "avg_length", "min_length", "max_length"}
}

// Validate implements Check.
func (c *AggregateCheck) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	switch {
	case c.Expression == "" && c.Column == "":
		return settings.Wrong("column", "want the column whose values are read, or an expression")
	case c.Expression == "" && c.Function == "":
		return settings.Wrong("function", "want what is made of the values, such as avg")
	case c.Expression != "" && c.Column+string(c.Function) != "":
		return settings.Wrong("expression", "it replaces column and function: keep one of them")
	case c.Unit != "" && c.Function != "min" && c.Function != "max":
		return settings.Wrong("unit", "is for min and max of a date or timestamp")
	case c.Limit < 1 || c.Limit > 1000:
		return settings.Wrong("limit", "want 1 to 1000 segments")
	case !c.Warn.Set() && !c.Fail.Set() && c.Anomaly == nil && c.Change == nil:
		return settings.Wrong("", "no threshold for the number: "+
			"set warn or fail, such as fail: \"> 0\", or anomaly: {}, or change")
	}
	for key, b := range map[string]Bound{"warn": c.Warn, "fail": c.Fail} {
		if b.Percent {
			return settings.Wrong(key, "a percentage has no reference value here: remove the %%, or put it under `change:`")
		}
	}
	c.Aspect = c.aspect()
	return errors.Join(c.validatePercentile(), distinctColumns(c.By), c.Change.validate(),
		c.validateClear(math.Inf(-1), c.Warn, c.Fail), c.TimeBucket.validate(), c.watch(c.measure()))
}

// aspect names the number, and the rows that it is of.
func (c *AggregateCheck) aspect() string {
	parts := []string{c.Column, string(c.Function), c.percentileText(), c.Expression, string(c.Bucket)}
	parts = append(parts, c.By...)
	if c.Change != nil {
		parts = append(parts, "change")
	}
	parts = append(parts, c.Where)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ":")
}

// percentileText writes the percentile as it is configured; "" if there is none.
func (c *AggregateCheck) percentileText() string {
	if c.Percentile == 0 {
		return ""
	}
	return strconv.FormatFloat(c.Percentile, 'f', -1, 64)
}

// mostDecimals is how many decimals a percentile may have.
const mostDecimals = 6

func (c *AggregateCheck) validatePercentile() error {
	_, decimals, _ := strings.Cut(c.percentileText(), ".")
	switch {
	case c.Function != "percentile" && c.Percentile == 0:
		return nil
	case c.Function != "percentile":
		return settings.Wrong("percentile", "needs function: percentile")
	case c.Percentile == 0:
		return settings.Wrong("percentile", "want which one, such as 0.95")
	case c.Percentile > 1 && c.Percentile < 100:
		return settings.Wrong("percentile", "%s is above 1: want a part of 1, such as 0.95", c.percentileText())
	case !(c.Percentile > 0 && c.Percentile <= 1):
		return settings.Wrong("percentile", "want more than 0 and at most 1, such as 0.95")
	case len(decimals) > mostDecimals:
		return settings.Wrong("percentile", "%s has more than %d decimals", c.percentileText(), mostDecimals)
	}
	return nil
}

func (c *AggregateCheck) measure() measurement {
	return measurement{Metric: valueMetric, Direction: "both", Clears: true,
		Alone: !c.Warn.Set() && !c.Fail.Set() && c.Change == nil}
}

// userSQL implements sqlUser.
func (c *AggregateCheck) userSQL() []userSQL {
	return append(c.TimeBucket.userSQL(), userSQL{field: "expression", text: c.Expression})
}

// Times implements [TimedCheck].
func (c *AggregateCheck) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// valueMetric is the metric of the number.
const valueMetric = "value"

// Needs implements Check.
func (c *AggregateCheck) Needs(t Target) Needs {
	n := Needs{Column: c.bucketColumn(t), Columns: slices.Clone(c.By), Past: c.hasPast()}
	if c.Column != "" {
		n.Columns = append(n.Columns, c.Column)
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

// series returns the part of the number's history that Change needs.
func (c *AggregateCheck) series(t Target, segment string) Series {
	return c.Change.series(t, Series{Metric: valueMetric, Segment: segment}, len(c.By) > 0)
}

// segmentRows implements segmented. Where no rows are as good as some, nothing needs to be
// remembered.
func (c *AggregateCheck) segmentRows() string {
	zero := sentinel.Int(0)
	switch {
	case c.counts() && c.Change == nil && c.Anomaly == nil &&
		!(c.Warn.Set() && c.Warn.Holds(zero)) && !(c.Fail.Set() && c.Fail.Holds(zero)):
		return ""
	case !c.counts() && c.OnNull.status() == sentinel.Pass:
		return ""
	}
	return segmentRowsOf(c.By, c.Where)
}

// counts reports whether the number is 0 where there are no rows.
func (c *AggregateCheck) counts() bool {
	return c.Function == "distinct_count" || c.Function == "count_true"
}

// segmentLimit implements segmented.
func (c *AggregateCheck) segmentLimit() int { return c.Limit }
