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
	case "duplicate":
		out.Keys.Set("query", duplicateQuery(c, where))
		if out.Warn == "" && out.Fail == "" {
			out.Fail = "> 0"
		}
		out.Warn, out.Fail = strings.TrimSuffix(out.Warn, "%"), strings.TrimSuffix(out.Fail, "%")
	case "reference":
		out.Kind, out.Keys = "failed_rows", nil
		out.Keys.Set("name", c.What)
		out.Keys.Set("query", referenceQuery(c, where))
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

func duplicateQuery(c Check, where string) string {
	columns := c.columns()
	list := strings.Join(columns, ", ")
	if _, all := c.flag("include_null"); !all {
		present := make([]string, len(columns))
		for i, name := range columns {
			present[i] = name + " IS NOT NULL"
		}
		where = And(append(present, where)...)
	}
	groups := "(SELECT count(*) AS n FROM " + TableMark + whereOf(where) + " GROUP BY " + list
	switch {
	case strings.HasSuffix(c.Warn+c.Fail, "%"):
		return "SELECT coalesce(100.0 * sum(n - 1) / sum(n), 0) FROM " + groups + ") d"
	case c.Keys.Get("count") == "keys":
		return "SELECT count(*) FROM " + groups + " HAVING count(*) > 1) d"
	}
	return "SELECT coalesce(sum(n - 1), 0) FROM " + groups + ") d"
}

func referenceQuery(c Check, where string) string {
	var to Fields
	for _, f := range c.Keys {
		if v, is := f.Value.(Fields); is && f.Name == "to" {
			to = v
		}
	}
	var equal, present []string
	theirs := Check{Keys: to}.columns()
	for i, name := range c.columns() {
		present = append(present, "f."+name+" IS NOT NULL")
		equal = append(equal, "p."+theirs[i]+" = f."+name)
	}
	partners := Rows(OtherTable(to.Get("table")), c.Keys.Get("to_where"))
	rows := strings.TrimSuffix(From(where), " t")
	return "SELECT 1 FROM " + rows + " f WHERE " + strings.Join(present, " AND ") + " AND NOT EXISTS (SELECT 1 FROM " +
		strings.TrimSuffix(partners, " t") + " p WHERE " + strings.Join(equal, " AND ") + ")"
}

// flag returns a boolean key.
func (c Check) flag(name string) (value, set bool) {
	for _, f := range c.Keys {
		if v, is := f.Value.(bool); is && f.Name == name {
			return v, true
		}
	}
	return false, false
}

// columns returns the key `columns`, or `column`, as they are written in a query.
func (c Check) columns() (out []string) {
	for _, f := range c.Keys {
		if list, is := f.Value.([]string); is && f.Name == "columns" {
			for _, name := range list {
				out = append(out, Column(name))
			}
		}
	}
	if name := c.Keys.Get("column"); name != "" {
		out = append(out, Column(name))
	}
	return out
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
