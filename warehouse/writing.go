package warehouse

import (
	"context"
	"database/sql"
	"time"
)

// WriteDialect is a dialect that repairs write with. An engine without it can be
// checked, and not repaired.
//
// Its methods write SQL, and run none. Names of tables and columns in arguments
// are quoted unless the method says otherwise. Methods may be called concurrently.
// The optional interfaces below have what only some engines can do; each says what
// happens without it. dialecttest.RunWriting holds a dialect to all of them.
type WriteDialect interface {
	Dialect
	// OpenForWriting prepares sessions that write to cfg.RepairDSN, with the lock
	// timeout of cfg, time zone UTC and application name "sentinel/repair". A value
	// that does not fit a column must be an error: the server must not cut it. The
	// server need not be up. A statement that runs for longer than cfg.RepairTimeout
	// fails, on this side too if the server says nothing. One whose context ends is
	// ended on the server.
	OpenForWriting(cfg Config) (*sql.DB, error)
	// Classify turns an error of the driver into an [Error] with a kind. Repairs are
	// tried again after errors that are Temporary.
	Classify(err error) error
	// Bind turns arguments into what the driver takes, such as times into the text
	// form of an engine without a type for them.
	Bind(args []any) []any
	// ServerIdentity returns a query for one text that differs between running
	// servers, also between a standby and its primary. Repairs compare the servers
	// of dsn and repair_dsn by it after a failover.
	ServerIdentity() string

	// InternalTable returns the unquoted name of a table that belongs to Sentinel:
	// in a schema of its own where the engine has schemas, and beside the tables of
	// the given schema where it has not. Names of staging tables begin with "stage_".
	InternalTable(schema, name string) TableName
	// CreateInternalTables returns the statements that create the two tables, and
	// their schema, where they are missing. The fence has the columns fence_key (a
	// key of 64 characters) and token (64 bits). The ledger has repair_id, step, token,
	// row_count and applied_at, and the key (repair_id, step).
	CreateInternalTables(fence, ledger string) []string
	// ListTables returns a statement that answers with the names of the tables of a
	// schema, unquoted.
	ListTables(schema string) Statement
	// LongTextType returns the type of a column for text of any length.
	LongTextType() string

	// InsertMissing returns a statement that inserts one row, unless its key exists.
	// columns and values are lists with commas.
	InsertMissing(table, columns, values string) string
	// UpdateRows returns a statement that updates rows of one table from the rows of
	// another with the same key. It must not write rows that stay the same, and must
	// write those whose values are only spelt differently.
	UpdateRows(u RowUpdate) string
	// Checksum returns a query over the columns of all rows of from, which may end
	// in a condition. When summed is true the query answers with one row: the number
	// of rows, and a text that is the sum of their hashes. Otherwise it answers with
	// one text for each row, and the caller adds the hashes up. NULL differs from
	// every text, and a value cannot move from one column to the next unseen.
	Checksum(columns []string, from string) (query string, summed bool)
	// ValueReader reads values exactly.
	ValueReader
	// BindValue returns the argument to bind, so that a column of type t stores the value.
	// An error says why the engine has no such value. The kind suits the type, and the kinds
	// are those that DecodeValue returns for it.
	BindValue(v Value, t Type) (any, error)

	// DependentQueries returns the queries for what notices when rows of a table are
	// deleted. A reload runs them while it plans, on the sessions of checks.
	DependentQueries() DependentQueries

	// TypeName returns the engine's name of a type that another engine has; false
	// where there is no exact counterpart.
	TypeName(t Type) (string, bool)
	// CheckColumnName refuses an unquoted name that the server would not take for a
	// new column, or would take for another.
	CheckColumnName(name string) error
	// AddColumn returns a statement that adds a column. definition has its type and
	// perhaps a default. The server should refuse what would rewrite the table.
	AddColumn(table, column, definition string, nullable bool) string
	// ChangeType returns a statement that widens a column. approve says why a person
	// must agree; "" lets the change go ahead. An error refuses it.
	ChangeType(c TypeChange) (statement, approve string, err error)
}

// TypeChange is a change of a column's type.
type TypeChange struct {
	Table, Column string
	From, To      Column
	Have          *Table // as it is
	Bytes         int64  // of the table; below 0 when it is not known
}

// TransactionLimiter is a dialect whose transactions have limits of their own, so
// that a repair that waits holds nobody up. Without it the limits of the session
// hold.
type TransactionLimiter interface {
	// LimitTransaction returns the statement that runs first in a transaction.
	LimitTransaction(l TransactionLimits) Statement
}

// TransactionLimits bound what the server does within one transaction.
type TransactionLimits struct {
	Lock        time.Duration // longest wait for a lock
	Statement   time.Duration // longest run of one statement; 0: that of the session
	Application string        // name of the session, shown to other sessions
}

// RowLocker is a dialect that locks rows when it reads them. Without it the
// transactions of an engine must exclude each other from their start.
type RowLocker interface {
	// LockRows returns the query with its rows locked to the end of the transaction.
	LockRows(query string) string
}

// SessionEnder is a dialect that ends sessions of agents that are gone. Without it
// a repair whose commit was lost waits for the fence instead.
type SessionEnder interface {
	// EndSessions returns a query that ends sessions and answers with their number:
	// those whose application name is LIKE its first argument, and is not its second.
	EndSessions() string
}

// AutoCommitter is a dialect whose DDL commits by itself. Repairs then write intent
// and outcome to the ledger around a statement, and hold a named lock meanwhile.
// Without it DDL runs in a transaction with fence and ledger.
type AutoCommitter interface {
	// NamedLock returns the statements that take a lock of the session and release
	// it. Both have the lock's name as their argument. Taking waits for up to two
	// seconds and answers 1 when the lock is held.
	NamedLock() (take, release string)
}

// RollbackChecker is a dialect with tables that do not roll back. Without it all
// tables do.
type RollbackChecker interface {
	// WithoutRollback returns a query by schema and name, unquoted, that answers
	// with why the table does not roll back, or with an empty text.
	WithoutRollback() string
}

// TableLocker is a dialect that locks a table before it alters it, and knows what
// would make the lock wait. Without it nothing is locked or asked.
type TableLocker interface {
	// LockTable returns statements that lock a table against everybody, after they
	// have taken a role on; "" takes none.
	LockTable(table, role string) []string
	// DigestTable returns a query by the table's quoted name for a digest of what
	// the catalog says of it. The query must not wait for a lock.
	DigestTable() string
	// TableInUse returns a query for why a lock would not come soon, or an empty
	// text. Its arguments are the table's quoted name, and two intervals as text: for how
	// long a transaction may have held the table, and how far a standby may be behind.
	TableInUse() string
	// Dependencies returns a query by the table's id for what depends on it: rows of
	// kind, name and column. Kinds are depends, published, extension, privileges and
	// version. A row of kind version must exist.
	Dependencies() string
}

// AlterInspector is a dialect whose ALTER TABLE may run functions: those of domains,
// of ranges and casts, of expressions that it evaluates again, and of event triggers.
// Without it an ALTER TABLE runs none.
type AlterInspector interface {
	// OwnNames returns the statement that makes names of types, functions and operators
	// without a schema mean the server's own, until the transaction ends.
	OwnNames() string
	// InspectAlter returns a query for what an ALTER TABLE may run. Its arguments are
	// the table's quoted name, the name of a type or "", and the column whose type
	// changes or "". Rows are of kind and text. Kind name has how a statement spells the
	// type under OwnNames, and is missing if there is no such type. Kind own has a type
	// that is not the server's own, at any depth of the type. Kind runs has a function
	// of an account that is no superuser. Kind digest differs when any of them changes.
	InspectAlter() string
}

// NullDropper is a dialect that makes a column nullable in its catalog alone.
// Without it alter_table refuses to.
type NullDropper interface {
	// DropNotNull returns the statement, and the one that reverses it.
	DropNotNull(table, column string) (forward, reverse string)
}

// AddColumnChecker is a dialect with servers that cannot be trusted to add a
// column. Without it all can.
type AddColumnChecker interface {
	// CheckAddColumn returns why a column must not be added to a table, whose name is
	// not quoted; "" lets it go ahead.
	CheckAddColumn(ctx context.Context, query QueryFunc, t TableName) (refused string, err error)
}

// QueryFunc runs one statement and returns its rows.
type QueryFunc func(st Statement) (Rows, error)

// PartitionSwapper is a dialect that puts a table in the place of a partition.
// Without it reload_partition refuses the method swap.
type PartitionSwapper interface {
	// DescribeSwap returns the statements of a swap as the plan shows them.
	DescribeSwap(table, leaf, bound string) []string
	// CheckLeaf returns a query for what a partition has of its own that the staged
	// table would not have; an empty text for nothing. An empty statement asks nothing.
	CheckLeaf(s Swap) Statement
	// HasStaged returns a query for the number of staged tables that exist and fit.
	// An empty statement says that MakeStaged may run again.
	HasStaged(s Swap) Statement
	// MakeStaged returns statements that create an empty table that fits in the place
	// of the partition.
	MakeStaged(s Swap) []string
	// SwapIn returns statements that put the staged table in the place of the partition.
	SwapIn(s Swap) []string
	// SwapOut returns statements that put the former partition back.
	SwapOut(s Swap) []string
}

// Swap names what takes part in the swap of a partition. Names are quoted unless
// the field says otherwise.
type Swap struct {
	Schema string // of the table
	Name   string // of the schema, unquoted
	Table  string // with its schema
	Leaf   string // the partition, without its schema
	Bound  string // of the partition, as the catalog prints it
	Staged string // the staged table, with its schema
	// StagedName is the staged table's name, unquoted and without its schema.
	StagedName string
	// KeptName is the name under which the former partition is kept, unquoted and
	// without its schema.
	KeptName string
	// RowCondition is the condition that all rows of the partition meet.
	RowCondition string
}

// Adviser is a dialect that knows what an account should not be allowed to do, and
// what is special when repairs write. `sentinel doctor` prints the advice; without
// it doctor says less.
type Adviser interface {
	// AdviseReading is about the account that checks use.
	AdviseReading(query QueryFunc) []Advice
	// AdviseWriting is about the account that repairs use.
	AdviseWriting(query QueryFunc) []Advice
}

// Advice is one thing that an account or a server may or may not do.
type Advice struct {
	Level string // ok, warn or fail
	Text  string // what was found, and what to do
}
