package warehouse

import (
	"cmp"
	"slices"
)

// DetailsVersion is the version of what dialects read as [Table.Details]. A snapshot of a
// smaller version lacks facts, so their absence means nothing. One below 2 lacks the partitions
// of partitions, and one below 3 the facts in [LaterFacts].
const DetailsVersion = 3

// Facts that version 3 began to read.
const (
	// OnConflictFact is what happens to rows that break a constraint (SQLite).
	OnConflictFact = "on conflict"
	// AutoincrementFact says that a column never takes a number again (SQLite).
	AutoincrementFact = "autoincrement"
	// VirtualTableFact is the module of a table and its arguments (SQLite).
	VirtualTableFact = "virtual table"
	// PeriodFact says that a check makes a period, or that a key takes periods that do not
	// overlap (MariaDB).
	PeriodFact = "application period"
)

// LaterFacts are the facts that snapshots below version 3 lack.
var LaterFacts = []string{OnConflictFact, AutoincrementFact, VirtualTableFact, PeriodFact}

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

// ImpliedFact is the fact of a foreign key that names no columns of the other table. Its Stored
// are the columns of the primary key that it means, divided by commas.
const ImpliedFact = "implied columns"

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
