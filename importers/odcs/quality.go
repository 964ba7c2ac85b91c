package odcs

import (
	"cmp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// quality reads one rule of an object, or of a property if column is not "".
func (c *contract) quality(table, column string, q *yaml.Node) {
	kind := cmp.Or(importers.Word(importers.Under(q, "type")), "library")
	metric := cmp.Or(importers.Word(importers.Under(q, "metric")), importers.Word(importers.Under(q, "rule")))
	name := importers.Word(importers.Under(q, "name"))
	what := cmp.Or(metric, name, kind)
	if column != "" {
		what += "(" + column + ")"
	}
	at := c.file.At(q)
	var check importers.Check
	why := ""
	switch kind {
	case "library":
		check, why = c.library(metric, column, q)
	case "sql":
		check, why = c.sql(table, column, q)
	case "custom":
		check, why = custom(q)
	case "text":
		why = "a text is for people: " + importers.Word(importers.Under(q, "description"))
	default:
		why = "the type " + kind + " is not known"
	}
	if why != "" {
		c.out.Leave(at, table+": "+what, why)
		return
	}
	if check.Raw == "" {
		check.Keys.Set("name", name)
		schedule := importers.Word(importers.Under(q, "schedule"))
		check.Keys.Set("schedule", cron(schedule))
		if schedule != "" && cron(schedule) == "" {
			c.out.Remark(at, table+": "+what, "without its schedule, which has not five fields: "+schedule)
		}
		switch strings.ToLower(importers.Word(importers.Under(q, "severity"))) {
		case "info", "warning":
			check = check.Warning()
		}
	}
	c.out.Take(at, table, what, check)
}

// cron returns an expression of five fields; "" for others.
func cron(text string) string {
	if len(strings.Fields(text)) != 5 {
		return ""
	}
	return text
}

// operators are those of thresholds, which say what must be true.
var operators = map[string]string{
	"mustBe": "=", "mustNotBe": "!=", "mustBeGreaterThan": ">", "mustBeGreaterOrEqualTo": ">=",
	"mustBeGreaterThanOrEqualTo": ">=", "mustBeLessThan": "<", "mustBeLessOrEqualTo": "<=", "mustBeLessThanOrEqualTo": "<=",
}

// threshold returns the condition that fails. A count is never negative.
func (c *contract) threshold(q *yaml.Node, percent bool) (string, string) {
	text, before := "", ""
	for _, f := range importers.Pairs(q) {
		ends := importers.Words(f.Value)
		between := f.Name == "mustBeBetween" || f.Name == "mustNotBeBetween"
		if operators[f.Name] != "" || between {
			if before != "" {
				return "", "it has two thresholds, " + before + " and " + f.Name + ": write two rules"
			}
			before = f.Name
		}
		switch {
		case operators[f.Name] != "":
			text = operators[f.Name] + " " + importers.Word(f.Value)
		case between && len(ends) != 2:
			return "", f.Name + ": want two ends"
		case between:
			if text = "between " + ends[0] + " and " + ends[1]; f.Name == "mustNotBeBetween" {
				text = "not " + text
			}
			c.out.Remark(c.file.At(f.Key), f.Name, "its ends are taken as values that are allowed, as datacontract-cli does")
		}
	}
	if text == "" {
		return "", "it has no threshold"
	}
	b, err := checks.ParseBound(text)
	if err != nil {
		return "", err.Error()
	}
	b = b.Not()
	if n, isInt := b.Low.Int64(); b.Op == "!=" && isInt && n == 0 && importers.Word(importers.Under(q, "type")) != "sql" {
		b.Op = ">"
	}
	b.Percent = percent
	return strings.ReplaceAll(b.String(), ",", ""), ""
}

// library reads a metric of the standard.
func (c *contract) library(metric, column string, q *yaml.Node) (check importers.Check, why string) {
	unit := importers.Word(importers.Under(q, "unit"))
	percent := unit == "percent"
	if check.Fail, why = c.threshold(q, percent); why != "" {
		return check, why
	}
	arguments := importers.Under(q, "arguments")
	texts := func(key string) []string {
		var out []string
		for _, item := range importers.Items(cmp.Or(importers.Under(arguments, key), importers.Under(q, key))) {
			if !importers.IsNull(item) {
				out = append(out, item.Value)
			}
		}
		return out
	}
	if column == "" && metric != "rowCount" && metric != "duplicateValues" {
		return check, "the metric is about a property"
	}
	check.Keys.Set("column", column)
	switch metric {
	case "rowCount":
		check.Kind, check.Keys = "row_count", nil
		if percent {
			return check, "a number of rows is no percentage"
		}
	case "nullValues":
		check.Kind = "missing"
	case "missingValues":
		check.Kind = "missing"
		check.Keys.Set("values", texts("missingValues"))
	case "invalidValues":
		check.Kind = "invalid"
		check.Keys.Set("valid_values", texts("validValues"))
		check.Keys.Set("pattern", importers.Word(importers.Under(arguments, "pattern")))
		if len(check.Keys) == 1 {
			return check, "it says nothing of what is valid"
		}
	case "duplicateValues":
		check.Kind = "duplicate"
		if columns := texts("properties"); len(columns) > 0 {
			check.Keys = nil
			check.Keys.Set("columns", columns)
		} else if column == "" {
			return check, "it names no properties"
		}
	default:
		return check, "the metric " + strconv.Quote(metric) + " is not known"
	}
	return check, ""
}

// sql reads a query that returns a number.
func (c *contract) sql(table, column string, q *yaml.Node) (check importers.Check, why string) {
	check.Kind = "sql"
	if check.Fail, why = c.threshold(q, false); why != "" {
		return check, why
	}
	text := strings.TrimRight(strings.TrimSpace(importers.Word(importers.Under(q, "query"))), ";")
	if text == "" {
		return check, "it has no query"
	}
	if column == "" && (strings.Contains(text, "{property}") || strings.Contains(text, "{column}")) {
		return check, "its query is about a property, and it stands at an object"
	}
	own := importers.OtherTable(table)
	check.Keys.Set("query", strings.NewReplacer("${object}", own, "{object}", own, "${table}", own, "{table}", own,
		"${property}", column, "{property}", column, "${column}", column, "{column}", column).Replace(text))
	return check, ""
}

// custom reads a check of Sentinel as `contract export` writes it.
func custom(q *yaml.Node) (check importers.Check, why string) {
	engine := importers.Word(importers.Under(q, "engine"))
	if engine != "sentinel" {
		return check, "rules of the engine " + engine + ": import the files of that tool"
	}
	check.Raw = strings.TrimSpace(importers.Word(importers.Under(q, "implementation")))
	check.Kind, _, _ = strings.Cut(check.Raw, ":")
	if check.Raw == "" {
		return check, "it has no implementation"
	}
	return check, ""
}

// levels reads the service levels that a check can hold.
func (c *contract) levels(root *yaml.Node) {
	for _, n := range importers.Items(importers.Under(root, "slaProperties")) {
		at, name := c.file.At(n), importers.Word(importers.Under(n, "property"))
		element := importers.Word(importers.Under(n, "element"))
		i := strings.LastIndex(element, ".")
		age, ok := span(importers.Word(importers.Under(n, "value")), importers.Word(importers.Under(n, "unit")))
		if known := map[string]int{"latency": 1, "ly": 1, "freshness": 1, "frequency": 2, "fy": 2}[name]; known == 0 || i < 0 || !ok {
			c.out.Leave(at, "service level "+name, "want latency, freshness or frequency with a value in minutes, hours or "+
				"days and an element object.property")
			continue
		}
		table := cmp.Or(c.tables[element[:i]], importers.TableName(c.schema, element[:i]))
		check := importers.Check{Kind: "freshness"}
		check.Keys.Set("column", element[i+1:])
		check.Fail = strings.ReplaceAll(age.String(), " ", "")
		if name == "frequency" || name == "fy" {
			check.Warn, check.Fail = check.Fail, strings.ReplaceAll((2*age).String(), " ", "")
		}
		c.out.Take(at, table, name, check)
	}
}

// span reads a number of minutes, hours, days or weeks.
func span(value, unit string) (checks.Duration, bool) {
	n, err := strconv.Atoi(value)
	period := map[string]string{"m": "minute", "min": "minute", "minute": "minute", "minutes": "minute", "h": "hour",
		"hour": "hour", "hours": "hour", "d": "day", "day": "day", "days": "day"}[strings.ToLower(unit)]
	d, err2 := checks.Periods(n, period)
	return checks.Duration(d), err == nil && err2 == nil
}
