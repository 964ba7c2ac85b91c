package checks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("aggregate", func() Check { return &AggregateCheck{} }) }

// AggregateCheck compares one number over the values of a column, such as their mean, with
// bounds. Values that are no finite numbers take no part, and are bad.
type AggregateCheck struct {
	Options    `yaml:",inline"`
	Column     string   `yaml:"column" doc:"Column whose values are read."`
	Function   Function `yaml:"function" doc:"What is made of the values."`
	Expression string   `yaml:"expression" doc:"SQL aggregate in place of column and function: sum(a) / count(*)."`
	Warn       Bound    `yaml:"warn" doc:"Condition that warns: \"> 900\"."`
	Fail       Bound    `yaml:"fail" doc:"Condition that fails: \"not between 10 and 900\"."`
	Compare    string   `yaml:"compare" default:"engine" enum:"engine,exact" doc:"Which texts are distinct."`
	TimeBucket `yaml:",inline"`
	OnNull     Policy `yaml:"on_null" default:"unknown" doc:"Result when there is no value."`
	OnMissing  Policy `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
}

// Function is what an aggregate makes of the values of a column.
type Function string

// Words returns the functions.
func (Function) Words() []string {
	return []string{"avg", "min", "max", "sum", "stddev", "variance", "distinct_count", "distinct_percent",
		"avg_length", "min_length", "max_length"}
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
	case !c.Warn.Set() && !c.Fail.Set() && c.Anomaly == nil:
		return settings.Wrong("", "no threshold for the number: "+
			"set warn or fail, such as fail: \"> 0\", or anomaly: {}")
	}
	for key, b := range map[string]Bound{"warn": c.Warn, "fail": c.Fail} {
		if b.Percent {
			return settings.Wrong(key, "a percentage has no reference value here: remove the %%")
		}
	}
	parts := []string{c.Column, string(c.Function), c.Expression, string(c.Bucket), c.Where}
	c.Aspect = strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ":")
	return errors.Join(c.validateClear(math.Inf(-1), c.Warn, c.Fail), c.TimeBucket.validate(), c.watch(c.measure()))
}

func (c *AggregateCheck) measure() measurement {
	return measurement{Metric: "value", Direction: "both", Clears: true, Alone: !c.Warn.Set() && !c.Fail.Set()}
}

// userSQL implements sqlUser.
func (c *AggregateCheck) userSQL() []userSQL {
	return append(c.TimeBucket.userSQL(), userSQL{field: "expression", text: c.Expression})
}

// Times implements [TimedCheck].
func (c *AggregateCheck) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *AggregateCheck) Needs(t Target) Needs {
	n := Needs{Column: c.bucketColumn(t)}
	if c.Column != "" {
		n.Columns = []string{c.Column}
	}
	return n
}

const (
	askSum       = "sum"
	askValue     = "value"
	askNotFinite = "not finite"
	notFiniteKey = "not_finite"
)

// Ask implements Check.
func (c *AggregateCheck) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil || c.timeError(t) != nil {
		return nil
	}
	window := c.closes().window(t, t.Known.Relation)
	asks, err := c.numbers(t)
	if err != nil {
		return nil // Judge says it
	}
	for i := range asks {
		if a := asks[i].Aggregate; a != nil {
			a.Where, a.Window = c.Where, window
		} else {
			asks[i].Keys.Where, asks[i].Keys.Window = c.Where, window
		}
	}
	asks = append(asks, gapAsks(askRows, window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, window.Time, c.Where, nil)...)
}

// functions are the names of SQL's functions where they differ from ours.
var functions = map[Function]string{"stddev": "stddev_samp", "variance": "var_samp"}

// numbers returns the questions without the rows that they are about, or why they cannot be
// asked.
func (c *AggregateCheck) numbers(t Target) ([]Ask, error) {
	if c.Expression != "" {
		return []Ask{{Key: askValue, Aggregate: &Aggregate{Expr: c.Expression}}}, nil
	}
	column, err := t.Column(c.Column)
	if err != nil {
		return nil, err
	}
	function, isLength := strings.CutSuffix(string(c.Function), "_length")
	switch {
	case isLength:
		return c.lengths(t, column, function)
	case strings.HasPrefix(string(c.Function), "distinct"):
		return c.distinct(t, column), nil
	case !column.Type.IsNumber():
		return nil, fmt.Errorf("column %s is %s, and %s is for numbers", column.Name, column.Type.Native, c.Function)
	}
	var asks []Ask
	var finite warehouse.Predicate
	tester, ok := t.Known.Dialect.(warehouse.ValueTester)
	if !ok {
		return nil, fmt.Errorf("the dialect %s cannot test values of columns: use sql", t.Known.Dialect.Name())
	}
	if tester.IsNotFinite("", column.Type) != "" {
		bad := warehouse.NotFinite{Column: *column}
		finite = warehouse.Not{Of: bad}
		asks = append(asks, Ask{Key: askNotFinite, Aggregate: &Aggregate{Func: "count", Bad: bad}})
	}
	add := func(key, function string) {
		asks = append(asks, Ask{Key: key, Aggregate: &Aggregate{Func: function, Column: column.Name, Bad: finite}})
	}
	if c.Function == "avg" { // engines round the quotient in their own ways
		add(askSum, "sum")
		add(askValues, "count")
		return asks, nil
	}
	if spread := functions[c.Function]; spread != "" { // of decimals engines round in their own ways
		add(askValues, "count")
		name, err := t.Known.Dialect.Quote(column.Name)
		return append(asks, Ask{Key: askValue,
			Aggregate: &Aggregate{Func: spread, Expr: tester.AsFloat(name), Bad: finite}}), err
	}
	add(askValue, string(c.Function))
	return asks, nil
}

// lengths asks for numbers of characters.
func (c *AggregateCheck) lengths(t Target, column *warehouse.Column, function string) ([]Ask, error) {
	tester, ok := t.Known.Dialect.(warehouse.ValueTester)
	if !ok || !column.Type.IsText() {
		return nil, fmt.Errorf("column %s is %s, and %s is for texts", column.Name, column.Type.Native, c.Function)
	}
	name, err := t.Known.Dialect.Quote(column.Name)
	if err != nil {
		return nil, err
	}
	length := tester.Length(tester.Exact(name, column.Type))
	if function != "avg" {
		return []Ask{{Key: askValue, Aggregate: &Aggregate{Func: function, Expr: length}}}, nil
	}
	return []Ask{{Key: askSum, Aggregate: &Aggregate{Func: "sum", Expr: length}},
		{Key: askValues, Aggregate: &Aggregate{Func: "count", Column: column.Name}}}, nil
}

// distinct asks for the number of distinct values, in the cheapest way of the engine.
func (c *AggregateCheck) distinct(t Target, column *warehouse.Column) []Ask {
	columns := []warehouse.Column{*column}
	if _, inScan := t.Known.Dialect.(warehouse.DistinctCounter); inScan {
		return []Ask{{Key: askDistinct, Aggregate: &Aggregate{Func: "count",
			Distinct: &DistinctColumns{columns, c.Compare == "exact"}}},
			{Key: askValues, Aggregate: &Aggregate{Func: "count", Column: column.Name}}}
	}
	return []Ask{{Key: askDistinct, Keys: &Keys{Columns: columns, ByText: c.Compare == "exact"}}}
}

// value makes the number of the answers; absent if there is no value.
func (c *AggregateCheck) value(a Answers) sentinel.Number {
	switch {
	case c.Function == "avg" || c.Function == "avg_length":
		return quotient(a.of(askSum).Number, a.of(askValues).Number, 1)
	case !strings.HasPrefix(string(c.Function), "distinct"):
		return a.of(askValue).Number
	}
	distinct, of := a.of(askDistinct).Number, a.of(askValues).Number
	if v := a.of(askDistinct).Values; len(v) == 3 {
		rows, _ := v[0].Int64() // counts are integers
		extra, _ := v[1].Int64()
		distinct, of = sentinel.Int(rows-extra), v[0]
	}
	if c.Function == "distinct_percent" {
		return quotient(distinct, of, 100)
	}
	return distinct
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

// answerError returns the first error of the answers.
func (c *AggregateCheck) answerError(t Target, a Answers) error {
	asks, err := c.numbers(t)
	source := c.closes().window(t, t.Known.Relation).Time
	if err = cmp.Or(err, unreadableError(askRows, source, a), partialError(askRows, source, a)); err != nil {
		return err
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
	return nil
}

// Judge implements Check.
func (c *AggregateCheck) Judge(t Target, a Answers) sentinel.Result {
	const kind = "aggregate"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	if err := c.timeError(t); err != nil {
		return errorResult(kind, err)
	}
	if err := c.answerError(t, a); err != nil {
		return errorResult(kind, err)
	}
	name := cmp.Or(c.Name, c.Expression)
	if c.Expression == "" {
		name = string(c.Function) + "(" + c.Column + ")"
	}
	n := c.value(a)
	if count, _ := a.of(askValues).Number.Int64(); n.Absent() && count > 1 {
		return errorResult(kind, fmt.Errorf("%s is beyond what the engine can compute", name))
	}
	var findings []sentinel.Finding
	if bad, _ := a.of(askNotFinite).Number.Int64(); bad > 0 {
		findings = append(findings, sentinel.Finding{Key: notFiniteKey, Status: sentinel.Fail, Observed: sentinel.Int(bad),
			Expected: "finite numbers", Message: fmt.Sprintf("%s values of %s are no finite numbers",
				groupDigits(sentinel.Int(bad)), c.Column)})
	}
	o := sentinel.Observation{Metric: "value", Value: n}
	what := oneLine(name) + " is " + groupDigits(n)
	if c.Bucket != "" {
		o.Bucket, _ = c.closes().closed(t)
		what += " for " + c.closes().label(t, o.Bucket)
	}
	switch {
	case n.Absent():
		findings = append(findings, sentinel.Finding{Key: sentinel.NullKey, Status: c.OnNull.status(), Expected: "a number",
			Message: what})
	case !n.Finite() || math.Abs(n.Float64()) >= math.MaxFloat64: // MariaDB cuts what is larger
		return errorResult(kind, fmt.Errorf("%s is %s, which cannot be compared", name, n))
	default:
		if f, bad := against("", what, n, c.Warn, c.Fail); bad {
			findings = append(findings, f)
		}
	}
	r := conclude(kind, findings, what)
	r.Evidence = sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}
	if !n.Absent() {
		r.Observations = []sentinel.Observation{o}
	}
	return c.ofBucket(t, kind, r, a)
}
