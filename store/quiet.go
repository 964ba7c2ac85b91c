package store

import (
	"context"
	"time"
)

// QuietDays returns the days of UTC between two times on which no tick was recorded, as
// 2026-11-30, and when the first tick that is kept was; zero: there is none.
func (s *Store) QuietDays(ctx context.Context, from, to time.Time) (quiet map[string]bool, first time.Time, err error) {
	err = s.each(ctx, `SELECT tick FROM tick ORDER BY tick LIMIT 1`, nil, func(scan func(...any) error) error {
		var at int64
		err := scan(&at)
		first = fromMicros(at)
		return err
	})
	if err != nil {
		return nil, first, err
	}
	quiet = map[string]bool{}
	for day := from.UTC().Truncate(24 * time.Hour); day.Before(to); day = day.AddDate(0, 0, 1) {
		quiet[day.Format(time.DateOnly)] = true
		const query = `SELECT tick FROM tick WHERE tick >= ? AND tick < ? ORDER BY tick LIMIT 1`
		args := []any{micros(day), micros(day.AddDate(0, 0, 1))}
		err := s.each(ctx, query, args, func(scan func(...any) error) error {
			var at int64
			delete(quiet, day.Format(time.DateOnly))
			return scan(&at)
		})
		if err != nil {
			return nil, first, err
		}
	}
	return quiet, first, nil
}
