package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// thinAfter is how long every observation is kept; of older ones the last, the
// lowest and the highest of each hour stay.
const thinAfter = 14 * 24 * time.Hour

const hour = int64(time.Hour / time.Microsecond)

// thinnedTo is the state that says up to when observations are thinned.
const thinnedTo = "thinned"

func (s *Store) thin(ctx context.Context, ids []int64, now time.Time) (removed int64, err error) {
	to := micros(now.Add(-thinAfter)) / hour * hour
	data, _, err := s.State(ctx, thinnedTo, "")
	if err != nil {
		return 0, err
	}
	from := int64(math.MinInt64)
	if v, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		from = v
	}
	if from >= to {
		return 0, nil
	}
	if s.onPostgres() {
		removed, err = s.removeBySeries(ctx, ids, fmt.Sprintf(`DELETE FROM observation WHERE series = ?1 AND at >= ?2 AND at < ?3 AND at NOT IN (SELECT at FROM (
SELECT at, row_number() OVER (PARTITION BY at / %d ORDER BY at DESC) AS newest, row_number() OVER (PARTITION BY at / %d ORDER BY value, at) AS lowest, row_number() OVER (PARTITION BY at / %d ORDER BY value DESC NULLS LAST, at) AS highest
FROM observation WHERE series = ?1 AND at >= ?2 AND at < ?3) kept WHERE newest = 1 OR lowest = 1 OR highest = 1)`, hour, hour, hour), from, to)
	} else {
		removed, err = s.reworkAll(ctx, ids, from, to, func(all []sample) []sample { return thinned(all, from, to) })
	}
	if err != nil {
		return removed, err
	}
	_, err = s.Record(ctx, Batch{States: []State{{Kind: thinnedTo, Data: []byte(strconv.FormatInt(to, 10))}}})
	return removed, err
}

// thinned keeps of samples the last, the lowest and the highest of each hour from
// one instant to before another, and all others.
func thinned(all []sample, from, to int64) []sample {
	kept := all[:0]
	for len(all) > 0 {
		n := 1
		if at := all[0].at; from <= at && at < to {
			for n < len(all) && all[n].at < to && all[n].at/hour == at/hour {
				n++
			}
		}
		if n == 1 {
			kept = append(kept, all[0])
		} else {
			kept = append(kept, extremes(all[:n])...)
		}
		all = all[n:]
	}
	return kept
}

// extremes are the last, the lowest and the highest of some samples; of equal
// ones, the first.
func extremes(some []sample) (kept []sample) {
	low, high := -1, -1
	for i, s := range some {
		if !s.value.Finite() {
			continue
		}
		if low < 0 || s.value.Cmp(some[low].value) < 0 {
			low = i
		}
		if high < 0 || s.value.Cmp(some[high].value) > 0 {
			high = i
		}
	}
	for i, s := range some {
		if i == low || i == high || i == len(some)-1 {
			kept = append(kept, s)
		}
	}
	return kept
}
