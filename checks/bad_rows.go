package checks

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// BadRows is embedded by the kinds that count bad rows. It says which rows are looked at,
// and how many of them may be bad.
type BadRows struct {
	Warn Bound `yaml:"warn" doc:"Condition on the number of bad rows that warns: \"> 0\", or on their share: \"> 1%\"."`
	Fail Bound `yaml:"fail" doc:"Condition that fails. Default without warn and anomaly: \"> 0\"."`

	TimeBucket `yaml:",inline"`

	By        []string `yaml:"by" doc:"Judge each combination of these columns' values."`
	Limit     int      `yaml:"limit" default:"100" doc:"Largest segments judged, 1 to 1000."`
	MinRows   *int     `yaml:"min_rows" doc:"A share of fewer rows is unknown. Default: 30 with bucket or by, else 0."`
	OnEmpty   Policy   `yaml:"on_empty" default:"pass" doc:"Result when there is no row to look at."`
	OnMissing Policy   `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
}

// smallShare is how many rows a share of a bucket or segment needs by default.
const smallShare = 30

// rowRule is what a kind says of the rows of a table.
type rowRule struct {
	bad   warehouse.Predicate
	parts []rowPart // conditions of bad, if there are several
	// values is the column whose values are looked at; "" if rows are.
	values string
	// what names the bad rows, after their number and that of all: "rows have no email".
	what string
	keys []string // conditions as the database reads them, bad first; "" for SQL of the user, and the engine's clock
}

// rowPart is one of several conditions that make a row bad.
type rowPart struct {
	name string
	bad  warehouse.Predicate
}

// complete checks the keys that the kinds share.
func (b *BadRows) complete(o *Options) error {
	if !b.Warn.Set() && !b.Fail.Set() && o.Anomaly == nil {
		b.Fail = Bound{Op: ">", Low: sentinel.Int(0)}
	}
	if b.MinRows == nil {
		n := 0
		if b.Bucket != "" || len(b.By) > 0 {
			n = smallShare
		}
		b.MinRows = &n
	}
	switch {
	case b.Limit < 1 || b.Limit > 1000:
		return settings.Wrong("limit", "want 1 to 1000 segments")
	case *b.MinRows < 0:
		return settings.Wrong("min_rows", "want 0 or more rows")
	}
	for _, at := range []struct {
		key   string
		bound Bound
	}{{"warn", b.Warn}, {"fail", b.Fail}} {
		if at.bound.Percent && (at.bound.Low.Cmp(sentinel.Int(0)) < 0 || at.bound.Low.Cmp(sentinel.Int(100)) > 0) {
			return settings.Wrong(at.key, "a share is 0%% to 100%%")
		}
	}
	return errors.Join(distinctColumns(b.By), b.TimeBucket.validate())
}

// measure is the share of bad rows, which anomaly detection watches.
func (b *BadRows) measure() measurement {
	return measurement{Metric: failedPercent, Unit: "%", Direction: "spike", Alone: !b.Warn.Set() && !b.Fail.Set()}
}

// aspect names what is checked, and the rows that are looked at.
func (b *BadRows) aspect(o *Options, what ...string) string {
	parts := slices.DeleteFunc(what, func(s string) bool { return s == "" })
	if b.Bucket != "" {
		parts = append(parts, string(b.Bucket))
	}
	parts = append(parts, b.By...)
	if o.Where != "" {
		parts = append(parts, o.Where)
	}
	return strings.Join(parts, ":")
}

// needs returns the columns whose types must be known, and whether the past is to be read.
func (b *BadRows) needs(t Target, o *Options, columns ...string) Needs {
	return Needs{Columns: append(columns, b.By...), Column: b.bucketColumn(t), Past: b.hasPast(o)}
}

// hasPast reports whether the shares of past buckets can be read from the table.
func (b *BadRows) hasPast(o *Options) bool { return o.Anomaly != nil && b.Bucket != "" }

const (
	askRows   = "rows"   // number of rows that are looked at
	askValues = "values" // number of them with a value
	askBad    = "bad"    // number of bad rows; with a number behind it, of one condition
)

// rowChecker is a kind that counts bad rows.
type rowChecker interface {
	Check
	// rule says which rows are bad. Known.Relation must be set.
	rule(t Target) (*rowRule, error)
}

// askRows asks for the numbers of a rule, as aggregates of the table's one statement or, with
// segments, of the statement of these.
func (b *BadRows) askRows(t Target, c rowChecker) []Ask {
	if t.Known.Relation == nil || b.timeError(t) != nil {
		return nil
	}
	rule, err := c.rule(t)
	if err != nil {
		return nil // Judge says it
	}
	o := c.Common()
	window := b.closes().window(t, t.Known.Relation)
	aggregates := rule.aggregates(o.Where, window)
	var asks []Ask
	groups := b.groups(o, aggregates)
	if t.Known.New && b.hasPast(o) {
		asks = pastNumbers{b.closes(), groups}.asks(t)
	}
	if len(b.By) > 0 {
		groups.Window, groups.Limit, groups.Totals = window, b.Limit, true
		asks = append(asks, Ask{Key: askSegments, Groups: &groups})
	} else {
		all := Ask{Key: askRows, Aggregate: &Aggregate{Func: "count", Where: o.Where, Window: window}}
		asks = append(append(asks, all), aggregates...)
	}
	asks = append(asks, gapAsks(askRows, window, o.Where, nil)...)
	asks = append(asks, partialAsks(askRows, window, o.Where, nil)...)
	return append(asks, unreadableAsks(askRows, window.Time, o.Where, nil)...)
}

// groups asks for the numbers of a rule in each segment.
func (b *BadRows) groups(o *Options, numbers []Ask) Groups {
	g := Groups{By: b.By, Where: o.Where}
	for _, a := range numbers {
		g.Values = append(g.Values, a.Aggregate)
	}
	return g
}

// aggregates returns the numbers that a rule needs beside that of the rows.
func (r *rowRule) aggregates(where string, window Window) (asks []Ask) {
	add := func(key string, a Aggregate) {
		a.Func, a.Where, a.Window = "count", where, window
		asks = append(asks, Ask{Key: key, Aggregate: &a})
	}
	if r.values != "" {
		add(askValues, Aggregate{Column: r.values})
	}
	add(askBad, Aggregate{Bad: r.bad, badKey: r.keys[0]})
	for i, part := range r.parts {
		add(fmt.Sprint(askBad, i), Aggregate{Bad: part.bad, badKey: r.keys[i+1]})
	}
	return asks
}

// check writes the conditions once, so that one that cannot be written is an error of its
// check alone.
func (r *rowRule) check(d warehouse.Dialect) error {
	conditions := []warehouse.Predicate{r.bad}
	for _, part := range r.parts {
		conditions = append(conditions, part.bad)
	}
	for _, p := range conditions {
		var args []any
		text, err := warehouse.WritePredicate(d, p, &args)
		if err != nil {
			return err
		}
		if _, sql := warehouse.PredicateColumns(p); len(sql) > 0 || warehouse.ReadsClock(p) {
			r.keys = append(r.keys, "")
			continue
		}
		r.keys = append(r.keys, fmt.Sprint(text, args))
	}
	return nil
}

// answerError returns the first error of the answers.
func (b *BadRows) answerError(t Target, a Answers, wanted []string) error {
	source := b.closes().window(t, t.Known.Relation).Time
	err := cmp.Or(unreadableError(askRows, source, a), partialError(askRows, source, a))
	if err != nil {
		return err
	}
	for i := range a {
		if !strings.HasPrefix(a[i].Key, askRows+" ") && !strings.HasPrefix(a[i].Key, askPast) && a[i].Err != nil {
			return source.explain(a[i].Err)
		}
	}
	for _, key := range wanted {
		if !a.asked(key) {
			return errors.New("no statement was sent to the database")
		}
	}
	return nil
}
