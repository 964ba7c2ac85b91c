package dbt

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// readContract reads an enforced contract: the columns with their types, and the constraints
// as checks of the rows, because most warehouses do not enforce them.
func (p *project) readContract(d document, n *yaml.Node, r *relation) {
	if !strings.EqualFold(importers.Word(importers.Under(n, "config", "contract", "enforced")), "true") {
		return
	}
	at := d.file.At(n)
	if r.off || r.why != "" {
		p.out.Leave(at, r.name+": contract", r.reason())
		return
	}
	var declared importers.Fields
	for _, c := range importers.Items(importers.Under(n, "columns")) {
		name := importers.Word(importers.Under(c, "name"))
		native := p.plain(importers.Word(importers.Under(c, "data_type")))
		if wrong, sure := warehouse.CheckType(nil, native); sure && native != "" {
			p.out.Leave(d.file.At(c), r.name+": data_type of "+name, wrong)
			native = ""
		}
		if native == "" {
			declared = append(declared, importers.Field{Name: name, Value: importers.Plain("null")})
		} else {
			declared.Set(name, native)
		}
		for _, k := range importers.Items(importers.Under(c, "constraints")) {
			p.constraint(d, k, r, []string{name})
		}
	}
	for _, k := range importers.Items(importers.Under(n, "constraints")) {
		p.constraint(d, k, r, importers.Words(importers.Under(k, "columns")))
	}
	if len(declared) == 0 {
		p.out.Leave(at, r.name+": contract", "it declares no columns")
		return
	}
	c := importers.Check{Kind: "schema"}
	c.Keys.Set("columns", declared)
	c.Keys.Set("extra", importers.Plain("fail"))
	c.Keys.Set("type_widened", importers.Plain("fail"))
	p.out.Take(at, r.named(), "contract", c)
}

// reason says why a relation has no checks.
func (r *relation) reason() string {
	if r.off {
		return r.name + " is disabled in dbt"
	}
	return r.why
}

// constraint turns a constraint of a contract into checks.
func (p *project) constraint(d document, n *yaml.Node, r *relation, columns []string) {
	kind, text := importers.Word(importers.Under(n, "type")), p.plain(importers.Word(importers.Under(n, "expression")))
	what := kind + "(" + strings.Join(columns, ", ") + ")"
	at := d.file.At(n)
	add := func(c importers.Check) {
		p.out.Take(at, r.named(), what, c)
	}
	switch kind {
	case "not_null":
		p.present(add, columns)
	case "unique":
		add(unique1(columns))
	case "primary_key":
		p.present(add, columns)
		add(unique1(columns))
	case "check":
		if text == "" || hasJinja(text) {
			p.out.Leave(at, r.name+": "+what, "its expression is Jinja or empty")
			return
		}
		c := importers.Check{Kind: "failed_rows"}
		c.Keys.Set("expression", "NOT ("+text+")")
		add(c)
	case "foreign_key":
		to := p.find(importers.Word(importers.Under(n, "to")))
		theirs := importers.Words(importers.Under(n, "to_columns"))
		if to == nil || to.why != "" || len(theirs) != len(columns) || len(columns) == 0 {
			p.out.Leave(at, r.name+": "+what, "only a foreign key with `to` and `to_columns` is understood")
			return
		}
		add(importers.Reference(columns, to.named(), theirs))
	default:
		p.out.Leave(at, r.name+": "+what, "a constraint of this type is not known")
	}
}

func (p *project) present(add func(importers.Check), columns []string) {
	for _, name := range columns {
		c := importers.Check{Kind: "missing"}
		c.Keys.Set("column", name)
		add(c)
	}
}

func unique1(columns []string) importers.Check {
	c := importers.Check{Kind: "duplicate"}
	if len(columns) == 1 {
		c.Keys.Set("column", columns[0])
	} else {
		c.Keys.Set("columns", columns)
	}
	return c
}
