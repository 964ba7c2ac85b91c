package importers

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/checks"
)

// lower writes a check of a kind that this version does not have as a query that counts the
// same.
func lower(c Check) Check {
	if slices.Contains(checks.Kinds(), c.Kind) {
		return c
	}
	out := c
	out.Kind, out.Keys = "sql", nil
	out.Keys.Set("name", c.What)
	where := c.Keys.Get("where")
	switch c.Kind {
	case "aggregate":
		out.Keys.Set("query", "SELECT "+aggregateOf(c.Keys)+" FROM "+TableMark+whereOf(where))
	}
	return out
}

func whereOf(where string) string {
	if where == "" {
		return ""
	}
	return " WHERE " + where
}

func aggregateOf(keys Fields) string {
	if text := keys.Get("expression"); text != "" {
		return text
	}
	column, function := Column(keys.Get("column")), keys.Get("function")
	switch function {
	case "distinct_count":
		return "count(DISTINCT " + column + ")"
	case "distinct_percent":
		return "100.0 * count(DISTINCT " + column + ") / NULLIF(count(" + column + "), 0)"
	case "avg_length", "min_length", "max_length":
		return strings.TrimSuffix(function, "_length") + "(char_length(" + column + "))"
	case "stddev":
		return "stddev_samp(" + column + ")"
	case "variance":
		return "var_samp(" + column + ")"
	case "median":
		return "percentile_disc(0.5) WITHIN GROUP (ORDER BY " + column + ")"
	case "percentile":
		return "percentile_disc(" + keys.Get("percentile") + ") WITHIN GROUP (ORDER BY " + column + ")"
	}
	return function + "(" + column + ")"
}
