package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
)

func init() { RegisterImporter("dbt", importDBT) }

// plainColumn matches the name of a column, as opposed to an expression.
var plainColumn = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)

// dbtFreshness holds the settings that dbt tables inherit from their source.
type dbtFreshness struct {
	freshness *yaml.Node // nil: none; null disables it
	column    string     // loaded_at_field
	query     string     // loaded_at_query
}

// importDBT reads the freshness of dbt's sources. Settings stand on sources and
// tables, directly or under `config:`; those of the table win.
func importDBT(file string, data []byte) (Imported, error) {
	s := &source{file: file}
	roots, err := s.read(data)
	if err != nil {
		return Imported{}, err
	}
	for _, root := range roots {
		for _, f := range pairs(root) {
			switch f.name {
			case "version", "sources":
			case "models", "seeds", "snapshots", "exposures", "metrics":
				s.left(f.key, "%s: tests of models stay with dbt", f.name)
			default:
				s.left(f.key, "%s: not known", f.name)
			}
		}
		sources := under(root, "sources")
		if sources == nil {
			continue
		}
		for _, src := range sources.Content {
			s.dbtSource(src)
		}
	}
	return s.out, nil
}

func (s *source) dbtSource(src *yaml.Node) {
	schema := word(under(src, "schema"))
	if schema == "" {
		schema = word(under(src, "name"))
	}
	base := dbtFreshness{}.over(src)
	tables := under(src, "tables")
	if tables == nil {
		return
	}
	for _, t := range tables.Content {
		if off := cmp.Or(disabled(t), disabled(src)); off != nil && enabledOf(t) != "true" {
			s.left(off, "%s.%s is disabled in dbt", schema, word(under(t, "name")))
			continue
		}
		name := word(under(t, "identifier"))
		if name == "" {
			name = word(under(t, "name"))
		}
		if tests := under(t, "columns"); tests != nil && slices.ContainsFunc(tests.Content, hasTests) {
			s.left(tests, "%s.%s: tests of columns stay with dbt", schema, name)
		}
		if check, ok := s.dbtCheck(t, schema+"."+name, base.over(t)); ok {
			s.out.Datasets = append(s.out.Datasets, ImportedDataset{Table: schema + "." + name, Checks: []string{check}})
		}
	}
}

// hasTests reports whether a column has tests.
func hasTests(column *yaml.Node) bool {
	return under(column, "tests") != nil || under(column, "data_tests") != nil
}

// enabledOf returns the word of `enabled:` of a source or table, "" if there is none.
func enabledOf(n *yaml.Node) string {
	return strings.ToLower(cmp.Or(word(under(under(n, "config"), "enabled")), word(under(n, "enabled"))))
}

// disabled returns the node of a source or table that is switched off; else nil.
func disabled(n *yaml.Node) *yaml.Node {
	if enabledOf(n) == "false" {
		return n
	}
	return nil
}

// over returns the settings inside a source or table.
func (d dbtFreshness) over(n *yaml.Node) dbtFreshness {
	for _, level := range []*yaml.Node{n, under(n, "config")} {
		for _, f := range pairs(level) {
			switch f.name {
			case "freshness":
				d.freshness = merged(d.freshness, f.value)
			case "loaded_at_field":
				d.column, d.query = word(f.value), ""
			case "loaded_at_query":
				d.column, d.query = "", word(f.value)
			}
		}
	}
	return d
}

// merged overrides a source's freshness by a table's, key by key. null disables it.
func merged(base, n *yaml.Node) *yaml.Node {
	if isNull(n) || isNull(base) {
		return n
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	for _, f := range pairs(base) {
		if under(n, f.name) == nil {
			out.Content = append(out.Content, f.key, f.value)
		}
	}
	for _, f := range pairs(n) {
		out.Content = append(out.Content, f.key, f.value)
	}
	return out
}

func (s *source) dbtCheck(at *yaml.Node, table string, d dbtFreshness) (string, bool) {
	if isNull(d.freshness) {
		s.left(at, "%s has no freshness", table)
		return "", false
	}
	e := entry{kind: "freshness"}
	switch {
	case d.query != "":
		e.set("query", quoted(d.query))
	case plainColumn().MatchString(d.column):
		e.set("column", quoted(d.column))
	case d.column != "":
		e.set("expression", quoted(d.column))
	default:
		s.left(
			at,
			"%s: no loaded_at_field, dbt asks the warehouse's metadata: name a column, or `catalog: only` on MySQL",
			table,
		)
		return "", false
	}
	if filter := word(under(d.freshness, "filter")); filter != "" {
		if d.query != "" {
			s.left(at, "%s: filter has no effect on loaded_at_query", table)
		} else {
			e.set("where", quoted(filter))
		}
	}
	warn, fail := dbtPeriod(d.freshness, "warn_after"), dbtPeriod(d.freshness, "error_after")
	switch {
	case warn == 0 && fail == 0:
		s.left(at, "%s: neither warn_after nor error_after", table)
		return "", false
	case fail != 0 && warn > fail:
		s.left(at, "%s: warn_after is longer than error_after, so it never warned", table)
		warn = 0
	}
	for _, side := range []struct {
		key string
		age checks.Duration
	}{{"warn", warn}, {"fail", fail}} {
		if side.age != 0 {
			e.set(side.key, compact(side.age))
		}
	}
	return e.String(), true
}

// dbtPeriod reads {count: 12, period: hour}; 0 if there is none.
func dbtPeriod(n *yaml.Node, key string) checks.Duration {
	after := under(n, key)
	count, err := strconv.Atoi(word(under(after, "count")))
	if err != nil {
		return 0
	}
	d, err := checks.Periods(count, word(under(after, "period")))
	if err != nil {
		return 0
	}
	return checks.Duration(d)
}

// compact formats a duration without spaces.
func compact(d checks.Duration) string { return strings.ReplaceAll(d.String(), " ", "") }
