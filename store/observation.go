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
	value  sentinel.Number
}

func observe(r *sentinel.Result, o sentinel.Observation) observed {
	at := r.Tick
	if !o.Bucket.IsZero() {
		at = o.Bucket
	}
	return observed{Series{r.Check, o.Metric, o.Segment}, micros(at), o.Value}
}

var (
	insertSeries = shape{`INSERT INTO series (check_id, metric, segment) VALUES `, `(?, ?, ?)`, ` ON CONFLICT DO NOTHING RETURNING id, check_id, metric, segment`, 3, 0}
	selectSeries = shape{`SELECT id, check_id, metric, segment FROM series WHERE check_id IN (`, `?`, `)`, 1, 0}

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
			args = append(args, o.series.Check, o.series.Metric, o.series.Segment, o.at, sqlValue(o.value))
		}
		w.many(ctx, insertObservationByName, args, w.addSeries)
		return
	}
	if w.learnSeries(ctx, all); w.err == nil {
		w.wait(ctx, all)
	}
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
	for _, o := range all {
		if _, known := w.store.series[o.series]; !known && w.err == nil {
			w.err = fmt.Errorf("the series %+q was not added", o.series)
		}
	}
}
