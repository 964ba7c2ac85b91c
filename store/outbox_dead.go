package store

import (
	"context"
	"fmt"
)

// DeadLetters selects items of the outbox that were given up.
type DeadLetters struct {
	Numbers []int64 // with those that they left with; empty: all
	Channel string  // "" for all
}

// bundled selects the dead items of a number, and the ones that were to leave with it.
const bundled = ` state = 'dead' AND (seq = ? OR bundle <> '' AND EXISTS (
  SELECT 1 FROM outbox b
  WHERE b.seq = ? AND b.bundle = outbox.bundle AND b.channel = outbox.channel))`

// ofChannel selects the dead items of a channel; "" is any.
const ofChannel = ` state = 'dead' AND (? = '' OR channel = ?)`

// RetryDead makes dead items due at the time of why. It leaves those that are out of date:
// nobody should be notified that an incident opened which was resolved meanwhile. It returns
// how many items are due. If there are any, the transaction also writes why into the audit log,
// with their number before the detail. The error is [ErrStale] if the selection has numbers and
// none of their items is due.
func (s *Store) RetryDead(ctx context.Context, d DeadLetters, why AuditEntry) (int64, error) {
	const set = `UPDATE outbox SET state = 'pending', attempts = 0, created = ?, finished = 0, next_at = ? WHERE`
	const current = ` AND (kind = 'recovered' OR NOT EXISTS (
  SELECT 1 FROM incident i WHERE i.id = outbox.incident AND i.resolved IS NOT NULL))`
	return s.changeDead(ctx, d, deadChange{"retrying", set, current, []any{micros(why.At), micros(why.At)}, why})
}

// DropDead removes dead items and returns how many. It writes why into the audit log, as
// RetryDead does. The error is [ErrStale] if the selection has numbers and none of them is a
// dead item.
func (s *Store) DropDead(ctx context.Context, d DeadLetters, why AuditEntry) (int64, error) {
	// The inner query must not miss an item once it is removed.
	const head = `DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE`
	return s.changeDead(ctx, d, deadChange{"dropping", head, `)`, nil, why})
}

// deadChange is a statement about dead items, around the condition that selects them.
type deadChange struct {
	what, head, tail string
	args             []any      // before those of the selection
	why              AuditEntry // its Detail follows the number of items
}

// changeDead runs a statement about dead items: all of them or, on an error, none.
func (s *Store) changeDead(ctx context.Context, d DeadLetters, c deadChange) (changed int64, err error) {
	run := func(ctx context.Context, tx *txn, which string, args ...any) error {
		n, err := affected(tx.ExecContext(ctx, c.head+which+c.tail, append(append([]any{}, c.args...), args...)...))
		changed += n
		return err
	}
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		changed = 0
		if len(d.Numbers) == 0 {
			if err := run(ctx, tx, ofChannel, d.Channel, d.Channel); err != nil {
				return err
			}
		}
		for _, n := range d.Numbers {
			if err := run(ctx, tx, bundled+` AND (? = '' OR channel = ?)`, n, n, d.Channel, d.Channel); err != nil {
				return err
			}
		}
		if changed == 0 {
			return nil
		}
		entry := c.why
		entry.Detail = fmt.Sprintf("%d notifications: %s", changed, entry.Detail)
		return appendAudit(ctx, tx, entry)
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s notifications: %w", c.what, s.describe(err))
	case changed == 0 && len(d.Numbers) > 0:
		return 0, fmt.Errorf("%s notification %d: %w: it was not given up, or its incident is resolved",
			c.what, d.Numbers[0], ErrStale)
	}
	return changed, nil
}
