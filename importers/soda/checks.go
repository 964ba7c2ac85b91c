package soda

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// item is one check of SodaCL.
type item struct {
	source *source
	table  table
	line   string
	below  *yaml.Node
	where  string
	at     importers.Place
}

var (
	fresh     = pattern(`^freshness\s*(?:\(\s*([^),]+?)\s*\)|using\s+(\S+))\s*(.*)$`)
	metricRow = pattern(`^([a-z_]+)\s*(?:\(\s*([^)]*?)\s*\))?\s*(.*)$`)
	change    = pattern(`^change (avg last (\d+) |same day last week )?percent for row_count\s*(.*)$`)
	exists    = pattern(`^values in \(\s*(.+?)\s*\) must exist in (\S+) \(\s*(.+?)\s*\)$`)
	sameCount = pattern(`^row_count same as (\S+)(?: in (\S+))?$`)
)

// checks returns what an item becomes, or why it is left.
func (i *item) checks() ([]importers.Check, string) {
	line := i.line
	if m := fresh().FindStringSubmatch(line); m != nil {
		return i.freshness(m[1]+m[2], m[3])
	}
	switch {
	case line == "schema":
		return i.schema()
	case line == "failed rows":
		return i.failedRows()
	case strings.HasPrefix(line, "anomaly detection for row_count"), strings.HasPrefix(line, "anomaly score for row_count"):
		c := importers.Check{Kind: "row_count"}
		c.Keys.Set("where", i.where)
		c.Keys.Set("anomaly", importers.Fields{})
		return []importers.Check{c}, ""
	case change().MatchString(line):
		return i.change(change().FindStringSubmatch(line))
	case exists().MatchString(line):
		return i.exists(exists().FindStringSubmatch(line))
	}
	if m := sameCount().FindStringSubmatch(line); m != nil {
		switch {
		case m[2] != "":
			return nil, "the other table is in another data source: write `reconcile` with its warehouse"
		case i.where != "":
			return nil, "a filter of one of two tables: write `reconcile`"
		}
		c := importers.Check{Kind: "reconcile"}
		c.Keys.Set("with", m[1])
		return []importers.Check{c}, ""
	}
	if m := metricRow().FindStringSubmatch(line); m != nil {
		return i.metric(m[1], m[2], m[3])
	}
	return nil, "this kind of check is not known"
}

// thresholds returns the conditions that warn and fail.
func (i *item) thresholds(rest string) (warn, fail checks.Bound, why string) {
	if rest != "" {
		b, err := checks.ParseBound(rest)
		if err != nil {
			return warn, fail, "its threshold is not understood: " + err.Error()
		}
		return warn, b.Not(), "" // a line states what must be true
	}
	for _, side := range []struct {
		key string
		to  *checks.Bound
	}{{"warn", &warn}, {"fail", &fail}} {
		if text := importers.Word(importers.Under(i.below, side.key)); text != "" {
			b, err := checks.ParseBound(text)
			if err != nil {
				return warn, fail, err.Error()
			}
			*side.to = b
		}
	}
	if !warn.Set() && !fail.Set() {
		return warn, fail, "it has no threshold"
	}
	return warn, fail, ""
}

// bounded sets the conditions of a check. percent: its metric is a percentage, with or
// without its sign.
func bounded(c importers.Check, warn, fail checks.Bound, percent bool) importers.Check {
	if slices.Contains([]string{"missing", "invalid", "duplicate", "reference", "failed_rows"}, c.Kind) {
		warn, fail = counted(warn), counted(fail)
	}
	warn.Percent, fail.Percent = percent && warn.Set(), percent && fail.Set()
	c.Warn, c.Fail = plainBound(warn), plainBound(fail)
	return c
}

// counted writes != 0 as > 0: a count is never negative.
func counted(b checks.Bound) checks.Bound {
	if n, isInt := b.Low.Int64(); b.Op == "!=" && isInt && n == 0 {
		b.Op = ">"
	}
	return b
}

// plainBound writes a condition without commas.
func plainBound(b checks.Bound) string { return strings.ReplaceAll(b.String(), ",", "") }

func (i *item) freshness(column, rest string) ([]importers.Check, string) {
	c := importers.Check{Kind: "freshness"}
	c.Keys.Set("column", column)
	c.Keys.Set("where", i.where)
	limit := func(text string) (string, string) {
		text = strings.TrimSpace(strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "when "), "<>= "))
		d, err := checks.ParseDuration(text)
		if err != nil {
			return "", err.Error()
		}
		return strings.ReplaceAll(d.String(), " ", ""), ""
	}
	var why string
	if rest != "" {
		c.Fail, why = limit(rest)
		return []importers.Check{c}, why
	}
	for key, to := range map[string]*string{"warn": &c.Warn, "fail": &c.Fail} {
		if text := importers.Word(importers.Under(i.below, key)); text != "" {
			if *to, why = limit(text); why != "" {
				return nil, why
			}
		}
	}
	if c.Warn+c.Fail == "" {
		return nil, "it has no threshold"
	}
	return []importers.Check{c}, ""
}

func (i *item) failedRows() ([]importers.Check, string) {
	c := importers.Check{Kind: "failed_rows"}
	query := strings.TrimRight(strings.TrimSpace(importers.Word(importers.Under(i.below, "fail query"))), ";")
	condition := importers.Word(importers.Under(i.below, "fail condition"))
	switch {
	case query != "" && i.where != "":
		return nil, "a filter beside a fail query: put it into the query"
	case strings.Contains(query, "${"):
		return nil, "its query has variables of a scan"
	case query != "":
		c.Keys.Set("query", query)
	case condition != "":
		c.Keys.Set("expression", condition)
		c.Keys.Set("where", i.where)
	default:
		return nil, "neither fail condition nor fail query"
	}
	if warn, fail, why := i.thresholds(""); why == "" {
		c = bounded(c, warn, fail, false)
	} else if why != "it has no threshold" {
		return nil, why
	}
	return []importers.Check{c}, ""
}

func (i *item) change(m []string) ([]importers.Check, string) {
	warn, fail, why := i.thresholds(m[3])
	if why != "" {
		return nil, why
	}
	var change importers.Fields
	switch {
	case m[2] != "":
		change.Set("against", importers.Plain("average"))
		change.Set("over", importers.Plain(m[2]))
	case m[1] != "":
		change.Set("against", importers.Plain("same_weekday"))
	default:
		change.Set("against", importers.Plain("previous"))
	}
	warn.Percent, fail.Percent = warn.Set(), fail.Set()
	change.Set("warn", plainBound(warn))
	change.Set("fail", plainBound(fail))
	c := importers.Check{Kind: "row_count"}
	c.Keys.Set("where", i.where)
	c.Keys.Set("change", change)
	return []importers.Check{c}, ""
}

// exists reads `values in (a) must exist in t (b)`.
func (i *item) exists(m []string) ([]importers.Check, string) {
	ours, theirs := names(m[1]), names(m[3])
	if len(ours) != len(theirs) {
		return nil, "it names different numbers of columns"
	}
	c := importers.Reference(ours, m[2], theirs)
	c.Keys.Set("where", i.where)
	return []importers.Check{c}, ""
}

func names(list string) (out []string) {
	for _, name := range strings.Split(list, ",") {
		out = append(out, strings.Trim(strings.TrimSpace(name), "\"`"))
	}
	return out
}

// functions are the functions of `aggregate` by Soda's metrics.
var functions = map[string]string{
	"avg": "avg", "min": "min", "max": "max", "sum": "sum", "distinct_count": "distinct_count",
	"avg_length": "avg_length", "min_length": "min_length", "max_length": "max_length",
	"stddev": "stddev", "stddev_samp": "stddev", "variance": "variance", "var_samp": "variance",
}

// inSQL are the metrics that only an expression of SQL counts as Soda does.
var inSQL = map[string]string{"stddev_pop": "stddev_pop", "var_pop": "var_pop"}

func (i *item) metric(name, columns, rest string) ([]importers.Check, string) {
	if why := i.known(name, columns); why != "" {
		return nil, why
	}
	warn, fail, why := i.thresholds(rest)
	if why != "" {
		return nil, why
	}
	c := importers.Check{}
	list := names(columns)
	percent := strings.HasSuffix(name, "_percent")
	switch {
	case name == "row_count":
		c.Kind = "row_count"
		c.Keys.Set("where", i.where)
		return []importers.Check{bounded(c, warn, fail, false)}, ""
	case strings.HasPrefix(name, "duplicate_"):
		return i.duplicate(list, percent, warn, fail)
	case strings.HasPrefix(name, "missing_"), strings.HasPrefix(name, "invalid_"):
		v := validity{levels: []*yaml.Node{i.below}}
		if c, why = v.check(strings.HasPrefix(name, "missing_"), list[0], percent); why != "" {
			return nil, why
		}
		c.Keys.Set("where", importers.And(i.where, v.where))
		if v.remark != "" {
			i.source.out.Remark(i.at, i.table.name+": "+i.line, v.remark)
		}
		return []importers.Check{bounded(c, warn, fail, percent)}, ""
	}
	c.Kind = "aggregate"
	switch {
	case functions[name] != "":
		c.Keys.Set("column", list[0])
		c.Keys.Set("function", importers.Plain(functions[name]))
	case inSQL[name] != "":
		c.Keys.Set("expression", inSQL[name]+"("+importers.Column(list[0])+")")
	case name == "percentile" && len(list) == 2:
		c.Keys.Set("column", list[0])
		c.Keys.Set("function", importers.Plain("percentile"))
		c.Keys.Set("percentile", importers.Plain(list[1]))
	case importers.Word(importers.Under(i.below, name+" expression")) != "":
		c.Keys.Set("expression", importers.Word(importers.Under(i.below, name+" expression")))
	default:
		c.Kind = "sql"
		if i.where != "" {
			return nil, "a filter beside a query: put it into the query"
		}
		c.Keys.Set("query", importers.Word(importers.Under(i.below, name+" query")))
	}
	if c.Kind == "aggregate" {
		c.Keys.Set("where", i.where)
	}
	return []importers.Check{bounded(c, warn, fail, false)}, ""
}

// known returns why a metric cannot be taken over; "" if it can.
func (i *item) known(name, columns string) string {
	rows := name == "row_count"
	ofColumn := functions[name] != "" || inSQL[name] != "" || name == "percentile" ||
		slices.Contains([]string{"missing_count", "missing_percent", "invalid_count", "invalid_percent", "duplicate_count",
			"duplicate_percent"}, name)
	own := importers.Word(importers.Under(i.below, name+" expression")) + importers.Word(importers.Under(i.below, name+" query"))
	switch {
	case strings.Contains(own, "${"):
		return "it has variables of a scan"
	case rows && columns == "", ofColumn && columns != "", own != "":
		return ""
	}
	return "this kind of check is not known"
}

// duplicate counts values that occur twice, as Soda does: the first row of each is one of
// them. With a limit of 0 that is the same as counting rows.
func (i *item) duplicate(list []string, percent bool, warn, fail checks.Bound) ([]importers.Check, string) {
	c := importers.Check{Kind: "duplicate"}
	if percent && !(onlyZero(warn) && onlyZero(fail)) {
		keys := "(SELECT 1 AS n FROM " + importers.TableMark + " WHERE " + present(list, i.where) + " GROUP BY " +
			strings.Join(quotedColumns(list), ", ") + " HAVING count(*) > 1) d"
		all := "(SELECT count(*) FROM " + importers.Rows(importers.TableMark, i.where) + ")"
		c.Kind = "sql"
		c.Keys.Set("query", "SELECT 100.0 * count(*) / NULLIF("+all+", 0) FROM "+keys)
		c.Keys.Set("on_null", importers.Plain("pass"))
		return []importers.Check{bounded(c, warn, fail, false)}, ""
	}
	if len(list) == 1 {
		c.Keys.Set("column", list[0])
	} else {
		c.Keys.Set("columns", list)
	}
	if !onlyZero(warn) || !onlyZero(fail) {
		c.Keys.Set("count", importers.Plain("keys"))
	}
	c.Keys.Set("where", i.where)
	return []importers.Check{bounded(c, warn, fail, false)}, ""
}

// onlyZero reports whether a condition holds for every number above 0 and for no other, or
// is not set.
func onlyZero(b checks.Bound) bool {
	n, isInt := b.Low.Int64()
	return !b.Set() || isInt && n == 0 && (b.Op == ">" || b.Op == "!=")
}

func present(columns []string, where string) string {
	var parts []string
	for _, c := range quotedColumns(columns) {
		parts = append(parts, c+" IS NOT NULL")
	}
	return importers.And(append(parts, where)...)
}

func quotedColumns(columns []string) (out []string) {
	for _, c := range columns {
		out = append(out, importers.Column(c))
	}
	return out
}
