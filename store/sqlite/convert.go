package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// convert fills the tables of the format that both engines share, and drops the older
// tables. It is part of the step 008_format.
func convert(ctx context.Context, tx *sql.Tx) error {
	if err := engine.ConvertTicks(ctx, tx); err != nil {
		return fmt.Errorf("converting ticks: %w", err)
	}
	if err := convertBlocks(ctx, tx); err != nil {
		return fmt.Errorf("converting observations: %w", err)
	}
	if err := convertRecent(ctx, tx); err != nil {
		return fmt.Errorf("converting recent observations: %w", err)
	}
	_, err := tx.ExecContext(ctx, `DROP TABLE old_tick; DROP TABLE old_block; DROP TABLE old_recent`)
	return err
}

// convertIncidents joins the incidents of a dataset. It is part of the step
// 009_incidents.
func convertIncidents(ctx context.Context, tx *sql.Tx) error {
	var now int64
	const query = `SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000`
	if err := tx.QueryRowContext(ctx, query).Scan(&now); err != nil {
		return err
	}
	if err := engine.ConvertIncidents(ctx, tx, now); err != nil {
		return fmt.Errorf("converting incidents: %w", err)
	}
	return nil
}

func convertBlocks(ctx context.Context, tx *sql.Tx) error {
	progress, err := engine.StartProgress(ctx, tx, "observations", "old_block")
	if err != nil {
		return err
	}
	defer progress.End(ctx)
	insert, err := tx.PrepareContext(ctx, engine.InsertBlock)
	if err != nil {
		return err
	}
	query := `SELECT series, first, points FROM old_block ORDER BY series, first`
	err = engine.Each(ctx, tx, query, nil, func(scan func(...any) error) error {
		var series, first int64
		var text []byte
		if err := scan(&series, &first, &text); err != nil {
			return err
		}
		tuples, damage := oldTuples(text, 2)
		if progress.Row(ctx, damage); damage != nil || len(tuples) == 0 {
			return nil
		}
		samples := make([]format.Sample, len(tuples))
		for i, t := range tuples {
			samples[i] = format.Sample{At: first + t.numbers[0], Value: t.value}
		}
		_, err := insert.ExecContext(ctx, engine.BlockArgs(series, samples)...)
		return err
	})
	return errors.Join(err, insert.Close())
}

func convertRecent(ctx context.Context, tx *sql.Tx) error {
	progress, err := engine.StartProgress(ctx, tx, "recent observations", "old_recent")
	if err != nil {
		return err
	}
	defer progress.End(ctx)
	query := `SELECT id, low, high, at, n, points FROM old_recent ORDER BY id`
	return engine.Each(ctx, tx, query, nil, func(scan func(...any) error) error {
		var id, low, high, at, n int64
		var text []byte
		if err := scan(&id, &low, &high, &at, &n, &text); err != nil {
			return err
		}
		tuples, damage := oldTuples(text, 3)
		if progress.Row(ctx, damage); damage != nil {
			return nil
		}
		values := make([]format.Observed, len(tuples))
		for i, t := range tuples {
			values[i].Series = t.numbers[0]
			values[i].At = at + t.numbers[1]
			values[i].Value = t.value
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO recent (id, low, high, n, points) VALUES (?, ?, ?, ?, ?)`,
			id, low, high, n, format.AppendBundle(nil, values))
		return err
	})
}

// oldTuple is one JSON array of the old format: some integers, and a value.
type oldTuple struct {
	numbers []int64
	value   sentinel.Number
}

func oldTuples(text []byte, width int) ([]oldTuple, error) {
	var arrays [][]json.Number // null becomes ""
	if err := json.Unmarshal(text, &arrays); err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrDamaged, err)
	}
	tuples := make([]oldTuple, len(arrays))
	for i, array := range arrays {
		if len(array) != width {
			return nil, fmt.Errorf("%w: a list of %d numbers, want %d", engine.ErrDamaged, len(array), width)
		}
		for _, n := range array[:width-1] {
			v, err := n.Int64()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", engine.ErrDamaged, err)
			}
			tuples[i].numbers = append(tuples[i].numbers, v)
		}
		value, err := sentinel.ParseNumber(array[width-1].String())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", engine.ErrDamaged, err)
		}
		tuples[i].value = value
	}
	return tuples, nil
}
