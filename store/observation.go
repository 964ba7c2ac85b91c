package store

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/sentinel-dq/sentinel"
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
	if w.store.recent < 0 {
		w.count(ctx)
	}
	if w.learnSeries(ctx, all); w.err == nil {
		w.wait(ctx, all)
	}
}

// count counts what is there at the beginning: the values that wait, and the series,
// of which a command may come to know a few. The highest id is about how many.
func (w *writer) count(ctx context.Context) {
	if w.err == nil {
		w.err = w.tx.QueryRowContext(ctx, `SELECT (SELECT coalesce(sum(n), 0) FROM recent), (SELECT coalesce(max(id), 0) FROM series)`).Scan(&w.store.recent, &w.store.known)
	}
}

// addSeries adds the series of observation rows that found none: part holds
// their arguments.
func (w *writer) addSeries(ctx context.Context, part []any) {
	for width := insertObservationByName.width; len(part) > 0; part = part[width:] {
		w.exec(ctx, insertSeries, 1, part[:insertSeries.width])
	}
}

// seriesKey stands for a series where its id is remembered: 128 bits that nobody
// outside the process knows, instead of three texts. That two series of a million
// have the same one is less likely than 1 in 10^26.
type seriesKey [2]uint64

var seriesSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func (s Series) key() seriesKey {
	return seriesKey{maphash.Comparable(seriesSeeds[0], s), maphash.Comparable(seriesSeeds[1], s)}
}

// learnSeries makes the ids of all series known, and adds those that are new.
func (w *writer) learnSeries(ctx context.Context, all []observed) {
	unknown := w.unknown(all)
	if len(w.store.series) == 0 && w.store.known <= fewSeries*len(unknown) {
		w.allSeries(ctx)
		unknown = w.unknown(all)
	}
	if unknown = w.lookUp(ctx, unknown); len(unknown) == 0 {
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

// fewSeries is how many series there may be for one that is looked for and all of
// them be read: to look one up costs as much as to read three in passing, and more
// of them are looked for as a rule, by the next parts of a batch.
const fewSeries = 16

// allSeries makes the ids of all series known that are there.
func (w *writer) allSeries(ctx context.Context) {
	if w.err != nil {
		return
	}
	w.store.series = make(map[seriesKey]int64, w.store.known)
	w.err = eachRow(ctx, w.tx, `SELECT id, check_id, metric, segment FROM series`, func(scan func(...any) error) error {
		var id int64
		var s Series
		err := scan(&id, &s.Check, &s.Metric, &s.Segment)
		w.store.series[s.key()] = id
		return err
	})
}

// unknown are the series of values whose ids are not known.
func (w *writer) unknown(all []observed) (unknown []Series) {
	for _, o := range all {
		if _, known := w.store.series[o.series.key()]; !known {
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
		w.store.series[wanted[n].key()] = id
		return nil
	})
	for _, s := range wanted {
		if _, known := w.store.series[s.key()]; !known {
			left = append(left, s)
		}
	}
	return left
}
