package checks

import (
	"cmp"
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
	// Present are tables as they are now, by name, as far as they are known. They show that
	// a column was renamed that a foreign key or a view of the table mentions.
	Present map[warehouse.TableName]*warehouse.Table
	// Dialect is that of the table after. It writes the statements that undo the drifts. nil:
	// drifts have none.
	Dialect warehouse.Dialect
	// policy arranges the drifts in the order in which people read them, the worst first. nil:
	// all are shown as they are found.
	policy driftPolicy
}

// driftPolicy returns the status of a drift, and whether it is shown.
type driftPolicy interface {
	policy(d sentinel.Drift) (status sentinel.Status, shown bool)
}

// Diff returns the differences between two snapshots of a table. A nil snapshot means that
// the table does not exist.
//
// A fact is not compared if one side could not read it, or is of an older version of
// Sentinel that did not read it. So neither a failed read nor an upgrade is a difference.
// Texts that the server writes are compared only if both sides are of the same major
// version of the server. What is renamed is one difference: the keys, indexes and
// expressions that mention it have not changed.
//
// The facts are listed in diff_facts.go, those of types in typediff.go.
func Diff(before, after *warehouse.Table, o DiffOptions) []sentinel.Drift {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return []sentinel.Drift{{Kind: sentinel.TableCreated, After: string(after.Kind), Compatibility: sentinel.Additive}}
	case after == nil:
		return []sentinel.Drift{{Kind: sentinel.TableDropped, Before: string(before.Kind), Compatibility: sentinel.Breaking}}
	}
	d := newDiffer(before, after, o)
	d.compare()
	drifts := arranged(d.drifts, o.policy)
	statements{dialect: o.Dialect, have: after, want: before, now: d.now, present: o.Present}.add(drifts)
	return drifts
}

// arranged returns the drifts that a policy shows, the worst first.
func arranged(drifts []sentinel.Drift, by driftPolicy) []sentinel.Drift {
	if by == nil {
		return drifts
	}
	shown := drifts[:0:0]
	for _, d := range drifts {
		if status, ok := by.policy(d); ok {
			d.Status = status
			shown = append(shown, d)
		}
	}
	slices.SortStableFunc(shown, func(a, b sentinel.Drift) int {
		switch {
		case a.Status.Worse(b.Status):
			return -1
		case b.Status.Worse(a.Status):
			return 1
		}
		return 0
	})
	return shown
}

// compare finds the drifts of two tables.
func (d *differ) compare() {
	before, after := d.before, d.after
	if !d.across && shape(before.Kind) != shape(after.Kind) {
		// A view has no keys, and its columns are what its query makes them:
		// beside the replacement only lost and new columns are news.
		d.add(sentinel.TableKindChanged, "", words(before.Kind), words(after.Kind), sentinel.Breaking)
		d.identity()
		if d.facts&warehouse.Columns != 0 {
			d.names()
		}
		return
	}
	d.identity()
	if d.facts&warehouse.Columns != 0 {
		d.columns()
	}
	if d.facts&warehouse.Keys != 0 {
		d.primaryKey()
	}
	if !d.across {
		for _, k := range partKinds {
			d.parts(k)
		}
		d.table()
	}
}

type differ struct {
	before, after *warehouse.Table
	present       map[warehouse.TableName]*warehouse.Table
	across        bool
	facts         warehouse.Facts
	// details: both sides have the facts that are details.
	details bool
	// likeTexts: the same major version of the server wrote the texts of both sides.
	likeTexts bool
	old, new  map[partName][]warehouse.Detail
	// now is what the columns of before that were renamed are called in after.
	now    map[string]string
	drifts []sentinel.Drift
}

// partName names a part of a table.
type partName struct {
	part warehouse.Part
	name string
}

func newDiffer(before, after *warehouse.Table, o DiffOptions) *differ {
	d := &differ{before: before, after: after, present: o.Present, across: o.Across}
	d.likeTexts = before.Server == after.Server
	d.facts = ^(before.Unreadable | after.Unreadable)
	if o.Facts != 0 {
		d.facts &= o.Facts
	}
	if before.DetailsVersion > 0 && after.DetailsVersion > 0 && d.facts&warehouse.Details != 0 && !o.Across {
		d.details = true
		later := min(before.DetailsVersion, after.DetailsVersion) >= 3
		d.old, d.new = detailsByPart(before, later), detailsByPart(after, later)
	}
	return d
}

// detailsByPart leaves out the facts that only later versions read, unless both sides have
// them.
func detailsByPart(t *warehouse.Table, later bool) map[partName][]warehouse.Detail {
	out := map[partName][]warehouse.Detail{}
	for _, fact := range t.Details {
		if !later && slices.Contains(warehouse.LaterFacts, fact.Fact) {
			continue
		}
		name := partName{fact.Part, fact.Name}
		out[name] = append(out[name], fact)
	}
	return out
}

func (d *differ) add(kind sentinel.DriftKind, object, before, after string, c sentinel.Compatibility) {
	d.drifts = append(d.drifts, sentinel.Drift{Kind: kind, Object: object, Before: before, After: after, Compatibility: c})
}

// identity distinguishes a table that was dropped and created again from one that was
// altered.
func (d *differ) identity() {
	b, a := d.before, d.after
	switch {
	case d.across:
	case shape(b.Kind) != shape(a.Kind):
		d.add(sentinel.TableReplaced, "", words(b.Kind), words(a.Kind), sentinel.Compatible)
	case b.Kind == warehouse.View: // a view that was created again is equivalent
	case d.replaced():
		d.add(sentinel.TableReplaced, "", "object "+b.ID, "object "+a.ID, sentinel.Compatible)
	}
}

// shape is the kind of a relation as readers see it: a partitioned table is a table.
func shape(k warehouse.TableKind) warehouse.TableKind {
	if k == warehouse.PartitionedTable {
		return warehouse.BaseTable
	}
	return k
}

func words(k warehouse.TableKind) string { return strings.ReplaceAll(string(k), "_", " ") }

// same reports whether both snapshots are of one object, whose column ids can be
// compared.
func (d *differ) same() bool {
	return !d.across && d.before.ID != "" && d.before.ID == d.after.ID
}

// replaced reports whether the snapshots are of two objects.
func (d *differ) replaced() bool {
	return d.before.ID != "" && d.after.ID != "" && d.before.ID != d.after.ID
}

// primaryKey compares the primary key with its details. Its name does not matter.
func (d *differ) primaryKey() {
	b, a := primaryKeyPart(d.before), primaryKeyPart(d.after)
	if d.across {
		b.facts, a.facts = b.facts[:1], a.facts[:1]
		was, is := strings.ToLower(b.facts[0].value), strings.ToLower(a.facts[0].value)
		if was != is {
			d.add(sentinel.PrimaryKeyChanged, "", cmp.Or(was, none), cmp.Or(is, none), sentinel.Breaking)
		}
		return
	}
	for _, of := range []warehouse.Part{warehouse.PrimaryKeyPart, warehouse.IndexPart} {
		d.detail(&b, d.old, of)
		d.detail(&a, d.new, of)
	}
	if d.differ(b, a) {
		was, is := d.texts(b.text(), a.text())
		d.add(sentinel.PrimaryKeyChanged, "", cmp.Or(was, none), cmp.Or(is, none), sentinel.Breaking)
	}
}

// table compares the facts of the table itself.
func (d *differ) table() {
	b, a := d.before, d.after
	for _, f := range tableFacts {
		if f.facts&d.facts != f.facts || f.detail != "" && f.value == nil && !d.details {
			continue
		}
		was := fact{text: f.text, stored: b.Detail(warehouse.TablePart, "", f.detail).Stored}
		is := fact{text: f.text, stored: a.Detail(warehouse.TablePart, "", f.detail).Stored}
		if f.value != nil {
			was.value, is.value = f.value(b), f.value(a)
		} else {
			was.value = b.Detail(warehouse.TablePart, "", f.detail).Value
			is.value = a.Detail(warehouse.TablePart, "", f.detail).Value
		}
		if !d.equal(was, is) {
			d.add(f.kind, "", cmp.Or(was.value, none), cmp.Or(is.value, none), f.class)
		}
	}
}

const none = "none"
