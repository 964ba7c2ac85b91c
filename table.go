package sentinel

import (
	"cmp"
	"fmt"
	"strings"
)

// Table names one table, view or partitioned table of one warehouse. Its parts are
// unquoted and spelled as in the catalog. A Table works as a map key.
type Table struct {
	Warehouse string // the name under `warehouses:` in the configuration
	Schema    string // PostgreSQL schema, MySQL database, SQLite "main"
	Name      string
}

// String returns warehouse.schema.table. It puts parts that hold a dot, a quote, white
// space or a wildcard in double quotes. [ParseTable] and [ParsePattern] read the result
// as exactly this table.
func (t Table) String() string {
	if t.Schema == "" {
		return quotePart(t.Warehouse) + "." + quotePart(t.Name)
	}
	return quotePart(t.Warehouse) + "." + quotePart(t.Schema) + "." + quotePart(t.Name)
}

// Compare orders tables by warehouse, schema and name.
func (t Table) Compare(u Table) int {
	return cmp.Or(cmp.Compare(t.Warehouse, u.Warehouse), cmp.Compare(t.Schema, u.Schema), cmp.Compare(t.Name, u.Name))
}

// MarshalText encodes the table as [Table.String].
func (t Table) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText decodes what [ParseTable] accepts.
func (t *Table) UnmarshalText(b []byte) error {
	v, err := ParseTable(string(b))
	*t = v
	return err
}

func quotePart(s string) string {
	if s == "" || strings.ContainsAny(s, ".\" \t\r\n"+wildcards) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// ParseTable reads warehouse.schema.table or warehouse.table. The short form leaves
// Schema empty, which stands for the engine's default schema. A part may be in double
// quotes, as in shop.public."odd.name"; a quote inside it is doubled.
func ParseTable(s string) (Table, error) {
	p, err := ParsePattern(s)
	return p.Table, err
}

// namePart is one part of a dotted name.
type namePart struct {
	text   string // without quotes
	quoted bool
}

func splitName(s string) ([]namePart, error) {
	var parts []namePart
	for rest := s; ; {
		part, tail, err := cutPart(rest)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", s, err)
		}
		if part == "" {
			return nil, fmt.Errorf("table %q: empty part %d", s, len(parts)+1)
		}
		parts = append(parts, namePart{part, rest[0] == '"'})
		if tail == "" {
			return parts, nil
		}
		if tail == "." {
			return nil, fmt.Errorf("table %q: ends in a dot", s)
		}
		rest = tail[1:]
	}
}

// cutPart cuts the first part off a dotted name. The tail is empty or starts with a dot.
func cutPart(s string) (part, tail string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case i+1 == len(s) || s[i+1] == '.':
			return b.String(), s[i+1:], nil
		default:
			return "", "", fmt.Errorf("unexpected %q after a closing quote", s[i+1:])
		}
	}
	return "", "", fmt.Errorf("a quote is not closed")
}
