package checks

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// moment is the table as the statements before leave it.
type moment struct {
	statements
	table *warehouse.Table
	names map[string]string // what columns of have are called, if they were renamed
}

func newMoment(s statements) *moment {
	return &moment{statements: s, table: s.have, names: map[string]string{}}
}

// nameOf is what a column of have is called.
func (m *moment) nameOf(column string) string {
	if name, ok := m.names[column]; ok {
		return name
	}
	return column
}

// orderRenames puts the renames first among the drifts of their status, in an order in which
// the new name of each is free, as far as there is one.
func (m *moment) orderRenames(drifts []sentinel.Drift) {
	slices.SortStableFunc(drifts, func(a, b sentinel.Drift) int {
		switch renames := func(d sentinel.Drift) bool { return d.Kind == sentinel.ColumnRenamed }; {
		case a.Status != b.Status || renames(a) == renames(b):
			return 0
		case renames(a):
			return -1
		}
		return 1
	})
	first := slices.IndexFunc(drifts, func(d sentinel.Drift) bool { return d.Kind == sentinel.ColumnRenamed })
	if first < 0 {
		return
	}
	taken := map[string]bool{}
	for _, c := range m.have.Columns {
		taken[m.folded(c.Name)] = true
	}
	rest := drifts[first:]
	for len(rest) > 0 && rest[0].Kind == sentinel.ColumnRenamed {
		free := func(d sentinel.Drift) bool {
			from, to := m.folded(d.Object), m.folded(d.Before)
			return d.Kind == sentinel.ColumnRenamed && (from == to || !taken[to])
		}
		i := slices.IndexFunc(rest, free)
		if i < 0 {
			return
		}
		d := rest[i]
		copy(rest[1:i+1], rest[:i])
		rest[0] = d
		delete(taken, m.folded(d.Object))
		taken[m.folded(d.Before)] = true
		rest = rest[1:]
	}
}

// folded is a name as the engine compares it.
func (m *moment) folded(name string) string {
	if m.have.FoldsColumns {
		return strings.ToLower(name)
	}
	return name
}

// allows reports whether a statement means the columns that it should: none that it names is
// called otherwise now, or is gone, or has a name that another one takes.
func (m *moment) allows(c *warehouse.SchemaChange, statement string) bool {
	if c.Kind == sentinel.ColumnRenamed && c.HaveColumn != nil && c.WantColumn != nil {
		from, to := c.HaveColumn.Name, c.WantColumn.Name
		return m.table.SameColumn(from, to) || m.table.Column(to) == nil
	}
	if c.Kind == sentinel.ForeignKeyChanged && !m.refers(c.Want.ForeignKeyNamed(c.Object)) {
		return false
	}
	words := slices.DeleteFunc(tokens(statement), func(t token) bool { return !t.word })
	if c.OfColumn && c.HaveColumn != nil { // it is the one that is meant
		own := slices.IndexFunc(words, func(t token) bool { return t.text == c.HaveColumn.Name })
		if own >= 0 {
			words = slices.Delete(words, own, own+1)
		}
	}
	adds := c.Kind == sentinel.ColumnRemoved && c.HaveColumn == nil
	return !slices.ContainsFunc(m.want.Columns, func(column warehouse.Column) bool {
		if m.stands(column.Name) || adds && column.Name == c.Object {
			return false
		}
		return slices.ContainsFunc(words, func(t token) bool { return m.means(t, column.Name) })
	})
}

// means reports whether a word of a statement is the name of a column.
func (m *moment) means(t token, column string) bool {
	name := t.raw
	if strings.ContainsAny(name[:1], "\"`[") {
		name = t.text
	}
	return m.folded(name) == m.folded(column)
}

// stands reports whether a column of want is called so at the moment. One that was dropped and
// added otherwise is.
func (m *moment) stands(column string) bool {
	if is, renamed := m.now[column]; renamed {
		return m.table.SameColumn(m.nameOf(is), column)
	}
	if m.table.Column(column) == nil {
		return false
	}
	for old, is := range m.now { // another one that has taken the name
		if old != column && m.table.SameColumn(m.nameOf(is), column) {
			return false
		}
	}
	return true
}

// refers reports whether the columns that a foreign key refers to are there, as far as is
// known.
func (m *moment) refers(k *warehouse.ForeignKey) bool {
	if k == nil {
		return true
	}
	other := m.present[k.References]
	stored := strings.Fields(m.want.Detail(warehouse.ForeignKeyPart, k.Name, "definition").Stored)
	if other == nil {
		now := strings.Fields(m.have.Detail(warehouse.ForeignKeyPart, k.Name, "definition").Stored)
		return len(stored) != 3 || len(now) != 3 || stored[0] != now[0] || stored[2] == now[2]
	}
	if len(stored) == 3 && stored[0] == other.ID {
		for n, id := range strings.Split(strings.Trim(stored[2], "{}"), ",") {
			i := slices.IndexFunc(other.Columns, func(c warehouse.Column) bool { return c.ID == id })
			if i >= 0 && n < len(k.RefColumns) && other.Columns[i].Name != k.RefColumns[n] {
				return false
			}
		}
	}
	return !slices.ContainsFunc(k.RefColumns, func(column string) bool {
		return column != "" && other.Column(column) == nil
	})
}

// ran takes over what a statement does to the names of columns.
func (m *moment) ran(c *warehouse.SchemaChange, statement string) {
	switch {
	case statement == "" || m.across:
	case c.Kind == sentinel.ColumnRenamed:
		was := c.HaveColumn.Name
		for _, column := range m.have.Columns {
			if m.nameOf(column.Name) == was {
				m.names[column.Name] = c.WantColumn.Name
				break
			}
		}
		m.table = renamedColumn(m.table, was, c.WantColumn.Name)
	case c.Kind == sentinel.ColumnRemoved && c.WantColumn != nil:
		t := *m.table
		t.Columns = append(slices.Clone(t.Columns), *c.WantColumn)
		m.table = &t
	}
}

// renamedColumn is the table with another name of a column, also where others mention it.
func renamedColumn(t *warehouse.Table, from, to string) *warehouse.Table {
	out := *t
	now := map[string]string{from: to}
	list := func(names []string) []string {
		names = slices.Clone(names)
		for i, name := range names {
			switch {
			case name == from:
				names[i] = to
			case strings.HasPrefix(name, "("):
				names[i] = withNames(name, now)
			}
		}
		return names
	}
	out.Columns, out.Unique = slices.Clone(t.Columns), slices.Clone(t.Unique)
	out.ForeignKeys, out.Indexes, out.Details = slices.Clone(t.ForeignKeys), slices.Clone(t.Indexes), slices.Clone(t.Details)
	for i := range out.Columns {
		c := &out.Columns[i]
		c.Generated = withNames(c.Generated, now)
		if c.Name == from {
			c.Name = to
		}
	}
	if t.PrimaryKey != nil {
		key := *t.PrimaryKey
		key.Columns = list(key.Columns)
		out.PrimaryKey = &key
	}
	for i := range out.Unique {
		out.Unique[i].Columns = list(out.Unique[i].Columns)
	}
	for i := range out.ForeignKeys {
		out.ForeignKeys[i].Columns = list(out.ForeignKeys[i].Columns)
	}
	for i := range out.Indexes {
		ix := &out.Indexes[i]
		ix.Columns, ix.Definition, ix.Partial = list(ix.Columns), withNames(ix.Definition, now), withNames(ix.Partial, now)
	}
	for i := range out.Details {
		detail := &out.Details[i]
		ofColumn := detail.Part == warehouse.ColumnPart || detail.Part == warehouse.CheckPart
		if ofColumn && detail.Name == from { // MariaDB names the check of a column by the column
			detail.Name = to
		}
		if detail.Fact == "definition" || detail.Fact == "expression" {
			detail.Value = withNames(detail.Value, now)
		}
	}
	return &out
}
