package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// part is a named part of a table: a key, an index, a trigger.
type part struct {
	name  string
	facts []fact // in the order in which they are reported
}

// fact is one fact of a part.
type fact struct {
	name string
	// value is what people read; "" is the default.
	value string
	// stored is the engine's own form of it, in which names are numbers; "": none.
	stored string
	// text: the server writes the value, so that its versions differ.
	text bool
	// columns: names in the value are those of columns of the table.
	columns bool
	// refers is the table of which the value names columns, if it is another one.
	refers *warehouse.TableName
	// silent: another fact tells it.
	silent bool
	// unknown: the session may not see it.
	unknown bool
}

// text describes the part.
func (p part) text() string {
	var words []string
	for _, f := range p.facts {
		if f.value != "" && !f.silent && !f.unknown {
			words = append(words, f.value)
		}
	}
	return strings.Join(words, " ")
}

// equal compares two values of a fact. It is the same if it reads the same with the
// present names of columns, or if the engine keeps it in the same form. The numbers of
// columns in that form are those of one table.
func (d *differ) equal(b, a fact) bool {
	columns := b.columns || a.columns
	switch {
	case b.unknown || a.unknown, b.stored != "" && b.stored == a.stored && (d.same() || !columns):
		return true
	case b.text && a.text && !d.likeTexts:
		return (b.value == "") == (a.value == "")
	case columns:
		return d.sameColumns(b.value, a.value, d.now)
	case a.refers != nil && d.refersElsewhere(b, a):
		return false
	case b.value == a.value:
		return true
	}
	return sameSQL(b.value, a.value, d.now)
}

// differ reports whether one of the facts of a part differs. Both sides list facts in one
// order; what only one has is a detail.
func (d *differ) differ(b, a part) bool {
	for _, f := range b.facts {
		if !d.equal(f, a.fact(f)) {
			return true
		}
	}
	return slices.ContainsFunc(a.facts, func(f fact) bool { return !d.equal(b.fact(f), f) })
}

// fact finds the counterpart of a fact of another part.
func (p part) fact(like fact) fact {
	for _, f := range p.facts {
		if f.name == like.name {
			return f
		}
	}
	return fact{name: like.name, text: like.text}
}

// detail adds to a part the facts that are details.
func (d *differ) detail(p *part, details map[partName][]warehouse.Detail, of warehouse.Part) {
	for _, detail := range details[partName{of, p.name}] {
		i := slices.IndexFunc(p.facts, func(f fact) bool { return f.name == detail.Fact })
		if i >= 0 { // it has the stored form of a fact with a field
			p.facts[i].stored = detail.Stored
			continue
		}
		f := fact{name: detail.Fact, value: detail.Value, stored: detail.Stored}
		f.text = detail.Fact == "definition"
		f.columns = f.text || detail.Fact == setColumnsFact
		if f.text {
			p.facts = slices.Insert(p.facts, 0, f)
		} else {
			p.facts = append(p.facts, f)
		}
	}
}

// parts compares the parts of one kind.
func (d *differ) parts(k partKind) {
	if k.facts&d.facts != k.facts || k.list == nil && !d.details {
		return
	}
	if k.part == partitionPart && d.before.Kind != d.after.Kind {
		return // that the table is partitioned is reported
	}
	before, after := d.listed(k, d.before, d.old), d.listed(k, d.after, d.new)
	if k.part == partitionPart {
		before, after = d.flat(before), d.flat(after)
	}
	if k.part == warehouse.CheckPart {
		old := map[string]string{}
		for was, is := range d.now {
			old[is] = was
		}
		before, after = withoutChecksOf(before, d.before, d.after, d.now), withoutChecksOf(after, d.after, d.before, old)
	}
	before, after = d.withoutTwins(before, after, func(p part) bool { return numbered().MatchString(p.name) })
	var gone, fresh []part
	kept := map[string]bool{}
	for _, b := range before {
		a, ok := named(after, b.name)
		if now := d.now[b.name]; !ok && now != "" && k.part == warehouse.CheckPart {
			a, ok = named(after, now) // the check of a column has its name
		}
		kept[a.name] = ok
		switch {
		case !ok:
			gone = append(gone, b)
		case d.differ(b, a):
			was, is := d.texts(b.text(), a.text())
			d.add(k.removed.kind, b.name, was, is, k.added.class)
			if k.added.kind != k.removed.kind {
				d.add(k.added.kind, b.name, was, is, k.added.class)
			}
		}
	}
	for _, a := range after {
		if !kept[a.name] {
			fresh = append(fresh, a)
		}
	}
	if d.replaced() {
		gone, fresh = d.withoutTwins(gone, fresh, func(part) bool { return true })
	}
	for _, b := range gone {
		d.add(k.removed.kind, b.name, cmp.Or(d.renamed(b.text()), words(d.before.Kind)), none, k.removed.class)
	}
	for _, a := range fresh {
		d.add(k.added.kind, a.name, none, a.text(), k.added.class)
	}
}

// setColumnsFact is the fact of a foreign key that lists the columns that lose their values.
const setColumnsFact = "set columns"

// partitionPart is the kind of partitions.
const partitionPart warehouse.Part = "partition"

// numbered is a name that the engine made by counting: it moves to another part when one
// is added.
var numbered = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(fk|check|sqlite_autoindex_.*)_[0-9]+$`)
})

// withoutTwins leaves out parts that are alike but for their names, where the names say
// nothing. The names of keys and indexes often come from the table's, and a table that
// was made anew had another one.
func (d *differ) withoutTwins(before, after []part, nameless func(part) bool) (lost, added []part) {
	for _, b := range before {
		i := slices.IndexFunc(after, func(a part) bool { return nameless(b) && nameless(a) && !d.differ(b, a) })
		if i < 0 {
			lost = append(lost, b)
			continue
		}
		after = slices.Delete(slices.Clone(after), i, i+1)
	}
	return lost, after
}

func named(parts []part, name string) (part, bool) {
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
	if i < 0 {
		return part{}, false
	}
	return parts[i], true
}

// listed returns the parts of one kind with their details.
func (d *differ) listed(k partKind, t *warehouse.Table, details map[partName][]warehouse.Detail) []part {
	var out []part
	if k.list != nil {
		if k.part == warehouse.ForeignKeyPart && t == d.before {
			t = d.following()
		}
		out = k.list(t)
	} else {
		for name := range details {
			if name.part == k.part {
				out = append(out, part{name: name.name})
			}
		}
		slices.SortFunc(out, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	}
	for i := range out {
		d.detail(&out[i], details, k.part)
		if k.part == warehouse.UniquePart { // its index has details too
			d.detail(&out[i], details, warehouse.IndexPart)
		}
	}
	return out
}

func primaryKeyPart(t *warehouse.Table) part {
	if t.PrimaryKey == nil {
		return part{facts: []fact{{name: "columns"}}}
	}
	columns := fact{name: "columns", value: nameList(t.PrimaryKey.Columns), columns: true}
	p := part{name: t.PrimaryKey.Name, facts: []fact{columns}}
	if ix := indexNamed(t, t.PrimaryKey.Name); ix != nil {
		p.facts = append(p.facts, indexFact(ix))
	}
	return p
}

func uniqueKeys(t *warehouse.Table) []part {
	out := make([]part, 0, len(t.Unique))
	for _, k := range t.Unique {
		columns := fact{name: "columns", value: "(" + nameList(k.Columns) + ")", columns: true}
		p := part{name: k.Name, facts: []fact{columns}}
		if ix := indexNamed(t, k.Name); ix != nil {
			p.facts = append(p.facts, indexFact(ix), fact{name: "method", value: ix.Method, silent: true})
		}
		out = append(out, p)
	}
	return out
}

func indexNamed(t *warehouse.Table, name string) *warehouse.Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name && name != "" {
			return &t.Indexes[i]
		}
	}
	return nil
}

// indexFact is the definition of the index behind a key. It is reported if it says more than
// the key's columns.
func indexFact(ix *warehouse.Index) fact {
	plain := "(" + strings.Join(ix.Columns, ", ") + ")"
	definition := ix.Definition
	bare := strings.TrimSpace(strings.TrimPrefix(definition, ix.Method))
	silent := bare == plain || "("+bare+")" == plain || bare == ""
	return fact{name: "definition", value: definition, text: true, columns: true, silent: silent}
}

func foreignKeys(t *warehouse.Table) []part {
	out := make([]part, 0, len(t.ForeignKeys))
	for _, k := range t.ForeignKeys {
		target := strings.Trim(k.References.Schema+"."+k.References.Name, ".")
		if !slices.Contains(k.RefColumns, "") { // else it means the primary key
			target += " (" + nameList(k.RefColumns) + ")"
		}
		out = append(out, part{name: k.Name, facts: []fact{
			{name: "columns", value: "(" + nameList(k.Columns) + ")", columns: true},
			{name: "definition", value: "references " + target, refers: &k.References},
			{
				name: "actions", value: fmt.Sprintf("on update %s on delete %s", k.OnUpdate, k.OnDelete),
				unknown: k.OnUpdate+k.OnDelete == "",
			},
		}})
	}
	return out
}

// indexes returns the indexes that do not belong to a key, whose change is reported once.
func indexes(t *warehouse.Table) []part {
	var out []part
	for i := range t.Indexes {
		ix := &t.Indexes[i]
		if belongsToKey(t, ix) {
			continue
		}
		p := part{name: ix.Name}
		if ix.Unique {
			p.facts = append(p.facts, fact{name: "unique", value: "unique"})
		}
		definition := fact{name: "definition", value: ix.Definition, text: true, columns: true}
		method := fact{name: "method", value: ix.Method, silent: strings.HasPrefix(ix.Definition, ix.Method)}
		if definition.value == "" {
			definition.value = "(" + strings.Join(ix.Columns, ", ") + ")"
		}
		p.facts = append(p.facts, method, definition)
		if ix.Invalid {
			p.facts = append(p.facts, fact{name: "invalid", value: "(invalid)"})
		}
		out = append(out, p)
	}
	return out
}

func belongsToKey(t *warehouse.Table, ix *warehouse.Index) bool {
	key := t.PrimaryKey
	if key != nil && (ix.Name == key.Name || ix.Name == "PRIMARY" ||
		ix.Unique && ix.Partial == "" && slices.Equal(ix.Columns, key.Columns)) {
		return true
	}
	return slices.ContainsFunc(t.Unique, func(k warehouse.Key) bool { return k.Name == ix.Name }) ||
		slices.ContainsFunc(t.Details, func(f warehouse.Detail) bool {
			return f.Part == warehouse.ExclusionPart && f.Name == ix.Name
		})
}

func partitions(t *warehouse.Table) []part {
	out := make([]part, 0, len(t.Partitions))
	for _, p := range t.Partitions {
		facts := []fact{{name: "bound", value: p.Bound, text: true}}
		if p.Of != "" {
			facts = append(facts, fact{name: nestedFact, value: "in " + p.Of})
		}
		if p.By != "" {
			facts = append(facts, fact{name: byFact, value: "partitioned by " + p.By})
		}
		out = append(out, part{name: p.Name, facts: facts})
	}
	return out
}

// Facts of partitions that snapshots below version 2 of the details lack.
const (
	nestedFact = "of"
	byFact     = "by"
)

// flat leaves out partitions of partitions, and what is partitioned by what, if one of the
// tables is of a snapshot that lacks them.
func (d *differ) flat(list []part) (out []part) {
	if min(d.before.DetailsVersion, d.after.DetailsVersion) >= 2 {
		return list
	}
	seen := map[string]bool{}
	for _, p := range list {
		if nested := slices.ContainsFunc(p.facts, func(f fact) bool { return f.name == nestedFact }); nested || seen[p.name] {
			continue
		}
		seen[p.name] = true
		p.facts = slices.DeleteFunc(p.facts, func(f fact) bool { return f.name == byFact })
		out = append(out, p)
	}
	return out
}
