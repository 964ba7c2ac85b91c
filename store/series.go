package store

import (
	"context"

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

// numberedSeries numbers the rows of the table series.
func numberedSeries() *numbering[Series] {
	return &numbering[Series]{
		table: "series", insert: insertSeries, find: selectSeries,
		args: func(s Series) []any { return []any{s.Check, s.Metric, s.Segment} },
		ids:  map[Series]int64{},
	}
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
	ids := t.memory.series.ids
	var args []any
	for len(all) > 0 {
		some := all[:min(bundleValues, len(all))]
		all = all[len(some):]
		values := make([]format.Observed, len(some))
		low := ids[some[0].series]
		high := low
		for i, o := range some {
			id := ids[o.series]
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
	return m.series.learn(ctx, t, func(yield func(Series) bool) {
		for _, o := range all {
			if !yield(o.series) {
				return
			}
		}
	})
}
