package dbt

import (
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// freshness holds the settings that dbt tables inherit from their source.
type freshness struct {
	limits *yaml.Node // nil: none; null disables it
	column string     // loaded_at_field
	query  string     // loaded_at_query
}

// over returns the settings inside a source or table. They stand directly in it or under
// `config:`.
func (f freshness) over(n *yaml.Node) freshness {
	for _, level := range []*yaml.Node{n, importers.Under(n, "config")} {
		for _, s := range importers.Pairs(level) {
			switch s.Name {
			case "freshness":
				f.limits = merged(f.limits, s.Value)
			case "loaded_at_field":
				f.column, f.query = importers.Word(s.Value), ""
			case "loaded_at_query":
				f.column, f.query = "", importers.Word(s.Value)
			}
		}
	}
	return f
}

// merged overrides a source's freshness by a table's, key by key. null disables it.
func merged(base, n *yaml.Node) *yaml.Node {
	if importers.IsNull(n) || importers.IsNull(base) {
		return n
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	for _, f := range importers.Pairs(base) {
		if importers.Under(n, f.Name) == nil {
			out.Content = append(out.Content, f.Key, f.Value)
		}
	}
	for _, f := range importers.Pairs(n) {
		out.Content = append(out.Content, f.Key, f.Value)
	}
	return out
}

// readFreshness reads the freshness of a source's table. The settings of the table win.
func (p *project) readFreshness(d document, src, t *yaml.Node, r *relation) {
	f := freshness{}.over(src).over(t)
	at := d.file.At(t)
	switch {
	case r.off:
		p.out.Leave(at, r.name, "it is disabled in dbt")
		return
	case importers.IsNull(f.limits):
		if f.limits != nil {
			p.out.Leave(at, r.name, "its freshness is null: dbt does not check it")
		}
		return
	case r.why != "":
		p.out.Leave(at, r.name+": freshness", r.why)
		return
	}
	p.freshness(at, r, f)
}

// freshness writes the check of a source's table.
func (p *project) freshness(at importers.Place, r *relation, f freshness) {
	what := r.name + ": freshness"
	c := importers.Check{Kind: "freshness"}
	column, query := p.plain(f.column), p.plain(f.query)
	switch {
	case hasJinja(column + query):
		p.out.Leave(at, what, compileFirst)
		return
	case query != "":
		c.Keys.Set("query", query)
	case importers.IsColumn(column):
		c.Keys.Set("column", column)
	case column != "":
		c.Keys.Set("expression", column)
	default:
		p.out.Leave(at, what, "no loaded_at_field, dbt asks the warehouse's metadata: name a column, or "+
			"`catalog: only` on MySQL")
		return
	}
	if filter := p.plain(importers.Word(importers.Under(f.limits, "filter"))); filter != "" {
		switch {
		case hasJinja(filter):
			p.out.Leave(at, what, "filter: "+compileFirst)
			return
		case query != "":
			p.out.Remark(at, what, "filter has no effect on loaded_at_query")
		default:
			c.Keys.Set("where", filter)
		}
	}
	warn, fail := period(f.limits, "warn_after"), period(f.limits, "error_after")
	switch {
	case warn == 0 && fail == 0:
		p.out.Leave(at, what, "neither warn_after nor error_after")
		return
	case fail != 0 && warn > fail:
		p.out.Remark(at, what, "warn_after is longer than error_after, so it never warned")
		warn = 0
	}
	if warn != 0 {
		c.Warn = compact(warn)
	}
	if fail != 0 {
		c.Fail = compact(fail)
	}
	p.out.Take(at, r.named(), "freshness", c)
}

// period reads {count: 12, period: hour}; 0 if there is none.
func period(n *yaml.Node, key string) checks.Duration {
	after := importers.Under(n, key)
	count, err := strconv.Atoi(importers.Word(importers.Under(after, "count")))
	if err != nil {
		return 0
	}
	d, err := checks.Periods(count, importers.Word(importers.Under(after, "period")))
	if err != nil {
		return 0
	}
	return checks.Duration(d)
}
