package warehouse

import "database/sql"

// RowUpdate is an update of rows of one table from those of another. Names are quoted.
type RowUpdate struct {
	Table string // whose rows are updated
	From  string // that has the new values
	// Among has the rows that may be updated, by the columns of Key.
	Among   string
	Key     []string // the columns by which rows of the three tables are the same
	Columns []string // that get the values of From
	Kept    []string // other columns of Table, which keep their values
}

// DependentQueries ask what notices when rows of a table are deleted and inserted
// again. Each takes the table's schema and name, unquoted. "" asks nothing. What is said
// of a partitioned table includes its partitions.
type DependentQueries struct {
	// Cascading answers with the tables that lose or change rows too, one in each row.
	Cascading string
	// Triggers answers with the triggers of the table, one in each row.
	Triggers string
	// Grants answers with those of the privileges SELECT and TRIGGER that the account
	// has, one in each row. Without them the other queries do not show everything. ""
	// says that all accounts see everything.
	Grants string
	// Obstacles answers with whatever else on the table a reload cannot leave as it is.
	// Each row has the four texts of an [Obstacle].
	Obstacles string
}

// Obstacle is something on a table that a reload cannot leave as it is.
type Obstacle struct {
	Method string // the method of reload_partition that it concerns; "" for all
	Effect string // "refuse" refuses the reload, "approve" leaves it to a person
	// Column limits the obstacle to reloads that update this column; "" does not.
	Column string
	Why    string // a clause about the table, such as "a, b inherit from it"
}

// RowInserter is a dialect whose plain INSERT would give some columns other values than
// it is told, or would replace other rows. Without it a plain INSERT is right.
type RowInserter interface {
	// InsertRows returns an INSERT of the rows that a query answers with, exactly as
	// they are. It fails if a row cannot be inserted. columns is a list with commas.
	InsertRows(table, columns, query string) string
}

// KeyIndexer is a dialect that compares two tables by a key row by row. Without it the
// engine joins them without an index.
type KeyIndexer interface {
	// IndexKey returns the definition of an index on the columns of a key, as it stands in
	// CREATE TABLE before AS: "(INDEX (a, b))". It is "" for types without an index.
	IndexKey(key []KeyColumn) string
}

// KeyColumn is a column of a key.
type KeyColumn struct {
	Name string // quoted
	Type Type
}

// RowMover is a dialect that deletes rows and keeps exactly those in one statement.
// Without it rows are copied under the lock of a [RowLocker], or of the whole database,
// and deleted then.
type RowMover interface {
	// MoveRows returns a statement that deletes the rows of a table that meet a
	// condition, and inserts their columns into keep.
	MoveRows(table, keep, columns, condition string) string
}

// IsolationChooser is a dialect whose repairs need an isolation level that may not be
// the default of the database. Without it the default is right.
type IsolationChooser interface {
	// RepairIsolation returns the level of every transaction of a repair.
	RepairIsolation() sql.IsolationLevel
}

// SequenceAdvancer is a dialect that numbers rows by sequences, which do not notice
// numbers that are inserted. Without it the engine moves its counters by itself.
type SequenceAdvancer interface {
	// Sequences returns a query by schema and name of a table, unquoted, for the
	// sequences that number its rows. Its rows have the column, the sequence's quoted
	// name, and why this account cannot move the sequence, or an empty text.
	Sequences() string
	// AdvanceSequence returns a query that moves a sequence past the values in a column
	// of a table. It never moves it back, also not while others take numbers. Names are
	// quoted.
	AdvanceSequence(sequence, column, from string) string
}

// AccountChecker is a dialect whose accounts and sessions may see or change less of a
// table than there is. Without it what an account cannot do is an error.
type AccountChecker interface {
	// CheckAccount returns a query by schema and name, unquoted, for why this session
	// would not read and write all rows of a table as they are; an empty text for
	// nothing.
	CheckAccount() string
}

// PartitionKeeper is a [PartitionSwapper] where a partition has settings and names of its
// own. Without it the engine keeps all of that with the partitioned table.
type PartitionKeeper interface {
	// DescribePartition returns a query by the quoted name of a partition for everything
	// that the catalog says of it: rows of fact and value, in order.
	DescribePartition() string
	// PartitionIndexes returns a query by the quoted name of a table for its indexes:
	// rows of quoted schema, quoted name, and a definition without names.
	PartitionIndexes() string
	// PartitionSettings returns a query by the quoted names of a partition and another
	// table for statements that give the table the settings of the partition. Its rows
	// have "staged", before rows are inserted, or "swapped", once the table is in the
	// partition's place, and a statement.
	PartitionSettings() string
	// RenameIndex returns a statement that renames an index and the key behind it.
	RenameIndex(index, name string) string
}

// SwapLocker is a [PartitionSwapper] that is an [AutoCommitter]. Without it another session
// may write between the last look at a partition and its swap.
type SwapLocker interface {
	// LockSwap returns statements of one session that lock the table and the staged table
	// against everybody, so that SwapIn still runs, and that release them.
	LockSwap(s Swap) (lock, unlock string)
}
