package checks

import (
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// columnFacts are what is compared of a column, beside its name, type and nullability.
// Facts of one kind that differ are one drift.
var columnFacts = []columnFact{
	{kind: sentinel.DefaultChanged, class: sentinel.Compatible, detail: "default", text: true, value: columnDefault},
	{kind: sentinel.DefaultChanged, class: sentinel.Compatible, detail: "domain default", ofDomain: true, text: true},
	{kind: sentinel.GeneratedChanged, class: sentinel.Breaking, detail: "generated", text: true, columns: true,
		value: generated, facts: warehouse.Expressions},
	{kind: sentinel.GeneratedChanged, class: sentinel.Breaking, detail: "expression", text: true, columns: true},
	{kind: sentinel.GeneratedChanged, class: sentinel.Breaking, detail: "kept", onlyBoth: true},
	{kind: sentinel.GeneratedChanged, class: sentinel.Breaking, detail: warehouse.AutoincrementFact},
	{kind: sentinel.IdentityChanged, class: sentinel.Compatible, detail: "sequence", onlyBoth: true},
	{kind: sentinel.OnUpdateChanged, class: sentinel.Breaking, detail: "on update"},
	{kind: sentinel.VisibilityChanged, class: sentinel.Breaking, detail: "visibility"},
	{kind: sentinel.CollationChanged, class: sentinel.Breaking, ofTexts: true, value: collation},
	{kind: sentinel.CollationChanged, class: sentinel.Breaking, ofTexts: true, detail: "collation"},
	{kind: sentinel.CollationChanged, class: sentinel.Breaking, ofTexts: true, detail: "domain collation", ofDomain: true},
	{kind: sentinel.CheckChanged, class: sentinel.Breaking, detail: "domain checks", ofDomain: true, text: true},
	{kind: sentinel.CheckChanged, class: sentinel.Breaking, detail: warehouse.OnConflictFact},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "versioning"},
	{kind: sentinel.ForeignTableChanged, class: sentinel.Breaking, detail: "foreign options"},
	{kind: sentinel.CommentChanged, class: sentinel.Compatible, value: comment},
}

// columnFact is how one fact of columns is compared and told.
type columnFact struct {
	kind  sentinel.DriftKind
	class sentinel.Compatibility
	// detail names the detail that is the fact, or that has the stored form of value.
	detail string
	value  func(c *warehouse.Column) string
	// text: the server writes it, so that its versions differ.
	text bool
	// columns: it is an expression over columns of the table.
	columns bool
	facts   warehouse.Facts // that it is read with, beside the columns
	// onlyBoth: it says nothing if only one side has it, because another fact differs then.
	onlyBoth bool
	// ofDomain: it is compared if both types are domains.
	ofDomain bool
	// ofTexts: it is compared if both types hold texts, or neither does.
	ofTexts bool
}

func columnDefault(c *warehouse.Column) string { return normalDefault(c.Default) }
func generated(c *warehouse.Column) string     { return c.Generated }
func comment(c *warehouse.Column) string       { return c.Comment }
func collation(c *warehouse.Column) string     { return c.Collation }

// partKinds are the named parts of a table that are compared. Two parts of one name differ
// if one of their facts does.
var partKinds = []partKind{
	{
		part: warehouse.UniquePart, facts: warehouse.Keys, list: uniqueKeys,
		removed: change{sentinel.UniqueChanged, sentinel.Breaking},
		added:   change{sentinel.UniqueChanged, sentinel.Breaking},
	},
	{
		part: warehouse.ForeignKeyPart, facts: warehouse.Keys, list: foreignKeys,
		removed: change{sentinel.ForeignKeyChanged, sentinel.Compatible},
		added:   change{sentinel.ForeignKeyChanged, sentinel.Breaking},
	},
	{
		part: warehouse.CheckPart, facts: warehouse.Rules,
		removed: change{sentinel.CheckChanged, sentinel.Breaking},
		added:   change{sentinel.CheckChanged, sentinel.Breaking},
	},
	{
		part:    warehouse.ExclusionPart,
		removed: change{sentinel.ExclusionChanged, sentinel.Breaking},
		added:   change{sentinel.ExclusionChanged, sentinel.Breaking},
	},
	{
		part: warehouse.IndexPart, facts: warehouse.Indexes | warehouse.Keys, list: indexes,
		removed: change{sentinel.IndexRemoved, sentinel.Compatible},
		added:   change{sentinel.IndexAdded, sentinel.Compatible},
	},
	{
		part: warehouse.TriggerPart, facts: warehouse.Rules,
		removed: change{sentinel.TriggerChanged, sentinel.Breaking},
		added:   change{sentinel.TriggerChanged, sentinel.Breaking},
	},
	{
		part: warehouse.RulePart, facts: warehouse.Rules,
		removed: change{sentinel.TriggerChanged, sentinel.Breaking},
		added:   change{sentinel.TriggerChanged, sentinel.Breaking},
	},
	{
		part:    warehouse.PolicyPart,
		removed: change{sentinel.RowSecurityChanged, sentinel.Breaking},
		added:   change{sentinel.RowSecurityChanged, sentinel.Breaking},
	},
	{
		part: partitionPart, facts: warehouse.Partitions, list: partitions,
		removed: change{sentinel.PartitionRemoved, sentinel.Breaking},
		added:   change{sentinel.PartitionAdded, sentinel.Additive},
	},
}

// partKind is how the parts of one kind are found and told.
type partKind struct {
	part  warehouse.Part
	facts warehouse.Facts
	// list returns the parts with the facts that have fields; nil: details have them all.
	list           func(t *warehouse.Table) []part
	removed, added change
}

// change is a kind of drift with its compatibility.
type change struct {
	kind  sentinel.DriftKind
	class sentinel.Compatibility
}

// tableFacts are what is compared of the table itself.
var tableFacts = []tableFact{
	{kind: sentinel.PartitioningChanged, class: sentinel.Breaking, detail: "partition key", text: true},
	{kind: sentinel.InheritanceChanged, class: sentinel.Breaking, detail: "parents", text: true},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "persistence"},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "access method"},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "engine"},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "versioning"},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: "row options"},
	{kind: sentinel.StorageChanged, class: sentinel.Breaking, detail: warehouse.VirtualTableFact},
	{kind: sentinel.RowSecurityChanged, class: sentinel.Breaking, detail: "row security"},
	{kind: sentinel.ForeignTableChanged, class: sentinel.Breaking, detail: "foreign options"},
	{
		kind: sentinel.ViewChanged, class: sentinel.Breaking, detail: "definition", text: true, facts: warehouse.Views,
		value: func(t *warehouse.Table) string { return strings.TrimSpace(t.Definition) },
	},
	{
		kind: sentinel.ViewOptionsChanged, class: sentinel.Breaking, detail: "view options", facts: warehouse.Views,
	},
	{
		kind: sentinel.CommentChanged, class: sentinel.Compatible, facts: warehouse.Columns,
		value: func(t *warehouse.Table) string { return t.Comment },
	},
}

// tableFact is how one fact of the table itself is compared and told; see [columnFact].
type tableFact struct {
	kind   sentinel.DriftKind
	class  sentinel.Compatibility
	detail string
	value  func(t *warehouse.Table) string
	text   bool
	facts  warehouse.Facts
}
