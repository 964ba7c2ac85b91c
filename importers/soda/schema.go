package soda

import (
	"strings"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// changes maps SodaCL's names of changes to kinds of drifts.
var changes = map[string][]string{
	"column add":          {"column_added"},
	"column delete":       {"column_removed"},
	"column type change":  {"type_changed", "type_narrowed", "type_widened"},
	"column index change": {"columns_reordered"},
	"any": {
		"column_added", "column_removed", "type_changed", "type_narrowed", "type_widened", "columns_reordered",
	},
}

// schema reads a schema check: declared columns, or changes since the baseline. Each of its
// sides, warn and fail, is a check of its own.
func (i *item) schema() (out []importers.Check, why string) {
	for _, side := range []importers.Plain{"warn", "fail"} {
		declared, changed := importers.Fields{}, importers.Fields{}
		for _, f := range importers.Pairs(importers.Under(i.below, string(side))) {
			switch f.Name {
			case "when required column missing":
				for _, c := range importers.Words(f.Value) {
					if !has(declared, c) {
						declared = append(declared, importers.Field{Name: c, Value: importers.Plain("null")})
					}
				}
			case "when wrong column type":
				i.types(f, &declared)
			case "when schema changes":
				for _, change := range importers.Words(f.Value) {
					if changes[change] == nil {
						i.source.out.Leave(i.source.file.At(f.Key), i.table.name+": schema: "+change, "not known")
					}
					for _, kind := range changes[change] {
						if !has(changed, kind) {
							changed.Set(kind, side)
						}
					}
				}
			default:
				text := f.Name + " " + strings.Join(importers.Words(f.Value), ", ")
				i.source.out.Leave(i.source.file.At(f.Key), i.table.name+": schema: "+text, "not taken over")
			}
		}
		out = append(out, schemaOf(side, declared, changed)...)
	}
	if len(out) == 0 {
		return nil, "nothing of it could be taken over"
	}
	return out, ""
}

// types reads the declared types.
func (i *item) types(f importers.Pair, declared *importers.Fields) {
	for _, c := range importers.Pairs(f.Value) {
		if wrong, sure := warehouse.CheckType(nil, importers.Word(c.Value)); sure {
			i.source.out.Leave(i.source.file.At(c.Key), i.table.name+": schema: column "+c.Name, wrong)
			continue
		}
		for n, d := range *declared {
			if d.Name == c.Name {
				(*declared)[n].Value = importers.Word(c.Value)
			}
		}
		if !has(*declared, c.Name) {
			declared.Set(c.Name, importers.Word(c.Value))
		}
	}
}

func has(fields importers.Fields, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// schemaOf returns the checks of one side. Of declared columns only those are looked at that
// are gone, and types that are others.
func schemaOf(side importers.Plain, declared, changed importers.Fields) (out []importers.Check) {
	if len(declared) > 0 {
		c := importers.Check{Kind: "schema"}
		c.Keys.Set("columns", declared)
		c.Keys.Set("extra", importers.Plain("ignore"))
		for _, kind := range []string{"column_removed", "type_changed", "type_narrowed", "type_widened"} {
			c.Keys.Set(kind, side)
		}
		out = append(out, c)
	}
	if len(changed) > 0 {
		out = append(out, importers.Check{Kind: "schema", Keys: onlyThese(side, changed)})
	}
	return out
}

// onlyThese adds the other kinds of drifts, which Soda does not look at. It takes a rename for a
// column that is gone and one that is new. A table that is gone fails its checks there, too.
func onlyThese(side importers.Plain, changed importers.Fields) importers.Fields {
	if has(changed, "column_removed") || has(changed, "column_added") {
		changed.Set("column_renamed", side)
	}
	for _, kind := range checks.DriftKinds() {
		if kind != "table_dropped" && !has(changed, string(kind)) {
			changed.Set(string(kind), importers.Plain("ignore"))
		}
	}
	return changed
}
