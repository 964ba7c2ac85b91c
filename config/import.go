package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/settings"
	"go.yaml.in/yaml/v4"
)

// Imported holds the checks that were imported from another tool's file.
type Imported struct {
	Datasets []ImportedDataset
	// Left lists what was not imported, as FILE:LINE: reason.
	Left []string
}

// ImportedDataset is one entry for `datasets:`, as YAML text.
type ImportedDataset struct {
	Table   string // schema.table or table as in the other tool; may hold wildcards
	Exclude []string
	Checks  []string // items of `checks:` as YAML, without "- "
}

// Importer reads one file of another tool.
type Importer func(file string, data []byte) (Imported, error)

var importers = map[string]Importer{}

// RegisterImporter adds a tool whose files can be imported. Only init functions call it.
// It panics if the name is taken.
func RegisterImporter(tool string, i Importer) {
	if _, taken := importers[tool]; taken {
		panic("config: importer registered twice: " + tool)
	}
	importers[tool] = i
}

// Importers returns the tools whose files can be imported, in alphabetical order.
func Importers() []string { return slices.Sorted(maps.Keys(importers)) }

// Import reads another tool's file.
func Import(tool, file string, data []byte) (Imported, error) {
	i, known := importers[tool]
	if !known {
		return Imported{}, errors.New(settings.UnknownWord("tool", tool, Importers()))
	}
	return i(file, data)
}

// YAML returns a configuration for a warehouse whose DSN is in a variable. Tables without
// a schema get the given one, if any. Comments at the end list what was not imported.
func (i Imported) YAML(warehouse, schema, variable string) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"state: sqlite:sentinel.db\n\nwarehouses:\n  %s: {dsn: \"${%s}\"}\n\n"+
			"defaults: {schedule: \"*/5 * * * *\", timezone: UTC}\n\ndatasets:\n",
		warehouse,
		variable,
	)
	var order []string
	byTable := map[string]*ImportedDataset{}
	for _, d := range i.Datasets {
		if schema != "" && !strings.Contains(d.Table, ".") {
			d.Table = schema + "." + d.Table
		}
		if known := byTable[d.Table]; known != nil {
			known.Exclude, known.Checks = append(known.Exclude, d.Exclude...), append(known.Checks, d.Checks...)
			continue
		}
		order, byTable[d.Table] = append(order, d.Table), &d
	}
	for _, table := range order {
		d := byTable[table]
		fmt.Fprintf(&b, "  - table: %s\n", quoted(warehouse+"."+table))
		if len(d.Exclude) > 0 {
			fmt.Fprintf(&b, "    exclude: %s\n", flow(d.Exclude))
		}
		b.WriteString("    checks:\n")
		for _, c := range slices.Compact(d.Checks) {
			fmt.Fprintf(&b, "      - %s\n", strings.ReplaceAll(c, tableMark, inQuery(table)))
		}
	}
	if len(i.Left) > 0 {
		fmt.Fprintf(&b, "\n# Not taken over (%d):\n", len(i.Left))
		for _, l := range i.Left {
			fmt.Fprintf(&b, "#   %s\n", strings.ReplaceAll(l, "\n", " "))
		}
	}
	return b.String()
}

// tableMark stands for the dataset's table in a query, until its schema is known.
const tableMark = "{{table}}"

// plainWord matches a name that needs no quotes in SQL, unless it is reserved.
var plainWord = pattern(`^[a-z_][a-z0-9_]*$`)

// reserved lists words of SQL that tables have as names.
var reserved = []string{
	"all", "case", "check", "column", "desc", "end", "from", "grant", "group", "limit", "offset", "order", "primary",
	"references", "select", "table", "to", "union", "unique", "user", "when", "where",
}

// inQuery returns a table as it is written in a query, inside a quoted YAML scalar.
// Parts that are not plain are quoted as in standard SQL.
func inQuery(table string) string {
	parts := strings.Split(table, ".")
	for i, p := range parts {
		if !plainWord().MatchString(p) || slices.Contains(reserved, p) {
			parts[i] = `\"` + strings.ReplaceAll(strings.Trim(p, `"`), `"`, `""`) + `\"`
		}
	}
	return strings.Join(parts, ".")
}

// entry builds the text of one check. Fields keep the order in which they were set.
type entry struct {
	kind   string
	fields []string
}

// set adds a field, unless its value is empty.
func (e *entry) set(key, value string) {
	if value != "" {
		e.fields = append(e.fields, key+": "+value)
	}
}

func (e *entry) String() string {
	if len(e.fields) == 0 {
		return e.kind
	}
	return e.kind + ": {" + strings.Join(e.fields, ", ") + "}"
}

// quoted returns a text as a YAML scalar, in which a dollar sign begins no variable.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "$", "$$")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func flow(items []string) string {
	out := make([]string, len(items))
	for i, s := range items {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// source is another tool's file being read.
type source struct {
	file    string
	out     Imported
	written map[string][]string // checks by what their ids are made of
}

// read parses a file of one or several documents, whose roots are mappings.
func (s *source) read(data []byte) (roots []*yaml.Node, err error) {
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
		if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
			roots = append(roots, doc.Content[0])
		}
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%s: the file has no keys: is it the right one?", s.file)
	}
	return roots, nil
}

// left records what is not imported.
func (s *source) left(n *yaml.Node, format string, args ...any) {
	s.out.Left = append(s.out.Left, fmt.Sprintf("%s:%d: %s", filepath.Base(s.file), n.Line, fmt.Sprintf(format, args...)))
}

// pairs returns the keys and values of a mapping, and none of another node.
func pairs(n *yaml.Node) (out []field) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		out = append(out, field{n.Content[i].Value, n.Content[i], value})
	}
	return out
}

// under returns the value of a key, or nil.
func under(n *yaml.Node, key string) *yaml.Node {
	for _, f := range pairs(n) {
		if f.name == key {
			return f.value
		}
	}
	return nil
}

// word returns a scalar's text; "" for another node.
func word(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

// words returns the texts of a list.
func words(n *yaml.Node) (out []string) {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, item := range n.Content {
		out = append(out, cmp.Or(word(item), item.Value))
	}
	return out
}
