package postgres

import (
	"context"
	"fmt"
)

// usedTable is a table whose rows Used adds up.
type usedTable struct {
	name, body string
	row        int    // bytes of a row without its body
	key        string // cuts the table in parts; "": it is small
	part       int64  // how many keys one statement covers, so that each is quick
}

var usedTables = []usedTable{
	{name: "tick", body: "body", row: 160, key: "id", part: 5000},
	{name: "block", body: "points", row: 100, key: "series", part: 200},
	{name: "last_tick", body: "results", row: 200},
	{name: "recent", body: "points", row: 100},
}

// Used estimates the bytes of ticks, observations and last results. The sizes of their tables
// do not tell, because removed rows leave space in them. So rows are added up: the bytes of their
// values, those that the server adds to a row and to its entries in indexes, and a tenth of it
// all for pages that are not full.
func (d *DB) Used(ctx context.Context) (used int64, err error) {
	for _, t := range usedTables {
		rows, err := d.usedBy(ctx, t)
		if err != nil {
			return 0, err
		}
		used += rows + rows/10
	}
	return used, nil
}

// usedBy adds up the rows of one table.
func (d *DB) usedBy(ctx context.Context, t usedTable) (used int64, err error) {
	sum := fmt.Sprintf(`SELECT coalesce(sum(length(%s) + %d), 0)::bigint FROM %s`, t.body, t.row, t.name)
	if t.key == "" {
		err := d.reads.QueryRowContext(ctx, sum).Scan(&used)
		return used, err
	}
	ends := fmt.Sprintf(`SELECT coalesce(min(%[1]s), 0), coalesce(max(%[1]s), -1) FROM %[2]s`, t.key, t.name)
	var next, last int64
	if err := d.reads.QueryRowContext(ctx, ends).Scan(&next, &last); err != nil {
		return 0, err
	}
	for ; next <= last; next += t.part {
		var part int64
		where := fmt.Sprintf(` WHERE %[1]s >= ? AND %[1]s < ?`, t.key)
		if err := d.reads.QueryRowContext(ctx, sum+where, next, next+t.part).Scan(&part); err != nil {
			return 0, err
		}
		used += part
	}
	return used, nil
}
