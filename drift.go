package sentinel

// DriftKind names a difference between two snapshots of a table's schema.
type DriftKind string

// The kinds of drift, in the order they are reported.
const (
	TableCreated DriftKind = "table_created"
	TableDropped DriftKind = "table_dropped"
	// TableReplaced is a different object under the same name: the table was dropped and created again,
	// or another one was renamed to its name.
	TableReplaced DriftKind = "table_replaced"
	// TableKindChanged is another kind of relation under the same name, such as a view instead of a table.
	TableKindChanged DriftKind = "table_kind_changed"
	ColumnAdded      DriftKind = "column_added"
	ColumnRemoved    DriftKind = "column_removed"
	ColumnRenamed    DriftKind = "column_renamed"
	// ColumnReplaced is a column that was dropped and added again alike: its old values are gone.
	ColumnReplaced       DriftKind = "column_replaced"
	TypeWidened          DriftKind = "type_widened"
	TypeNarrowed         DriftKind = "type_narrowed"
	TypeChanged          DriftKind = "type_changed"
	NullabilityLoosened  DriftKind = "nullability_loosened"
	NullabilityTightened DriftKind = "nullability_tightened"
	DefaultChanged       DriftKind = "default_changed"
	GeneratedChanged     DriftKind = "generated_changed"
	IdentityChanged      DriftKind = "identity_changed" // of the sequence of an identity column
	OnUpdateChanged      DriftKind = "on_update_changed"
	VisibilityChanged    DriftKind = "visibility_changed"
	CollationChanged     DriftKind = "collation_changed"
	ColumnsReordered     DriftKind = "columns_reordered"
	PrimaryKeyChanged    DriftKind = "primary_key_changed"
	UniqueChanged        DriftKind = "unique_changed"
	ForeignKeyChanged    DriftKind = "foreign_key_changed"
	CheckChanged         DriftKind = "check_changed"
	ExclusionChanged     DriftKind = "exclusion_changed"
	IndexAdded           DriftKind = "index_added"
	IndexRemoved         DriftKind = "index_removed"
	TriggerChanged       DriftKind = "trigger_changed" // of a trigger or a rule
	RowSecurityChanged   DriftKind = "row_security_changed"
	PartitioningChanged  DriftKind = "partitioning_changed"
	PartitionAdded       DriftKind = "partition_added"
	PartitionRemoved     DriftKind = "partition_removed"
	InheritanceChanged   DriftKind = "inheritance_changed"
	StorageChanged       DriftKind = "storage_changed" // unlogged, engine, access method, system versioning
	ForeignTableChanged  DriftKind = "foreign_table_changed"
	ViewChanged          DriftKind = "view_changed"
	ViewOptionsChanged   DriftKind = "view_options_changed" // such as whose privileges the view uses
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
	Column        bool          `json:"column,omitempty"` // Object is a column
	// Statement is the DDL that undoes the drift, or that follows the other table of a `like:`; "" where no single
	// statement does without a value that is made up, changed or deleted.
	Statement string `json:"statement,omitempty"`
	Status    Status `json:"status"` // status under the check's policy; Pass when ignored
}

// Key identifies the drift across ticks, as in "column_removed:note".
func (d Drift) Key() string {
	if d.Object == "" {
		return string(d.Kind)
	}
	return string(d.Kind) + ":" + d.Object
}
