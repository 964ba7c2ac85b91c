package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Pruned counts the rows that [Store.Prune] removed; Thinned are observations
// that were close to others.
type Pruned struct{ Ticks, Observations, Thinned, Incidents int64 }

// One transaction of Prune removes so many rows, or goes through so many series, so
// that recording waits for a part of it, not for the whole.
const pruneRows, pruneSeries = 10_000, 200

// Prune forgets ticks with their runs, observations and resolved incidents older
// than the retention. The last tick of a schedule and dataset with its results,
// baselines, labels and states stay. Of
// observations older than two weeks the last, the lowest and the highest of each
// hour stay: a year of a series that is looked at every minute is a year of hours.
// On an error what was removed until then is counted.
func (s *Store) Prune(ctx context.Context, now time.Time, retention time.Duration) (p Pruned, err error) {
	before := micros(now.Add(-retention))
	for _, part := range []struct {
		removed *int64
		remove  string
		before  int64
	}{
		{&p.Ticks, `DELETE FROM tick WHERE (tick, schedule, dataset) IN (SELECT tick, schedule, dataset FROM tick WHERE tick < ? ORDER BY tick LIMIT ?)`, before},
		{&p.Incidents, `DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE resolved < ? LIMIT ?)`, before},
	} {
		for last := int64(pruneRows); last == pruneRows && err == nil; {
			last, err = s.remove(ctx, part.remove, []any{part.before, pruneRows})
			*part.removed += last
		}
		if err != nil {
			return p, err
		}
	}
	ids, err := s.seriesIDs(ctx)
	if err != nil {
		return p, fmt.Errorf("pruning: %w", err)
	}
	if s.onPostgres() {
		p.Observations, err = s.removeBySeries(ctx, ids, `DELETE FROM observation WHERE series = ? AND at < ?`, before)
	} else if err = s.foldRecent(ctx); err == nil {
		p.Observations, err = s.reworkAll(ctx, ids, math.MinInt64, before, func(all []sample) []sample {
			return slices.DeleteFunc(all, func(s sample) bool { return s.at < before })
		})
	}
	if err != nil {
		return p, err
	}
	p.Thinned, err = s.thin(ctx, ids, now)
	return p, err
}

// foldRecent takes what waits to its series, where alone it is pruned.
func (s *Store) foldRecent(ctx context.Context) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		w := s.writer(tx)
		w.fold(ctx)
		return w.err
	})
	if err != nil {
		return fmt.Errorf("pruning: %w", describe(s.path, err))
	}
	return nil
}

// reworkAll changes the samples from one instant to before another of all series
// in SQLite, and returns by how many there are fewer.
func (s *Store) reworkAll(ctx context.Context, ids []int64, from, to int64, change func([]sample) []sample) (removed int64, err error) {
	for some := range slices.Chunk(ids, pruneSeries) {
		n := 0
		err := s.write(ctx, func(tx *sql.Tx) error {
			w := s.writer(tx)
			for _, id := range some {
				n += w.rework(ctx, id, from, to-1, change)
			}
			return w.err
		})
		if err != nil {
			return removed, fmt.Errorf("pruning: %w", describe(s.path, err)) // taken back
		}
		removed += int64(n)
	}
	return removed, nil
}

func (s *Store) seriesIDs(ctx context.Context) (ids []int64, err error) {
	err = s.each(ctx, `SELECT id FROM series`, nil, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// removeBySeries runs a statement for every series, whose id is its first argument.
func (s *Store) removeBySeries(ctx context.Context, ids []int64, statement string, args ...any) (removed int64, err error) {
	for some := range slices.Chunk(ids, pruneSeries) {
		bound := make([][]any, len(some))
		for i, id := range some {
			bound[i] = append([]any{id}, args...)
		}
		n, err := s.remove(ctx, statement, bound...)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// remove runs a statement once for each list of arguments, in one transaction,
// and returns how many rows are gone.
func (s *Store) remove(ctx context.Context, statement string, args ...[]any) (removed int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		for _, a := range args {
			result, err := st.ExecContext(ctx, a...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			removed += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("pruning: %w", describe(s.path, err)) // taken back
	}
	return removed, nil
}

// Backup writes a consistent copy of the state to path, also while an agent
// writes. The file must not exist; it is readable by its owner alone, and a
// state of its own: [Open] it, or put it in the place of a lost one.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.onPostgres() {
		return s.export(ctx, path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("backing up state %s: %w", s.path, err)
	}
	_, err = s.reads.ExecContext(ctx, "VACUUM INTO ?", path)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("backing up state %s to %s: %w", s.path, path, errors.Join(err, os.Remove(path)))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes the name of a new file survive a power cut.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Verify reads the whole file and reports the first damage it finds
// ([ErrDamaged]).
func (s *Store) Verify(ctx context.Context) error {
	if s.onPostgres() {
		return s.readAll(ctx)
	}
	var answer string
	if err := s.reads.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return describe(s.path, err)
	}
	if answer != "ok" {
		return fmt.Errorf("state %s: %w: %s: restore a back-up", s.path, ErrDamaged, answer)
	}
	return s.verifyValues(ctx)
}

// verifyValues reads all values of a state in a file.
func (s *Store) verifyValues(ctx context.Context) error {
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return describe(s.path, err)
	}
	err = observationsOfFile(ctx, tx, func(int64, []sample) error { return nil })
	if errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("state %s: %w: restore a back-up", s.path, err)
	}
	return errors.Join(err, rollback(tx))
}

// Stats says how large the memory is. Of observations, one that has replaced
// another of its instant may be counted twice for a while.
type Stats struct {
	Bytes                                                            int64 // on disk, with the write-ahead log
	Ticks, Results, Series, Observations, Baselines, Incidents, Open int64 // rows; Open: unresolved incidents
	Oldest, Newest                                                   time.Time
}

// Stats counts rows, which reads every index once: for people, not for a scrape.
// Oldest and Newest are of the recorded ticks; zero when there are none.
func (s *Store) Stats(ctx context.Context) (st Stats, err error) {
	if s.onPostgres() {
		if err := s.reads.QueryRowContext(ctx, "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace").Scan(&st.Bytes); err != nil {
			return Stats{}, fmt.Errorf("state: %w", err)
		}
		return s.count(ctx, st)
	}
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.path + suffix)
		if err == nil {
			st.Bytes += info.Size()
		} else if !errors.Is(err, os.ErrNotExist) {
			return Stats{}, fmt.Errorf("state: %w", err)
		}
	}
	return s.count(ctx, st)
}

func (s *Store) count(ctx context.Context, st Stats) (Stats, error) {
	observations := `(SELECT coalesce(sum(n), 0) FROM block) + (SELECT coalesce(sum(n), 0) FROM recent)`
	if s.onPostgres() {
		observations = `(SELECT count(*) FROM observation)`
	}
	err := s.each(ctx, `SELECT (SELECT count(*) FROM tick), (SELECT coalesce(sum(checks), 0) FROM tick), (SELECT count(*) FROM series), `+observations+`,
(SELECT count(*) FROM baseline), (SELECT count(*) FROM incident), (SELECT count(*) FROM incident WHERE resolved IS NULL), (SELECT min(tick) FROM tick), (SELECT max(tick) FROM tick)`, nil,
		func(scan func(...any) error) error {
			var oldest, newest sql.NullInt64
			err := scan(&st.Ticks, &st.Results, &st.Series, &st.Observations, &st.Baselines, &st.Incidents, &st.Open, &oldest, &newest)
			if oldest.Valid {
				st.Oldest, st.Newest = fromMicros(oldest.Int64), fromMicros(newest.Int64)
			}
			return err
		})
	return st, err
}
