package store

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
)

var (
	insertRecent = shape{`INSERT INTO recent (low, high, at, n, points) VALUES `, `(?, ?, ?, ?, ?)`, ``, 5, 0}

	insertBlock = shape{`INSERT INTO block (series, first, last, n, points) VALUES `, `(?, ?, ?, ?, ?)`, ``, 5, 0}

	// The same, unless it were not the last of its series.
	insertLastBlock = shape{`INSERT INTO block (series, first, last, n, points) `, `SELECT ?1, ?2, ?3, ?4, ?5`, ` WHERE coalesce((SELECT last FROM block WHERE series = ?1 ORDER BY first DESC LIMIT 1), ?2 - 1) < ?2`, 5, 0}

	// Those of a series that may hold instants of an interval.
	selectBlocks = shape{`SELECT first, points FROM block WHERE `, `series = ?1 AND first >= coalesce((SELECT max(first) FROM block WHERE series = ?1 AND first <= ?2), ?2) AND first <= ?3`, ` ORDER BY first`, 3, 0}
	deleteBlocks = shape{`DELETE FROM block WHERE `, `series = ? AND first >= ? AND first <= ?`, ``, 3, 0}
)

// Values wait in the table recent for so many ticks of all series: the more, the
// seldomer the page of every series is written, and the more has to be read for
// what is recent. Few series are counted as foldSeries.
const foldTicks, foldSeries = 24, 64

// wait writes values to the table recent, in one row.
func (w *writer) wait(ctx context.Context, all []observed) {
	if len(all) == 0 || w.err != nil {
		return
	}
	low, high, at := int64(math.MaxInt64), int64(math.MinInt64), all[0].at
	text := w.store.part.keep(func(b []byte) []byte {
		for i, o := range all {
			id := w.store.series[o.series.key()]
			low, high = min(low, id), max(high, id)
			separator := byte(',')
			if i == 0 {
				separator = '['
			}
			b = appendRecent(append(b, separator), id, o.at-at, o.value)
		}
		return append(b, ']')
	})
	w.exec(ctx, insertRecent, 1, []any{low, high, at, len(all), string(text)})
	w.store.recent += len(all)
	if w.store.recent >= foldTicks*max(len(w.store.series), w.store.known, foldSeries) {
		w.fold(ctx)
	}
}

// fold takes what waits to its series. Rows of the same series come one after
// another, as a rule: only theirs are held at a time.
func (w *writer) fold(ctx context.Context) {
	if w.err != nil {
		return
	}
	waiting, end := map[int64][]sample{}, int64(math.MinInt64)
	err := eachRow(ctx, w.tx, `SELECT low, high, at, points FROM recent ORDER BY low, id`, func(scan func(...any) error) error {
		var low, high, at int64
		var text string
		if err := scan(&low, &high, &at, &text); err != nil {
			return err
		}
		if low > end {
			w.blocks(ctx, waiting)
		}
		end = max(end, high)
		return errors.Join(w.err, eachRecent(text, at, func(series int64, s sample) { waiting[series] = append(waiting[series], s) }))
	})
	if w.err == nil {
		w.err = err
	}
	w.blocks(ctx, waiting)
	if w.err == nil {
		_, w.err = w.tx.ExecContext(ctx, `DELETE FROM recent`)
	}
	w.store.recent = 0
}

// blocks writes what waits for some series, and empties it.
func (w *writer) blocks(ctx context.Context, waiting map[int64][]sample) {
	for _, series := range slices.Sorted(maps.Keys(waiting)) {
		if w.err != nil {
			break
		}
		all := inOrder(waiting[series])
		if len(all) >= fewSamples && len(all) <= blockSamples && w.exec(ctx, insertLastBlock, 1, blockRow(series, all)) == 1 {
			continue
		}
		w.rework(ctx, series, all[0].at, all[len(all)-1].at, func(old []sample) []sample { return append(old, all...) })
	}
	clear(waiting)
}

func blockRow(series int64, all []sample) []any {
	return []any{series, all[0].at, all[len(all)-1].at, len(all), string(appendSamples(nil, all))}
}

// rework writes the blocks of a series anew that may hold instants from low to
// high. change gets their samples in the order of time and returns what is to be
// there; of two of one instant the later one stays. It returns by how many there
// are fewer.
func (w *writer) rework(ctx context.Context, series, low, high int64, change func([]sample) []sample) (removed int) {
	var old []sample
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	w.returning(ctx, selectBlocks, []any{series, low, high}, func(scan func(...any) error) error {
		var at int64
		var text string
		if err := scan(&at, &text); err != nil {
			return err
		}
		some, err := samplesOf(text, at)
		old, first, last = append(old, some...), min(first, at), max(last, at)
		return err
	})
	if w.err != nil {
		return 0
	}
	before := len(old)
	changed := inOrder(change(slices.Clone(old)))
	if slices.Equal(changed, old) {
		return 0
	}
	w.exec(ctx, deleteBlocks, 1, []any{series, first, last})
	for some := range slices.Chunk(changed, blockSamples) {
		w.exec(ctx, insertBlock, 1, blockRow(series, some))
	}
	return before - len(changed)
}
