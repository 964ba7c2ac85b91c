package gx

import (
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
)

// span returns the range of an expectation.
func (e *expectation) span() importers.Range {
	return importers.Range{Low: e.word("min_value"), High: e.word("max_value"), AboveLow: e.is("strict_min"),
		BelowHigh: e.is("strict_max")}
}

// aggregate compares a number of the column's values with a range.
func aggregate(function string) func(*expectation) ([]importers.Check, string) {
	return func(e *expectation) ([]importers.Check, string) { return e.aggregates(function, e.span()) }
}

func (e *expectation) aggregates(function string, r importers.Range) (out []importers.Check, why string) {
	bounds, why := importers.Outside(r)
	if why != "" {
		return nil, why
	}
	for _, b := range bounds {
		c := e.on("aggregate")
		c.Keys.Set("function", importers.Plain(function))
		c.Keys.Set("where", e.where)
		c.Fail = b
		out = append(out, c)
	}
	return out, ""
}

func proportion(e *expectation) ([]importers.Check, string) {
	r := e.span()
	for _, end := range []*string{&r.Low, &r.High} {
		if percent, ok := importers.Percent(*end); ok {
			*end = percent
		} else if *end != "" {
			return nil, "its end is no number: " + *end
		}
	}
	return e.aggregates("distinct_percent", r)
}

// quantiles becomes a check for each quantile.
func quantiles(e *expectation) (out []importers.Check, why string) {
	at := importers.Under(e.kwargs, "quantile_ranges")
	ranges := importers.Items(importers.Under(at, "value_ranges"))
	for i, q := range importers.Words(importers.Under(at, "quantiles")) {
		if i >= len(ranges) {
			return nil, "it has fewer ranges than quantiles"
		}
		var r importers.Range
		for n, end := range importers.Items(ranges[i]) {
			if n == 0 {
				r.Low = importers.Word(end)
			} else {
				r.High = importers.Word(end)
			}
		}
		if r.Low == "" && r.High == "" {
			continue
		}
		checks, why := e.aggregates("percentile", r)
		if why != "" {
			return nil, why
		}
		for n := range checks {
			checks[n].Keys.Set("percentile", importers.Plain(q))
		}
		out = append(out, checks...)
	}
	if len(out) == 0 {
		return nil, "it has no ranges"
	}
	return out, ""
}

// pair compares two columns of a row, as the statement of the expectation does: NULL is equal
// to nothing, and neither greater nor not greater. ignore_row_if says which rows are not judged.
func pair(operator string) func(*expectation) ([]importers.Check, string) {
	return func(e *expectation) ([]importers.Check, string) {
		op := operator
		if op == ">" && e.is("or_equal") {
			op = ">="
		}
		a, b := importers.Column(e.word("column_A")), importers.Column(e.word("column_B"))
		bad := "NOT (" + a + " " + op + " " + b + ")"
		if operator == "=" {
			bad += " OR " + a + " IS NULL OR " + b + " IS NULL"
		}
		switch rule := e.word("ignore_row_if"); rule {
		case "", "both_values_are_missing":
			e.where = importers.And(e.where, "NOT ("+a+" IS NULL AND "+b+" IS NULL)")
		case "either_value_is_missing":
			e.where = importers.And(e.where, a+" IS NOT NULL AND "+b+" IS NOT NULL")
		case "neither", "never": // older versions call it never
		default:
			return nil, "ignore_row_if is not known: " + rule
		}
		return e.expression(bad)
	}
}

func multicolumnSum(e *expectation) ([]importers.Check, string) {
	columns := e.words("column_list")
	if len(columns) == 0 || e.rest != "" {
		return nil, "it names no columns, or has mostly"
	}
	for i, c := range columns {
		columns[i] = importers.Column(c)
	}
	return e.expression("NOT (" + strings.Join(columns, " + ") + " = " + e.word("sum_total") + ")")
}

// withinRecord counts two NULLs in a row as equal, as the statement of the expectation does.
func withinRecord(e *expectation) ([]importers.Check, string) {
	columns := e.words("column_list")
	var bad []string
	for i, name := range columns {
		for _, other := range columns[i+1:] {
			a, b := importers.Column(name), importers.Column(other)
			bad = append(bad, a+" = "+b+" OR "+a+" IS NULL AND "+b+" IS NULL")
		}
	}
	if len(bad) == 0 || e.rest != "" {
		return nil, "it names no columns, or has mostly"
	}
	switch rule := e.word("ignore_row_if"); rule {
	case "", "all_values_are_missing":
		e.where = importers.And(e.where, "NOT ("+missing(columns, " AND ")+")")
	case "any_value_is_missing":
		e.where = importers.And(e.where, "NOT ("+missing(columns, " OR ")+")")
	case "never":
	default:
		return nil, "ignore_row_if is not known: " + rule
	}
	return e.expression(strings.Join(bad, " OR "))
}

func rowCount(e *expectation) ([]importers.Check, string) {
	bounds, why := []string{"!= " + e.word("value")}, ""
	if e.word("value") == "" {
		if bounds, why = importers.Outside(e.span()); why != "" {
			return nil, why
		}
	}
	var out []importers.Check
	for _, b := range bounds {
		c := importers.Check{Kind: "row_count", Fail: b}
		c.Keys.Set("where", e.where)
		out = append(out, c)
	}
	return out, ""
}

func otherTable(e *expectation) ([]importers.Check, string) {
	if e.where != "" {
		return nil, "a condition on the rows of one of two tables"
	}
	c := importers.Check{Kind: "reconcile"}
	c.Keys.Set("with", e.word("other_table_name"))
	return []importers.Check{c}, ""
}

func columnExists(e *expectation) ([]importers.Check, string) {
	return e.declared(importers.Fields{{Name: e.column, Value: importers.Plain("null")}}, "ignore")
}

func columnSet(e *expectation) ([]importers.Check, string) {
	var columns importers.Fields
	for _, name := range e.words("column_set") {
		columns = append(columns, importers.Field{Name: name, Value: importers.Plain("null")})
	}
	if len(columns) == 0 {
		return nil, "it names no columns"
	}
	extra := importers.Plain("fail")
	if strings.EqualFold(e.word("exact_match"), "false") {
		extra = "ignore"
	}
	return e.declared(columns, extra)
}

// unexpectedRows takes the query, in which {batch} stands for the table.
func unexpectedRows(e *expectation) ([]importers.Check, string) {
	query := strings.TrimRight(strings.TrimSpace(e.word("unexpected_rows_query")), ";")
	if query == "" {
		return nil, "it has no query"
	}
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("query", strings.ReplaceAll(query, "{batch}", importers.From(e.where)))
	return []importers.Check{c}, ""
}
