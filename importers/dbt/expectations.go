package dbt

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// The tests of dbt_expectations about single columns and rows. Their condition on rows,
// row_condition, is a `where`.
func init() {
	for name, k := range map[string]kind{
		"column_values_to_not_be_null":                    {notNull, ""},
		"column_values_to_be_null":                        {isNull, ""},
		"column_values_to_be_unique":                      {unique, ""},
		"compound_columns_to_be_unique":                   {compoundUnique, "column_list ignore_row_if"},
		"column_values_to_be_in_set":                      {inSet, "value_set quote_values"},
		"column_distinct_values_to_be_in_set":             {inSet, "value_set quote_values"},
		"column_values_to_not_be_in_set":                  {notInSet, "value_set quote_values"},
		"column_distinct_values_to_contain_set":           {containSet, "value_set quote_values"},
		"column_distinct_values_to_equal_set":             {equalSet, "value_set quote_values"},
		"column_values_to_be_between":                     {valuesBetween, "min_value max_value strictly"},
		"column_value_lengths_to_be_between":              {lengthsBetween, "min_value max_value strictly"},
		"column_value_lengths_to_equal":                   {lengthsBetween, "value"},
		"column_values_to_match_regex":                    {matchRegex, "regex flags"},
		"column_values_to_not_match_regex":                {notMatchRegex, "regex flags"},
		"column_values_to_match_regex_list":               {matchRegex, "regex_list match_on flags"},
		"column_values_to_not_match_regex_list":           {notMatchRegex, "regex_list match_on flags"},
		"column_values_to_match_like_pattern":             {likePattern(true), "like_pattern"},
		"column_values_to_not_match_like_pattern":         {likePattern(false), "like_pattern"},
		"column_values_to_match_like_pattern_list":        {likePattern(true), "like_pattern_list match_on"},
		"column_values_to_not_match_like_pattern_list":    {likePattern(false), "like_pattern_list match_on"},
		"column_pair_values_A_to_be_greater_than_B":       {pair, "column_A column_B or_equal"},
		"column_pair_values_to_be_equal":                  {pair, "column_A column_B"},
		"select_column_values_to_be_unique_within_record": {withinRecord, "column_list ignore_row_if"},
		"column_values_to_be_increasing":                  {steps(">"), "sort_column strictly group_by step"},
		"column_values_to_be_decreasing":                  {steps("<"), "sort_column strictly group_by step"},
		"column_values_to_have_consistent_casing":         {consistentCasing, "display_inconsistent_columns"},
	} {
		k.args += " row_condition"
		kinds["dbt_expectations.expect_"+name] = conditional(k)
	}
	kinds["dbt_expectations.expression_is_true"] = conditional(kind{expressionIsTrue, "expression row_condition"})
}

// conditional adds a test's row_condition to its where.
func conditional(k kind) kind {
	inner := k.checks
	k.checks = func(p *project, t *test) ([]importers.Check, string) {
		t.where = importers.And(t.where, p.word(t, "row_condition"))
		return inner(p, t)
	}
	return k
}

// compoundUnique leaves out rows whose columns are all NULL, or with ignore_row_if those of
// which any is.
func compoundUnique(p *project, t *test) ([]importers.Check, string) {
	columns := t.words("column_list")
	missing := make([]string, len(columns))
	for i, name := range columns {
		if !importers.IsColumn(name) {
			return nil, "a column is an expression: " + name
		}
		missing[i] = importers.Column(name) + " IS NULL"
	}
	c := importers.Check{Kind: "duplicate"}
	c.Keys.Set("columns", unquoted(columns))
	switch p.word(t, "ignore_row_if") {
	case "any_value_is_missing":
		return t.rows(c)
	case "", "all_values_are_missing":
		c.Keys.Set("include_null", true)
		return t.rows(c, "NOT ("+strings.Join(missing, " AND ")+")")
	}
	return nil, "ignore_row_if is not known: " + p.word(t, "ignore_row_if")
}

// inSet fails NULL, too, as the statement of the test does.
func inSet(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	values, why := p.texts(t, "value_set")
	if why != "" {
		return nil, why
	}
	invalid, missing := t.check("invalid"), t.check("missing")
	invalid.Keys.Set("valid_values", values)
	invalid.Keys.Set("where", t.where)
	missing.Keys.Set("where", t.where)
	return []importers.Check{invalid, missing}, ""
}

func notInSet(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	values, why := p.texts(t, "value_set")
	if why != "" {
		return nil, why
	}
	c := t.check("invalid")
	c.Keys.Set("invalid_values", values)
	return t.rows(c)
}

// containSet counts the values of a list that no row has.
func containSet(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	values, why := p.texts(t, "value_set")
	if why != "" {
		return nil, why
	}
	rows := make([]string, len(values))
	for i, v := range values {
		rows[i] = "SELECT " + importers.Text(v) + " AS value"
		if strings.EqualFold(importers.Word(importers.Under(t.args, "quote_values")), "false") {
			rows[i] = "SELECT " + v + " AS value"
		}
	}
	column := importers.Column(t.column)
	return query("SELECT 1 FROM (" + strings.Join(rows, " UNION ALL ") + ") s WHERE NOT EXISTS (SELECT 1 FROM " +
		strings.TrimSuffix(importers.From(t.where), " t") + " r WHERE r." + column + " = s.value)")
}

func equalSet(p *project, t *test) ([]importers.Check, string) {
	contains, why := containSet(p, t)
	if why != "" {
		return nil, why
	}
	within, why := inSet(p, t)
	return append(contains, within...), why
}

func valuesBetween(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	low, high := p.word(t, "min_value"), p.word(t, "max_value")
	return between(t, importers.Column(t.column), ends{low: low, high: high, exclusive: t.is("strictly")})
}

func lengthsBetween(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	c := t.check("invalid")
	for _, end := range []struct {
		key, to string
		strict  int
	}{{"min_value", "min_length", 1}, {"max_value", "max_length", -1}, {"value", "length", 0}} {
		text := p.word(t, end.key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, end.key + " is no number: " + text
		}
		if t.is("strictly") {
			n += end.strict
		}
		c.Keys.Set(end.to, n)
	}
	if len(c.Keys) == 1 {
		return nil, "it has no length"
	}
	return t.rows(c)
}

// patterns returns the regular expressions of a test in RE2's syntax. In the literals of many
// warehouses a backslash is doubled.
func (t *test) patterns(p *project) (out []string, why string) {
	for _, text := range append(t.words("regex"), t.words("regex_list")...) {
		text = p.plain(text)
		if hasJinja(text) {
			return nil, compileFirst
		}
		if !t.is("is_raw") {
			text = doubled().ReplaceAllString(text, `\$1`)
		}
		if flags := p.word(t, "flags"); strings.Trim(flags, "ims") == "" && flags != "" {
			text = "(?" + flags + ")" + text
		} else if flags != "" {
			return nil, "flags: " + flags
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return nil, "it has no pattern"
	}
	return out, ""
}

var doubled = pattern(`\\\\([a-zA-Z.+*?()\[\]{}|^$/-])`)

func matchRegex(p *project, t *test) ([]importers.Check, string) {
	return t.matches(p, "pattern", p.word(t, "match_on") != "all")
}

// notMatchRegex is broken by a value that matches any pattern of `match_on: all`, or all
// patterns of `match_on: any`.
func notMatchRegex(p *project, t *test) ([]importers.Check, string) {
	list := t.words("regex_list")
	if len(list) > 1 && p.word(t, "match_on") != "all" {
		return nil, "a value is bad that matches all patterns: write failed_rows"
	}
	return t.matches(p, "not_pattern", true)
}

func (t *test) matches(p *project, key string, any bool) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	list, why := t.patterns(p)
	if why != "" {
		return nil, why
	}
	if any && len(list) > 1 {
		list = []string{"(?:" + strings.Join(list, ")|(?:") + ")"}
	}
	var out []importers.Check
	for _, text := range list {
		c := t.check("invalid")
		c.Keys.Set(key, text)
		c.Keys.Set("where", t.where)
		out = append(out, c)
	}
	return out, ""
}

// likePattern keeps LIKE as the engine reads it.
func likePattern(positive bool) func(*project, *test) ([]importers.Check, string) {
	return func(p *project, t *test) ([]importers.Check, string) {
		if why := t.wanted(); why != "" {
			return nil, why
		}
		var parts []string
		for _, text := range append(t.words("like_pattern"), t.words("like_pattern_list")...) {
			part := importers.Column(t.column) + " LIKE " + importers.Text(text)
			if !positive {
				part = importers.Column(t.column) + " NOT LIKE " + importers.Text(text)
			}
			parts = append(parts, part)
		}
		word := " OR "
		if p.word(t, "match_on") == "all" {
			word = " AND "
		}
		return expression(t, "NOT ("+strings.Join(parts, word)+")")
	}
}

func pair(p *project, t *test) ([]importers.Check, string) {
	operator := "="
	if strings.HasSuffix(t.name, "greater_than_B") {
		if operator = ">"; t.is("or_equal") {
			operator = ">="
		}
	}
	return expression(t, fmt.Sprintf("NOT (%s %s %s)", p.word(t, "column_A"), operator, p.word(t, "column_B")))
}

// withinRecord counts a NULL as a value that is missing, as the statement of the test does.
func withinRecord(p *project, t *test) ([]importers.Check, string) {
	columns := t.words("column_list")
	var missing, bad []string
	for i, a := range columns {
		missing = append(missing, a+" IS NULL")
		for _, b := range columns[i+1:] {
			bad = append(bad, a+" = "+b)
		}
	}
	if len(bad) == 0 {
		return nil, "it names no columns"
	}
	word := " AND "
	if p.word(t, "ignore_row_if") == "any_value_is_missing" {
		word = " OR "
	}
	return expression(t, strings.Join(append(bad, missing...), " OR "), "NOT ("+strings.Join(missing, word)+")")
}

func steps(operator string) func(*project, *test) ([]importers.Check, string) {
	return func(p *project, t *test) ([]importers.Check, string) {
		if why := t.wanted(); why != "" {
			return nil, why
		}
		column := importers.Column(t.column)
		sorted := p.word(t, "sort_column")
		if sorted == "" {
			sorted = column
		}
		over := "ORDER BY " + sorted
		if groups := t.words("group_by"); len(groups) > 0 {
			over = "PARTITION BY " + strings.Join(groups, ", ") + " " + over
		}
		op := operator
		if strings.EqualFold(p.word(t, "strictly"), "false") {
			op += "="
		}
		good := "this " + op + " previous"
		if step := p.word(t, "step"); step != "" {
			good += " AND this - previous = " + step
		}
		return query("SELECT 1 FROM (\n  SELECT " + column + " AS this, lag(" + column + ") OVER (" + over +
			") AS previous\n  FROM " + importers.From(t.where) + "\n) v WHERE previous IS NOT NULL AND NOT (" + good + ")")
	}
}

func consistentCasing(_ *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	c := importers.Column(t.column)
	return query("SELECT 1 FROM (SELECT count(DISTINCT lower(" + c + ")) AS folded, count(DISTINCT " + c + ") AS spelled FROM " +
		importers.From(t.where) + ") v WHERE folded <> spelled")
}

// listed returns the columns that an argument names, as declared columns without types.
func listed(n *yaml.Node) (out importers.Fields) {
	for _, name := range importers.Words(n) {
		out = append(out, importers.Field{Name: name, Value: importers.Plain("null")})
	}
	return out
}
