package store

import (
	"context"
	"database/sql"
	"time"
)

// NewestTick returns the newest tick that is recorded; zero if there is none.
func (s *Store) NewestTick(ctx context.Context) (at time.Time, err error) {
	err = s.each(ctx, `SELECT max(tick) FROM last_tick`, nil, func(scan func(...any) error) error {
		var newest sql.NullInt64
		err := scan(&newest)
		if newest.Valid {
			at = fromMicros(newest.Int64)
		}
		return err
	})
	return at, err
}

// Stats is the size of the state. An observation that replaced another of its instant
// may be counted twice for a while.
type Stats struct {
	Bytes        int64     // on disk, with the write-ahead log
	Ticks        int64     // of one schedule and dataset each
	Results      int64     // runs of checks
	Series       int64     // rows
	Observations int64     // values
	Baselines    int64     // rows
	Incidents    int64     // rows
	Open         int64     // incidents that are not resolved
	Oldest       time.Time // of the recorded ticks; zero when there are none
	Newest       time.Time // as Oldest
}

// Stats counts rows. It reads every index once, which is too slow for a scrape of
// metrics.
func (s *Store) Stats(ctx context.Context) (st Stats, err error) {
	if st.Bytes, err = s.engine.Size(ctx); err != nil {
		return Stats{}, err
	}
	const query = `
SELECT (SELECT coalesce(sum(n), 0) FROM tick), (SELECT coalesce(sum(checks), 0) FROM tick),
  (SELECT count(*) FROM series),
  (SELECT coalesce(sum(n), 0) FROM block) + (SELECT coalesce(sum(n), 0) FROM recent),
  (SELECT count(*) FROM baseline), (SELECT count(*) FROM incident),
  (SELECT count(*) FROM incident WHERE resolved IS NULL),
  (SELECT min(tick) FROM tick), (SELECT max(tick) FROM tick)`
	err = s.each(ctx, query, nil, func(scan func(...any) error) error {
		var oldest, newest sql.NullInt64
		err := scan(&st.Ticks, &st.Results, &st.Series, &st.Observations, &st.Baselines,
			&st.Incidents, &st.Open, &oldest, &newest)
		if oldest.Valid {
			st.Oldest = fromMicros(oldest.Int64)
			st.Newest = fromMicros(newest.Int64)
		}
		return err
	})
	return st, err
}
