package sentinel

// DriftKind names a difference between two snapshots of a table's schema.
type DriftKind string

// The kinds of drift, in the order they are reported.
const (
	TableCreated DriftKind = "table_created"
	TableDropped DriftKind = "table_dropped"
	// TableReplaced is a different object under the same name: the table was dropped and created again,
	// or became a view.
	TableReplaced        DriftKind = "table_replaced"
	ColumnAdded          DriftKind = "column_added"
	ColumnRemoved        DriftKind = "column_removed"
	ColumnRenamed        DriftKind = "column_renamed"
	TypeWidened          DriftKind = "type_widened"
	TypeNarrowed         DriftKind = "type_narrowed"
	TypeChanged          DriftKind = "type_changed"
	NullabilityLoosened  DriftKind = "nullability_loosened"
	NullabilityTightened DriftKind = "nullability_tightened"
	DefaultChanged       DriftKind = "default_changed"
	GeneratedChanged     DriftKind = "generated_changed"
	CollationChanged     DriftKind = "collation_changed"
	ColumnsReordered     DriftKind = "columns_reordered"
	PrimaryKeyChanged    DriftKind = "primary_key_changed"
	UniqueChanged        DriftKind = "unique_changed"
	ForeignKeyChanged    DriftKind = "foreign_key_changed"
	IndexAdded           DriftKind = "index_added"
	IndexRemoved         DriftKind = "index_removed"
	PartitionAdded       DriftKind = "partition_added"
	PartitionRemoved     DriftKind = "partition_removed"
	ViewChanged          DriftKind = "view_changed"
	CommentChanged       DriftKind = "comment_changed"
)

// Compatibility says what a drift means for programs that read or write the table.
type Compatibility string

const (
	Additive   Compatibility = "additive"   // the drift adds something
	Compatible Compatibility = "compatible" // every existing reader continues to work
	Breaking   Compatibility = "breaking"   // an existing reader or writer may fail or see other values
)

// Drift is one named difference.
type Drift struct {
	Kind          DriftKind     `json:"kind"`
	Object        string        `json:"object,omitempty"` // name of the column, index, key or partition; "": the table
	Before        string        `json:"before,omitempty"` // old definition as text; "" if there was none
	After         string        `json:"after,omitempty"`  // new definition as text; "" if there is none
	Compatibility Compatibility `json:"compatibility,omitempty"`
	Status        Status        `json:"status"` // status under the check's policy; Pass when ignored
}

// Key identifies the drift across ticks, as in "column_removed:note".
func (d Drift) Key() string {
	if d.Object == "" {
		return string(d.Kind)
	}
	return string(d.Kind) + ":" + d.Object
}
