package checks

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	askSum       = "sum"
	askValue     = "value"
	askZeros     = "zeros"
	askNotFinite = "not finite"
)

// Ask implements Check.
func (c *AggregateCheck) Ask(t Target, a Answers) []Ask {
	if t.Known.Relation == nil || c.timeError(t) != nil {
		return nil
	}
	window := c.closes().window(t, t.Known.Relation)
	asks, err := c.numbers(t, c.grouped())
	if err != nil {
		return nil // Judge says it
	}
	for i := range asks {
		if one := asks[i].Aggregate; one != nil {
			one.Where, one.Window = c.Where, window
		} else {
			asks[i].Keys.Where, asks[i].Keys.Window = c.Where, window
		}
	}
	if c.grouped() {
		groups := c.groups(t, asks)
		groups.Window, groups.Limit = window, c.Limit
		asks = []Ask{{Key: askSegments, Groups: &groups}}
		if got, asked := a.Get(askSegments); asked && c.segmentRows() != "" {
			asks = append(asks, sameAsks(t, &Groups{By: c.By, Where: c.Where, Window: window, Limit: c.Limit}, got)...)
		}
	}
	if past, _, ok := c.past(t); ok && t.Known.New {
		asks = append(asks, past.asks(t)...)
	}
	asks = append(asks, gapAsks(askRows, window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, window.Time, c.Where, nil)...)
}

// ranked reports whether the number is a value of a rank.
func (c *AggregateCheck) ranked() bool { return c.Function == "median" || c.Function == "percentile" }

// grouped reports whether the numbers are asked by a statement that divides rows.
func (c *AggregateCheck) grouped() bool { return len(c.By) > 0 || c.ranked() }

// groups asks for the numbers of each segment.
func (c *AggregateCheck) groups(t Target, numbers []Ask) Groups {
	g := Groups{By: c.By, Where: c.Where}
	for _, one := range numbers {
		value := *one.Aggregate
		value.Window = Window{} // that of the groups
		g.Values = append(g.Values, &value)
	}
	if column, err := t.Column(c.Column); err == nil && c.ranked() {
		g.Rank = column
	}
	return g
}

// hasPast reports whether the numbers of past buckets can be read from the table. Ages cannot: a
// bucket has none of its own.
func (c *AggregateCheck) hasPast() bool { return c.Anomaly != nil && c.Bucket != "" && c.Unit == "" }

// past returns what is asked of past buckets, and the questions that its numbers answer.
func (c *AggregateCheck) past(t Target) (past pastNumbers, asks []Ask, ok bool) {
	if !c.hasPast() {
		return past, nil, false
	}
	asks, err := c.numbers(t, true)
	if err != nil {
		return past, nil, false // nothing is learned before the first value
	}
	return pastNumbers{c.closes(), c.groups(t, asks)}, asks, true
}

// functions are the names of SQL's functions where they differ from ours.
var functions = map[Function]string{"stddev": "stddev_samp", "variance": "var_samp"}

// numbers returns the questions without the rows that they are about, or why they cannot be
// asked. grouped says that they are asked by a statement that divides rows.
func (c *AggregateCheck) numbers(t Target, grouped bool) ([]Ask, error) {
	if c.Expression != "" {
		return c.expression(t, grouped)
	}
	column, err := t.Column(c.Column)
	if err != nil {
		return nil, err
	}
	tester, ok := t.Known.Dialect.(warehouse.ValueTester)
	if !ok {
		return nil, fmt.Errorf("the dialect %s cannot test values of columns: use sql", t.Known.Dialect.Name())
	}
	function, isLength := strings.CutSuffix(string(c.Function), "_length")
	switch {
	case isLength:
		return c.lengths(t, column, function)
	case strings.HasPrefix(string(c.Function), "distinct"):
		return c.distinct(t, column, grouped), nil
	case c.Function == "count_true":
		return c.trues(t, column)
	case c.Unit != "":
		return c.ages(t, column)
	case column.Type.IsTime() && (c.Function == "min" || c.Function == "max"):
		return nil, fmt.Errorf("column %s is %s: set `unit: days` for its age in days", column.Name, column.Type.Native)
	case !column.Type.IsNumber():
		return nil, fmt.Errorf("column %s is %s, and %s is for numbers", column.Name, column.Type.Native, c.Function)
	}
	return c.ofNumbers(t, column, tester)
}

// expression asks for an aggregate of the user. In a statement that divides rows, an engine
// may take the value of some row for one that is none.
func (c *AggregateCheck) expression(t Target, grouped bool) ([]Ask, error) {
	if grouped && !callsAggregate(t.Known.Dialect, c.Expression) {
		return nil, fmt.Errorf("expression: %s is not certain to be an aggregate, which `by` needs: "+
			"write what makes one number of all rows, such as %s", oneLine(sentinel.Clip(c.Expression)),
			aggregateOf(t.Known.Dialect, c.Expression))
	}
	return []Ask{{Key: askValue, Aggregate: &Aggregate{Expr: c.Expression}}}, nil
}

// ofNumbers asks for what is made of numbers. Those that are not finite take no part, and are
// counted.
func (c *AggregateCheck) ofNumbers(t Target, column *warehouse.Column, tester warehouse.ValueTester) ([]Ask, error) {
	var asks []Ask
	var finite warehouse.Predicate
	if tester.IsNotFinite("", column.Type) != "" {
		bad := warehouse.NotFinite{Column: *column}
		finite = warehouse.Not{Of: bad}
		count := &Aggregate{Func: "count", Bad: bad}
		if c.ranked() { // of values with their numbers of rows
			count = &Aggregate{Func: "sum", Expr: timesName, Bad: bad}
		}
		asks = append(asks, Ask{Key: askNotFinite, Aggregate: count})
	}
	add := func(key, function string) {
		asks = append(asks, Ask{Key: key, Aggregate: &Aggregate{Func: function, Column: column.Name, Bad: finite}})
	}
	switch {
	case c.Function == "avg": // engines round the quotient in their own ways
		add(askSum, "sum")
		add(askValues, "count")
	case c.Function == "zero_percent":
		zero, err := t.oneOf(column, ValueList{"0"}, warehouse.Exact)
		if err != nil {
			return nil, err
		}
		add(askValues, "count")
		asks = append(asks, Ask{Key: askZeros, Aggregate: &Aggregate{Func: "count", Bad: zero}})
	case c.ranked():
		asks = append(asks, Ask{Key: askValue, Aggregate: &Aggregate{Func: "max", Column: column.Name,
			Bad: warehouse.Condition{SQL: c.rankCondition()}}})
	case functions[c.Function] != "": // of decimals engines round in their own ways
		add(askValues, "count")
		name, err := t.Known.Dialect.Quote(column.Name)
		return append(asks, Ask{Key: askValue,
			Aggregate: &Aggregate{Func: functions[c.Function], Expr: tester.AsFloat(name), Bad: finite}}), err
	default:
		add(askValue, string(c.Function))
	}
	return asks, nil
}

// rankCondition is the condition for the value of the nearest rank: the smallest rank that is
// at least the percentile's part of the number of values.
func (c *AggregateCheck) rankCondition() string {
	part, of := "5", "10"
	if _, decimals, _ := strings.Cut(c.percentileText(), "."); c.Function == "percentile" {
		part = strings.TrimLeft(strings.Replace(c.percentileText(), ".", "", 1), "0")
		of = "1" + strings.Repeat("0", len(decimals))
	}
	return fmt.Sprintf("%[1]s * %[3]s >= %[2]s * %[4]s AND (%[1]s - %[5]s) * %[3]s < %[2]s * %[4]s",
		rankName, part, of, rankedName, timesName)
}

// trues asks for the number of rows that are true.
func (c *AggregateCheck) trues(t Target, column *warehouse.Column) ([]Ask, error) {
	if f := column.Type.Family; f != warehouse.Boolean && !(f == warehouse.Integer && column.Type.Bits == 8) {
		return nil, fmt.Errorf("column %s is %s, and count_true is for booleans", column.Name, column.Type.Native)
	}
	is, err := t.oneOf(column, ValueList{"true"}, warehouse.Exact)
	return []Ask{{Key: askValue, Aggregate: &Aggregate{Func: "count", Bad: is}}}, err
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
func (c *AggregateCheck) distinct(t Target, column *warehouse.Column, grouped bool) []Ask {
	columns := []warehouse.Column{*column}
	if _, inScan := t.Known.Dialect.(warehouse.DistinctCounter); inScan || grouped {
		return []Ask{{Key: askDistinct, Aggregate: &Aggregate{Func: "count",
			Distinct: &DistinctColumns{columns, c.Compare == "exact"}}},
			{Key: askValues, Aggregate: &Aggregate{Func: "count", Column: column.Name}}}
	}
	return []Ask{{Key: askDistinct, Keys: &Keys{Columns: columns, ByText: c.Compare == "exact"}}}
}
