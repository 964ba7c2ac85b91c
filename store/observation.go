package store

import (
	"context"
	"fmt"
	"strings"

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
	insertSeries = shape{`INSERT INTO series (check_id, metric, segment) VALUES `, `(?, ?, ?)`, ` ON CONFLICT DO NOTHING`, 3, 0}
	selectSeries = shape{`WITH v (n, check_id, metric, segment) AS (VALUES `, `(?, ?, ?, ?)`, `) SELECT v.n, s.id FROM v CROSS JOIN series s WHERE s.check_id = v.check_id AND s.metric = v.metric AND s.segment = v.segment`, 4, 0}

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
	unknown := w.lookUp(ctx, w.unknown(all))
	if len(unknown) == 0 {
		return
	}
	added := make([]any, 0, len(unknown)*insertSeries.width)
	for _, s := range unknown {
		added = append(added, s.Check, s.Metric, s.Segment)
	}
	w.many(ctx, insertSeries, added, nil)
	if left := w.lookUp(ctx, unknown); len(left) > 0 && w.err == nil {
		w.err = fmt.Errorf("the series %+q was not added", left[0])
	}
}

// unknown are the series of values whose ids are not known.
func (w *writer) unknown(all []observed) (unknown []Series) {
	for _, o := range all {
		if _, known := w.store.series[o.series]; !known {
			if unknown == nil {
				unknown = make([]Series, 0, len(all))
			}
			unknown = append(unknown, o.series)
		}
	}
	return unknown
}

// lookUp learns the ids of series, and returns those that are not there.
func (w *writer) lookUp(ctx context.Context, wanted []Series) (left []Series) {
	args := make([]any, 0, len(wanted)*selectSeries.width)
	for n, s := range wanted {
		args = append(args, n, s.Check, s.Metric, s.Segment)
	}
	w.returning(ctx, selectSeries, args, func(scan func(...any) error) error {
		var n int
		var id int64
		if err := scan(&n, &id); err != nil {
			return err
		}
		s := wanted[n]
		s.Segment = strings.Clone(s.Segment) // which is a part of a tick's answer
		w.store.series[s] = id
		return nil
	})
	for _, s := range wanted {
		if _, known := w.store.series[s]; !known {
			left = append(left, s)
		}
	}
	return left
}
