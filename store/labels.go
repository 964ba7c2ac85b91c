package store

import (
	"context"
	"fmt"
	"time"
)

// Label marks a time range of a check's series that have this segment. It holds for all
// metrics.
type Label struct {
	Check   string    `json:"check"`
	Segment string    `json:"segment,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`      // both inclusive
	Exclude bool      `json:"exclude"` // the points are no part of what is normal; false takes an earlier label back
	Why     string    `json:"why"`
	Who     string    `json:"who"`
}

// Label stores a label. Where labels overlap, the one stored last counts.
func (s *Store) Label(ctx context.Context, l Label) error {
	if l.To.Before(l.From) {
		return fmt.Errorf("labelling %s: %s is before %s", l.Check, l.To.Format(time.RFC3339), l.From.Format(time.RFC3339))
	}
	const statement = `
INSERT INTO label (check_id, segment, from_at, to_at, exclude, why, who)
VALUES (?, ?, ?, ?, ?, ?, ?)`
	err := s.insert(ctx, statement,
		l.Check, l.Segment, micros(l.From), micros(l.To), l.Exclude, l.Why, l.Who)
	if err != nil {
		return fmt.Errorf("labelling %s: %w", l.Check, s.describe(err))
	}
	return nil
}
