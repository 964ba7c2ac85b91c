package store

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// Values wait in the table recent until there are foldTicks for every series. The more
// values wait, the less often the block of every series is written, and the more is
// read to find recent values. Few series count as foldSeries.
const foldTicks, foldSeries = 24, 64

// fewSamples: fewer join the values before them instead of becoming a block.
const fewSamples = 8

func (t *txn) foldWhenMuch(ctx context.Context) error {
	if t.memory.waiting < foldTicks*int64(max(len(t.memory.series.ids), foldSeries)) {
		return nil
	}
	return t.fold(ctx)
}

// idRange is a range of series, both ends inclusive.
type idRange struct{ low, high int64 }

// fold moves all values from the table recent to blocks. It holds the values of
// one range of series at a time.
func (t *txn) fold(ctx context.Context) error {
	ranges, err := t.recentRanges(ctx)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		values := map[int64][]format.Sample{}
		const query = `SELECT points FROM recent WHERE low >= ? AND low <= ? ORDER BY id`
		err := engine.Each(ctx, t, query, []any{r.low, r.high}, func(scan func(...any) error) error {
			var points []byte
			if err := scan(&points); err != nil {
				return err
			}
			return format.EachInBundle(points, func(o format.Observed) {
				values[o.Series] = append(values[o.Series], o.Sample)
			})
		})
		if err != nil {
			return err
		}
		if err := t.addToBlocks(ctx, values); err != nil {
			return err
		}
	}
	t.memory.waiting = 0
	_, err = t.ExecContext(ctx, `DELETE FROM recent`)
	return err
}

// recentRanges are the ranges of series in the table recent. They do not overlap.
func (t *txn) recentRanges(ctx context.Context) (ranges []idRange, err error) {
	query := `SELECT low, high FROM recent ORDER BY low`
	err = engine.Each(ctx, t, query, nil, func(scan func(...any) error) error {
		var r idRange
		if err := scan(&r.low, &r.high); err != nil {
			return err
		}
		if n := len(ranges); n > 0 && r.low <= ranges[n-1].high {
			ranges[n-1].high = max(ranges[n-1].high, r.high)
		} else {
			ranges = append(ranges, r)
		}
		return nil
	})
	return ranges, err
}

// addToBlocks adds values to series. Of several of one instant the last stays.
func (t *txn) addToBlocks(ctx context.Context, values map[int64][]format.Sample) error {
	var spans []span
	for _, series := range slices.Sorted(maps.Keys(values)) {
		all := lastOfInstant(values[series])
		values[series] = all
		spans = append(spans, span{series, all[0].At, all[len(all)-1].At})
	}
	_, err := t.changeBlocks(ctx, spans, func(series int64, old []format.Sample) []format.Sample {
		return append(old, values[series]...)
	})
	return err
}

// lastOfInstant sorts samples by time, and keeps the last of those of one instant.
func lastOfInstant(all []format.Sample) []format.Sample {
	slices.SortStableFunc(all, func(a, b format.Sample) int { return cmp.Compare(a.At, b.At) })
	kept := make([]format.Sample, 0, len(all))
	for i, s := range all {
		if i+1 == len(all) || all[i+1].At != s.At {
			kept = append(kept, s)
		}
	}
	return kept
}

// span is a part of a series, both instants inclusive.
type span struct{ series, low, high int64 }

// block is a row of the table block.
type block struct {
	first   int64
	samples []format.Sample
}

var (
	// The blocks that may hold instants of a span.
	selectSpans = statement{
		head: `WITH v (series, low, high) AS (VALUES `,
		row:  `(CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))`,
		tail: `)
SELECT b.series, b.first, b.points FROM v CROSS JOIN block b
WHERE b.series = v.series AND b.first <= v.high AND b.first >= coalesce(
  (SELECT max(f.first) FROM block f WHERE f.series = v.series AND f.first <= v.low), v.low)
ORDER BY b.series, b.first`,
		width: 3,
	}
	deleteBlocks = statement{
		head:  `DELETE FROM block WHERE (series, first) IN (VALUES `,
		row:   `(CAST(? AS BIGINT), CAST(? AS BIGINT))`,
		tail:  `)`,
		width: 2,
	}
	insertBlocks = statement{
		head:  `INSERT INTO block (series, first, last, n, points) VALUES `,
		row:   `(?, ?, ?, ?, ?)`,
		width: 5,
	}
)

// spansAtOnce bounds the series whose blocks are held at a time.
const spansAtOnce = 64

// changeBlocks rewrites the blocks that may hold instants of the spans. change gets a
// copy of the samples of a series in the order of time, and returns the new ones. Of
// two samples of one instant the later one stays. removed is by how many samples there
// are fewer.
func (t *txn) changeBlocks(
	ctx context.Context, spans []span, change func(series int64, old []format.Sample) []format.Sample,
) (removed int64, err error) {
	for some := range slices.Chunk(spans, spansAtOnce) {
		blocks, err := t.blocksOf(ctx, some)
		if err != nil {
			return removed, err
		}
		var gone, added []any
		for _, sp := range some {
			old := blocks[sp.series]
			var samples []format.Sample
			for _, b := range old {
				samples = append(samples, b.samples...)
			}
			before := len(samples)
			samples = lastOfInstant(change(sp.series, samples))
			removed += int64(before - len(samples))
			keep := unchanged(old, samples)
			for _, b := range old[:keep] {
				samples = samples[len(b.samples):]
			}
			for _, b := range old[keep:] {
				gone = append(gone, sp.series, b.first)
			}
			for part := range slices.Chunk(samples, engine.BlockSamples) {
				added = append(added, engine.BlockArgs(sp.series, part)...)
			}
		}
		if err := t.exec(ctx, deleteBlocks, gone); err != nil {
			return removed, err
		}
		if err := t.exec(ctx, insertBlocks, added); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (t *txn) blocksOf(ctx context.Context, spans []span) (map[int64][]block, error) {
	blocks := map[int64][]block{}
	var args []any
	for _, sp := range spans {
		args = append(args, sp.series, sp.low, sp.high)
	}
	err := t.query(ctx, selectSpans, args, func(scan func(...any) error) error {
		var series int64
		var b block
		var points []byte
		if err := scan(&series, &b.first, &points); err != nil {
			return err
		}
		var err error
		b.samples, err = format.DecodeBlock(points)
		blocks[series] = append(blocks[series], b)
		return err
	})
	return blocks, err
}

// unchanged returns how many of the blocks, from the first on, already hold the first
// samples. The last of them is rewritten if a few samples follow that fit into it.
func unchanged(old []block, samples []format.Sample) int {
	n := 0
	for i, b := range old {
		end := n + len(b.samples)
		if end > len(samples) || !slices.Equal(samples[n:end], b.samples) {
			return i
		}
		n = end
	}
	left := len(samples) - n
	if len(old) > 0 && left > 0 && left < fewSamples && len(old[len(old)-1].samples) < engine.BlockSamples {
		return len(old) - 1
	}
	return len(old)
}

// changeAll changes the samples of all series from one instant to before another. One
// transaction changes some series.
func (s *Store) changeAll(
	ctx context.Context, ids []int64, from, to int64, change func([]format.Sample) []format.Sample,
) (removed int64, err error) {
	for some := range slices.Chunk(ids, pruneSeries) {
		spans := make([]span, len(some))
		for i, id := range some {
			spans[i] = span{id, from, to - 1}
		}
		var n int64
		err := s.write(ctx, func(ctx context.Context, tx *txn) (err error) {
			n, err = tx.changeBlocks(ctx, spans, func(_ int64, old []format.Sample) []format.Sample { return change(old) })
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

const beginning = int64(math.MinInt64)
