package dbt

import (
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
)

// The tests of dbt_expectations about aggregates and whole tables.
func init() {
	for name, k := range map[string]kind{
		"column_min_to_be_between":                         {aggregate("min"), ""},
		"column_max_to_be_between":                         {aggregate("max"), ""},
		"column_mean_to_be_between":                        {aggregate("avg"), ""},
		"column_median_to_be_between":                      {aggregate("median"), ""},
		"column_stdev_to_be_between":                       {aggregate("stddev"), ""},
		"column_sum_to_be_between":                         {aggregate("sum"), ""},
		"column_unique_value_count_to_be_between":          {aggregate("distinct_count"), ""},
		"column_distinct_count_to_equal":                   {distinct("= "), "value"},
		"column_distinct_count_to_be_greater_than":         {distinct("> "), "value"},
		"column_distinct_count_to_be_less_than":            {distinct("< "), "value"},
		"table_row_count_to_be_between":                    {rowCount, ""},
		"table_row_count_to_equal":                         {rowCount, "value"},
		"table_row_count_to_equal_other_table":             {equalRowcount, "compare_model"},
		"column_to_exist":                                  {columnExists, "transform"},
		"table_columns_to_contain_set":                     {columnSet("ignore"), "column_list transform"},
		"table_columns_to_match_set":                       {columnSet("fail"), "column_list transform"},
		"column_values_to_be_of_type":                      {columnType, "column_type"},
		"column_values_to_be_in_type_list":                 {columnType, "column_type_list"},
		"row_values_to_have_recent_data":                   {recentData, "datepart interval"},
		"grouped_row_values_to_have_recent_data":           {recentData, "timestamp_column group_by datepart interval"},
		"multicolumn_sum_to_equal":                         {multicolumnSum, "column_list sum_total"},
		"column_proportion_of_unique_values_to_be_between": {proportionUnique, ""},
	} {
		k.args += " min_value max_value strictly row_condition"
		kinds["dbt_expectations.expect_"+name] = conditional(k)
	}
}

// outside returns the condition under which a number is not between the ends of a test. A
// range without its ends is two conditions.
func outside(p *project, t *test) (bounds []string, why string) {
	return outsideOf(t, p.word(t, "min_value"), p.word(t, "max_value"))
}

func outsideOf(t *test, low, high string) (bounds []string, why string) {
	return importers.Outside(importers.Range{Low: low, High: high, AboveLow: t.is("strictly"), BelowHigh: t.is("strictly")})
}

// aggregate compares a number of the column's values with a range.
func aggregate(function string) func(*project, *test) ([]importers.Check, string) {
	return func(p *project, t *test) ([]importers.Check, string) {
		bounds, why := outside(p, t)
		if why != "" {
			return nil, why
		}
		return aggregates(t, function, bounds)
	}
}

func aggregates(t *test, function string, bounds []string) (out []importers.Check, why string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	for _, b := range bounds {
		c := t.check("aggregate")
		c.Keys.Set("function", importers.Plain(function))
		c.Keys.Set("where", t.where)
		c.Fail = b
		out = append(out, c)
	}
	return out, ""
}

var not = map[string]string{"= ": "!= ", "> ": "<= ", "< ": ">= "}

func distinct(operator string) func(*project, *test) ([]importers.Check, string) {
	return func(p *project, t *test) ([]importers.Check, string) {
		return aggregates(t, "distinct_count", []string{not[operator] + p.word(t, "value")})
	}
}

func proportionUnique(p *project, t *test) ([]importers.Check, string) {
	low, high := p.word(t, "min_value"), p.word(t, "max_value")
	for _, end := range []*string{&low, &high} {
		if percent, ok := importers.Percent(*end); ok {
			*end = percent
		} else if *end != "" {
			return nil, "its end is no number: " + *end
		}
	}
	bounds, why := outsideOf(t, low, high)
	if why != "" {
		return nil, why
	}
	return aggregates(t, "distinct_percent", bounds)
}

func rowCount(p *project, t *test) ([]importers.Check, string) {
	bounds, why := []string{"!= " + p.word(t, "value")}, ""
	if p.word(t, "value") == "" {
		if bounds, why = outside(p, t); why != "" {
			return nil, why
		}
	}
	var out []importers.Check
	for _, b := range bounds {
		c := importers.Check{Kind: "row_count", Fail: b}
		c.Keys.Set("where", t.where)
		out = append(out, c)
	}
	return out, ""
}

func columnExists(_ *project, t *test) ([]importers.Check, string) {
	if t.column == "" {
		return nil, "it names no column"
	}
	c := importers.Check{Kind: "schema"}
	c.Keys.Set("columns", importers.Fields{{Name: strings.Trim(t.column, "\"`"), Value: importers.Plain("null")}})
	c.Keys.Set("extra", importers.Plain("ignore"))
	return []importers.Check{c}, ""
}

func columnSet(extra importers.Plain) func(*project, *test) ([]importers.Check, string) {
	return func(_ *project, t *test) ([]importers.Check, string) {
		columns := listed(importers.Under(t.args, "column_list"))
		if len(columns) == 0 {
			return nil, "it names no columns"
		}
		c := importers.Check{Kind: "schema"}
		c.Keys.Set("columns", columns)
		c.Keys.Set("extra", extra)
		return []importers.Check{c}, ""
	}
}

func columnType(_ *project, t *test) ([]importers.Check, string) {
	types := append(t.words("column_type"), t.words("column_type_list")...)
	if t.column == "" || len(types) != 1 {
		return nil, "a column has one type in a schema check, this names several"
	}
	c := importers.Check{Kind: "schema"}
	c.Keys.Set("columns", importers.Fields{{Name: strings.Trim(t.column, "\"`"), Value: types[0]}})
	c.Keys.Set("extra", importers.Plain("ignore"))
	return []importers.Check{c}, ""
}

func recentData(p *project, t *test) ([]importers.Check, string) {
	column := p.word(t, "timestamp_column")
	if column == "" {
		column = t.column
	}
	if column == "" {
		return nil, "it names no column"
	}
	out, why := freshOf(t, column, p.word(t, "datepart"), p.word(t, "interval"))
	if groups := t.words("group_by"); why == "" && len(groups) > 0 {
		out[0].Keys.Set("by", groups)
	}
	return out, why
}

func multicolumnSum(p *project, t *test) ([]importers.Check, string) {
	var sums []string
	for _, c := range t.words("column_list") {
		sums = append(sums, "sum("+c+")")
	}
	total := p.word(t, "sum_total")
	if _, number := literal(total); !number || importers.IsColumn(total) {
		total = "sum(" + total + ")"
	}
	if len(sums) == 0 {
		return nil, "it names no columns"
	}
	return query("SELECT 1 FROM (SELECT " + strings.Join(sums, " + ") + " AS this, " + total + " AS that FROM " +
		importers.From(t.where) + ") s WHERE NOT (this = that)")
}
