package postgres

import "github.com/sentinel-dq/sentinel/warehouse"

// DescribeSwap implements warehouse.PartitionSwapper.
func (Dialect) DescribeSwap(table, leaf, bound string) []string {
	return []string{
		"ALTER TABLE " + table + " DETACH PARTITION " + leaf,
		"ALTER TABLE " + table + " ATTACH PARTITION staging " + bound,
	}
}

// CheckLeaf implements warehouse.PartitionSwapper. The server keeps rules of their
// own with partitions, not with their parent.
func (Dialect) CheckLeaf(s warehouse.Swap) warehouse.Statement {
	return warehouse.Statement{SQL: checkLeafSQL, Args: []any{s.Schema + "." + s.Leaf, s.Table}}
}

// HasStaged implements warehouse.PartitionSwapper.
func (Dialect) HasStaged(warehouse.Swap) warehouse.Statement { return warehouse.Statement{} }

// MakeStaged implements warehouse.PartitionSwapper: a table with the partition's
// keys, indexes and constraints, and one that says that all of it is inside the
// window. With that ATTACH need not read the rows.
func (Dialect) MakeStaged(s warehouse.Swap) []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS " + s.Staged + " (LIKE " + s.Schema + "." + s.Leaf + " INCLUDING ALL)",
		"ALTER TABLE " + s.Staged + " DROP CONSTRAINT IF EXISTS sentinel_window",
		"ALTER TABLE " + s.Staged + " ADD CONSTRAINT sentinel_window CHECK (" + s.RowCondition + ")",
	}
}

// SwapIn implements warehouse.PartitionSwapper.
func (Dialect) SwapIn(s warehouse.Swap) []string {
	return append(replace(s, s.KeptName, s.StagedName),
		"ALTER TABLE "+s.Schema+"."+s.Leaf+" DROP CONSTRAINT sentinel_window")
}

// SwapOut implements warehouse.PartitionSwapper.
func (Dialect) SwapOut(s warehouse.Swap) []string { return replace(s, s.StagedName, s.KeptName) }

// replace moves the partition to the schema sentinel under the name away, and
// attaches the table there that is called next in its place.
func replace(s warehouse.Swap, away, next string) []string {
	part := s.Schema + "." + s.Leaf
	return []string{
		"ALTER TABLE " + s.Table + " DETACH PARTITION " + part,
		"ALTER TABLE " + part + " RENAME TO " + away,
		"ALTER TABLE " + s.Schema + "." + away + " SET SCHEMA sentinel",
		"ALTER TABLE sentinel." + next + " SET SCHEMA " + s.Schema,
		"ALTER TABLE " + s.Schema + "." + next + " RENAME TO " + s.Leaf,
		"ALTER TABLE " + s.Table + " ATTACH PARTITION " + part + " " + s.Bound,
	}
}

// DescribePartition implements warehouse.PartitionKeeper.
func (Dialect) DescribePartition() string { return describePartitionSQL }

// PartitionIndexes implements warehouse.PartitionKeeper.
func (Dialect) PartitionIndexes() string { return partitionIndexesSQL }

// PartitionSettings implements warehouse.PartitionKeeper.
func (Dialect) PartitionSettings() string { return partitionSettingsSQL }

// RenameIndex implements warehouse.PartitionKeeper. A constraint behind the index is
// renamed with it.
func (Dialect) RenameIndex(index, name string) string {
	return "ALTER INDEX " + index + " RENAME TO " + name
}
