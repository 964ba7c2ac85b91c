package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// TicksPerRow bounds the number of datasets in one row of the table tick. A read of one
// dataset decodes the whole row.
const TicksPerRow = 128

// RunsPerRow bounds the number of runs in one row of the table tick: no dataset is added to a
// row that has as many. Such a row takes about a kilobyte. Pages of 4 kB hold four of them, but
// only one of twice the size or more.
const RunsPerRow = 72

// RowsOfTicks cuts ticks into those of one row each.
func RowsOfTicks(ticks []format.Tick) iter.Seq[[]format.Tick] {
	return func(yield func([]format.Tick) bool) {
		from, runs := 0, 0
		for i, t := range ticks {
			runs += len(t.Runs)
			if runs < RunsPerRow && i+1-from < TicksPerRow && i+1 < len(ticks) {
				continue
			}
			if !yield(ticks[from : i+1]) {
				return
			}
			from, runs = i+1, 0
		}
	}
}

// InsertTick is the statement that inserts one row into the table tick.
const InsertTick = `INSERT INTO tick (tick, schedule, low, high, n, checks, body) VALUES (?, ?, ?, ?, ?, ?, ?)`

// TickArgs returns the arguments of [InsertTick]. ticks must not be empty.
func TickArgs(at, schedule int64, ticks []format.Tick, encode *format.TickEncoder) ([]any, error) {
	low := ticks[0].Dataset
	high := low
	checks := 0
	for _, t := range ticks {
		low = min(low, t.Dataset)
		high = max(high, t.Dataset)
		checks += len(t.Runs)
	}
	body, err := encode.Encode(ticks)
	return []any{at, schedule, low, high, len(ticks), checks, body}, err
}

// oldTick is a row of the table tick of earlier versions, which held one dataset per
// row.
type oldTick struct {
	at                int64
	schedule, dataset string
	skipped           string
	runs              []byte // JSON: [[check, status, microseconds, message], ...]
}

// conversionPage is the number of rows that a conversion reads at a time.
const conversionPage = 5000

// ConvertTicks moves the rows of the table old_tick, one a dataset, to the table tick. It
// joins rows of one instant and schedule, and leaves out those that are damaged.
func ConvertTicks(ctx context.Context, tx *sql.Tx) error {
	progress, err := StartProgress(ctx, tx, "ticks", "old_tick")
	if err != nil {
		return err
	}
	defer progress.End(ctx)
	last := oldTick{at: -1 << 63}
	first := last
	var part []jsonTick
	put := func() error {
		if len(part) == 0 {
			return nil
		}
		args, err := jsonTickArgs(first.at, first.schedule, part)
		if err == nil {
			_, err = tx.ExecContext(ctx, insertJSONTicks, args...)
		}
		part = nil
		return err
	}
	for {
		page, err := oldTicks(ctx, tx, last)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return put()
		}
		for _, row := range page {
			tick, damage := row.convert()
			if progress.Row(ctx, damage); damage != nil {
				continue
			}
			if row.at != first.at || row.schedule != first.schedule || len(part) == TicksPerRow {
				if err := put(); err != nil {
					return err
				}
				first = row
			}
			part = append(part, tick)
		}
		last = page[len(page)-1]
	}
}

// oldTicks reads the next page of rows after last.
func oldTicks(ctx context.Context, tx *sql.Tx, last oldTick) (page []oldTick, err error) {
	const query = `
SELECT tick, schedule, dataset, skipped, runs FROM old_tick
WHERE (tick, schedule, dataset) > (?, ?, ?)
ORDER BY tick, schedule, dataset LIMIT ?`
	args := []any{last.at, last.schedule, last.dataset, conversionPage}
	err = Each(ctx, tx, query, args, func(scan func(...any) error) error {
		var t oldTick
		err := scan(&t.at, &t.schedule, &t.dataset, &t.skipped, &t.runs)
		page = append(page, t)
		return err
	})
	return page, err
}

func (t oldTick) convert() (jsonTick, error) {
	tick := jsonTick{Dataset: t.dataset, Skipped: t.skipped}
	var runs [][]json.RawMessage
	if err := json.Unmarshal(t.runs, &runs); err != nil {
		return tick, fmt.Errorf("the runs of %s: %w", t.dataset, err)
	}
	for _, fields := range runs {
		if len(fields) != 4 {
			return tick, fmt.Errorf("a run of %s has %d fields", t.dataset, len(fields))
		}
		var run jsonRun
		err := errors.Join(
			json.Unmarshal(fields[0], &run.Check),
			json.Unmarshal(fields[1], &run.Status),
			json.Unmarshal(fields[2], &run.Duration),
			json.Unmarshal(fields[3], &run.Message),
		)
		if err != nil {
			return tick, fmt.Errorf("a run of %s: %w", t.dataset, err)
		}
		tick.Runs = append(tick.Runs, run)
	}
	return tick, nil
}

// BlockSamples bounds the number of values in one row of the table block.
const BlockSamples = 24

// InsertBlock is the statement that inserts one row into the table block.
const InsertBlock = `INSERT INTO block (series, first, last, n, points) VALUES (?, ?, ?, ?, ?)`

// BlockArgs returns the arguments of [InsertBlock]. samples must be in order of time,
// and must not be empty.
func BlockArgs(series int64, samples []format.Sample) []any {
	last := samples[len(samples)-1].At
	return []any{series, samples[0].At, last, len(samples), format.AppendBlock(nil, samples)}
}
