package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// DiffOptions restrict a comparison.
type DiffOptions struct {
	// Across compares tables of different engines or databases. It compares only names,
	// canonical types, nullability and primary key, because engines spell the rest
	// differently.
	Across bool
	// Facts selects what is compared; 0: all facts that both sides have.
	Facts warehouse.Facts
}

// Diff returns the differences between two snapshots of a table, in order of their
// kinds. A nil snapshot means that the table does not exist. Facts that one side could
// not read are not compared, so a failed read is never a removal.
func Diff(before, after *warehouse.Table, o DiffOptions) []sentinel.Drift {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return []sentinel.Drift{{Kind: sentinel.TableCreated, After: string(after.Kind), Compatibility: sentinel.Additive}}
	case after == nil:
		return []sentinel.Drift{{Kind: sentinel.TableDropped, Before: string(before.Kind), Compatibility: sentinel.Breaking}}
	}
	d := &differ{before: before, after: after, across: o.Across}
	d.facts = ^(before.Unreadable | after.Unreadable)
	if o.Facts != 0 {
		d.facts &= o.Facts
	}
	if d.identity(); before.Kind != after.Kind && !o.Across {
		// A view has no keys, and its columns are what its query makes them:
		// beside the replacement only lost and new columns are news.
		d.names()
		return d.drifts
	}
	if d.facts&warehouse.Columns != 0 && len(before.Columns) > 0 && len(after.Columns) > 0 {
		d.columns()
	}
	if d.facts&warehouse.Keys != 0 {
		d.keys()
	}
	if !o.Across {
		d.structure()
	}
	return d.drifts
}

type differ struct {
	before, after *warehouse.Table
	across        bool
	facts         warehouse.Facts
	drifts        []sentinel.Drift
}

func (d *differ) add(kind sentinel.DriftKind, object, before, after string, c sentinel.Compatibility) {
	d.drifts = append(d.drifts, sentinel.Drift{Kind: kind, Object: object, Before: before, After: after, Compatibility: c})
}

// identity distinguishes a table that was dropped and created again, or became a view,
// from one that was altered.
func (d *differ) identity() {
	b, a := d.before, d.after
	switch {
	case d.across:
	case b.Kind != a.Kind:
		d.add(sentinel.TableReplaced, "", words(b.Kind), words(a.Kind), sentinel.Breaking)
	case b.Kind == warehouse.View: // a view that was created again is equivalent
	case b.ID != "" && a.ID != "" && b.ID != a.ID:
		d.add(sentinel.TableReplaced, "", "object "+b.ID, "object "+a.ID, sentinel.Compatible)
	}
}

func words(k warehouse.TableKind) string { return strings.ReplaceAll(string(k), "_", " ") }

// same reports whether both snapshots are of one object, whose column ids can be
// compared.
func (d *differ) same() bool {
	return !d.across && d.before.ID != "" && d.before.ID == d.after.ID
}

func (d *differ) columns() {
	pairs := d.names()
	for _, p := range pairs {
		d.column(p[0], p[1])
	}
	d.order(pairs)
}

// names reports added and removed columns, and returns the others in pairs.
func (d *differ) names() [][2]*warehouse.Column {
	pairs, added, removed := d.match()
	for _, c := range added {
		compat := sentinel.Additive
		if !c.Nullable && c.Default == "" && c.Generated == "" && !d.across {
			compat = sentinel.Breaking // INSERTs that omit it fail
		}
		d.add(sentinel.ColumnAdded, c.Name, "", describeColumn(c), compat)
	}
	for _, c := range removed {
		d.add(sentinel.ColumnRemoved, c.Name, describeColumn(c), "", sentinel.Breaking)
	}
	return pairs
}

// match pairs the columns by id if the engine has ids, else by name. Only ids
// distinguish a rename from a drop and an add.
func (d *differ) match() (pairs [][2]*warehouse.Column, added, removed []*warehouse.Column) {
	key := func(c *warehouse.Column) string { return c.Name }
	switch {
	case d.same():
		key = func(c *warehouse.Column) string { return c.ID }
	case d.across:
		key = func(c *warehouse.Column) string { return strings.ToLower(c.Name) }
	}
	old := map[string]*warehouse.Column{}
	for i := range d.before.Columns {
		old[key(&d.before.Columns[i])] = &d.before.Columns[i]
	}
	for i := range d.after.Columns {
		c := &d.after.Columns[i]
		if b := old[key(c)]; b != nil {
			pairs = append(pairs, [2]*warehouse.Column{b, c})
			delete(old, key(c))
		} else {
			added = append(added, c)
		}
	}
	for i := range d.before.Columns {
		if c := &d.before.Columns[i]; old[key(c)] == c {
			removed = append(removed, c)
		}
	}
	return pairs, added, removed
}

func (d *differ) column(b, a *warehouse.Column) {
	if b.Name != a.Name && !d.across {
		d.add(sentinel.ColumnRenamed, a.Name, b.Name, a.Name, sentinel.Breaking)
	}
	kind := typeDrift(b.Type, a.Type, d.across)
	if kind != "" {
		compat := sentinel.Breaking
		if kind == sentinel.TypeWidened {
			compat = sentinel.Compatible
		}
		d.add(kind, a.Name, typeText(b.Type, d.across), typeText(a.Type, d.across), compat)
	}
	switch {
	case b.Nullable && !a.Nullable:
		d.add(sentinel.NullabilityTightened, a.Name, "nullable", "not null", sentinel.Breaking) // INSERTs of NULL fail
	case !b.Nullable && a.Nullable:
		d.add(sentinel.NullabilityLoosened, a.Name, "not null", "nullable", sentinel.Breaking) // readers may get NULL
	}
	if d.across {
		return
	}
	if x, y := normalDefault(b.Default), normalDefault(a.Default); x != y {
		d.add(sentinel.DefaultChanged, a.Name, orNone(x), orNone(y), sentinel.Compatible)
	}
	if b.Generated != a.Generated {
		d.add(sentinel.GeneratedChanged, a.Name, orNone(b.Generated), orNone(a.Generated), sentinel.Breaking)
	}
	if b.Collation != a.Collation && kind == "" {
		d.add(sentinel.CollationChanged, a.Name, orNone(b.Collation), orNone(a.Collation), sentinel.Breaking)
	}
	if b.Comment != a.Comment {
		d.add(sentinel.CommentChanged, a.Name, orNone(b.Comment), orNone(a.Comment), sentinel.Compatible)
	}
}

// order compares the order of the columns that both sides have. An added or removed
// column does not change it.
func (d *differ) order(pairs [][2]*warehouse.Column) {
	if d.across || slices.IsSortedFunc(pairs,
		func(x, y [2]*warehouse.Column) int { return x[0].Position - y[0].Position }) {
		return
	}
	var was, is []string
	for _, p := range pairs {
		is = append(is, p[1].Name)
	}
	slices.SortFunc(pairs, func(x, y [2]*warehouse.Column) int { return x[0].Position - y[0].Position })
	for _, p := range pairs {
		was = append(was, p[1].Name)
	}
	d.add(sentinel.ColumnsReordered, "", strings.Join(was, ", "), strings.Join(is, ", "), sentinel.Compatible)
}

func (d *differ) keys() {
	was, is := d.renamed(primaryKey(d.before)), primaryKey(d.after)
	if d.across {
		was, is = strings.ToLower(was), strings.ToLower(is)
	}
	if was != is {
		d.add(sentinel.PrimaryKeyChanged, "", orNone(was), orNone(is), sentinel.Breaking)
	}
	if d.across {
		return
	}
	d.sets(uniqueKeys(d.before), uniqueKeys(d.after),
		change{sentinel.UniqueChanged, sentinel.Breaking},
		change{sentinel.UniqueChanged, sentinel.Breaking})
	d.sets(foreignKeys(d.before), foreignKeys(d.after),
		change{sentinel.ForeignKeyChanged, sentinel.Breaking},
		change{sentinel.ForeignKeyChanged, sentinel.Compatible})
}

// renamed returns a key of before with the present names of its columns.
func (d *differ) renamed(key string) string {
	if !d.same() || key == "" {
		return key
	}
	now := map[string]string{}
	for _, c := range d.after.Columns {
		now[c.ID] = c.Name
	}
	var out []string
	for _, name := range d.before.PrimaryKey.Columns {
		if c := d.before.Column(name); c != nil && now[c.ID] != "" {
			name = now[c.ID]
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

func (d *differ) structure() {
	b, a := d.before, d.after
	if d.facts&warehouse.Indexes != 0 {
		d.sets(indexes(b), indexes(a),
			change{sentinel.IndexAdded, sentinel.Compatible},
			change{sentinel.IndexRemoved, sentinel.Compatible})
	}
	if d.facts&warehouse.Partitions != 0 {
		d.sets(partitions(b), partitions(a),
			change{sentinel.PartitionAdded, sentinel.Additive},
			change{sentinel.PartitionRemoved, sentinel.Breaking})
	}
	if x, y := oneLine(b.Definition), oneLine(a.Definition); d.facts&warehouse.Views != 0 && x != y && b.Kind == a.Kind {
		d.add(sentinel.ViewChanged, "", x, y, sentinel.Breaking)
	}
	if b.Comment != a.Comment {
		d.add(sentinel.CommentChanged, "", orNone(b.Comment), orNone(a.Comment), sentinel.Compatible)
	}
}

// change is a kind of drift with its compatibility.
type change struct {
	kind   sentinel.DriftKind
	compat sentinel.Compatibility
}

// sets compares two sets of named objects: a map from name to definition.
func (d *differ) sets(before, after map[string]string, added, removed change) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			d.add(removed.kind, name, before[name], orNone(after[name]), removed.compat)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		was, known := before[name]
		if was != after[name] && (!known || added.kind != removed.kind) {
			d.add(added.kind, name, orNone(was), after[name], added.compat)
		}
	}
}

func primaryKey(t *warehouse.Table) string {
	if t.PrimaryKey == nil {
		return ""
	}
	return strings.Join(t.PrimaryKey.Columns, ", ")
}

func uniqueKeys(t *warehouse.Table) map[string]string {
	out := map[string]string{}
	for _, k := range t.Unique {
		out[k.Name] = "(" + strings.Join(k.Columns, ", ") + ")"
	}
	return out
}

func foreignKeys(t *warehouse.Table) map[string]string {
	out := map[string]string{}
	for _, k := range t.ForeignKeys {
		out[k.Name] = fmt.Sprintf("(%s) references %s (%s) on update %s on delete %s", strings.Join(k.Columns, ", "),
			strings.Trim(k.References.Schema+"."+k.References.Name, "."),
			strings.Join(k.RefColumns, ", "), k.OnUpdate, k.OnDelete)
	}
	return out
}

// indexes returns the indexes that do not belong to a key, whose change is reported once.
func indexes(t *warehouse.Table) map[string]string {
	keys := uniqueKeys(t)
	out := map[string]string{}
	for _, ix := range t.Indexes {
		key := t.PrimaryKey
		isKey := key != nil && (ix.Name == key.Name || ix.Name == "PRIMARY" ||
			ix.Unique && slices.Equal(ix.Columns, key.Columns))
		if _, unique := keys[ix.Name]; unique || isKey {
			continue
		}
		text := ix.Definition
		if text == "" {
			text = ix.Method + " (" + strings.Join(ix.Columns, ", ") + ")"
		}
		if ix.Unique {
			text = "unique " + text
		}
		if ix.Invalid {
			text += " (invalid)"
		}
		out[ix.Name] = text
	}
	return out
}

func partitions(t *warehouse.Table) map[string]string {
	out := map[string]string{}
	for _, p := range t.Partitions {
		out[p.Name] = p.Bound
	}
	return out
}

func describeColumn(c *warehouse.Column) string {
	text := c.Type.Native
	if !c.Nullable {
		text += " not null"
	}
	if c.Default != "" {
		text += " default " + c.Default
	}
	return text
}

// normalDefault removes casts of literals and outer parentheses, which engines do not
// write consistently.
func normalDefault(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "'") {
		if i := strings.LastIndex(s, "'::"); i > 0 && !strings.Contains(s[i+3:], "'") {
			s = s[:i+1]
		}
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
