package dbt

import (
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// The tests of dbt_utils, by their statements in its macros/generic_tests.
func init() {
	for name, k := range map[string]kind{
		"unique_combination_of_columns": {uniqueCombination, "combination_of_columns"},
		"accepted_range":                {acceptedRange, "min_value max_value inclusive"},
		"not_accepted_values":           {notAcceptedValues, "values quote"},
		"not_null_proportion":           {notNullProportion, "at_least at_most group_by_columns"},
		"not_empty_string":              {notEmptyString, "trim_whitespace"},
		"at_least_one":                  {atLeastOne, "group_by_columns"},
		"not_constant":                  {notConstant, ""},
		"expression_is_true":            {expressionIsTrue, "expression condition"},
		"relationships_where":           {relationshipsWhere, "to field from_condition to_condition"},
		"cardinality_equality":          {cardinalityEquality, "to field"},
		"equal_rowcount":                {equalRowcount, "compare_model"},
		"fewer_rows_than":               {fewerRowsThan, "compare_model"},
		"recency":                       {recency, "field datepart interval ignore_time_component"},
		"mutually_exclusive_ranges": {exclusiveRanges,
			"lower_bound_column upper_bound_column partition_by gaps zero_length_range_allowed"},
		"sequential_values": {sequentialValues, "interval datepart group_by_columns"},
		"equality":          {equality, "compare_model compare_columns"},
	} {
		kinds["dbt_utils."+name] = k
	}
}

// uniqueCombination groups NULLs, too: two rows of NULLs are a duplicate.
func uniqueCombination(_ *project, t *test) ([]importers.Check, string) {
	columns := t.words("combination_of_columns")
	if len(columns) == 0 {
		return nil, "it names no columns"
	}
	for _, c := range columns {
		if !importers.IsColumn(c) {
			return query("SELECT 1 FROM " + importers.From(t.where) + " GROUP BY " + strings.Join(columns, ", ") +
				" HAVING count(*) > 1")
		}
	}
	c := importers.Check{Kind: "duplicate"}
	c.Keys.Set("columns", unquoted(columns))
	c.Keys.Set("include_null", true)
	return t.rows(c)
}

func unquoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.Trim(n, "\"`")
	}
	return out
}

// acceptedRange takes numbers, dates and columns as ends. Any other end is an expression.
func acceptedRange(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	low, high := p.word(t, "min_value"), p.word(t, "max_value")
	inclusive := !strings.EqualFold(p.word(t, "inclusive"), "false")
	return between(t, importers.Column(t.column), ends{low: low, high: high, exclusive: !inclusive})
}

// ends are the ends of a range; "" is none.
type ends struct {
	low, high string
	exclusive bool
}

// between checks that a column lies between ends that are SQL.
func between(t *test, column string, e ends) ([]importers.Check, string) {
	if e.low == "" && e.high == "" {
		return nil, "it has neither an upper nor a lower end"
	}
	low, ok1 := literal(e.low)
	high, ok2 := literal(e.high)
	if ok1 && ok2 && importers.IsColumn(column) {
		c := t.check("invalid")
		c.Keys.Set("min", low)
		c.Keys.Set("max", high)
		c.Keys.Set("exclusive", e.exclusive)
		return t.rows(c)
	}
	var bad []string
	equal := "="
	if e.exclusive {
		equal = ""
	}
	if e.low != "" {
		bad = append(bad, "NOT "+column+" >"+equal+" "+e.low)
	}
	if e.high != "" {
		bad = append(bad, "NOT "+column+" <"+equal+" "+e.high)
	}
	return expression(t, strings.Join(bad, " OR "))
}

var (
	dateText   = pattern(`^'(\d{4}-\d\d-\d\d(?:[T ][\d:.+-]+)?)'(?:::\w+)?$`)
	dateCast   = pattern(`^(?i:cast\(\s*'(\d{4}-\d\d-\d\d)'\s+as\s+(?:date|timestamp)\s*\))$`)
	keyOfValue = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// sqlWords are expressions of SQL that look like the name of a column.
var sqlWords = []string{
	"current_date", "current_timestamp", "current_time", "localtimestamp", "sysdate", "null", "true", "false",
	"now",
}

// literal returns an end of a range as `invalid` reads it: a number, a date, or a column.
func literal(sql string) (text string, ok bool) {
	sql = strings.TrimSpace(sql)
	if _, err := strconv.ParseFloat(sql, 64); err == nil && !strings.ContainsAny(sql, "nNxX_") {
		return sql, true
	}
	for _, re := range []func() []string{
		func() []string { return dateText().FindStringSubmatch(sql) },
		func() []string { return dateCast().FindStringSubmatch(sql) },
	} {
		if m := re(); m != nil {
			return m[1], true
		}
	}
	for _, w := range sqlWords {
		if strings.EqualFold(w, sql) {
			return "", false
		}
	}
	return sql, sql == "" || keyOfValue().MatchString(sql)
}

func notAcceptedValues(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	values, why := p.texts(t, "values")
	if why != "" {
		return nil, why
	}
	c := t.check("invalid")
	c.Keys.Set("invalid_values", values)
	return t.rows(c)
}

func notNullProportion(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	least, ok := importers.Rest(p.word(t, "at_least"))
	if !ok {
		return nil, "at_least is no number"
	}
	c := t.check("missing")
	c.Fail = "> " + least + "%"
	if most := p.word(t, "at_most"); most != "" {
		smallest, ok := importers.Rest(most)
		if !ok {
			return nil, "at_most is no number"
		}
		if smallest != "0" {
			c.Fail = "not between " + smallest + "% and " + least + "%"
		}
	}
	if groups := t.words("group_by_columns"); len(groups) > 0 {
		c.Keys.Set("by", groups)
		c.Keys.Set("min_rows", 0)
	}
	return t.rows(c)
}

// notEmptyString passes NULL. trim() of SQL takes away spaces alone.
func notEmptyString(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	c := t.check("invalid")
	if strings.EqualFold(p.word(t, "trim_whitespace"), "false") {
		c.Keys.Set("min_length", 1)
	} else {
		c.Keys.Set("pattern", "[^ ]")
	}
	return t.rows(c)
}

// atLeastOne fails on a table without rows, too.
func atLeastOne(_ *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	c := t.check("missing")
	c.Fail = ">= 100%"
	if groups := t.words("group_by_columns"); len(groups) > 0 {
		c.Keys.Set("by", groups)
		c.Keys.Set("min_rows", 0)
		return t.rows(c)
	}
	on := importers.Plain("fail")
	if strings.EqualFold(t.conf.severity, "warn") {
		on = "warn"
	}
	c.Keys.Set("on_empty", on)
	return t.rows(c)
}

func notConstant(_ *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	c := t.check("aggregate")
	c.Keys.Set("function", importers.Plain("distinct_count"))
	c.Fail = "= 1"
	return t.rows(c)
}

func expressionIsTrue(p *project, t *test) ([]importers.Check, string) {
	text := p.word(t, "expression")
	if text == "" {
		return nil, "it has no expression"
	}
	if t.column != "" {
		text = t.column + " " + text
	}
	return expression(t, "NOT ("+text+")", p.word(t, "condition"))
}

func relationshipsWhere(p *project, t *test) ([]importers.Check, string) {
	return p.reference(t, p.word(t, "from_condition"), p.word(t, "to_condition"))
}

func equalRowcount(p *project, t *test) ([]importers.Check, string) {
	other, why := p.other(t, "compare_model")
	if why != "" {
		return nil, why
	}
	if t.where != "" {
		return query("SELECT 1 FROM (SELECT count(*) AS n FROM " + importers.From(t.where) +
			") a CROSS JOIN (SELECT count(*) AS n FROM " + importers.OtherTable(other) + ") b WHERE a.n <> b.n")
	}
	c := importers.Check{Kind: "reconcile"}
	c.Keys.Set("with", other)
	return []importers.Check{c}, ""
}

func fewerRowsThan(p *project, t *test) ([]importers.Check, string) {
	other, why := p.other(t, "compare_model")
	if why != "" {
		return nil, why
	}
	return query("SELECT 1 FROM (SELECT count(*) AS n FROM " + importers.From(t.where) +
		") a CROSS JOIN (SELECT count(*) AS n FROM " + importers.OtherTable(other) + ") b WHERE a.n >= b.n")
}

func recency(p *project, t *test) ([]importers.Check, string) {
	if t.is("ignore_time_component") {
		return nil, "ignore_time_component: Sentinel reads the age, not the number of days"
	}
	return freshOf(t, p.word(t, "field"), p.word(t, "datepart"), p.word(t, "interval"))
}

// freshOf checks the age of the newest row.
func freshOf(t *test, column, datepart, interval string) ([]importers.Check, string) {
	n, err := strconv.Atoi(interval)
	if err != nil {
		return nil, "interval is no number: " + interval
	}
	if datepart == "week" {
		n, datepart = 7*n, "day"
	}
	age, err := checks.Periods(n, datepart)
	if err != nil {
		return nil, "datepart " + datepart + " has no fixed length: want minute, hour, day or week"
	}
	c := importers.Check{Kind: "freshness", Fail: compact(checks.Duration(age))}
	if importers.IsColumn(column) {
		c.Keys.Set("column", strings.Trim(column, "\"`"))
	} else {
		c.Keys.Set("expression", column)
	}
	return t.rows(c)
}

// compact formats a duration without spaces.
func compact(d checks.Duration) string { return strings.ReplaceAll(d.String(), " ", "") }
