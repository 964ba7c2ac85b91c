package store

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// Series is one remembered series of a check.
type Series struct{ Check, Metric, Segment string }

// SeriesOf returns the series of a check, or of all checks when check is "".
func (s *Store) SeriesOf(ctx context.Context, check string) ([]Series, error) {
	var out []Series
	const query = `
SELECT check_id, metric, segment FROM series
WHERE ?1 = '' OR check_id = ?1
ORDER BY 1, 2, 3`
	err := s.each(ctx, query, []any{check}, func(scan func(...any) error) error {
		var v Series
		err := scan(&v.Check, &v.Metric, &v.Segment)
		out = append(out, v)
		return err
	})
	return out, err
}

// observed is one value of a series.
type observed struct {
	series Series
	at     int64
	value  sentinel.Number
}

// observe says where a value of a result belongs: at its bucket, else at its tick.
func observe(r *sentinel.Result, o sentinel.Observation) observed {
	at := r.Tick
	if !o.Bucket.IsZero() {
		at = o.Bucket
	}
	return observed{Series{r.Check, o.Metric, o.Segment}, micros(at), o.Value}
}

var (
	insertSeries = statement{
		head:  `INSERT INTO series (check_id, metric, segment) VALUES `,
		row:   `(?, ?, ?)`,
		tail:  ` ON CONFLICT DO NOTHING`,
		width: 3,
	}
	// n tells which of the rows was found.
	selectSeries = statement{
		head: `WITH v (n, check_id, metric, segment) AS (VALUES `,
		row:  `(CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))`,
		tail: `) SELECT v.n, s.id FROM v CROSS JOIN series s
WHERE s.check_id = v.check_id AND s.metric = v.metric AND s.segment = v.segment`,
		width: 4,
	}
)

// insertBundle writes one row of the table recent.
var insertBundle = statement{
	head:  `INSERT INTO recent (low, high, n, points) VALUES `,
	row:   `(?, ?, ?, ?)`,
	width: 4,
}

// bundleValues limits the values of one row of the table recent, and so what is read to
// find those of one series.
const bundleValues = 128

// observations writes values to the table recent. If much waits there, it moves it to
// blocks.
func (t *txn) observations(ctx context.Context, all []observed) error {
	if len(all) == 0 {
		return nil
	}
	if err := t.learnSeries(ctx, all); err != nil {
		return err
	}
	var args []any
	for len(all) > 0 {
		some := all[:min(bundleValues, len(all))]
		all = all[len(some):]
		values := make([]format.Observed, len(some))
		low := t.memory.series[some[0].series]
		high := low
		for i, o := range some {
			id := t.memory.series[o.series]
			low = min(low, id)
			high = max(high, id)
			values[i] = format.Observed{Series: id, Sample: format.Sample{At: o.at, Value: o.value}}
		}
		args = append(args, low, high, len(values), format.AppendBundle(nil, values))
		t.memory.waiting += int64(len(values))
	}
	if err := t.exec(ctx, insertBundle, args); err != nil {
		return err
	}
	return t.foldWhenMuch(ctx)
}

// learnSeries reads the ids of all series, and adds new series. The first time it also
// counts the values that wait in the table recent.
func (t *txn) learnSeries(ctx context.Context, all []observed) error {
	m := t.memory
	if m.waiting < 0 {
		if err := t.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM recent`).Scan(&m.waiting); err != nil {
			return err
		}
	}
	// A failover of the server may take the youngest rows back.
	var newest int64
	if err := t.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM series`).Scan(&newest); err != nil {
		return err
	}
	if newest != m.newest {
		clear(m.series)
		m.newest = newest
	}
	unknown, err := t.findSeries(ctx, m.unknown(all))
	if err != nil || len(unknown) == 0 {
		return err
	}
	args := make([]any, 0, len(unknown)*insertSeries.width)
	for _, s := range unknown {
		args = append(args, s.Check, s.Metric, s.Segment)
	}
	if err := t.exec(ctx, insertSeries, args); err != nil {
		return err
	}
	missing, err := t.findSeries(ctx, unknown)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the series %+q was not added", missing[0])
	}
	return err
}

// unknown are the series of values whose ids are not known, each once.
func (m *memory) unknown(all []observed) (unknown []Series) {
	seen := map[Series]bool{}
	for _, o := range all {
		if _, known := m.series[o.series]; !known && !seen[o.series] {
			seen[o.series] = true
			unknown = append(unknown, o.series)
		}
	}
	return unknown
}

// findSeries learns the ids of series, and returns those that are not there.
func (t *txn) findSeries(ctx context.Context, wanted []Series) (missing []Series, err error) {
	m := t.memory
	args := make([]any, 0, len(wanted)*selectSeries.width)
	for n, s := range wanted {
		args = append(args, n, s.Check, s.Metric, s.Segment)
	}
	err = t.query(ctx, selectSeries, args, func(scan func(...any) error) error {
		var n int
		var id int64
		if err := scan(&n, &id); err != nil {
			return err
		}
		m.series[wanted[n]] = id
		m.newest = max(m.newest, id)
		return nil
	})
	for _, s := range wanted {
		if _, known := m.series[s]; !known {
			missing = append(missing, s)
		}
	}
	return missing, err
}
