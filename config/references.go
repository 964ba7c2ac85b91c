package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// other returns the other table that a check compares with, and its key; nil for none.
func other(c checks.Check) (key string, t *sentinel.Table) {
	switch k := c.(type) {
	case *checks.Reconcile:
		return "with", k.With
	case *checks.Schema:
		return "like", k.Like
	}
	return "", nil
}

// tablesOf refuses a check that compares with a table of no warehouse, or with its own.
func (r *reader) tablesOf(c *Config, d Dataset, e *checkEntry) {
	if ref, ok := e.it.(*checks.Reference); ok {
		n := nodeOf(e.fields, e.node, "to")
		r.known(c, n, *ref.To)
		if ref.To.Warehouse != d.Table.Warehouse && ref.Compare == "engine" {
			r.wrong(nodeOf(e.fields, e.node, "compare"), "reference: compare: %s is in another warehouse, where texts are "+
				"compared by their characters: want exact", ref.To)
		}
	}
	key, t := other(e.it)
	if t == nil {
		return
	}
	n := nodeOf(e.fields, e.node, key)
	if *t == d.Table && !d.Pattern.Wild() {
		r.wrong(n, "%s: %s: %s is this table itself: name the one to compare it with", e.kindName, key, t)
		return
	}
	r.known(c, n, *t)
}

// typesOf refuses declared types that the engine cannot have, and warns of those that are
// probably misspelt.
func (r *reader) typesOf(c *Config, d Dataset, e *checkEntry) {
	schema, ok := e.it.(*checks.Schema)
	if !ok {
		return
	}
	for i, column := range schema.Columns {
		wrong, sure := warehouse.CheckType(c.dialect(d.Table.Warehouse), column.Type)
		if wrong == "" {
			continue
		}
		n := nodeOf(e.fields, e.node, settings.Index("columns", i))
		if n.Kind == yaml.MappingNode {
			n = nodeOf(n, n, "type")
		}
		if sure {
			r.wrong(n, "schema: columns: %s: %s", column.Name, wrong)
		} else {
			r.note(c, n, "schema: columns: %s: %s", column.Name, wrong)
		}
	}
}

// tableNames are the configured tables, by what stands before the last dot.
type tableNames struct {
	all    []string // sorted
	within map[string][]string
}

func namesOf(entries []datasetEntry) tableNames {
	t := tableNames{within: map[string][]string{}}
	for i := range entries {
		t.all = append(t.all, entries[i].Table.String())
	}
	slices.Sort(t.all)
	for _, name := range t.all {
		at := strings.LastIndex(name, ".") + 1
		t.within[name[:at]] = append(t.within[name[:at]], name[at:])
	}
	return t
}

// misspelt returns the configured table that was probably meant by another; "" for none. It
// compares names of one schema alone, and else whole names.
func (n tableNames) misspelt(t sentinel.Table) string {
	if len(n.all) > 1000 { // the search takes quadratic time
		return ""
	}
	name := t.String()
	if slices.ContainsFunc(n.all, func(known string) bool { return strings.EqualFold(known, name) }) {
		return ""
	}
	at := strings.LastIndex(name, ".") + 1
	if near, ok := settings.Near(name[at:], n.within[name[:at]]); ok {
		return name[:at] + near
	}
	near, _ := settings.Near(name, n.all)
	return near
}
