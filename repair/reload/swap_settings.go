package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// replacePartition runs the statements of a swap. The table that takes the partition's
// place gets its names and settings. If anything that the catalog says of the partition
// would be different, the swap is refused. away is the name of the former partition.
func (swap partitionSwap) replacePartition(ctx context.Context, tx *sql.Tx, away string, statements []string) error {
	keeper, ok := swap.dialect.(warehouse.PartitionKeeper)
	if !ok {
		return swap.exec(ctx, tx, statements...)
	}
	partition := swap.parts.Schema + "." + swap.parts.Leaf
	before, err := readRows(ctx, tx, keeper.DescribePartition(), partition)
	if err != nil {
		return err
	}
	indexes, err := readRows(ctx, tx, keeper.PartitionIndexes(), partition)
	if err != nil {
		return err
	}
	for i, index := range indexes {
		free := fmt.Sprintf("%s_i%d", away, i) // names are unique in a schema, and so both go there
		if err := swap.exec(ctx, tx, keeper.RenameIndex(index[0]+"."+index[1], free)); err != nil {
			return err
		}
	}
	if err := swap.exec(ctx, tx, statements...); err != nil {
		return err
	}
	if err := swap.renameIndexes(ctx, tx, keeper, partition, indexes); err != nil {
		return err
	}
	former, err := swap.writer.Name(swap.writer.Dialect.InternalTable(swap.parts.Name, away))
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	if err := swap.copySettings(ctx, tx, former, partition, "swapped"); err != nil {
		return err
	}
	after, err := readRows(ctx, tx, keeper.DescribePartition(), partition)
	if err != nil {
		return err
	}
	if lost := differentFacts(before, after); lost != "" {
		return repair.Refuse("method swap: the new partition would not be what %s was: %s", swap.name, lost)
	}
	return nil
}

// renameIndexes gives the partition's indexes the names of those that have the same
// definition. Rows of former have schema, name and definition.
func (swap partitionSwap) renameIndexes(
	ctx context.Context, tx *sql.Tx, keeper warehouse.PartitionKeeper, partition string, former [][]string,
) error {
	now, err := readRows(ctx, tx, keeper.PartitionIndexes(), partition)
	if err != nil {
		return err
	}
	former = slices.Clone(former)
	for _, index := range now {
		i := slices.IndexFunc(former, func(f []string) bool { return f[2] == index[2] })
		if i < 0 {
			return repair.Refuse("method swap: the partition %s has no index such as %s", swap.name, index[1])
		}
		if err := swap.exec(ctx, tx, keeper.RenameIndex(index[0]+"."+index[1], former[i][1])); err != nil {
			return err
		}
		former = slices.Delete(former, i, i+1)
	}
	return nil
}

// querier is a transaction, a session, or a database.
type querier interface {
	rowQuerier
	repair.Querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// copySettings gives a table the settings of a partition that are due at a time.
func (swap partitionSwap) copySettings(ctx context.Context, q querier, partition, table, at string) error {
	keeper, ok := swap.dialect.(warehouse.PartitionKeeper)
	if !ok {
		return nil
	}
	settings, err := readRows(ctx, q, keeper.PartitionSettings(), partition, table)
	if err != nil {
		return err
	}
	for _, s := range settings {
		if s[0] != at {
			continue
		}
		if _, err := q.ExecContext(ctx, s[1]); err != nil {
			return err
		}
	}
	return nil
}

// differentFacts names the facts that are not the same.
func differentFacts(before, after [][]string) string {
	same := func(in [][]string, fact []string) bool {
		return slices.ContainsFunc(in, func(f []string) bool { return slices.Equal(f, fact) })
	}
	var names []string
	for _, facts := range [][2][][]string{{before, after}, {after, before}} {
		for _, fact := range facts[0] {
			if !same(facts[1], fact) && !slices.Contains(names, fact[0]) {
				names = append(names, fact[0])
			}
		}
	}
	return strings.Join(names, ", ")
}

// readRows returns the rows of a query as texts. NULL is the empty text.
func readRows(ctx context.Context, q rowQuerier, query string, args ...any) (out [][]string, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(names))
		for i, c := range cells {
			row[i] = c.String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
