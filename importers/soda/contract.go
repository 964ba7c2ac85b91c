package soda

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ruleOf is one check of a contract of version 4.
type ruleOf struct {
	source *source
	table  string
	kind   string
	column string     // "" for a check of the dataset
	under  *yaml.Node // the column
	below  *yaml.Node // the check
	where  string
	at     importers.Place
}

// contract reads a contract of version 4. The last part of `dataset` is the table, the part
// before it the schema.
func (s *source) contract(root *yaml.Node) {
	parts := strings.Split(importers.Word(importers.Under(root, "dataset")), "/")
	table := parts[len(parts)-1]
	if len(parts) > 2 {
		table = importers.TableName(parts[len(parts)-2], table)
	}
	filter := importers.Word(importers.Under(root, "filter"))
	for _, f := range importers.Pairs(root) {
		if !slices.Contains([]string{"dataset", "columns", "checks", "filter", "variables", "owner", "description"}, f.Name) {
			s.out.Leave(s.file.At(f.Key), table+": "+f.Name, "not known")
		}
	}
	for _, column := range importers.Items(importers.Under(root, "columns")) {
		for _, n := range importers.Items(importers.Under(column, "checks")) {
			s.rule(ruleOf{table: table, column: importers.Word(importers.Under(column, "name")), under: column, where: filter}, n)
		}
	}
	for _, n := range importers.Items(importers.Under(root, "checks")) {
		r := ruleOf{table: table, where: filter}
		if said(n) == "schema" {
			r.under = importers.Under(root, "columns")
		}
		s.rule(r, n)
	}
}

func (s *source) rule(r ruleOf, n *yaml.Node) {
	r.source, r.kind, r.at = s, said(n), s.file.At(n)
	if p := importers.Pairs(n); len(p) > 0 {
		r.below = p[0].Value
	}
	what := r.kind
	if r.column != "" {
		what += "(" + r.column + ")"
	}
	filter := importers.Word(importers.Under(r.below, "filter"))
	var out []importers.Check
	var why string
	switch r.where = importers.And(r.where, filter); {
	case strings.Contains(r.where, "${"):
		why = "its filter has variables"
	default:
		out, why = r.checks()
	}
	if why != "" {
		s.out.Leave(r.at, r.table+": "+what, why)
		return
	}
	for i := range out {
		out[i].Keys.Set("name", importers.Word(importers.Under(r.below, "name")))
	}
	s.out.Take(r.at, r.table, what, out...)
}

// checks returns what a check of a contract becomes, or why it is left.
func (r ruleOf) checks() ([]importers.Check, string) {
	if r.kind == "schema" {
		return r.schema()
	}
	fail, why := r.threshold()
	if why != "" {
		return nil, why
	}
	metric := importers.Word(importers.Under(r.below, "threshold", "metric"))
	percent := metric == "percent"
	v := validity{levels: []*yaml.Node{r.below, r.under}}
	if key := r.unread(&v); key != "" {
		return nil, key + " is not taken over: write a filter"
	}
	var c importers.Check
	where := r.where
	switch r.kind {
	case "missing":
		c, why = v.missing(r.column)
	case "invalid":
		if at := v.under("valid_reference_data"); at != nil {
			return r.reference(at, fail, percent)
		}
		c, why = v.invalid(r.column, percent)
		where = importers.And(where, v.where)
	case "duplicate":
		c, why = r.duplicate(&v)
		where = importers.And(where, v.where)
	case "aggregate":
		c, why = r.aggregate()
	case "row_count":
		c.Kind = "row_count"
	case "freshness":
		return r.freshness()
	case "failed_rows", "metric":
		if c, why = r.sql(); c.Keys.Get("query") != "" {
			if where != "" {
				return nil, "a filter beside a query: put it into the query"
			}
		}
	default:
		return nil, "this kind of check is not known"
	}
	if why != "" {
		return nil, why
	}
	c.Keys.Set("where", where)
	c = bounded(c, checks.Bound{}, fail, percent)
	if strings.EqualFold(importers.Word(importers.Under(r.below, "threshold", "level")), "warn") {
		c = c.Warning()
	}
	return []importers.Check{c}, ""
}

// operators are those of a threshold, which says what must be true.
var operators = map[string]string{
	"must_be": "=", "must_not_be": "!=", "must_be_greater_than": ">", "must_be_greater_than_or_equal": ">=",
	"must_be_less_than": "<", "must_be_less_than_or_equal": "<=",
}

// threshold returns the condition that fails. Without one no row may be bad, and there must
// be rows.
func (r ruleOf) threshold() (checks.Bound, string) {
	at := importers.Under(r.below, "threshold")
	text := ""
	for _, f := range importers.Pairs(at) {
		if text != "" && strings.HasPrefix(f.Name, "must_") {
			return checks.Bound{}, "its threshold has several conditions: write a check for each"
		}
		switch {
		case operators[f.Name] != "":
			text = operators[f.Name] + " " + importers.Word(f.Value)
		case f.Name == "must_be_between" || f.Name == "must_be_not_between":
			low := importers.Word(importers.Under(f.Value, "greater_than_or_equal"))
			high := importers.Word(importers.Under(f.Value, "less_than_or_equal"))
			if low == "" || high == "" {
				return checks.Bound{}, "a range without its ends: write two checks"
			}
			text = "between " + low + " and " + high
			if f.Name == "must_be_not_between" {
				text = "not " + text
			}
		case !slices.Contains([]string{"metric", "level", "unit"}, f.Name):
			return checks.Bound{}, "its threshold is not understood: " + f.Name
		}
	}
	if text == "" {
		text = "= 0"
		if r.kind == "row_count" {
			text = "> 0"
		}
	}
	b, err := checks.ParseBound(text)
	if err != nil {
		return b, err.Error()
	}
	return b.Not(), ""
}

func (r ruleOf) duplicate(v *validity) (importers.Check, string) {
	c := importers.Check{Kind: "duplicate"}
	if r.column == "" {
		columns := importers.Words(importers.Under(r.below, "columns"))
		if len(columns) == 0 {
			return c, "it names no columns"
		}
		c.Keys.Set("columns", columns)
		return c, ""
	}
	c.Keys.Set("column", r.column)
	return c, v.leaveMissing(r.column, false)
}

func (r ruleOf) aggregate() (importers.Check, string) {
	c := importers.Check{Kind: "aggregate"}
	function := importers.Word(importers.Under(r.below, "function"))
	if functions[function] == "" {
		return c, "the function " + strconv.Quote(function) + " is not known"
	}
	c.Keys.Set("column", r.column)
	c.Keys.Set("function", importers.Plain(functions[function]))
	return c, ""
}

// sql reads failed_rows and metric: an expression or a query.
func (r ruleOf) sql() (importers.Check, string) {
	c := importers.Check{Kind: r.kind}
	expression := strings.TrimSpace(importers.Word(importers.Under(r.below, "expression")))
	query := strings.TrimRight(strings.TrimSpace(importers.Word(importers.Under(r.below, "query"))), ";")
	switch {
	case importers.Under(r.below, "keys_query") != nil:
		return c, "keys_query is not taken over"
	case strings.Contains(expression+query, "${"):
		return c, "it has variables"
	case r.kind == "metric" && query != "":
		c.Kind = "sql"
	case r.kind == "metric":
		c.Kind = "aggregate"
	}
	c.Keys.Set("expression", expression)
	c.Keys.Set("query", query)
	c.Keys.Set("rows_query", importers.Word(importers.Under(r.below, "rows_tested_query")))
	return c, ""
}

func (r ruleOf) freshness() ([]importers.Check, string) {
	at := importers.Under(r.below, "threshold")
	unit := importers.Word(importers.Under(at, "unit"))
	if unit == "" {
		unit = "hour"
	}
	text := importers.Word(importers.Under(at, "must_be_less_than"))
	if text == "" {
		text = importers.Word(importers.Under(at, "must_be_less_than_or_equal"))
	}
	n, err := strconv.Atoi(text)
	age, err2 := checks.Periods(n, unit)
	switch {
	case importers.Under(r.below, "now_variable") != nil:
		return nil, "now_variable: Sentinel uses the database's clock"
	case err != nil || err2 != nil:
		return nil, "want must_be_less_than with a whole number of minutes, hours or days"
	}
	c := importers.Check{Kind: "freshness", Fail: strings.ReplaceAll(checks.Duration(age).String(), " ", "")}
	c.Keys.Set("column", importers.Word(importers.Under(r.below, "column")))
	c.Keys.Set("where", r.where)
	if strings.EqualFold(importers.Word(importers.Under(at, "level")), "warn") {
		c = c.Warning()
	}
	return []importers.Check{c}, ""
}

// reference reads valid_reference_data: {dataset, column}.
func (r ruleOf) reference(at *yaml.Node, fail checks.Bound, percent bool) ([]importers.Check, string) {
	parts := strings.Split(importers.Word(importers.Under(at, "dataset")), "/")
	column := importers.Word(importers.Under(at, "column"))
	if len(parts) == 0 || column == "" || percent {
		return nil, "valid_reference_data: want a dataset and a column, and a count"
	}
	table := parts[len(parts)-1]
	if len(parts) > 2 {
		table = importers.TableName(parts[len(parts)-2], table)
	}
	c := importers.Reference([]string{r.column}, table, []string{column})
	c.Keys.Set("where", r.where)
	c = bounded(c, checks.Bound{}, fail, false)
	if strings.EqualFold(importers.Word(importers.Under(r.below, "threshold", "level")), "warn") {
		c = c.Warning()
	}
	return []importers.Check{c}, ""
}

// schema reads the columns of a contract as declared ones.
func (r ruleOf) schema() ([]importers.Check, string) {
	var declared importers.Fields
	for _, column := range importers.Items(r.under) {
		name, native := importers.Word(importers.Under(column, "name")), importers.Word(importers.Under(column, "data_type"))
		if strings.EqualFold(importers.Word(importers.Under(column, "optional")), "true") {
			r.source.out.Leave(r.source.file.At(column), r.table+": schema: column "+name, "it is optional")
			continue
		}
		if length := importers.Word(importers.Under(column, "character_maximum_length")); native != "" && length != "" {
			native += "(" + length + ")"
		}
		if wrong, sure := warehouse.CheckType(nil, native); sure && native != "" {
			r.source.out.Leave(r.source.file.At(column), r.table+": schema: type of column "+name, wrong)
			native = ""
		}
		if native == "" {
			declared = append(declared, importers.Field{Name: name, Value: importers.Plain("null")})
			continue
		}
		declared.Set(name, native)
	}
	if len(declared) == 0 {
		return nil, "it declares no columns"
	}
	c := importers.Check{Kind: "schema"}
	c.Keys.Set("columns", declared)
	extra := importers.Plain("fail")
	if strings.EqualFold(importers.Word(importers.Under(r.below, "allow_extra_columns")), "true") {
		extra = "ignore"
	}
	c.Keys.Set("extra", extra)
	return []importers.Check{c}, ""
}
