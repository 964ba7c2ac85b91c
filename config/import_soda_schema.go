package config

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// sodaSchema reads a schema check: declared columns, or changes since the
// baseline.
func (s *source) sodaSchema(e *entry, below *yaml.Node) string {
	e.kind = "schema"
	var columns, severities []string
	types, policies := map[string]string{}, map[string]string{}
	declare := func(column, kind string) {
		if _, known := types[column]; !known {
			columns = append(columns, column)
		}
		if kind != "" || types[column] == "" {
			types[column] = kind
		}
	}
	for _, side := range []string{"warn", "fail"} {
		for _, f := range pairs(under(below, side)) {
			switch f.name {
			case "when required column missing":
				for _, c := range words(f.value) {
					declare(c, "")
				}
			case "when wrong column type":
				for _, c := range pairs(f.value) {
					declare(c.name, word(c.value))
				}
			case "when schema changes":
				for _, change := range words(f.value) {
					for _, kind := range sodaChanges[change] {
						if policies[kind] == "" {
							severities = append(severities, kind)
						}
						policies[kind] = side // fail, which comes last, wins
					}
					if sodaChanges[change] == nil {
						s.left(f.key, "schema: %s: not known", change)
					}
				}
			default:
				s.left(f.key, "schema: %s", f.name)
			}
		}
	}
	switch {
	case len(columns) > 0 && len(severities) > 0:
		return "declared columns and changes in one check: write two"
	case len(columns) > 0:
		declared := make([]string, len(columns))
		for i, c := range columns {
			declared[i] = quoted(c) + ": " + cmp.Or(quoted(types[c]), "null")
		}
		e.set("columns", "{"+strings.Join(declared, ", ")+"}")
		e.set("extra", "ignore")
	case len(severities) == 0:
		return "nothing of it could be taken over"
	}
	for _, kind := range severities {
		e.set(kind, policies[kind])
	}
	return ""
}
