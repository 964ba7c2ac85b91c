package postgres

import (
	"context"
	"fmt"
)

// Used estimates the bytes of rows and of their entries in indexes. Removed rows leave space
// in the tables of ticks and observations, which the sizes of these tables still have in them:
// their rows are added up instead. A row takes the bytes of its values, those that the server
// adds to a row and to its entries in indexes, and a tenth of it all for pages that are not
// full.
func (d *DB) Used(ctx context.Context) (used int64, err error) {
	const others = `
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname NOT IN ('tick', 'block')`
	if err := d.reads.QueryRowContext(ctx, others).Scan(&used); err != nil {
		return 0, err
	}
	for _, of := range []struct {
		table, key, body string
		row              int   // bytes of a row without its body
		page             int64 // how many keys one statement covers, so that each is quick
	}{
		{"tick", "id", "body", 160, 5000},
		{"block", "series", "points", 100, 200},
	} {
		ends := fmt.Sprintf(`SELECT coalesce(min(%[1]s), 0), coalesce(max(%[1]s), -1) FROM %[2]s`, of.key, of.table)
		query := fmt.Sprintf(`
SELECT coalesce(sum(length(%s) + %d), 0)::bigint FROM %s WHERE %[4]s >= ? AND %[4]s < ?`, of.body, of.row, of.table, of.key)
		rows, err := d.usedBy(ctx, ends, query, of.page)
		if err != nil {
			return 0, err
		}
		used += rows + rows/10
	}
	return used, nil
}

// usedBy adds up what a query returns for some keys at a time. ends returns the lowest and the
// highest key.
func (d *DB) usedBy(ctx context.Context, ends, query string, page int64) (used int64, err error) {
	var next, last int64
	if err := d.reads.QueryRowContext(ctx, ends).Scan(&next, &last); err != nil {
		return 0, err
	}
	for ; next <= last; next += page {
		var part int64
		if err := d.reads.QueryRowContext(ctx, query, next, next+page).Scan(&part); err != nil {
			return 0, err
		}
		used += part
	}
	return used, nil
}
