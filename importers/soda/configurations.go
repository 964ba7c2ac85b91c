package soda

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

var (
	configurationsFor = pattern(`^configurations for (.+)$`)
	configuredColumn  = pattern(`^(?:missing|valid|invalid) .*?\bfor (.+)$`)
	columnsIn         = pattern(`\(([^()]*)\)`)
)

// configured reads `configurations for T:`, whose keys, such as `missing values for c`, hold
// for every check of the column.
func configured(root *yaml.Node) map[string][]string {
	out := map[string][]string{}
	for _, f := range importers.Pairs(root) {
		m := configurationsFor().FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		for _, key := range importers.Pairs(f.Value) {
			if c := configuredColumn().FindStringSubmatch(key.Name); c != nil {
				out[bare(m[1])] = append(out[bare(m[1])], bare(c[1]))
			}
		}
	}
	return out
}

// bare returns a name without its quotes.
func bare(name string) string { return strings.Trim(strings.TrimSpace(name), "\"`") }

// configuredIn returns a column of a line that is configured; "" if there is none. A pattern
// may match any table.
func (s *source) configuredIn(table, line string) string {
	columns := s.configured[bare(table)]
	if strings.ContainsAny(table, "%*") {
		columns = nil
		for _, of := range s.configured {
			columns = append(columns, of...)
		}
	}
	for _, m := range columnsIn().FindAllStringSubmatch(line, -1) {
		for _, name := range strings.Split(m[1], ",") {
			if slices.Contains(columns, bare(name)) {
				return bare(name)
			}
		}
	}
	return ""
}
