package warehouse

import (
	"context"
	"database/sql"
	"time"
)

// WriteDialect is a dialect that repairs may write with. Names of tables and
// columns in arguments are quoted unless the method says otherwise. What only
// some engines have is in the optional interfaces below.
type WriteDialect interface {
	Dialect
	// OpenForWriting prepares sessions that write to cfg.RepairDSN, with the
	// lock timeout of cfg, time zone UTC and application name "sentinel/repair".
	// Values that do not fit a column must be errors, never cut. It does not need
	// the server to be up.
	OpenForWriting(cfg Config) (*sql.DB, error)
	// Classify turns an error of the driver into an [Error].
	Classify(err error) error
	// Bind turns arguments into what the driver takes, such as times into the
	// text form of an engine without a type for them.
	Bind(args []any) []any
	// ServerIdentity is a query whose answer tells running servers apart, also a
	// standby from its primary.
	ServerIdentity() string

	// InternalTable names a table of Sentinel's, unquoted: in a schema of its own where the
	// engine has schemas, beside the tables of schema where it has not.
	InternalTable(schema, name string) TableName
	// CreateInternalTables are the statements that make the tables for fence and ledger.
	CreateInternalTables(fence, ledger string) []string
	// ListTables answers with the names of the tables of a schema.
	ListTables(schema string) Statement
	// LongTextType is the type of a column for text of any length.
	LongTextType() string

	// InsertMissing inserts one row, unless its key is there.
	InsertMissing(table, columns, values string) string
	// Upsert inserts the rows of one table into another, and updates those whose
	// key is there and that differ.
	Upsert(u Upsert) string
	// Checksum is a query for a checksum of the columns of all rows of from, which
	// may end in a condition. When summed is true it answers with the number of
	// rows and a text that is the sum of their hashes; else with one text a row.
	Checksum(columns []string, from string) (query string, summed bool)
	// ConvertValue turns a cell that another engine wrote into what this one reads as the
	// same value.
	ConvertValue(c *Column, cell Cell) any
	// AcceptsZones reports whether the text of a timestamp may end in its zone.
	AcceptsZones() bool

	// DependentQueries are the queries for what notices when rows are deleted.
	DependentQueries() DependentQueries

	// TypeName spells a canonical type; false where the engine has no exact one.
	TypeName(t Type) (string, bool)
	// CheckColumnName refuses a name, unquoted, that the server would not take for
	// a new column, or take for another.
	CheckColumnName(name string) error
	// AddColumn adds a column; definition has its type and perhaps a default.
	AddColumn(table, column, definition string, nullable bool) string
	// ChangeType widens a column. approve says why a person must agree; "" lets it
	// go ahead. An error refuses the change.
	ChangeType(c TypeChange) (statement, approve string, err error)
}

// Upsert is an insert of all rows of From into Table.
type Upsert struct {
	Table, From          string
	Columns, Key, NonKey []string // Rest: the columns that are not of the key
}

// DependentQueries ask what notices when rows of a table are deleted and inserted
// again. Each takes the table's schema and name, unquoted, and answers with one
// name a row. "" has nothing to ask.
type DependentQueries struct {
	// Cascading answers with the tables that lose or change rows too.
	Cascading string
	// Triggers answers with the table's own.
	Triggers string
	// Grants answers with the privileges, of SELECT and TRIGGER, without which the
	// account is not shown all of the other two. "" says that all accounts are.
	Grants string
}

// TypeChange is a change of a column's type.
type TypeChange struct {
	Table, Column string
	From, To      Column
	Bytes         int64 // of the table; less than 0 when it is not known
}

// TransactionLimiter is a dialect whose transactions are given limits of their
// own, so that a waiting repair holds nobody else up.
type TransactionLimiter interface {
	// LimitTransaction is run first in a transaction. Application names the session
	// to other sessions.
	LimitTransaction(l TransactionLimits) Statement
}

// TransactionLimits bound what the server does within one transaction.
type TransactionLimits struct {
	Lock, Statement time.Duration
	Application     string
}

// RowLocker is a dialect that locks rows on reading; the transactions of others
// exclude each other from their start.
type RowLocker interface {
	// LockRows is the query with its rows locked to the end of the transaction.
	LockRows(query string) string
}

// SessionEnder is a dialect that ends sessions of agents that are gone.
type SessionEnder interface {
	// EndSessions is a query that ends sessions and answers with their number:
	// those whose application name is like its first argument and not its second.
	EndSessions() string
}

// AutoCommitter is a dialect whose DDL commits by itself. Repairs then mark intent
// and outcome around a statement, and hold a named lock meanwhile.
type AutoCommitter interface {
	// NamedLock are the statements that take, for up to two seconds, and release a
	// lock of the session by its name. Taking it answers 1.
	NamedLock() (take, release string)
}

// RollbackChecker is a dialect with tables that do not roll back.
type RollbackChecker interface {
	// WithoutRollback is a query by schema and name, unquoted, that answers with
	// why a table does not roll back, or with an empty text.
	WithoutRollback() string
}

// DateBinder is a dialect that compares dates as texts.
type DateBinder interface {
	// BindDate is the argument that a column of dates is compared with.
	BindDate(day time.Time) any
}

// TableLocker is a dialect that locks a table before it alters it, and knows what
// would make the lock wait.
type TableLocker interface {
	// LockTable are statements that lock a table against everybody, as a role,
	// unless that is "".
	LockTable(table, role string) []string
	// DigestTable is a query by the table's name for a digest of what the catalog
	// says of it. It asks for no lock.
	DigestTable() string
	// TableInUse is a query for why a lock would not come soon, or an empty text.
	// Its arguments: the table's name; for how long a transaction may have held it;
	// how far a standby may be behind.
	TableInUse() string
	// Dependencies is a query by the table's id for what depends on it: rows of
	// kind, name and column. Kinds: depends, published, extension, privileges,
	// version.
	Dependencies() string
}

// NullDropper is a dialect that makes a column nullable in its catalog alone.
type NullDropper interface {
	// DropNotNull are the statement and the one that takes it back.
	DropNotNull(table, column string) (forward, reverse string)
}

// AddColumnChecker is a dialect whose servers cannot all be trusted with a new
// column.
type AddColumnChecker interface {
	// CheckAddColumn says why a column must not be added to a table, unquoted; ""
	// lets it go ahead.
	CheckAddColumn(ctx context.Context, ask QueryFunc, t TableName) (refused string, err error)
}

// QueryFunc answers one statement.
type QueryFunc func(st Statement) (Rows, error)

// PartitionSwapper is a dialect that puts a table in the place of a partition.
type PartitionSwapper interface {
	// DescribeSwap words the swap for people.
	DescribeSwap(table, leaf, bound string) []string
	// CheckLeaf is a query for what a partition has of its own that the staged
	// table would not have: an empty text for nothing. "" has nothing to ask.
	CheckLeaf(s Swap) Statement
	// HasStaged is a query for the number of staged tables that are there and fit.
	// "" means that MakeStaged may run again.
	HasStaged(s Swap) Statement
	// MakeStaged makes an empty table that fits in the place of the partition.
	MakeStaged(s Swap) []string
	// SwapIn puts the staged table in the place of the partition.
	SwapIn(s Swap) []string
	// SwapOut puts the partition that was there back.
	SwapOut(s Swap) []string
}

// Swap names what takes part in a swap.
type Swap struct {
	Schema string // quoted
	Name   string // of the schema, unquoted
	Table  string // with its schema
	Leaf   string // the partition, without its schema
	Bound  string // of the partition, as the catalog prints it
	Staged string // with its schema
	// StagedName and KeptName are unquoted and without their schema: of the staged
	// table, and of the partition that it replaces.
	StagedName, KeptName string
	// RowCondition is the condition that all rows of the partition meet.
	RowCondition string
}

// Adviser is a dialect that knows what an account should not be allowed to do,
// and what is special when repairs write.
type Adviser interface {
	// AdviseReading is about the account that checks use.
	AdviseReading(ask QueryFunc) []Advice
	// AdviseWriting is about repairs.
	AdviseWriting(ask QueryFunc) []Advice
}

// Advice is one thing that an account or a server may or may not do.
type Advice struct {
	Level string // ok, warn, fail
	Text  string // with what to do
}
