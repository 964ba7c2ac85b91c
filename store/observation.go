package store

import (
	"context"
	"fmt"
	"slices"

	sentinel "github.com/sentinel-dq/sentinel"
)

// observed is one value of a series.
type observed struct {
	series Series
	at     int64
	value  any
}

func observe(r *sentinel.Result, o sentinel.Observation) observed {
	at := r.Tick
	if !o.Bucket.IsZero() {
		at = o.Bucket
	}
	return observed{Series{r.Check, o.Metric, o.Segment}, micros(at), sqlValue(o.Value)}
}

var (
	insertSeries = shape{`INSERT INTO series (check_id, metric, segment) VALUES `, `(?, ?, ?)`, ` ON CONFLICT DO NOTHING RETURNING id, check_id, metric, segment`, 3, 0}
	selectSeries = shape{`SELECT id, check_id, metric, segment FROM series WHERE check_id IN (`, `?`, `)`, 1, 0}

	insertRecent = shape{`INSERT INTO recent (series, at, value) VALUES `, `(?, ?, ?)`, ` ON CONFLICT (series, at) DO UPDATE SET value = excluded.value`, 3, 2}

	// Writes as many rows as have a series already.
	insertObservationByName = shape{`WITH v (check_id, metric, segment, at, value) AS (VALUES `, `(CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS NUMERIC))`,
		`) INSERT INTO observation (series, at, value) SELECT s.id, v.at, v.value FROM v CROSS JOIN series s WHERE s.check_id = v.check_id AND s.metric = v.metric AND s.segment = v.segment
ON CONFLICT (series, at) DO UPDATE SET value = excluded.value`, 5, 4}
)

// observations writes values, in SQLite to the table recent. The ids of series
// there, which this process alone writes, are remembered; those in PostgreSQL are
// looked up each time, since a failover may take the youngest back.
func (w *writer) observations(ctx context.Context, all []observed) {
	if w.store.lead != nil {
		args := make([]any, 0, len(all)*insertObservationByName.width)
		for _, o := range all {
			args = append(args, o.series.Check, o.series.Metric, o.series.Segment, o.at, o.value)
		}
		w.many(ctx, insertObservationByName, args, w.addSeries)
		return
	}
	w.learnSeries(ctx, all)
	args := w.store.part.values[:0]
	defer func() { clear(args); w.store.part.values = args[:0] }()
	for _, o := range all {
		id, known := w.store.series[o.series]
		if !known && w.err == nil {
			w.err = fmt.Errorf("the series %+q was not added", o.series)
		}
		args = append(args, id, o.at, o.value)
	}
	w.many(ctx, insertRecent, args, nil)
	if w.store.recent < 0 && w.err == nil {
		w.err = w.tx.QueryRowContext(ctx, `SELECT count(*) FROM recent`).Scan(&w.store.recent)
	} else {
		w.store.recent += len(all)
	}
	if w.store.recent >= foldTicks*max(len(w.store.series), foldSeries) {
		w.fold(ctx)
	}
}

// Values wait in the table recent for so many ticks of all series: the more, the
// seldomer the page of every series is written, and the more pages hold what
// waits. Few series are counted as foldSeries.
const foldTicks, foldSeries = 16, 64

// fold takes what waits to its series.
func (w *writer) fold(ctx context.Context) {
	for _, statement := range []string{
		`INSERT INTO observation (series, at, value) SELECT series, at, value FROM recent WHERE true ORDER BY series, at ON CONFLICT (series, at) DO UPDATE SET value = excluded.value`,
		`DELETE FROM recent`,
	} {
		if w.err == nil {
			_, w.err = w.tx.ExecContext(ctx, statement)
		}
	}
	w.store.recent = 0
}

// addSeries adds the series of observation rows that found none: part holds
// their arguments.
func (w *writer) addSeries(ctx context.Context, part []any) {
	for width := insertObservationByName.width; len(part) > 0; part = part[width:] {
		w.exec(ctx, insertSeries, 1, part[:insertSeries.width])
	}
}

// learnSeries makes the ids of all series known, and adds those that are new.
func (w *writer) learnSeries(ctx context.Context, all []observed) {
	if !slices.ContainsFunc(all, func(o observed) bool { _, known := w.store.series[o.series]; return !known }) {
		return
	}
	checks := map[string]string{} // whose text is not a tick's answer: it stays in memory
	var names []any
	for _, o := range all {
		if _, known := w.store.series[o.series]; known {
			continue
		}
		if _, seen := checks[o.series.Check]; !seen {
			checks[o.series.Check] = o.series.Check
			names = append(names, o.series.Check)
		}
	}
	learn := func(scan func(...any) error) error {
		var id int64
		var s Series
		err := scan(&id, &s.Check, &s.Metric, &s.Segment)
		s.Check = checks[s.Check]
		w.store.series[s] = id
		return err
	}
	w.returning(ctx, selectSeries, names, learn)
	var added []any
	for _, o := range all {
		if _, known := w.store.series[o.series]; !known {
			added = append(added, o.series.Check, o.series.Metric, o.series.Segment)
		}
	}
	w.returning(ctx, insertSeries, added, learn)
}
