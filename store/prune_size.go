package store

import (
	"context"
	"time"
)

// Cut says what [Store.PruneTo] removed.
type Cut struct {
	Ticks, Observations int64
	Before              time.Time // what was removed is older; zero: nothing was removed
	Used                int64     // bytes that the rows of the state take now
}

// cutsAtMost bounds the rounds of one PruneTo. Each removes more than half of what is left
// beyond the limit, unless the rows differ much in size.
const cutsAtMost = 20

// PruneTo removes the oldest ticks with their runs, and observations as old, a whole day or
// more at a time, until the rows of the state take no more than limit bytes. The last day
// stays, whatever it takes. Nothing else is removed. The space of removed rows is used again;
// the file, or the tables, do not shrink.
func (s *Store) PruneTo(ctx context.Context, now time.Time, limit int64) (c Cut, err error) {
	for range cutsAtMost {
		if c.Used, err = s.Used(ctx); err != nil || c.Used <= limit {
			return c, err
		}
		oldest, err := s.firstTick(ctx, beginning, micros(now))
		if err != nil {
			return c, err
		}
		before := cutAt(oldest, micros(now), float64(c.Used-limit)/float64(c.Used))
		if before <= oldest {
			return c, nil
		}
		ticks, err := s.pruneTicks(ctx, before)
		c.Ticks += ticks
		if err != nil {
			return c, s.pruneError(err)
		}
		observations, err := s.pruneObservations(ctx, before)
		c.Observations += observations
		if err != nil {
			return c, err
		}
		c.Before = fromMicros(before)
	}
	return c, nil
}

// cutAt returns before which instant the history from oldest to now is cut to lose a share of
// it: the end of a day, at the latest a day before now.
func cutAt(oldest, now int64, share float64) int64 {
	cut := oldest + int64(share*float64(now-oldest))
	cut = cut/dayMicros*dayMicros + dayMicros
	return min(cut, now-dayMicros)
}

// Size is the bytes of the state on disk, with the write-ahead log.
func (s *Store) Size(ctx context.Context) (int64, error) { return s.engine.Size(ctx) }

// Used is the bytes that the rows of the state take, without space that is free for others.
// For PostgreSQL it is an estimate, of ticks, observations and last results alone.
func (s *Store) Used(ctx context.Context) (int64, error) {
	used, err := s.engine.Used(ctx)
	if err != nil {
		return 0, s.describe(err)
	}
	return used, nil
}
