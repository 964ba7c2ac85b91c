package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// OutboxBundle is one notice: items of one channel, each of another incident, in the
// order in which they were added. The claimer ends the claim with [Store.SentOutbox],
// [Store.PostponeOutbox] or [Store.DeadLetterOutbox].
type OutboxBundle struct {
	Channel  string
	Key      string // the same at every try
	Attempts int    // with this one
	Since    time.Time
	Mixed    bool // its items are of several groups
	Items    []OutboxItem
	// Others counts, by thread, the unresolved incidents of the same conversation that
	// are not in Items.
	Others map[string]int
}

// OutboxClaim says what [Store.ClaimOutbox] takes.
type OutboxClaim struct {
	Channel string
	Now     time.Time
	Until   time.Time // nobody else tries before; a killed try is taken up again then
	Mixed   bool      // put everything that is due into one notice, whatever its group
	Limit   int       // items a bundle; 0: 1000
}

// free holds for items o that no earlier one of their incident and channel is
// ahead of.
const free = ` AND NOT EXISTS (
  SELECT 1 FROM outbox e
  WHERE e.channel = o.channel AND e.incident = o.incident AND e.state = 'pending' AND e.seq < o.seq)`

// ClaimOutbox claims the next bundle that is due: one that was tried before, or the
// oldest free item with all free ones of its group. An item of an incident is never
// sent before an earlier one of it is sent or given up. ok is false if nothing is due,
// or if another agent was faster.
func (s *Store) ClaimOutbox(ctx context.Context, c OutboxClaim) (b OutboxBundle, ok bool, err error) {
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		const query = `SELECT ` + outboxColumns + ` FROM outbox o
WHERE channel = ? AND state = 'pending' AND next_at <= ?` + free + `
ORDER BY next_at, seq LIMIT 1`
		first, err := readOutbox(ctx, tx, query, c.Channel, micros(c.Now))
		if err != nil || len(first) == 0 {
			return err
		}
		b, err = bundle(ctx, tx, c, first[0])
		if err == nil {
			err = b.claim(ctx, tx, c)
		}
		if err == nil {
			b.Others, err = b.others(ctx, tx)
		}
		ok = err == nil
		return err
	})
	switch {
	case errors.Is(err, ErrStale):
		return OutboxBundle{}, false, nil
	case err != nil:
		return OutboxBundle{}, false, fmt.Errorf("claiming notifications: %w", s.describe(err))
	}
	return b, ok, nil
}

// bundle gathers what leaves together with first.
func bundle(ctx context.Context, tx *txn, c OutboxClaim, first OutboxItem) (b OutboxBundle, err error) {
	b = OutboxBundle{Channel: c.Channel, Key: first.Bundle}
	if c.Limit <= 0 {
		c.Limit = 1000
	}
	const query = `SELECT ` + outboxColumns + ` FROM outbox o WHERE channel = ? AND state = 'pending'`
	switch {
	case first.Bundle != "":
		b.Items, err = readOutbox(ctx, tx, query+` AND bundle = ? ORDER BY seq`, c.Channel, first.Bundle)
	case c.Mixed:
		const mixed = query + ` AND bundle = '' AND next_at <= ?` + free + ` ORDER BY seq LIMIT ?`
		b.Items, err = readOutbox(ctx, tx, mixed, c.Channel, micros(c.Now), c.Limit)
	default:
		const group = query + ` AND bundle = '' AND grp = ?` + free + ` ORDER BY seq LIMIT ?`
		b.Items, err = readOutbox(ctx, tx, group, c.Channel, first.Group, c.Limit)
	}
	if err != nil {
		return b, err
	}
	if b.Key == "" {
		b.Key = bundleKey(b.Items)
		err = b.assignThreads(ctx, tx)
	}
	b.Since = b.Items[0].Created
	for _, i := range b.Items {
		b.Mixed = b.Mixed || i.Group != b.Items[0].Group
		if i.Created.Before(b.Since) {
			b.Since = i.Created
		}
	}
	return b, err
}

func bundleKey(items []OutboxItem) string {
	if len(items) == 1 {
		return items[0].Key
	}
	h := sha256.New()
	for _, i := range items {
		fmt.Fprintf(h, "%s\n", i.Key)
	}
	return fmt.Sprintf("%s+%d-%s", items[0].Key, len(items)-1, hex.EncodeToString(h.Sum(nil)[:8]))
}

// assignThreads gives every item a thread: that of its own incident, else that of its
// upstream, else a new one led by the first item without a cause of its own.
func (b *OutboxBundle) assignThreads(ctx context.Context, tx *txn) error {
	var incidents []any
	for _, i := range b.Items {
		incidents = append(incidents, i.Incident)
		if i.Upstream != "" {
			incidents = append(incidents, i.Upstream)
		}
	}
	known := map[string]string{}
	for part := range slices.Chunk(incidents, 500) {
		query := `SELECT incident, thread FROM outbox
WHERE channel = ? AND thread <> '' AND state <> 'dead' AND incident IN (` + placeholders(len(part)) + `) ORDER BY seq`
		if err := pairs(ctx, tx, query, append([]any{b.Channel}, part...), known); err != nil {
			return err
		}
	}
	lead := ""
	for _, i := range b.Items {
		if known[i.Incident] == "" && known[i.Upstream] == "" && (lead == "" || i.Upstream == "") {
			lead = i.Incident
			if i.Upstream == "" {
				break
			}
		}
	}
	for n := range b.Items {
		i := &b.Items[n]
		if i.Thread = known[i.Incident]; i.Thread == "" && i.Upstream != "" {
			i.Thread = known[i.Upstream]
		}
		if i.Thread == "" {
			i.Thread = lead
		}
	}
	return nil
}

// pairs reads rows of two texts into a map; the latest row of a key counts.
func pairs(ctx context.Context, tx *txn, query string, args []any, into map[string]string) error {
	return engine.Each(ctx, tx, query, args, func(scan func(...any) error) error {
		var k, v string
		if err := scan(&k, &v); err != nil {
			return err
		}
		into[k] = v
		return nil
	})
}

// claim marks the items as tried until the end of the claim. The error is ErrStale if
// another agent has claimed one of them meanwhile.
func (b *OutboxBundle) claim(ctx context.Context, tx *txn, c OutboxClaim) error {
	seqs := map[string][]any{} // by thread
	for n := range b.Items {
		i := &b.Items[n]
		seqs[i.Thread] = append(seqs[i.Thread], i.Seq)
		i.Attempts++
		b.Attempts = max(b.Attempts, i.Attempts)
	}
	fresh := b.Items[0].Bundle == ""
	for thread, all := range seqs {
		for part := range slices.Chunk(all, 500) {
			args := append([]any{b.Key, thread, micros(c.Until)}, part...)
			query := `UPDATE outbox SET bundle = ?, thread = ?, next_at = ?, attempts = attempts + 1
WHERE seq IN (` + placeholders(len(part)) + `) AND state = 'pending'`
			if fresh {
				query += ` AND bundle = ''`
			} else {
				query, args = query+` AND next_at <= ?`, append(args, micros(c.Now))
			}
			n, err := affected(tx.ExecContext(ctx, query, args...))
			if err != nil || n != int64(len(part)) {
				return errors.Join(err, ErrStale)
			}
		}
	}
	for n := range b.Items {
		b.Items[n].Bundle, b.Items[n].NextAt = b.Key, c.Until
	}
	return b.addRefs(ctx, tx, seqs)
}

// addRefs gives the items what the channel answered when their threads began.
func (b *OutboxBundle) addRefs(ctx context.Context, tx *txn, threads map[string][]any) error {
	refs := map[string]string{}
	for part := range slices.Chunk(threadNames(threads), 500) {
		query := `SELECT thread, ref FROM outbox
WHERE channel = ? AND thread <> '' AND ref <> '' AND thread IN (` + placeholders(len(part)) + `) ORDER BY seq DESC`
		if err := pairs(ctx, tx, query, append([]any{b.Channel}, part...), refs); err != nil {
			return err
		}
	}
	for n := range b.Items {
		b.Items[n].Ref = refs[b.Items[n].Thread]
	}
	return nil
}

func threadNames(threads map[string][]any) (names []any) {
	for t := range threads {
		names = append(names, t)
	}
	return names
}

func (b *OutboxBundle) others(ctx context.Context, tx *txn) (map[string]int, error) {
	here, threads := map[string]bool{}, map[string][]any{}
	for _, i := range b.Items {
		here[i.Incident], threads[i.Thread] = true, nil
	}
	others := map[string]int{}
	for part := range slices.Chunk(threadNames(threads), 500) {
		found := map[string]string{}
		query := `SELECT DISTINCT o.incident, o.thread FROM outbox o JOIN incident i ON i.id = o.incident
WHERE o.channel = ? AND o.thread <> '' AND i.resolved IS NULL AND o.thread IN (` + placeholders(len(part)) + `)`
		if err := pairs(ctx, tx, query, append([]any{b.Channel}, part...), found); err != nil {
			return nil, err
		}
		for incident, thread := range found {
			if !here[incident] {
				others[thread]++
			}
		}
	}
	return others, nil
}

// SentOutbox records that the channel accepted the bundle, and its answer. Like the
// other two it returns [ErrStale] if the claim has expired and another agent has
// claimed the bundle since.
func (s *Store) SentOutbox(ctx context.Context, b OutboxBundle, ref string, now time.Time) error {
	return s.finish(ctx, b, `state = 'sent', ref = ?, finished = ?, last_error = ''`, ref, micros(now))
}

// PostponeOutbox says that the bundle did not arrive, why, and when to try again.
func (s *Store) PostponeOutbox(ctx context.Context, b OutboxBundle, at time.Time, why string) error {
	return s.finish(ctx, b, `next_at = ?, last_error = ?`, micros(at), why)
}

// DeadLetterOutbox makes the bundle dead: it waits for a person.
func (s *Store) DeadLetterOutbox(ctx context.Context, b OutboxBundle, now time.Time, why string) error {
	return s.finish(ctx, b, `state = 'dead', finished = ?, last_error = ?`, micros(now), why)
}

// finish ends a claim.
func (s *Store) finish(ctx context.Context, b OutboxBundle, set string, args ...any) error {
	err := s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		query := `UPDATE outbox SET ` + set + `
WHERE channel = ? AND bundle = ? AND state = 'pending' AND attempts <= ?`
		n, err := affected(tx.ExecContext(ctx, query, append(args, b.Channel, b.Key, b.Attempts)...))
		if err != nil || n != int64(len(b.Items)) {
			return errors.Join(err, ErrStale)
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrStale):
		return fmt.Errorf("finishing notification %s: %w", b.Key, err)
	case err != nil:
		return fmt.Errorf("finishing notification %s: %w", b.Key, s.describe(err))
	}
	return nil
}

// NextOutbox returns when the next bundle of a channel is due. ok is false if none
// waits.
func (s *Store) NextOutbox(ctx context.Context, channel string) (at time.Time, ok bool, err error) {
	const query = `SELECT next_at FROM outbox o WHERE channel = ? AND state = 'pending'` + free + `
ORDER BY next_at LIMIT 1`
	err = s.each(ctx, query, []any{channel}, func(scan func(...any) error) error {
		var next int64
		err := scan(&next)
		at, ok = fromMicros(next), true
		return err
	})
	return at, ok, err
}
