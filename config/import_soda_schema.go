package config

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// sodaSchema reads a schema check: declared columns, or changes since the
// baseline.
func (s *source) sodaSchema(e *entry, below *yaml.Node) string {
	e.kind = "schema"
	d := sodaDrifts{types: map[string]string{}, policies: map[string]string{}, sides: map[string]string{}}
	for _, side := range []string{"warn", "fail"} {
		for _, f := range pairs(under(below, side)) {
			switch f.name {
			case "when required column missing":
				d.declares("column_removed", side)
				for _, c := range words(f.value) {
					d.column(c, "")
				}
			case "when wrong column type":
				for _, c := range pairs(f.value) {
					if wrong, sure := warehouse.CheckType(nil, word(c.value)); sure {
						s.left(c.key, "schema: column %s: %s", c.name, wrong)
						continue
					}
					d.declares("type_changed", side)
					d.column(c.name, word(c.value))
				}
			case "when schema changes":
				for _, change := range words(f.value) {
					d.change(sodaChanges[change], side)
					if sodaChanges[change] == nil {
						s.left(f.key, "schema: %s: not known", change)
					}
				}
			default:
				s.left(f.key, "schema: %s", f.name)
			}
		}
	}
	return d.write(e)
}

// sodaDrifts is what a schema check of Soda warns of or fails for.
type sodaDrifts struct {
	columns    []string          // declared, in their order
	types      map[string]string // types by column; "" is any
	severities []string          // kinds of drift, in their order
	policies   map[string]string // statuses by kind of drift
	sides      map[string]string // by kind of drift: the side that declares it
	mixed      bool              // both sides declare one kind
}

// column declares a column.
func (d *sodaDrifts) column(name, kind string) {
	if _, known := d.types[name]; !known {
		d.columns = append(d.columns, name)
	}
	if kind != "" || d.types[name] == "" {
		d.types[name] = kind
	}
}

// declares notes the side that declares what a kind of drift is held against.
func (d *sodaDrifts) declares(kind, side string) {
	d.mixed = d.mixed || d.sides[kind] != "" && d.sides[kind] != side
	d.sides[kind] = side
}

// change gives kinds of drift a status. fail, which comes last, wins.
func (d *sodaDrifts) change(kinds []string, side string) {
	for _, kind := range kinds {
		if d.policies[kind] == "" {
			d.severities = append(d.severities, kind)
		}
		d.policies[kind] = side
	}
}

// write sets the keys of the check. It returns why it cannot.
func (d *sodaDrifts) write(e *entry) string {
	switch {
	case len(d.columns) > 0 && len(d.severities) > 0:
		return "declared columns and changes in one check: write two"
	case d.mixed:
		return "columns that warn and columns that fail in one check: write two"
	case len(d.columns) > 0:
		declared := make([]string, len(d.columns))
		for i, c := range d.columns {
			declared[i] = quoted(c) + ": " + cmp.Or(quoted(d.types[c]), "null")
		}
		e.set("columns", "{"+strings.Join(declared, ", ")+"}")
		e.set("extra", "ignore")
		for _, kind := range []string{"column_removed", "type_changed"} {
			if d.sides[kind] == "warn" {
				e.set(kind, "warn")
			}
		}
	case len(d.severities) == 0:
		return "nothing of it could be taken over"
	}
	for _, kind := range d.severities {
		e.set(kind, d.policies[kind])
	}
	return ""
}
