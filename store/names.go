package store

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// names numbers the rows of the table name: datasets, ids of checks and schedules, which the
// rows of the table tick refer to.
type names struct {
	*numbering[string]
	used map[int64]int64 // what the column used is at least, as far as it is known
}

func numberedNames() names {
	used := map[int64]int64{}
	return names{used: used, numbering: &numbering[string]{
		forgot: func() { clear(used) }, // a number may be another row's now
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
	}}
}

// usedFor is the step of the column used: a name that ticks refer to is marked once in a week.
const usedFor = 7 * dayMicros

// markUsed marks the names that ticks of an instant refer to as used until the end of a week.
func (t *txn) markUsed(ctx context.Context, at, schedule int64, ticks []format.Tick) error {
	until := (at/usedFor + 1) * usedFor
	known := t.memory.names.used
	var ids []any
	mark := func(id int64) {
		if last, marked := known[id]; !marked || last < until {
			known[id] = until
			ids = append(ids, id)
		}
	}
	mark(schedule)
	for _, tick := range ticks {
		mark(tick.Dataset)
		for _, run := range tick.Runs {
			mark(run.Check)
		}
	}
	return t.exec(ctx, statement{
		head:  fmt.Sprintf(`UPDATE name SET used = %[1]d WHERE used < %[1]d AND id IN (`, until),
		row:   `?`,
		tail:  `)`,
		width: 1,
	}, ids)
}

// forgetUnused removes names that no tick refers to, and series without a value. All ticks and values
// before an instant must be gone. The newest row of each stays, so that no number is given twice.
// A name stays one step longer: a failover of the server may have taken its newest mark back.
func (s *Store) forgetUnused(ctx context.Context, before int64) error {
	const names = `DELETE FROM name WHERE id IN
(SELECT id FROM name WHERE used < ? AND id < (SELECT max(id) FROM name) LIMIT ?)`
	const series = `DELETE FROM series WHERE id IN
(SELECT id FROM series s WHERE id < (SELECT max(id) FROM series)
  AND NOT EXISTS (SELECT 1 FROM block b WHERE b.series = s.id) LIMIT ?)`
	for _, gone := range []struct {
		query string
		args  []any
	}{{names, []any{before - usedFor, pruneRows}}, {series, []any{pruneRows}}} {
		for n := int64(pruneRows); n == pruneRows; {
			err := s.write(ctx, func(ctx context.Context, tx *txn) (err error) {
				if err := tx.fold(ctx); err != nil { // values wait in the table recent
					return err
				}
				tx.memory.names, tx.memory.series = numberedNames(), numberedSeries()
				n, err = affected(tx.ExecContext(ctx, gone.query, gone.args...))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// nameID returns the number of a name; 0 if it has none.
func (s *Store) nameID(ctx context.Context, name string) (id int64, err error) {
	err = s.each(ctx, `SELECT id FROM name WHERE name = ?`, []any{name}, func(scan func(...any) error) error {
		return scan(&id)
	})
	return id, err
}
