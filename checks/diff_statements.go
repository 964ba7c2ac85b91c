package checks

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// longestStatement is the length in bytes beyond which a statement is not shown.
const longestStatement = 4000

// statements adds to the drifts what a dialect writes to make have what it is in want.
type statements struct {
	dialect    warehouse.Dialect // of have
	have, want *warehouse.Table
	// now is what columns of want are called in have, if they have other names.
	now map[string]string
	// present are other tables as they are, as far as they are known.
	present map[warehouse.TableName]*warehouse.Table
	// across: the tables are of different databases, and the case of names does not matter.
	across bool
}

// add sets Statement of the drifts that one statement undoes or follows. Each statement holds
// for the table as those before it leave it. Renames come before other drifts of their status.
func (s statements) add(drifts []sentinel.Drift) {
	if s.dialect == nil || s.have == nil || s.want == nil || shape(s.have.Kind) != shape(s.want.Kind) {
		return
	}
	m := newMoment(s)
	if !s.across {
		m.orderRenames(drifts)
	}
	for i := range drifts {
		d := &drifts[i]
		c := warehouse.SchemaChange{Kind: d.Kind, Object: d.Object, Have: m.table, Want: s.want, OfColumn: d.Column}
		if d.Column {
			c.HaveColumn, c.WantColumn = s.pair(d, m)
			if c.HaveColumn != nil && c.WantColumn != nil {
				kind := typeDrift(c.HaveColumn.Type, c.WantColumn.Type, s.across)
				c.Fits = kind == "" || kind == sentinel.TypeWidened
			}
		}
		statement := onOneLine(c.Statement(s.dialect))
		if !s.across && !m.allows(&c, statement) {
			continue
		}
		d.Statement = statement
		m.ran(&c, statement)
	}
}

// pair finds the column of a drift on both sides.
func (s statements) pair(d *sentinel.Drift, m *moment) (have, want *warehouse.Column) {
	switch {
	case s.across:
		return columnLike(s.have, d.Object), columnLike(s.want, d.Object)
	case d.Kind == sentinel.ColumnRemoved || d.Kind == sentinel.ColumnAdded:
		// Of a column that was dropped and added otherwise the name is taken.
		return m.table.Column(d.Object), s.want.Column(d.Object)
	}
	name := d.Object
	for old, is := range s.now {
		if is == d.Object {
			name = old
		}
	}
	return m.table.Column(m.nameOf(d.Object)), s.want.Column(name)
}

func columnLike(t *warehouse.Table, name string) *warehouse.Column {
	i := slices.IndexFunc(t.Columns, func(c warehouse.Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// onOneLine writes a statement on one line, so that it can be copied from anywhere. It is ""
// if that would change a text in the statement, or if the statement is very long.
func onOneLine(statement string) string {
	lines := strings.Split(statement, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
		for _, quote := range []string{"'", `"`, "`"} {
			if len(lines) > 1 && strings.Count(line, quote)%2 != 0 {
				return ""
			}
		}
		if len(lines) > 1 && (strings.Contains(line, "--") || strings.Contains(line, "#") || strings.Contains(line, "$$")) {
			return ""
		}
	}
	line := strings.TrimSpace(strings.Join(lines, " "))
	hidden := strings.ContainsFunc(line, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' '
	})
	if hidden || len(line) > longestStatement || !utf8.ValidString(line) {
		return ""
	}
	return line
}

// translated is the table in `like:` as the engine of this table would have it: columns whose
// types have no counterpart are left out.
func translated(like *warehouse.Table, from, to warehouse.Dialect) *warehouse.Table {
	t := &warehouse.Table{Kind: like.Kind}
	for _, c := range like.Columns {
		kind, err := warehouse.TranslateType(c.Type, from, to)
		if err != nil {
			continue
		}
		c.Type = kind
		text, _ := warehouse.ConstantDefault(c)
		t.Columns = append(t.Columns, warehouse.Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable, Default: text})
	}
	if like.PrimaryKey != nil {
		t.PrimaryKey = &warehouse.Key{Columns: like.PrimaryKey.Columns}
	}
	return t
}
