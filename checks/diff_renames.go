package checks

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// replacedColumns reports columns that were dropped and added again alike, under the same
// name. Their ids differ, so their old values are gone. The columns stay a pair.
func (d *differ) replacedColumns(m *columnMatch) {
	for _, a := range slices.Clone(m.added) {
		i := slices.IndexFunc(m.removed, func(b *warehouse.Column) bool { return b.Name == a.Name })
		if i < 0 || !d.alikeColumns(m.removed[i], a) {
			continue
		}
		d.addColumn(sentinel.ColumnReplaced, a.Name, "column "+m.removed[i].ID, "column "+a.ID, sentinel.Breaking)
		m.pair(m.removed[i], a)
	}
}

// renamedColumns takes a lost column for an added one where the engine has no column ids,
// and nothing else can have happened: the new column stands in the old one's place, is alike
// in everything, and no other lost or added column is. Of a view it must be known that a
// table under it has the new name instead of the old one: the engine or a person followed a
// rename there. Else the view may show another column.
func (d *differ) renamedColumns(m *columnMatch) {
	for _, p := range d.alike(m) {
		if d.after.Kind == warehouse.View && !d.renamedUnder(p.before.Name, p.after.Name) {
			continue
		}
		m.pair(p.before, p.after)
	}
}

// pair takes two columns for one.
func (m *columnMatch) pair(b, a *warehouse.Column) {
	m.removed = slices.DeleteFunc(m.removed, func(c *warehouse.Column) bool { return c == b })
	m.added = slices.DeleteFunc(m.added, func(c *warehouse.Column) bool { return c == a })
	m.pairs = append(m.pairs, columnPair{b, a})
	slices.SortFunc(m.pairs, func(x, y columnPair) int { return x.after.Position - y.after.Position })
}

// alike returns the lost and added columns that stand in one place and are alike but for
// their names. A column that is like several is left out.
func (d *differ) alike(m *columnMatch) (pairs []columnPair) {
	for _, b := range m.removed {
		var found []*warehouse.Column
		for _, a := range m.added {
			if d.alikeColumns(b, a) {
				found = append(found, a)
			}
		}
		if len(found) != 1 || found[0].Position != b.Position {
			continue
		}
		rivals := 0
		for _, other := range m.removed {
			if d.alikeColumns(other, found[0]) {
				rivals++
			}
		}
		if rivals == 1 {
			pairs = append(pairs, columnPair{b, found[0]})
		}
	}
	return pairs
}

// alikeColumns reports whether two columns are the same in all that is known of them, but
// for their names, ids and positions.
func (d *differ) alikeColumns(b, a *warehouse.Column) bool {
	now := maps.Clone(d.now)
	now[b.Name] = a.Name
	if describeColumn(b) != describeColumn(a) || b.Collation != a.Collation || b.Comment != a.Comment ||
		!slices.Equal(b.Type.Values, a.Type.Values) || !d.sameColumns(b.Generated, a.Generated, now) {
		return false
	}
	facts := func(c *warehouse.Column, details map[partName][]warehouse.Detail) map[string]string {
		out := map[string]string{}
		for _, f := range details[partName{warehouse.ColumnPart, c.Name}] {
			if f.Value != "" {
				out[f.Fact] = f.Value
			}
		}
		return out
	}
	was, is := facts(b, d.old), facts(a, d.new)
	for name, value := range was {
		if !sameSQL(value, is[name], now) {
			return false
		}
	}
	return len(was) == len(is)
}

// renamedUnder reports whether a table that the view names has a column of the new name,
// and none has one of the old name.
func (d *differ) renamedUnder(old, now string) bool {
	found := false
	for _, w := range tokens(d.after.Definition) {
		if !w.word {
			continue
		}
		for _, name := range []string{w.text, w.raw} {
			t := d.present[warehouse.TableName{Schema: d.after.Schema, Name: name}]
			if t == nil || t.TableName == d.after.TableName {
				continue
			}
			if t.Column(old) != nil {
				return false
			}
			found = found || t.Column(now) != nil
		}
	}
	return found
}

// followed returns a foreign key of before with the present names of the columns that it
// refers to. An engine without a stored form of keys shows a column that was renamed in the
// other table as a changed key. It was renamed if the other table has lost the old name.
func (d *differ) followed(k warehouse.ForeignKey) warehouse.ForeignKey {
	other := d.present[k.References]
	i := slices.IndexFunc(d.after.ForeignKeys, func(a warehouse.ForeignKey) bool {
		return a.Name == k.Name && a.References == k.References && len(a.RefColumns) == len(k.RefColumns)
	})
	if i >= 0 && sameImplied(implied(d.before, k), implied(d.after, d.after.ForeignKeys[i])) {
		k.RefColumns = d.after.ForeignKeys[i].RefColumns
	}
	if other == nil || i < 0 {
		return k
	}
	k.RefColumns = slices.Clone(k.RefColumns)
	for n, is := range d.after.ForeignKeys[i].RefColumns {
		if k.RefColumns[n] != "" && has(other, is) && !has(other, k.RefColumns[n]) {
			k.RefColumns[n] = is
		}
	}
	return k
}

// refersElsewhere reports whether a foreign key refers to another column of the same table,
// which may have the name of the former one. A column that took the place of a dropped one
// is no difference of the key.
func (d *differ) refersElsewhere(b, a fact) bool {
	was, is := strings.Fields(b.stored), strings.Fields(a.stored) // table, columns, columns that it refers to
	if len(was) != 3 || len(is) != 3 || was[0] != is[0] || was[2] == is[2] {
		return false
	}
	other := d.present[*a.refers]
	if other == nil || other.ID != was[0] {
		return true
	}
	numbers := func(list string) []string { return strings.Split(strings.Trim(list, "{}"), ",") }
	now := numbers(is[2])
	return slices.ContainsFunc(numbers(was[2]), func(id string) bool {
		kept := slices.ContainsFunc(other.Columns, func(c warehouse.Column) bool { return c.ID == id })
		return kept && !slices.Contains(now, id)
	})
}

// implied are the columns that a foreign key refers to. One that names none means the primary
// key of the other table. nil: they are not known.
func implied(t *warehouse.Table, k warehouse.ForeignKey) []string {
	if !slices.Contains(k.RefColumns, "") {
		return k.RefColumns
	}
	if of := t.Detail(warehouse.ForeignKeyPart, k.Name, warehouse.ImpliedFact).Stored; of != "" {
		return strings.Split(of, ",")
	}
	return nil
}

// sameImplied compares the columns that two keys refer to.
func sameImplied(before, after []string) bool {
	return before == nil || after == nil || slices.EqualFunc(before, after, strings.EqualFold)
}

// withoutChecksOf leaves out the checks that are part of a column that the other table lacks:
// the column is reported with all it has. now has the names of columns there.
func withoutChecksOf(parts []part, of, other *warehouse.Table, now map[string]string) []part {
	return slices.DeleteFunc(parts, func(p part) bool {
		name := cmp.Or(now[p.name], p.name)
		return of.Detail(warehouse.CheckPart, p.name, warehouse.CheckLevel).Stored != "" && other.Column(name) == nil
	})
}

// following is the table before, with the foreign keys that followed a rename.
func (d *differ) following() *warehouse.Table {
	t := *d.before
	t.ForeignKeys = slices.Clone(t.ForeignKeys)
	for i := range t.ForeignKeys {
		t.ForeignKeys[i] = d.followed(t.ForeignKeys[i])
	}
	return &t
}

func has(t *warehouse.Table, column string) bool {
	return slices.ContainsFunc(t.Columns, func(c warehouse.Column) bool { return strings.EqualFold(c.Name, column) })
}
