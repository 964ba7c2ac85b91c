package mysql

import "github.com/sentinel-dq/sentinel/warehouse"

// DescribeSwap implements warehouse.PartitionSwapper.
func (Dialect) DescribeSwap(table, leaf, _ string) []string {
	return []string{"ALTER TABLE " + table + " EXCHANGE PARTITION " + leaf + " WITH TABLE staging"}
}

// CheckLeaf implements warehouse.PartitionSwapper.
func (Dialect) CheckLeaf(warehouse.Swap) warehouse.Statement { return warehouse.Statement{} }

// HasStaged implements warehouse.PartitionSwapper.
func (Dialect) HasStaged(s warehouse.Swap) warehouse.Statement {
	return warehouse.Statement{
		SQL: `SELECT count(*)
			FROM information_schema.tables
			WHERE table_schema = ? AND table_name = ? AND create_options NOT LIKE '%partitioned%'`,
		Args: []any{s.Name, s.StagedName},
	}
}

// MakeStaged implements warehouse.PartitionSwapper: a table with the same columns,
// keys and options, and no partitions.
func (Dialect) MakeStaged(s warehouse.Swap) []string {
	return []string{
		"DROP TABLE IF EXISTS " + s.Staged,
		"CREATE TABLE " + s.Staged + " LIKE " + s.Table,
		"ALTER TABLE " + s.Staged + " REMOVE PARTITIONING",
	}
}

// SwapIn implements warehouse.PartitionSwapper.
func (Dialect) SwapIn(s warehouse.Swap) []string {
	return []string{"ALTER TABLE " + s.Table + " EXCHANGE PARTITION " + s.Leaf + " WITH TABLE " + s.Staged}
}

// SwapOut implements warehouse.PartitionSwapper: exchanged again, the partition is
// what it was.
func (d Dialect) SwapOut(s warehouse.Swap) []string { return d.SwapIn(s) }

// LockSwap implements warehouse.SwapLocker.
func (Dialect) LockSwap(s warehouse.Swap) (lock, unlock string) {
	return "LOCK TABLES " + s.Table + " WRITE, " + s.Staged + " WRITE", "UNLOCK TABLES"
}
