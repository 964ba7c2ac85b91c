package warehouse

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts is a set of kinds of catalog facts.
type Facts uint16

const (
	// Columns are columns with types, nullability, defaults and comments, and the
	// table's comment.
	Columns Facts = 1 << iota
	// Keys are primary, unique and foreign keys.
	Keys
	// Indexes are indexes with their columns.
	Indexes
	// Partitions are partitions with their bounds. The partition key may be read
	// without it.
	Partitions
	// Views are the definitions of views.
	Views
	// Estimates are estimates of rows and sizes.
	Estimates
	// Changes are change counters and times of modification.
	Changes
	// Expressions are the expressions of generated columns.
	Expressions
	// Details are the facts that only some engines have; see [Table.Details].
	Details
	// Rules are triggers, rules and CHECK constraints, which are among the details. Some
	// engines show them only to accounts that may do more than read.
	Rules
	// AllFacts are all of them.
	AllFacts Facts = 1<<iota - 1
)

// Scope is what a catalog read covers.
type Scope struct {
	Tables []TableName // nil: every table of every schema that is not the engine's own
	Facts  Facts       // tables' existence, kind and identity are always read
	// ColumnNames are columns whose types are read also without the fact Columns. Other
	// columns may be read too. nil: Facts decides.
	ColumnNames []string
	// Definitions are those of Tables whose definitions are compared. Of the others the
	// dialect may leave out texts for which the engine must open the table, such as the
	// expressions of indexes and the definitions of views. They are Unreadable then. nil:
	// the definitions of all tables are compared.
	Definitions []TableName
	// Previous is an earlier answer to the same scope. An engine whose change counters
	// show that no definition has changed may return it with new counters. That needs
	// the fact Changes, without Estimates.
	Previous *Catalog
	// Relations is about how many relations the database has, from an earlier answer; 0:
	// not known.
	Relations int
}

// TableName is a table inside one warehouse.
type TableName struct{ Schema, Name string }

// Catalog is a consistent snapshot of an engine's catalog.
type Catalog struct {
	AsOf   time.Time // the database's clock
	Facts  Facts     // the facts that were asked for and read
	Tables map[TableName]*Table
	// DefaultSchema is where an unqualified name lives (PostgreSQL: first of
	// search_path; MySQL: the DSN's database; SQLite: main).
	DefaultSchema string
	Standby       bool // the server is a read-only replica
	Lag           Lag  // of a standby
	// Relations is about how many relations the database has; 0: the engine does not say.
	Relations int

	// State is what the dialect keeps for a later [Scope.Previous]; nobody else
	// reads it.
	State any
}

// TableKind is what kind of relation a name stands for.
type TableKind string

const (
	BaseTable        TableKind = "table"
	PartitionedTable TableKind = "partitioned_table"
	View             TableKind = "view"
	MaterializedView TableKind = "materialized_view"
	ForeignTable     TableKind = "foreign_table"
)

// Table is everything the catalog says of one relation. Slices keep the
// catalog's order (columns by position, the rest by name).
type Table struct {
	TableName
	// ID is the engine's identity of the table. It changes when the table is dropped
	// and made anew. Empty if the engine has none.
	ID      string    `json:",omitzero"`
	Kind    TableKind `json:",omitzero"`
	Comment string    `json:",omitzero"`

	Columns      []Column     `json:",omitzero"`
	PrimaryKey   *Key         `json:",omitzero"`
	Unique       []Key        `json:",omitzero"` // unique constraints and unique indexes, without the primary key
	ForeignKeys  []ForeignKey `json:",omitzero"`
	Indexes      []Index      `json:",omitzero"` // all, also those behind keys
	PartitionKey []string     `json:",omitzero"`
	PartitionBy  string       `json:",omitzero"` // range, list, hash; "" when not partitioned
	Partitions   []Partition  `json:",omitzero"`
	Definition   string       `json:",omitzero"` // of a view

	// Details are facts without a field of their own, in order of part, name and fact.
	Details []Detail `json:",omitzero"`
	// DetailsVersion is [DetailsVersion] of the Sentinel that read Details; 0 if they were
	// not read.
	DetailsVersion int `json:",omitzero"`
	// Server is the name and the major version of the server, such as "PostgreSQL 15", if
	// Details were read. Texts of different versions differ without a change.
	Server string `json:",omitzero"`

	// FoldsColumns says that names of columns that differ in case alone are the same.
	FoldsColumns bool `json:"-"`

	// Unproven says that keys and NOT NULL of the table do not hold for all rows that a
	// SELECT reads, such as those of tables that inherit from it (PostgreSQL).
	Unproven bool `json:"-"`

	// Filtered: row security hides rows from the session's user (PostgreSQL).
	Filtered bool `json:"-"`

	// Rows is the engine's estimate, summed over partitions. -1: there is none.
	Rows int64 `json:",omitzero"`
	// Bytes is the size on disk, summed over partitions. -1: it is unknown.
	Bytes int64 `json:",omitzero"`
	// Written counts rows inserted, updated and deleted since the counters were reset,
	// summed over partitions. -1: it is unknown.
	Written int64 `json:",omitzero"`
	// Storage identifies what Written counts: the files that hold the rows, and the last
	// reset of the counters. Rows are known to be the same only if both are.
	Storage string `json:"-"`
	// Modified is when data last changed, as the engine says. Zero: it is unknown.
	Modified time.Time `json:",omitzero"`
	// Analyzed is when the estimates were made. Zero: it is unknown.
	Analyzed time.Time `json:",omitzero"`

	// Unreadable are facts that the session may not see, or that could not be read. A
	// diff must not take their absence for a removal.
	Unreadable Facts `json:",omitzero"`
	// ReadErr is why facts could not be read this time, such as a lock of another
	// session or a broken view. It is nil where the session may never see what is
	// Unreadable. A table that is locked has it also when nothing is Unreadable.
	ReadErr error `json:"-"`
}

// Unread returns the error of a table of which some of the facts could not be read this
// time; nil if they were read, or may never be read.
func (t *Table) Unread(f Facts) error {
	if t == nil || t.Unreadable&f == 0 {
		return nil
	}
	return t.ReadErr
}

// Column is one column.
type Column struct {
	Name      string `json:",omitzero"`
	ID        string `json:",omitzero"` // stable identity (PostgreSQL attnum), "" if the engine has none
	Position  int    `json:",omitzero"` // from 1, without dropped columns
	Type      Type   `json:",omitzero"`
	Nullable  bool   `json:",omitzero"`
	Default   string `json:",omitzero"` // expression; "" when none
	Generated string `json:",omitzero"` // expression of a generated or identity column; "" when none
	Collation string `json:",omitzero"` // "" when the database's default
	Comment   string `json:",omitzero"`
}

// Writable reports whether an INSERT can set the column. Its value is computed otherwise.
// A column that numbers its rows can be set; see [RowInserter].
func (c *Column) Writable() bool {
	return c.Generated == "" || c.Generated == "auto_increment" || strings.HasPrefix(c.Generated, "identity ")
}

// Fixed reports whether an UPDATE cannot set the column, although an INSERT can.
func (c *Column) Fixed() bool { return c.Generated == "identity always" }

// Type is a column's type as the engine spells it and in canonical form.
type Type struct {
	Native    string `json:",omitzero"` // as the engine prints it: "character varying(20)", "int(10) unsigned"
	Family    Family `json:",omitzero"` // canonical, comparable across engines
	Length    int    `json:",omitzero"` // characters or bytes; 0 when unlimited or meaningless
	Precision int    `json:",omitzero"` // total digits; of times: fractional digits + 1, so that 0 means unset
	Scale     int    `json:",omitzero"`
	Bits      int    `json:",omitzero"` // integers and floats: 8, 16, 24, 32, 64
	Unsigned  bool   `json:",omitzero"`
	Zoned     bool   `json:",omitzero"` // timestamps and times that know their time zone
	Zerofill  bool   `json:",omitzero"` // numbers that are printed with leading zeros
	Padded    bool   `json:",omitzero"` // binary strings that are filled up with zero bytes
	// Unenforced: the engine takes values of any size and zone, whatever the type says.
	Unenforced bool     `json:",omitzero"`
	Values     []string `json:",omitzero"` // enum or set labels in order
	Element    *Type    `json:",omitzero"` // arrays
}

// Family groups types that hold the same kind of value in every engine.
type Family string

const (
	Boolean   Family = "boolean"
	Integer   Family = "integer"
	Decimal   Family = "decimal"
	FloatType Family = "float"
	Text      Family = "text"
	FixedText Family = "fixed_text"
	Binary    Family = "binary"
	Date      Family = "date"
	Time      Family = "time"
	Timestamp Family = "timestamp"
	Interval  Family = "interval"
	UUID      Family = "uuid"
	JSON      Family = "json"
	Enum      Family = "enum"
	Array     Family = "array"
	Other     Family = "other" // compared by Native
)

// Key is a primary or unique key.
type Key struct {
	Name    string   `json:",omitzero"`
	Columns []string `json:",omitzero"`
	// Constraint says that a unique key is a constraint, where the engine has unique indexes
	// without one too.
	Constraint bool `json:",omitzero"`
}

// ForeignKey points to another table.
type ForeignKey struct {
	Name       string    `json:",omitzero"`
	Columns    []string  `json:",omitzero"`
	References TableName `json:",omitzero"`
	RefColumns []string  `json:",omitzero"`
	OnUpdate   string    `json:",omitzero"`
	OnDelete   string    `json:",omitzero"`
}

// Index is one index. Definition is the engine's text without the index's own
// name and table, so that a rename is not a change.
type Index struct {
	Name       string   `json:",omitzero"`
	Columns    []string `json:",omitzero"` // leading first; an expression stands as its text in parentheses
	Unique     bool     `json:",omitzero"`
	Method     string   `json:",omitzero"` // btree, hash, gin, ...
	Partial    string   `json:",omitzero"` // predicate; "" when the index covers all rows
	Invalid    bool     `json:",omitzero"`
	Definition string   `json:",omitzero"`
}

// Partition is a partition of a table, or of one of its partitions.
type Partition struct {
	Name  string `json:",omitzero"`
	Bound string `json:",omitzero"` // as the engine prints it
	Rows  int64  `json:",omitzero"` // estimate; -1 unknown
	Of    string `json:",omitzero"` // name of the partition that it is a part of; "" if it is one of the table's
	By    string `json:",omitzero"` // how it is partitioned itself, such as "list (country)"; "" if it is not
	// From and To are the typed range of a single-column range partition, as
	// text in the key column's own form; "" for an open end. IsRange is false
	// for list, hash, default and multi-column partitions.
	From, To string `json:",omitzero"`
	IsRange  bool   `json:",omitzero"`
	Default  bool   `json:",omitzero"`
}

// Column returns the named column, or nil. Case counts where it counts for the engine.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.SameColumn(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// SameColumn reports whether two names mean the same column of the table.
func (t *Table) SameColumn(a, b string) bool {
	return a == b || t.FoldsColumns && strings.EqualFold(a, b)
}

// LeadsIndex reports whether the column is the first of a valid, total btree
// index, so that its maximum costs one index entry and no scan.
func (t *Table) LeadsIndex(column string) bool {
	for _, ix := range t.Indexes {
		ordered := ix.Method == "" || ix.Method == "btree"
		if ordered && !ix.Invalid && ix.Partial == "" && len(ix.Columns) > 0 && t.SameColumn(ix.Columns[0], column) {
			return true
		}
	}
	return false
}

// EpochTime reads a cell that [Dialect.Epoch] gave; the zero time for NULL.
func EpochTime(c Cell) (time.Time, error) {
	if c.Null || c.Text == "" {
		return time.Time{}, nil
	}
	f, err := strconv.ParseFloat(c.Text, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(int64(f * 1e6)).UTC(), nil
}

// Sort puts what came in any order into the order that Table promises, and numbers
// the columns from 1. Every dialect calls it once for each table that it has read.
func (t *Table) Sort() {
	// Columns are large, and a hash join gives them last first, which is the most
	// that sorting could have to move.
	if n := len(t.Columns); n > 1 && t.Columns[0].Position > t.Columns[n-1].Position {
		slices.Reverse(t.Columns)
	}
	slices.SortFunc(t.Columns, func(a, b Column) int { return a.Position - b.Position })
	for i := range t.Columns {
		t.Columns[i].Position = i + 1
	}
	slices.SortFunc(t.Unique, func(a, b Key) int {
		if a.Name == b.Name && a.Constraint != b.Constraint {
			return map[bool]int{true: -1, false: 1}[a.Constraint]
		}
		return strings.Compare(a.Name, b.Name)
	})
	t.Unique = slices.CompactFunc(t.Unique, func(a, b Key) bool { return a.Name == b.Name })
	slices.SortFunc(t.ForeignKeys, func(a, b ForeignKey) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Indexes, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return strings.Compare(a.Name, b.Name) })
	t.sortDetails()
}
