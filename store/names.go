package store

import "context"

// numberedNames numbers the rows of the table name: datasets, ids of checks and schedules,
// which the rows of the table tick refer to.
func numberedNames() *numbering[string] {
	return &numbering[string]{
		table:  "name",
		insert: statement{head: `INSERT INTO name (name) VALUES `, row: `(?)`, tail: ` ON CONFLICT DO NOTHING`, width: 1},
		find: statement{
			head:  `WITH v (n, name) AS (VALUES `,
			row:   `(CAST(? AS BIGINT), CAST(? AS TEXT))`,
			tail:  `) SELECT v.n, s.id FROM v CROSS JOIN name s WHERE s.name = v.name`,
			width: 2,
		},
		args: func(name string) []any { return []any{name} },
		ids:  map[string]int64{},
	}
}

// nameID returns the number of a name; 0 if it has none.
func (s *Store) nameID(ctx context.Context, name string) (id int64, err error) {
	err = s.each(ctx, `SELECT id FROM name WHERE name = ?`, []any{name}, func(scan func(...any) error) error {
		return scan(&id)
	})
	return id, err
}
