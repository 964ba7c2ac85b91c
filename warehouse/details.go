package warehouse

import (
	"cmp"
	"slices"
)

// DetailsVersion is the version of what dialects read as [Table.Details]. A snapshot of a
// smaller version lacks facts, so their absence means nothing. One below 2 lacks the partitions
// of partitions.
const DetailsVersion = 2

// Part is a kind of part of a table that details belong to.
type Part string

const (
	TablePart      Part = "table" // the table itself; its details have no name
	ColumnPart     Part = "column"
	PrimaryKeyPart Part = "primary key"
	UniquePart     Part = "unique"
	ForeignKeyPart Part = "foreign key"
	CheckPart      Part = "check"
	ExclusionPart  Part = "exclusion"
	IndexPart      Part = "index"
	TriggerPart    Part = "trigger"
	RulePart       Part = "rule"
	PolicyPart     Part = "policy"
)

// CheckLevel is the fact of a check that is part of a column. Its Stored is "column".
const CheckLevel = "level"

// Detail is a fact of a table, or of a part of it, that has no field of its own, because
// only some engines have it. A fact that has its default is left out.
type Detail struct {
	Part Part   `json:",omitzero"`
	Name string `json:",omitzero"` // of the part, as the column's; "" for the table
	Fact string `json:",omitzero"` // such as "deferrable"; package checks has the list
	// Value is the fact as people read it.
	Value string `json:",omitzero"`
	// Stored identifies the form in which the engine keeps the fact, which has numbers
	// instead of names. It stays when something that the fact mentions is renamed. ""
	// if the engine has no such form.
	Stored string `json:",omitzero"`
}

// Detail returns a fact of a part of the table; the zero Detail if it has its default.
func (t *Table) Detail(part Part, name, fact string) Detail {
	for _, d := range t.Details {
		if d.Part == part && d.Name == name && d.Fact == fact {
			return d
		}
	}
	return Detail{}
}

func compareDetails(a, b Detail) int {
	return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Fact, b.Fact))
}

func (t *Table) sortDetails() { slices.SortStableFunc(t.Details, compareDetails) }
