package engine

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// NumberNames moves the rows of the table old_tick to the table tick, in which datasets,
// checks and schedules have numbers. It fills the table name, and drops old_tick. Rows that are
// damaged are left out.
func NumberNames(ctx context.Context, tx *sql.Tx) (err error) {
	insert, err := tx.PrepareContext(ctx, InsertTick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	ids := map[string]int64{}
	id := func(name string) (int64, error) {
		if known, ok := ids[name]; ok {
			return known, nil
		}
		var n int64
		err := tx.QueryRowContext(ctx, `INSERT INTO name (name) VALUES (?) RETURNING id`, name).Scan(&n)
		ids[name] = n
		return n, err
	}
	var encode format.TickEncoder
	progress, err := StartProgress(ctx, tx, "ticks", "old_tick")
	if err != nil {
		return err
	}
	defer progress.End(ctx)
	for last := int64(-1 << 63); ; {
		page, err := rowsOfJSON(ctx, tx, last)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			_, err := tx.ExecContext(ctx, `DROP TABLE old_tick`)
			return err
		}
		for _, row := range page {
			if progress.Row(ctx, row.damage); row.damage != nil {
				continue
			}
			schedule, err := id(row.schedule)
			if err != nil {
				return err
			}
			ticks, err := number(row.ticks, id)
			if err != nil {
				return err
			}
			for some := range RowsOfTicks(ticks) {
				args, err := TickArgs(row.at, schedule, some, &encode)
				if err == nil {
					_, err = insert.ExecContext(ctx, args...)
				}
				if err != nil {
					return err
				}
			}
		}
		last = page[len(page)-1].id
	}
}

// jsonRow is a row of the table old_tick.
type jsonRow struct {
	id, at   int64
	schedule string
	ticks    []jsonTick
	damage   error // why there are no ticks: they cannot be decoded
}

// jsonPage is how many rows a page has. Each has up to [TicksPerRow] datasets.
const jsonPage = 100

// rowsOfJSON reads the next page of rows after an id.
func rowsOfJSON(ctx context.Context, tx *sql.Tx, last int64) (page []jsonRow, err error) {
	const query = `SELECT id, tick, schedule, body FROM old_tick WHERE id > ? AND n > 0 ORDER BY id LIMIT ?`
	err = Each(ctx, tx, query, []any{last, jsonPage}, func(scan func(...any) error) error {
		var row jsonRow
		var body []byte
		err := scan(&row.id, &row.at, &row.schedule, &body)
		if err != nil {
			return err
		}
		row.ticks, row.damage = decodeJSONTicks(body)
		page = append(page, row)
		return nil
	})
	return page, err
}
