package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// Pruned counts what [Store.Prune] removed. Thinned counts observations, and ThinnedRuns runs
// and skipped ticks, that were close to others.
type Pruned struct{ Ticks, Observations, Thinned, ThinnedRuns, Incidents int64 }

// One transaction of Prune removes so many rows, or changes so many series. So
// recording waits for one transaction, not for the whole of Prune.
const pruneRows, pruneSeries = 10_000, 200

// Prune removes ticks with their runs, observations and resolved incidents that are
// older than the retention. The last tick of a schedule and dataset with its results,
// baselines, labels and states stay. Of the observations older than two weeks the last,
// the lowest and the highest of each hour stay: a year of a series that is checked
// every minute is a year of hours. Of ticks as old, there stay of each hour and schedule the
// last run of a check with each status, and of a dataset the last tick that was run and the
// last one that was skipped. Names that only removed ticks had, and series of which no value is
// left, are forgotten. On an error the count has what was removed until then.
func (s *Store) Prune(ctx context.Context, now time.Time, retention time.Duration) (p Pruned, err error) {
	before := micros(now.Add(-retention))
	if p.Ticks, err = s.pruneTicks(ctx, before); err != nil {
		return p, s.pruneError(err)
	}
	const incidents = `DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE resolved < ? LIMIT ?)`
	for last := int64(pruneRows); last == pruneRows; p.Incidents += last {
		if last, err = s.remove(ctx, incidents, before, pruneRows); err != nil {
			return p, err
		}
	}
	if p.Observations, err = s.pruneObservations(ctx, before); err != nil {
		return p, err
	}
	ids, err := s.seriesIDs(ctx)
	if err != nil {
		return p, fmt.Errorf("pruning: %w", err)
	}
	if p.Thinned, err = s.thin(ctx, ids, now); err != nil {
		return p, s.pruneError(err)
	}
	if p.ThinnedRuns, err = s.thinTicks(ctx, now); err != nil {
		return p, s.pruneError(err)
	}
	if err := s.forgetUnused(ctx, before); err != nil {
		return p, s.pruneError(err)
	}
	return p, nil
}

func (s *Store) pruneError(err error) error { return fmt.Errorf("pruning: %w", s.describe(err)) }

// pruneTicks removes ticks before an instant, and returns their number. A row holds
// several.
func (s *Store) pruneTicks(ctx context.Context, before int64) (removed int64, err error) {
	for {
		rows, ticks := int64(0), int64(0)
		err := s.write(ctx, func(ctx context.Context, tx *txn) error {
			const oldest = `SELECT count(*), coalesce(sum(n), 0), coalesce(max(id), 0) FROM
(SELECT id, n FROM tick WHERE tick < ? ORDER BY id LIMIT ?) oldest`
			var last int64
			if err := tx.QueryRowContext(ctx, oldest, before, pruneRows).Scan(&rows, &ticks, &last); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM tick WHERE tick < ? AND id <= ?`, before, last)
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += ticks
		if rows < pruneRows {
			return removed, nil
		}
	}
}

// pruneObservations removes observations before an instant, and returns their number.
func (s *Store) pruneObservations(ctx context.Context, before int64) (removed int64, err error) {
	ids, err := s.seriesIDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("pruning: %w", err)
	}
	// Observations are pruned in blocks alone.
	if err := s.write(ctx, func(ctx context.Context, tx *txn) error { return tx.fold(ctx) }); err != nil {
		return 0, s.pruneError(err)
	}
	removed, err = s.changeAll(ctx, ids, beginning, before, func(all []format.Sample) []format.Sample {
		return slices.DeleteFunc(all, func(s format.Sample) bool { return s.At < before })
	})
	if err != nil {
		return removed, s.pruneError(err)
	}
	return removed, nil
}

func (s *Store) seriesIDs(ctx context.Context) (ids []int64, err error) {
	err = s.each(ctx, `SELECT id FROM series ORDER BY id`, nil, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// remove runs one statement, and returns how many rows it removed or changed.
func (s *Store) remove(ctx context.Context, statement string, args ...any) (removed int64, err error) {
	removed, err = s.changeRows(ctx, statement, args...)
	if err != nil {
		return 0, s.pruneError(err)
	}
	return removed, nil
}

// changeRows runs one statement in a transaction. It returns the number of rows that the
// statement changed.
func (s *Store) changeRows(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *txn) (err error) {
		changed, err = affected(tx.ExecContext(ctx, statement, args...))
		return err
	})
	return changed, err
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// thinAfter is how long every observation is kept. Of older ones the last, the lowest
// and the highest of each hour stay.
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
	from := beginning
	if v, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		from = v
	}
	if from >= to {
		return 0, nil
	}
	removed, err = s.changeAll(ctx, ids, from, to, func(all []format.Sample) []format.Sample {
		return thinned(all, from, to)
	})
	if err != nil {
		return removed, err
	}
	_, err = s.Record(ctx, Batch{States: []State{{Kind: thinnedTo, Data: []byte(strconv.FormatInt(to, 10))}}})
	return removed, err
}

// thinned returns all samples, except that of those from one instant to before another
// only the last, the lowest and the highest of each hour stay.
func thinned(all []format.Sample, from, to int64) []format.Sample {
	var kept []format.Sample
	for len(all) > 0 {
		n := 1
		if at := all[0].At; from <= at && at < to {
			for n < len(all) && all[n].At < to && all[n].At/hour == at/hour {
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

// extremes returns the last, the lowest and the highest of some samples. Of equal ones
// it returns the first.
func extremes(some []format.Sample) (kept []format.Sample) {
	low, high := -1, -1
	for i, s := range some {
		if !s.Value.Finite() {
			continue
		}
		if low < 0 || s.Value.Cmp(some[low].Value) < 0 {
			low = i
		}
		if high < 0 || s.Value.Cmp(some[high].Value) > 0 {
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
