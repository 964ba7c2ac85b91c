package checks

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// columnPair is a column before and after.
type columnPair struct{ before, after *warehouse.Column }

func (d *differ) columns() {
	pairs := d.names()
	for _, p := range pairs {
		d.column(p.before, p.after)
	}
	d.order(pairs)
}

// names reports added and removed columns, and returns the others in pairs.
func (d *differ) names() []columnPair {
	m := d.match()
	d.rename(m.pairs)
	switch {
	case d.same():
		d.replacedColumns(&m)
	case !d.across && !d.replaced():
		d.renamedColumns(&m)
	}
	for _, c := range m.added {
		class := sentinel.Additive
		if !d.nullable(c, d.new) && c.Default == "" && c.Generated == "" && !d.across {
			class = sentinel.Breaking // INSERTs that omit it fail
		}
		d.addColumn(sentinel.ColumnAdded, c.Name, "", describeColumn(c), class)
	}
	for _, c := range m.removed {
		d.addColumn(sentinel.ColumnRemoved, c.Name, describeColumn(c), "", sentinel.Breaking)
	}
	d.rename(m.pairs)
	if d.replaced() && d.after.Kind != warehouse.View && d.after.Kind != warehouse.MaterializedView {
		for _, p := range d.alike(&m) { // both are reported; the keys that moved along are not
			d.now[p.before.Name] = p.after.Name
		}
	}
	return m.pairs
}

// rename takes over the names that columns have in after.
func (d *differ) rename(pairs []columnPair) {
	d.now = map[string]string{}
	for _, p := range pairs {
		if p.before.Name != p.after.Name && !d.across {
			d.now[p.before.Name] = p.after.Name
		}
	}
}

// columnMatch is what became of the columns.
type columnMatch struct {
	pairs          []columnPair
	added, removed []*warehouse.Column
}

// match pairs the columns by id if the engine has ids, else by name. Only ids
// distinguish a rename from a drop and an add.
func (d *differ) match() (m columnMatch) {
	key := func(c *warehouse.Column) string { return c.Name }
	switch {
	case d.same():
		key = func(c *warehouse.Column) string { return c.ID }
	case d.across || d.after.FoldsColumns:
		key = func(c *warehouse.Column) string { return strings.ToLower(c.Name) }
	}
	old := map[string]*warehouse.Column{}
	for i := range d.before.Columns {
		old[key(&d.before.Columns[i])] = &d.before.Columns[i]
	}
	for i := range d.after.Columns {
		c := &d.after.Columns[i]
		if b := old[key(c)]; b != nil {
			m.pairs = append(m.pairs, columnPair{b, c})
			delete(old, key(c))
		} else {
			m.added = append(m.added, c)
		}
	}
	for i := range d.before.Columns {
		if c := &d.before.Columns[i]; old[key(c)] == c {
			m.removed = append(m.removed, c)
		}
	}
	return m
}

func (d *differ) column(b, a *warehouse.Column) {
	if b.Name != a.Name && !d.across {
		is, class := a.Name, sentinel.Breaking
		switch {
		case d.after.SameColumn(a.Name, b.Name):
			class = sentinel.Compatible // statements find it by both names
		case !d.same():
			is += ", by its place and definition"
		}
		d.addColumn(sentinel.ColumnRenamed, a.Name, b.Name, is, class)
	}
	d.columnType(b, a)
	was, is := d.nullable(b, d.old), d.nullable(a, d.new)
	switch {
	case was && !is:
		d.addColumn(sentinel.NullabilityTightened, a.Name, "nullable", "not null", sentinel.Breaking) // INSERTs of NULL fail
	case !was && is:
		d.addColumn(sentinel.NullabilityLoosened, a.Name, "not null", "nullable", sentinel.Breaking) // readers may get NULL
	}
	if d.across {
		return
	}
	old, fresh := d.old[partName{warehouse.ColumnPart, b.Name}], d.new[partName{warehouse.ColumnPart, a.Name}]
	domains := detailOf(old, "domain of").Value != "" && detailOf(fresh, "domain of").Value != ""
	texts := holdsText(b.Type) == holdsText(a.Type)
	for _, f := range columnFacts {
		if f.facts&d.facts != f.facts || f.value == nil && !d.details || f.ofTexts && !texts || f.ofDomain && !domains {
			continue
		}
		x, y := f.of(b, old), f.of(a, fresh)
		if d.equal(x, y) || f.onlyBoth && (x.value == "" || y.value == "") {
			continue
		}
		was, is := d.texts(x.value, y.value)
		d.addFact(f, a.Name, cmp.Or(was, none), cmp.Or(is, none))
	}
}

// of returns the fact of a column with these details.
func (f *columnFact) of(c *warehouse.Column, details []warehouse.Detail) fact {
	found := detailOf(details, f.detail)
	out := fact{value: found.Value, stored: found.Stored, text: f.text, columns: f.columns}
	if f.value != nil {
		out.value = f.value(c)
	}
	return out
}

func detailOf(details []warehouse.Detail, name string) warehouse.Detail {
	for _, detail := range details {
		if detail.Fact == name {
			return detail
		}
	}
	return warehouse.Detail{}
}

// addFact reports a fact of a column. Facts of one kind are one drift.
func (d *differ) addFact(f columnFact, column, before, after string) {
	if n := len(d.drifts); n > 0 && d.drifts[n-1].Kind == f.kind && d.drifts[n-1].Object == column {
		last := &d.drifts[n-1]
		last.Before, last.After = last.Before+", "+before, last.After+", "+after
		return
	}
	d.addColumn(f.kind, column, before, after, f.class)
}

func (d *differ) addColumn(kind sentinel.DriftKind, column, before, after string, c sentinel.Compatibility) {
	d.add(kind, column, before, after, c)
	d.drifts[len(d.drifts)-1].Column = true
}

// nullable reports whether the column and its domain take NULL.
func (d *differ) nullable(c *warehouse.Column, details map[partName][]warehouse.Detail) bool {
	return c.Nullable && detailOf(details[partName{warehouse.ColumnPart, c.Name}], "domain not null").Value == ""
}

// typeFacts are the facts of a type that the server's users made, in the order in which
// they are compared. The first that differs is reported.
var typeFacts = []struct {
	detail string
	words  string
}{
	{"labels", ""}, {"attributes", ""}, {"range of", "range of "}, {"domain of", "domain over "}, {"type", ""},
}

func (d *differ) columnType(b, a *warehouse.Column) {
	was, is := typeText(b.Type, d.across), typeText(a.Type, d.across)
	kind := typeDrift(b.Type, a.Type, d.across)
	if d.details {
		old, fresh := d.old[partName{warehouse.ColumnPart, b.Name}], d.new[partName{warehouse.ColumnPart, a.Name}]
		if kind == "" || kind == sentinel.TypeWidened {
			kind = cmp.Or(domainDrift(b, a, old, fresh), kind)
		}
		for _, f := range typeFacts {
			x, y := detailOf(old, f.detail), detailOf(fresh, f.detail)
			if kind != "" || x.Value == "" || y.Value == "" || x.Value == y.Value || x.Stored != "" && x.Stored == y.Stored {
				continue
			}
			was, is = was+" "+f.words+x.Value, is+" "+f.words+y.Value
			kind = sentinel.TypeChanged
			if f.detail == "labels" && strings.HasPrefix(y.Value, x.Value+", ") {
				kind = sentinel.TypeWidened
			}
		}
	}
	if kind == "" {
		return
	}
	class := sentinel.Breaking
	if kind == sentinel.TypeWidened {
		class = sentinel.Compatible
	}
	d.addColumn(kind, a.Name, was, is, class)
}

// domainDrift compares types of which one is a user's own and the other is another one:
// a domain takes no more values than the type that it is over.
func domainDrift(b, a *warehouse.Column, old, fresh []warehouse.Detail) sentinel.DriftKind {
	own := detailOf(old, "type").Value != "" || detailOf(fresh, "type").Value != ""
	from, to := detailOf(old, "domain of").Value, detailOf(fresh, "domain of").Value
	switch {
	case !own || sameType(b.Type.Native, a.Type.Native):
		return ""
	case to == "" && from != "":
		return sentinel.TypeWidened
	case from == "" && to != "" && detailOf(fresh, "domain checks").Value == "":
		return sentinel.TypeWidened
	case from == "" && to != "":
		return sentinel.TypeNarrowed
	}
	return sentinel.TypeChanged
}

func holdsText(t warehouse.Type) bool {
	return t.Family == warehouse.Text || t.Family == warehouse.FixedText || len(t.Values) > 0
}

// order compares the order of the columns that both sides have. An added or removed
// column does not change it.
func (d *differ) order(pairs []columnPair) {
	byPosition := func(x, y columnPair) int { return x.before.Position - y.before.Position }
	if d.across || slices.IsSortedFunc(pairs, byPosition) {
		return
	}
	var was, is []string
	for _, p := range pairs {
		is = append(is, p.after.Name)
	}
	slices.SortFunc(pairs, byPosition)
	for _, p := range pairs {
		was = append(was, p.after.Name)
	}
	d.add(sentinel.ColumnsReordered, "", strings.Join(was, ", "), strings.Join(is, ", "), sentinel.Compatible)
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

// normalDefault removes casts of literals, which engines do not write consistently.
func normalDefault(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "'") {
		if i := strings.LastIndex(s, "'::"); i > 0 && !strings.Contains(s[i+3:], "'") {
			s = s[:i+1]
		}
	}
	return s
}

func orNone(s string) string { return cmp.Or(s, none) }
