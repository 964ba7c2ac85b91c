package checks

import (
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// wanted is the table as the configuration declares it. What it does not declare is as it is,
// and so is a type that the dialect does not have.
func (s *Schema) wanted(d warehouse.Dialect, rel *warehouse.Table) *warehouse.Table {
	if rel == nil {
		return nil
	}
	want := &warehouse.Table{Kind: rel.Kind, Server: rel.Server}
	for _, column := range s.Columns {
		c := warehouse.Column{Name: column.Name, Nullable: true}
		is := rel.Column(column.Name)
		if is != nil {
			c.Nullable, c.Type = is.Nullable, is.Type
		}
		declared, ok := typeIn(d, column.Type)
		if ok {
			c.Type = declared
		}
		if is == nil && !ok {
			continue // of which type it should be is not known
		}
		if column.Nullable != nil {
			c.Nullable = *column.Nullable
		}
		want.Columns = append(want.Columns, c)
	}
	return want
}

// typeIn is a declared type as a dialect has it. One that is in no list is taken for one that
// a user made.
func typeIn(d warehouse.Dialect, declared string) (t warehouse.Type, ok bool) {
	t = warehouse.ParseType(declared)
	own, known := warehouse.OwnType(d, declared)
	writer, writes := d.(warehouse.WriteDialect)
	switch {
	case declared == "":
		return t, false
	case known:
		return own, true
	case t.Family == warehouse.Other || !writes:
		return t, true
	}
	native, ok := writer.TypeName(t)
	if !ok {
		return t, false
	}
	if own, known = warehouse.OwnType(d, native); known {
		return own, true
	}
	t.Native = native
	return t, true
}

// declaredDrift compares a declared type. It may be in the spelling of any engine: the
// column's own type, as the engine of the table spells it, is never a difference.
func declaredDrift(d warehouse.Dialect, declared string, is warehouse.Type) sentinel.DriftKind {
	spelled := warehouse.SpellType(declared)
	if spelled == warehouse.SpellType(is.Native) {
		return ""
	}
	kind := parsedDrift(spelled, warehouse.ParseType(declared), is)
	translated, ok := typeIn(d, declared)
	if kind == "" || !ok {
		return kind
	}
	if has, known := warehouse.OwnType(d, is.Native); known && has.Native == translated.Native && !madeOf(is, has) {
		return ""
	}
	if _, known := warehouse.OwnType(d, declared); known {
		return parsedDrift(spelled, translated, is)
	}
	return kind
}

// madeOf reports whether a column's type is another one than that which the catalog prints:
// a check makes a text JSON.
func madeOf(is, printed warehouse.Type) bool { return is.Family != printed.Family }

// parsedDrift compares a declared type that was read. A bare "varchar" or "numeric" allows
// any size.
func parsedDrift(spelled string, declared, is warehouse.Type) sentinel.DriftKind {
	if declared.Family == warehouse.Other {
		if sameType(strings.ToLower(declared.Native), strings.ToLower(is.Native)) {
			return ""
		}
		return sentinel.TypeChanged
	}
	if declared.Length == 0 && !strings.Contains(spelled, "(") {
		is, declared = unsized(is), unsized(declared)
	}
	return typeDrift(declared, is, true)
}

// unsized is a type without its size.
func unsized(t warehouse.Type) warehouse.Type {
	t.Length, t.Precision, t.Scale = 0, 0, 0
	if t.Family == warehouse.Other {
		t.Native, _, _ = strings.Cut(t.Native, "(")
	}
	if t.Element != nil {
		element := unsized(*t.Element)
		t.Element = &element
	}
	return t
}
