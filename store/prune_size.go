package store

import (
	"context"
	"time"
)

// Cut says what [Store.PruneTo] removed.
type Cut struct {
	Ticks, Observations int64
	Before              time.Time // what was removed is older; zero: nothing was removed
	Used                int64     // bytes that history took when it was last measured
	// LastDay means that history takes more than the limit, and that nothing older than a day is
	// left of it.
	LastDay bool
}

// cutsAtMost bounds the rounds of one PruneTo. The second makes good what the first has estimated
// too high.
const cutsAtMost = 2

// PruneTo removes the oldest ticks with their runs, and observations as old, whole days at a
// time, until history takes no more than limit bytes: see [Store.Used]. The last day stays,
// whatever it takes. Nothing else is removed. The space of removed rows is used again; the
// file, or the tables, do not shrink. On an error the count has what was removed until then.
func (s *Store) PruneTo(ctx context.Context, now time.Time, limit int64) (c Cut, err error) {
	last := beginning
	for round := 0; ; round++ {
		u, err := s.usage(ctx)
		if err != nil {
			return c, err
		}
		if c.Used = u.total; c.Used <= limit {
			return c, nil
		}
		latest := micros(now) - dayMicros
		before := u.cut(c.Used-limit, latest)
		if before <= last { // the days before are empty
			c.LastDay = true
			return c, nil
		}
		if round == cutsAtMost {
			return c, nil
		}
		last = before
		if err := s.pruneBefore(ctx, before, &c); err != nil {
			return c, err
		}
	}
}

// pruneBefore removes ticks and observations before an instant, and counts them.
func (s *Store) pruneBefore(ctx context.Context, before int64, c *Cut) error {
	ticks, err := s.pruneTicks(ctx, before)
	if c.Ticks += ticks; ticks > 0 {
		c.Before = fromMicros(before)
	}
	if err != nil {
		return s.pruneError(err)
	}
	observations, err := s.pruneObservations(ctx, before)
	if c.Observations += observations; observations > 0 {
		c.Before = fromMicros(before)
	}
	return err
}

// Size is the bytes of the state on disk, with the write-ahead log.
func (s *Store) Size(ctx context.Context) (int64, error) { return s.engine.Size(ctx) }
