package contract

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// Source is what a contract is written from.
type Source struct {
	Config importers.File // the configuration; its variables stay as they are written
	// Lines are where the entries of datasets: begin that are written; nil: all are.
	Lines []int
	// Columns are those of the catalog, by the table as it is configured; nil: none are written but
	// those that a schema check declares.
	Columns map[sentinel.Table][]Column
}

// Column is a column of the catalog.
type Column struct {
	Name     string
	Native   string // the type as the engine prints it
	Logical  string // the type as the standard names it; "" if it has no word for it
	Required bool   // it holds no NULL
}

// Export writes a contract of ODCS 3.1. What has no words in the standard becomes a rule of
// the engine `sentinel` with the check as YAML, so that importing it gives the same checks.
func Export(s Source) (string, error) {
	roots, err := importers.Parse(s.Config)
	if err != nil {
		return "", err
	}
	var objects []*yaml.Node
	for _, d := range importers.Items(importers.Under(roots[0], "datasets")) {
		name := importers.Word(importers.Under(d, "table"))
		table, err := sentinel.ParseTable(name)
		if err != nil {
			return "", fmt.Errorf("%s:%d: a contract names tables, this is none: %w", s.Config.Name, d.Line, err)
		}
		if s.Lines != nil && !slices.Contains(s.Lines, d.Line) {
			continue
		}
		o := &object{name: name, properties: map[string]*entry{}}
		if err := o.read(d); err != nil {
			return "", err
		}
		for _, c := range s.Columns[table] {
			o.catalog(c)
		}
		objects = append(objects, o.node())
	}
	if len(objects) == 0 {
		return "", fmt.Errorf("%s: no dataset to write", s.Config.Name)
	}
	out := mapping("apiVersion", text("v3.1.0"), "kind", text("DataContract"), "id", text("sentinel"),
		"version", text("1.0.0"), "status", text("active"), "schema", list(objects...))
	data, err := yaml.Marshal(out)
	return string(data), err
}

// object is one dataset as it is written.
type object struct {
	name       string
	properties map[string]*entry
	order      []string
	rules      []*yaml.Node
	declares   bool // a schema check declares its columns
}

// entry is one column.
type entry struct {
	logical          string
	kind             string
	required, unique bool
}

// physical is a dataset's name without its warehouse.
func (o *object) physical() string {
	_, name, _ := strings.Cut(o.name, ".")
	return name
}

// read reads the checks of a dataset, also those below its columns.
func (o *object) read(d *yaml.Node) error {
	items := slices.Clone(importers.Items(importers.Under(d, "checks")))
	for _, c := range importers.Pairs(importers.Under(d, "columns")) {
		for _, item := range importers.Items(c.Value) {
			items = append(items, below(c.Name, item))
		}
	}
	for _, item := range items {
		if o.declared(item) {
			o.declares = true
		}
	}
	for _, item := range items {
		if o.declared(item) || o.declares && o.ofColumn(item) {
			continue
		}
		if rule := library(item); rule != nil {
			o.rules = append(o.rules, rule)
			continue
		}
		data, err := yaml.Marshal(item)
		if err != nil {
			return err
		}
		o.rules = append(o.rules, mapping("type", text("custom"), "engine", text("sentinel"),
			"implementation", text(strings.TrimSpace(string(data)))))
	}
	return nil
}

// words are dbt's names of kinds below a column.
var words = map[string]string{"not_null": "missing", "unique": "duplicate", "accepted_values": "invalid",
	"relationships": "reference"}

// below writes an item below a column as an item of `checks:`.
func below(column string, item *yaml.Node) *yaml.Node {
	kind, fields := importers.Word(item), mapping("column", text(column))
	if p := importers.Pairs(item); len(p) > 0 {
		kind = p[0].Name
		switch {
		case p[0].Value.Kind == yaml.SequenceNode:
			fields.Content = append(fields.Content, text("valid_values"), p[0].Value)
		case importers.Word(p[0].Value) != "": // reference: shop.public.customers.id
			i := strings.LastIndex(p[0].Value.Value, ".")
			to, field := p[0].Value.Value[:max(i, 0)], p[0].Value.Value[i+1:]
			fields.Content = append(fields.Content, text("to"), text(to), text("field"), text(field))
		default:
			for _, f := range importers.Pairs(p[0].Value) {
				if kind == "accepted_values" && f.Name == "values" {
					f.Key = text("valid_values")
				}
				fields.Content = append(fields.Content, f.Key, f.Value)
			}
		}
	}
	if words[kind] != "" {
		kind = words[kind]
	}
	return mapping(kind, fields)
}

// declared reads a schema check as an importer writes it. Any other one is a rule.
func (o *object) declared(item *yaml.Node) bool {
	fields := importers.Under(item, "schema")
	columns := importers.Under(fields, "columns")
	if columns == nil || columns.Kind != yaml.MappingNode || len(importers.Pairs(fields)) != 3 ||
		importers.Word(importers.Under(fields, "extra")) != "ignore" ||
		importers.Word(importers.Under(fields, "type_widened")) != "fail" {
		return false
	}
	for _, c := range importers.Pairs(columns) {
		if !importers.IsNull(c.Value) && c.Value.Kind != yaml.ScalarNode {
			return false
		}
	}
	for _, c := range importers.Pairs(columns) {
		o.column(c.Name).kind = importers.Word(c.Value)
	}
	return true
}

func (o *object) column(name string) *entry {
	if o.properties[name] == nil {
		o.properties[name] = &entry{}
		o.order = append(o.order, name)
	}
	return o.properties[name]
}

// catalog adds what the catalog says of a column. What a check declares of it stays.
func (o *object) catalog(c Column) {
	e := o.column(c.Name)
	e.logical = c.Logical
	if e.kind == "" {
		e.kind, e.required = c.Native, e.required || c.Required
	}
}

// ofColumn writes a check that has a word of its own at a declared column.
func (o *object) ofColumn(item *yaml.Node) bool {
	p := importers.Pairs(item)
	if len(p) != 1 || len(importers.Pairs(p[0].Value)) != 1 {
		return false
	}
	c := o.properties[importers.Word(importers.Under(p[0].Value, "column"))]
	switch {
	case c == nil:
		return false
	case p[0].Name == "missing" && !c.required:
		c.required = true
	case p[0].Name == "duplicate" && !c.unique:
		c.unique = true
	default:
		return false
	}
	return true
}

func (o *object) node() *yaml.Node {
	out := mapping("name", text(o.physical()), "physicalName", text(o.physical()), "physicalType", text("table"))
	var properties []*yaml.Node
	for _, name := range o.order {
		e := o.properties[name]
		n := mapping("name", text(name))
		if e.logical != "" {
			n.Content = append(n.Content, text("logicalType"), text(e.logical))
		}
		if e.kind != "" {
			n.Content = append(n.Content, text("physicalType"), text(e.kind))
		}
		for _, flag := range []struct {
			name string
			set  bool
		}{{"required", e.required}, {"unique", e.unique}} {
			if flag.set {
				n.Content = append(n.Content, text(flag.name), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
			}
		}
		properties = append(properties, n)
	}
	if len(properties) > 0 {
		out.Content = append(out.Content, text("properties"), list(properties...))
	}
	if len(o.rules) > 0 {
		out.Content = append(out.Content, text("quality"), list(o.rules...))
	}
	return out
}

// opposite are the words of the standard for what must be true when a condition must not.
var opposite = map[string]string{">": "mustBeLessOrEqualTo", ">=": "mustBeLessThan", "<": "mustBeGreaterOrEqualTo",
	"<=": "mustBeGreaterThan", "!=": "mustBe", "=": "mustNotBe"}

// library writes a count of rows by its metric; nil if the check says more.
func library(item *yaml.Node) *yaml.Node {
	fields := importers.Pairs(importers.Under(item, "row_count"))
	if len(fields) != 1 || fields[0].Name != "fail" {
		return nil
	}
	b, err := checks.ParseBound(importers.Word(fields[0].Value))
	number := strings.ReplaceAll(b.Low.String(), ",", "")
	if err != nil || b.Percent || opposite[b.Op] == "" || b.Op+" "+number != importers.Word(fields[0].Value) ||
		b.Op == "!=" && number == "0" {
		return nil
	}
	return mapping("metric", text("rowCount"), opposite[b.Op], &yaml.Node{Kind: yaml.ScalarNode, Value: number})
}

func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.Contains(s, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

func list(items ...*yaml.Node) *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Content: items} }

// mapping returns keys and values in their order.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, text(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}
