package gx

import (
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// kind is how an expectation is taken over.
type kind struct {
	checks func(e *expectation) (out []importers.Check, why string)
	args   string // the arguments that are understood, separated by blanks
	column bool   // it is about a column
}

const ends = "min_value max_value strict_min strict_max"

var kinds = map[string]kind{
	"expect_column_values_to_not_be_null": {notNull, "", true},
	"expect_column_values_to_be_null":     {isNull, "", true},
	"expect_column_values_to_be_unique":   {unique, "", true},
	"expect_compound_columns_to_be_unique": {compound,
		"column_list ignore_row_if", false},
	"expect_column_values_to_be_in_set":                       {list("valid_values"), "value_set", true},
	"expect_column_values_to_not_be_in_set":                   {list("invalid_values"), "value_set", true},
	"expect_column_distinct_values_to_be_in_set":              {list("valid_values"), "value_set", true},
	"expect_column_distinct_values_to_contain_set":            {containSet, "value_set", true},
	"expect_column_distinct_values_to_equal_set":              {equalSet, "value_set", true},
	"expect_column_values_to_be_between":                      {between, ends, true},
	"expect_column_value_lengths_to_be_between":               {lengths, ends, true},
	"expect_column_value_lengths_to_equal":                    {lengths, "value", true},
	"expect_column_values_to_match_regex":                     {regex("pattern"), "regex", true},
	"expect_column_values_to_not_match_regex":                 {regex("not_pattern"), "regex", true},
	"expect_column_values_to_match_regex_list":                {regex("pattern"), "regex_list match_on", true},
	"expect_column_values_to_not_match_regex_list":            {regex("not_pattern"), "regex_list", true},
	"expect_column_values_to_match_like_pattern":              {like(" LIKE "), "like_pattern", true},
	"expect_column_values_to_not_match_like_pattern":          {like(" NOT LIKE "), "like_pattern", true},
	"expect_column_values_to_be_of_type":                      {columnType, "type_", true},
	"expect_column_values_to_be_in_type_list":                 {columnType, "type_list", true},
	"expect_column_min_to_be_between":                         {aggregate("min"), ends, true},
	"expect_column_max_to_be_between":                         {aggregate("max"), ends, true},
	"expect_column_mean_to_be_between":                        {aggregate("avg"), ends, true},
	"expect_column_median_to_be_between":                      {aggregate("median"), ends, true},
	"expect_column_stdev_to_be_between":                       {aggregate("stddev"), ends, true},
	"expect_column_sum_to_be_between":                         {aggregate("sum"), ends, true},
	"expect_column_unique_value_count_to_be_between":          {aggregate("distinct_count"), ends, true},
	"expect_column_proportion_of_unique_values_to_be_between": {proportion, ends, true},
	"expect_column_quantile_values_to_be_between":             {quantiles, "quantile_ranges allow_relative_error", true},
	"expect_column_pair_values_a_to_be_greater_than_b":        {pair(">"), "column_A column_B or_equal ignore_row_if", false},
	"expect_column_pair_values_A_to_be_greater_than_B":        {pair(">"), "column_A column_B or_equal ignore_row_if", false},
	"expect_column_pair_values_to_be_equal":                   {pair("="), "column_A column_B ignore_row_if", false},
	"expect_multicolumn_sum_to_equal":                         {multicolumnSum, "column_list sum_total ignore_row_if", false},
	"expect_select_column_values_to_be_unique_within_record":  {withinRecord, "column_list ignore_row_if", false},
	"expect_table_row_count_to_be_between":                    {rowCount, ends, false},
	"expect_table_row_count_to_equal":                         {rowCount, "value", false},
	"expect_table_row_count_to_equal_other_table":             {otherTable, "other_table_name", false},
	"expect_column_to_exist":                                  {columnExists, "", true},
	"expect_table_columns_to_match_set":                       {columnSet, "column_set exact_match", false},
	"unexpected_rows_expectation":                             {unexpectedRows, "unexpected_rows_query", false},
}

// bad ends a check of bad rows: `mostly` is the share that must be good.
func (e *expectation) bad(c importers.Check) ([]importers.Check, string) {
	c.Keys.Set("where", e.where)
	if e.rest != "" {
		c.Fail = "> " + e.rest + "%"
	}
	return []importers.Check{c}, ""
}

// on begins a check of the expectation's column.
func (e *expectation) on(kind string) importers.Check {
	c := importers.Check{Kind: kind}
	c.Keys.Set("column", e.column)
	return c
}

func notNull(e *expectation) ([]importers.Check, string) { return e.bad(e.on("missing")) }

func isNull(e *expectation) ([]importers.Check, string) {
	return e.expression(importers.Column(e.column) + " IS NOT NULL")
}

// expression counts the rows for which a condition is true. Their share is one of all rows.
func (e *expectation) expression(bad string) ([]importers.Check, string) {
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("expression", bad)
	return e.bad(c)
}

// values counts the values for which a condition is true. Their share is one of all values.
func (e *expectation) values(bad string) ([]importers.Check, string) {
	if e.rest != "" {
		e.where = importers.And(e.where, importers.Column(e.column)+" IS NOT NULL")
	}
	return e.expression(bad)
}

// unique counts, with `mostly`, all rows of values that occur twice.
func unique(e *expectation) ([]importers.Check, string) {
	if e.rest == "" {
		return e.bad(e.on("duplicate"))
	}
	column := importers.Column(e.column)
	rows := importers.Rows(importers.TableMark, importers.And(e.where, column+" IS NOT NULL"))
	c := importers.Check{Kind: "failed_rows", Fail: "> " + e.rest + "%"}
	c.Keys.Set("query", "SELECT 1 FROM (SELECT count(*) OVER (PARTITION BY "+column+") AS n FROM "+rows+") v WHERE n > 1")
	c.Keys.Set("rows_query", "SELECT 1 FROM "+rows)
	return []importers.Check{c}, ""
}

func compound(e *expectation) ([]importers.Check, string) {
	columns := e.words("column_list")
	if len(columns) == 0 || e.rest != "" {
		return nil, "it names no columns, or has mostly"
	}
	c := importers.Check{Kind: "duplicate"}
	c.Keys.Set("columns", columns)
	switch e.word("ignore_row_if") {
	case "any_value_is_missing":
	case "never":
		c.Keys.Set("include_null", true)
	case "", "all_values_are_missing":
		c.Keys.Set("include_null", true)
		e.where = importers.And(e.where, "NOT ("+missing(columns, " AND ")+")")
	default:
		return nil, "ignore_row_if is not known: " + e.word("ignore_row_if")
	}
	return e.bad(c)
}

func missing(columns []string, word string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = importers.Column(c) + " IS NULL"
	}
	return strings.Join(parts, word)
}

// set returns the values of value_set, without null.
func (e *expectation) set() (out []string) {
	for _, item := range importers.Items(importers.Under(e.kwargs, "value_set")) {
		if !importers.IsNull(item) {
			out = append(out, item.Value)
		}
	}
	return out
}

func list(key string) func(*expectation) ([]importers.Check, string) {
	return func(e *expectation) ([]importers.Check, string) {
		values := e.set()
		if len(values) == 0 {
			return nil, "it has no list of values"
		}
		c := e.on("invalid")
		c.Keys.Set(key, values)
		return e.bad(c)
	}
}

// containSet counts the values of a list that no row has.
func containSet(e *expectation) ([]importers.Check, string) {
	var rows []string
	for _, item := range importers.Items(importers.Under(e.kwargs, "value_set")) {
		text := item.Value
		if item.ShortTag() == "!!str" {
			text = importers.Text(text)
		}
		rows = append(rows, "SELECT "+text+" AS value")
	}
	if len(rows) == 0 {
		return nil, "it has no list of values"
	}
	column := importers.Column(e.column)
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("query", "SELECT 1 FROM ("+strings.Join(rows, " UNION ALL ")+") s WHERE NOT EXISTS (SELECT 1 FROM "+
		strings.TrimSuffix(importers.From(e.where), " t")+" r WHERE r."+column+" = s.value)")
	return []importers.Check{c}, ""
}

func equalSet(e *expectation) ([]importers.Check, string) {
	contains, why := containSet(e)
	if why != "" {
		return nil, why
	}
	within, why := list("valid_values")(e)
	return append(contains, within...), why
}

func between(e *expectation) ([]importers.Check, string) {
	low, high := e.word("min_value"), e.word("max_value")
	above, below := low != "" && e.is("strict_min"), high != "" && e.is("strict_max")
	switch {
	case low == "" && high == "":
		return nil, "it has neither an upper nor a lower end"
	case above != below && low != "" && high != "":
		return nil, "only one of its ends is strict: write failed_rows"
	}
	c := e.on("invalid")
	c.Keys.Set("min", low)
	c.Keys.Set("max", high)
	c.Keys.Set("exclusive", above || below)
	return e.bad(c)
}

func lengths(e *expectation) ([]importers.Check, string) {
	c := e.on("invalid")
	for _, end := range []struct {
		key, to string
		strict  string
		step    int
	}{{"min_value", "min_length", "strict_min", 1}, {"max_value", "max_length", "strict_max", -1}, {"value", "length", "", 0}} {
		text := e.word(end.key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(text, ".0"))
		if err != nil {
			return nil, end.key + " is no number of characters: " + text
		}
		if end.strict != "" && e.is(end.strict) {
			n += end.step
		}
		c.Keys.Set(end.to, n)
	}
	if len(c.Keys) == 1 {
		return nil, "it has no length"
	}
	return e.bad(c)
}

func regex(key string) func(*expectation) ([]importers.Check, string) {
	return func(e *expectation) ([]importers.Check, string) {
		patterns := append(e.words("regex"), e.words("regex_list")...)
		switch {
		case len(patterns) == 0:
			return nil, "it has no pattern"
		case len(patterns) > 1 && e.word("match_on") == "all":
			return nil, "a value must match all patterns: write one check for each"
		case len(patterns) > 1:
			patterns = []string{"(?:" + strings.Join(patterns, ")|(?:") + ")"}
		}
		c := e.on("invalid")
		c.Keys.Set(key, patterns[0])
		return e.bad(c)
	}
}

func like(operator string) func(*expectation) ([]importers.Check, string) {
	return func(e *expectation) ([]importers.Check, string) {
		return e.values("NOT (" + importers.Column(e.column) + operator + importers.Text(e.word("like_pattern")) + ")")
	}
}

// columnType declares the type of a column. Several types are left.
func columnType(e *expectation) ([]importers.Check, string) {
	types := append(e.words("type_"), e.words("type_list")...)
	if len(types) != 1 {
		return nil, "a column has one type in a schema check, this names several"
	}
	if wrong, sure := warehouse.CheckType(nil, types[0]); sure {
		return nil, wrong
	}
	return e.declared(importers.Fields{{Name: e.column, Value: strings.ToLower(types[0])}}, "ignore")
}

func (e *expectation) declared(columns importers.Fields, extra importers.Plain) ([]importers.Check, string) {
	c := importers.Check{Kind: "schema"}
	c.Keys.Set("columns", columns)
	c.Keys.Set("extra", extra)
	return []importers.Check{c}, ""
}
