package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
)

func init() { RegisterImporter("soda", importSoda) }

var (
	sodaChecks = pattern(`^checks for (\S+?)(?:\s*\[(.+)\])?$`)
	sodaFilter = pattern(`^filter (\S+?)\s*\[(.+)\]$`)
	sodaFresh  = pattern(`^freshness\s*\(\s*([^),]+?)\s*\)\s*(.*)$`)
	sodaMetric = pattern(
		`^(row_count|(?:missing|invalid|duplicate)_(?:count|percent)|(?:avg|min|max)_length|avg|min|max|sum)\s*(?:\(\s*([^)]*?)\s*\))?\s*(.*)$`,
	)
	sodaChange = pattern(`^change (avg last (\d+) |same day last week )?percent for row_count\s*(.*)$`)
)

// sodaTable is the subject of `checks for`: a table and a filter of its rows.
type sodaTable struct {
	name  string
	where string
}

// importSoda reads SodaCL of version 3.
func importSoda(file string, data []byte) (Imported, error) {
	s := &source{file: file}
	roots, err := s.read(data)
	if err != nil {
		return Imported{}, err
	}
	for _, root := range roots {
		filters := map[string]string{}
		for _, f := range pairs(root) {
			if m := sodaFilter().FindStringSubmatch(f.name); m != nil {
				filters[m[1]+" "+m[2]] = word(under(f.value, "where"))
			}
		}
		for _, f := range pairs(root) {
			s.sodaBlock(f, filters)
		}
	}
	return s.out, nil
}

func (s *source) sodaBlock(f field, filters map[string]string) {
	m := sodaChecks().FindStringSubmatch(f.name)
	switch {
	case sodaFilter().MatchString(f.name):
	case strings.HasPrefix(f.name, "for each "):
		s.sodaEach(f)
	case m == nil:
		s.left(f.key, "%s: not taken over", f.name)
	case m[2] != "" && strings.Contains(filters[m[1]+" "+m[2]], "${"):
		s.left(
			f.key,
			"%s: its filter needs variables of a scan: use `bucket: day` of row_count, or a `where` of the database's own clock",
			f.name,
		)
	default:
		t := sodaTable{m[1], filters[m[1]+" "+m[2]]}
		d := ImportedDataset{Table: t.name}
		for _, item := range f.value.Content {
			d.Checks = append(d.Checks, s.sodaItem(t, item)...)
		}
		if len(d.Checks) > 0 {
			s.out.Datasets = append(s.out.Datasets, d)
		}
	}
}

// sodaEach reads `for each dataset T:`, whose tables are patterns.
func (s *source) sodaEach(f field) {
	var tables, exclude []string
	list := under(f.value, "datasets")
	for _, text := range words(list) {
		verb, pattern, found := strings.Cut(text, " ")
		switch {
		case !found:
			tables = append(tables, text)
		case verb == "include":
			tables = append(tables, strings.TrimSpace(pattern))
		default:
			exclude = append(exclude, strings.TrimSpace(pattern))
		}
	}
	if len(tables) == 0 {
		s.left(f.key, "%s: it names no table", f.name)
		return
	}
	items := under(f.value, "checks")
	for _, table := range tables {
		d := ImportedDataset{Table: table, Exclude: exclude}
		if items != nil {
			for _, item := range items.Content {
				d.Checks = append(d.Checks, s.sodaItem(sodaTable{name: table}, item)...)
			}
		}
		if len(d.Checks) > 0 {
			s.out.Datasets = append(s.out.Datasets, d)
		}
	}
}

// sodaItem reads one check: a line, or a line with a mapping below it.
func (s *source) sodaItem(t sodaTable, n *yaml.Node) []string {
	line, below := n.Value, (*yaml.Node)(nil)
	if p := pairs(n); len(p) > 0 {
		line, below = p[0].name, p[0].value
	}
	line = strings.TrimSpace(line)
	t.where = and(t.where, word(under(below, "filter")))
	e := &entry{}
	var why string
	switch m := sodaMetric().FindStringSubmatch(line); {
	case sodaFresh().MatchString(line):
		why = sodaFreshness(e, t, sodaFresh().FindStringSubmatch(line), below)
	case line == "schema":
		why = s.sodaSchema(e, below)
	case line == "failed rows":
		why = sodaFailedRows(e, t, below)
	case strings.HasPrefix(line, "anomaly detection for row_count"),
		strings.HasPrefix(line, "anomaly score for row_count"):
		e.kind = "row_count"
		e.set("where", quoted(t.where))
		e.set("anomaly", "{}")
	case sodaChange().MatchString(line):
		why = sodaChangeOf(e, t, sodaChange().FindStringSubmatch(line), below)
	case m != nil && (m[1] == "row_count") == (m[2] == ""):
		why = sodaMetricOf(e, t, m, below)
	default:
		why = "this kind of check is not known"
	}
	if why == "" && e.kind == "sql" && strings.ContainsAny(t.name, "%*") {
		why = "a query cannot be about a pattern of tables: write one for each table"
	}
	if why != "" {
		s.left(n, "%s: %s: %s", t.name, line, why)
		return nil
	}
	e.set("id", quoted(word(under(below, "identity"))))
	name := word(under(below, "name"))
	if name == "" && e.kind == "sql" {
		name = line // history continues under this name
	}
	e.set("name", quoted(name))
	if a := under(below, "attributes"); a != nil {
		s.left(a, "%s: %s: its attributes", t.name, line)
	}
	return s.distinct(t.name, line, e)
}

// and joins two conditions, either of which may be empty.
func and(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return "(" + a + ") AND (" + b + ")"
}

// sodaThresholds returns the conditions for warn and fail.
func sodaThresholds(rest string, below *yaml.Node) (warn, fail checks.Bound, why string) {
	if rest != "" {
		b, err := checks.ParseBound(rest)
		if err != nil {
			return warn, fail, err.Error()
		}
		return warn, b.Not(), "" // a line states what must be true
	}
	for _, side := range []struct {
		key string
		to  *checks.Bound
	}{{"warn", &warn}, {"fail", &fail}} {
		if text := word(under(below, side.key)); text != "" {
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

func sodaFreshness(e *entry, t sodaTable, m []string, below *yaml.Node) string {
	e.kind = "freshness"
	e.set("column", quoted(m[1]))
	e.set("where", quoted(t.where))
	limit := func(key, text string) string {
		text = strings.TrimSpace(strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "when "), "<>= "))
		d, err := checks.ParseDuration(text)
		if err != nil {
			return err.Error()
		}
		e.set(key, compact(d))
		return ""
	}
	if m[2] != "" {
		return limit("fail", m[2])
	}
	found := false
	for _, key := range []string{"warn", "fail"} {
		if text := word(under(below, key)); text != "" {
			found = true
			if why := limit(key, text); why != "" {
				return why
			}
		}
	}
	if !found {
		return "it has no threshold"
	}
	return ""
}

func sodaMetricOf(e *entry, t sodaTable, m []string, below *yaml.Node) string {
	metric, column := m[1], m[2]
	warn, fail, why := sodaThresholds(m[3], below)
	if why != "" {
		return why
	}
	bad := "" // condition of the rows that are counted
	switch {
	case strings.HasPrefix(metric, "missing_"):
		if under(below, "missing values") != nil || under(below, "missing regex") != nil {
			return "values that stand for missing ones: count them with row_count and a `where`"
		}
		bad = column + " IS NULL"
	case strings.HasPrefix(metric, "invalid_"):
		if bad, why = sodaInvalid(column, below); why != "" {
			return why
		}
	}
	e.kind = "sql"
	from := " FROM " + tableMark
	if t.where != "" {
		from += " WHERE " + t.where
	}
	switch {
	case metric == "row_count", strings.HasSuffix(metric, "_count") && bad != "":
		e.kind = "row_count"
		e.set("where", quoted(and(t.where, bad)))
	case strings.HasSuffix(metric, "_percent") && bad != "":
		e.set("query", quoted("SELECT avg(CASE WHEN "+bad+" THEN 100.0 ELSE 0.0 END)"+from))
	case metric == "duplicate_count":
		e.set("query", quoted("SELECT count(*) FROM (SELECT "+column+from+" GROUP BY "+column+" HAVING count(*) > 1) d"))
	case strings.HasSuffix(metric, "_length"):
		e.set("query", quoted("SELECT "+strings.TrimSuffix(metric, "_length")+"(char_length("+column+"))"+from))
	case metric == "avg", metric == "min", metric == "max", metric == "sum":
		e.set("query", quoted("SELECT "+metric+"("+column+")"+from))
	default:
		return "this metric is not known"
	}
	if warn.Percent != fail.Percent && warn.Set() && fail.Set() {
		return "one threshold in percent, one not"
	}
	warn.Percent, fail.Percent = false, false
	e.set("warn", quoted(warn.String()))
	e.set("fail", quoted(fail.String()))
	return ""
}

// sodaInvalid returns the condition for invalid rows.
func sodaInvalid(column string, below *yaml.Node) (condition, why string) {
	var parts []string
	for _, f := range pairs(below) {
		switch f.name {
		case "valid values":
			values := words(f.value)
			for i, v := range values {
				values[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
				if f.value.Kind == yaml.SequenceNode && f.value.Content[i].ShortTag() == "!!bool" {
					values[i] = strings.ToUpper(v) // a quoted one is a text, which MySQL compares as 0
				}
			}
			parts = append(parts, column+" NOT IN ("+strings.Join(values, ", ")+")")
		case "valid min":
			parts = append(parts, column+" < "+word(f.value))
		case "valid max":
			parts = append(parts, column+" > "+word(f.value))
		case "valid length":
			parts = append(parts, "char_length("+column+") <> "+word(f.value))
		case "valid min length":
			parts = append(parts, "char_length("+column+") < "+word(f.value))
		case "valid max length":
			parts = append(parts, "char_length("+column+") > "+word(f.value))
		case "valid format", "valid regex", "invalid format", "invalid values", "valid values column":
			return "", fmt.Sprintf("%s differs between engines: write it as a `where` of row_count", f.name)
		}
	}
	if len(parts) == 0 {
		return "", "it says nothing of what is valid"
	}
	return strings.Join(parts, " OR "), ""
}

func sodaFailedRows(e *entry, t sodaTable, below *yaml.Node) string {
	if query := word(under(below, "fail query")); query != "" {
		if t.where != "" {
			return "a filter beside a fail query: put it into the query"
		}
		e.kind = "sql"
		e.set("query", quoted("SELECT count(*) FROM ("+strings.TrimRight(strings.TrimSpace(query), ";")+") failed"))
		e.set("fail", quoted("> 0"))
		return ""
	}
	condition := word(under(below, "fail condition"))
	if condition == "" {
		return "neither fail condition nor fail query"
	}
	e.kind = "row_count"
	e.set("where", quoted(and(t.where, condition)))
	e.set("fail", quoted("> 0"))
	return ""
}

func sodaChangeOf(e *entry, t sodaTable, m []string, below *yaml.Node) string {
	warn, fail, why := sodaThresholds(m[3], below)
	if why != "" {
		return why
	}
	change := entry{kind: "change"}
	switch {
	case m[2] != "":
		change.set("against", "average")
		change.set("over", m[2])
	case m[1] != "":
		change.set("against", "same_weekday")
	default:
		change.set("against", "previous")
	}
	warn.Percent, fail.Percent = warn.Set(), fail.Set()
	change.set("warn", quoted(warn.String()))
	change.set("fail", quoted(fail.String()))
	e.kind = "row_count"
	e.set("where", quoted(t.where))
	e.fields = append(e.fields, change.String())
	return ""
}

// sodaChanges maps SodaCL's names of changes to kinds of drifts.
var sodaChanges = map[string][]string{
	"column add":          {"column_added"},
	"column delete":       {"column_removed"},
	"column type change":  {"type_changed", "type_narrowed", "type_widened"},
	"column index change": {"columns_reordered"},
	"any": {
		"column_added",
		"column_removed",
		"type_changed",
		"type_narrowed",
		"type_widened",
		"columns_reordered",
	},
}
