package dbt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
)

// The tests whose statements have window functions or set operations. They become the same
// statements.

func cardinalityEquality(p *project, t *test) ([]importers.Check, string) {
	other, why := p.other(t, "to")
	if why != "" {
		return nil, why
	}
	column, field := importers.Column(t.column), importers.Column(p.word(t, "field"))
	a := "SELECT " + column + ", count(*) FROM " + importers.From(t.where) + " GROUP BY " + column
	b := "SELECT " + field + ", count(*) FROM " + importers.OtherTable(other) + " GROUP BY " + field
	return query("SELECT * FROM (" + a + " EXCEPT " + b + ") missing_there\nUNION ALL\n" +
		"SELECT * FROM (" + b + " EXCEPT " + a + ") missing_here")
}

func equality(p *project, t *test) ([]importers.Check, string) {
	other, why := p.other(t, "compare_model")
	columns := strings.Join(t.words("compare_columns"), ", ")
	switch {
	case why != "":
		return nil, why
	case columns == "":
		return nil, "the columns are those that the table has: name them as compare_columns, or " +
			"import target/manifest.json"
	}
	a := "SELECT " + columns + " FROM " + importers.From(t.where)
	b := "SELECT " + columns + " FROM " + importers.OtherTable(other)
	return query("SELECT * FROM (" + a + " EXCEPT " + b + ") missing_there\nUNION ALL\n" +
		"SELECT * FROM (" + b + " EXCEPT " + a + ") missing_here")
}

func sequentialValues(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	column := importers.Column(t.column)
	step := p.word(t, "interval")
	if step == "" {
		step = "1"
	}
	over := "ORDER BY " + column
	if groups := t.words("group_by_columns"); len(groups) > 0 {
		over = "PARTITION BY " + strings.Join(groups, ", ") + " " + over
	}
	if part := p.word(t, "datepart"); part != "" {
		unit, known := intervals[strings.ToLower(part)]
		n, err := strconv.Atoi(step)
		if !known || err != nil {
			return nil, "datepart " + part + " with interval " + step + ": want a whole number of seconds to years"
		}
		step = fmt.Sprintf("INTERVAL '%d' %s", n*unit.times, unit.name)
	}
	return query("SELECT 1 FROM (\n  SELECT " + column + " AS this, lag(" + column + ") OVER (" + over + ") AS previous\n  FROM " +
		importers.From(t.where) + "\n) windowed WHERE NOT (this = previous + " + step + ")")
}

// intervals are the parts of dates of dbt as the standard's intervals have them.
var intervals = map[string]struct {
	name  string
	times int
}{
	"second": {"SECOND", 1}, "minute": {"MINUTE", 1}, "hour": {"HOUR", 1}, "day": {"DAY", 1}, "week": {"DAY", 7},
	"month": {"MONTH", 1}, "quarter": {"MONTH", 3}, "year": {"YEAR", 1},
}

func exclusiveRanges(p *project, t *test) ([]importers.Check, string) {
	gap, known := map[string]string{"": "<=", "allowed": "<=", "not_allowed": "=", "required": "<"}[p.word(t, "gaps")]
	if !known {
		return nil, "gaps: want allowed, not_allowed or required"
	}
	length := "<"
	if t.is("zero_length_range_allowed") {
		length = "<="
	}
	by := ""
	if column := p.word(t, "partition_by"); column != "" {
		by = "PARTITION BY " + column + " "
	}
	low, high := p.word(t, "lower_bound_column"), p.word(t, "upper_bound_column")
	return query(strings.NewReplacer("$low", low, "$high", high, "$by", by, "$length", length, "$gap", gap,
		"$rows", importers.From(t.where)).Replace(rangesQuery))
}

const rangesQuery = `SELECT 1 FROM (
  SELECT $low AS lower_bound, $high AS upper_bound,
    lead($low) OVER ($byORDER BY $low, $high) AS next_lower_bound,
    row_number() OVER ($byORDER BY $low DESC, $high DESC) = 1 AS is_last
  FROM $rows
) ranges
WHERE NOT (
  coalesce(lower_bound $length upper_bound, false)
  AND coalesce(upper_bound $gap next_lower_bound, is_last, false)
)`
