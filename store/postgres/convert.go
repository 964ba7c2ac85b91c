package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// convert fills the tables of the format that both engines share, and drops the older
// tables. It is part of the step 004_format.
func convert(ctx context.Context, tx *sql.Tx) error {
	if err := engine.ConvertTicks(ctx, tx); err != nil {
		return fmt.Errorf("converting ticks: %w", err)
	}
	if err := convertObservations(ctx, tx); err != nil {
		return fmt.Errorf("converting observations: %w", err)
	}
	_, err := tx.ExecContext(ctx, `DROP TABLE old_tick; DROP TABLE old_observation`)
	return err
}

// convertIncidents joins the incidents of a dataset. It is part of the step
// 005_incidents.
func convertIncidents(ctx context.Context, tx *sql.Tx) error {
	var now int64
	const query = `SELECT (extract(epoch FROM now()) * 1000000)::bigint`
	if err := tx.QueryRowContext(ctx, query).Scan(&now); err != nil {
		return err
	}
	if err := engine.ConvertIncidents(ctx, tx, now); err != nil {
		return fmt.Errorf("converting incidents: %w", err)
	}
	return nil
}

// conversionPage is how many rows a conversion reads at a time.
const conversionPage = 20_000

// convertObservations moves a row a value to blocks.
func convertObservations(ctx context.Context, tx *sql.Tx) error {
	progress, err := engine.StartProgress(ctx, tx, "observations", "old_observation")
	if err != nil {
		return err
	}
	defer progress.End(ctx)
	last := format.Observed{Series: math.MinInt64, Sample: format.Sample{At: math.MinInt64}}
	var series int64
	var block []format.Sample
	put := func() error {
		if len(block) == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, engine.InsertBlock, engine.BlockArgs(series, block)...)
		block = nil
		return err
	}
	for {
		page, err := oldObservations(ctx, tx, last)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return put()
		}
		for _, o := range page {
			if o.Series != series || len(block) == engine.BlockSamples {
				if err := put(); err != nil {
					return err
				}
				series = o.Series
			}
			block = append(block, o.Sample)
			progress.Row(ctx, nil)
		}
		last = page[len(page)-1]
	}
}

// oldObservations reads the rows after last.
func oldObservations(ctx context.Context, tx *sql.Tx, last format.Observed) (page []format.Observed, err error) {
	const query = `
SELECT series, at, value FROM old_observation
WHERE (series, at) > (?, ?)
ORDER BY series, at LIMIT ?`
	args := []any{last.Series, last.At, conversionPage}
	err = engine.Each(ctx, tx, query, args, func(scan func(...any) error) error {
		var o format.Observed
		var text sql.NullString
		err := scan(&o.Series, &o.At, &text)
		if err == nil {
			o.Value, err = numeric(text.String)
		}
		page = append(page, o)
		return err
	})
	return page, err
}

// numeric reads PostgreSQL's text of a NUMERIC; "" is NULL. PostgreSQL writes all
// digits of a large float, as if it were an integer.
func numeric(text string) (sentinel.Number, error) {
	n, err := sentinel.ParseNumber(text)
	if err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return sentinel.Float(f), err
}
