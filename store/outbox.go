package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// OutboxState is where a notice on its way to a channel stands.
type OutboxState string

const (
	OutboxPending OutboxState = "pending" // waits, or a try is under way
	OutboxSent    OutboxState = "sent"    // the channel took it
	OutboxDead    OutboxState = "dead"    // given up: waits for a person to retry or discard it
)

// OutboxItem is one transition of one incident on its way to one channel. The caller of
// Enqueue sets the first block of fields, the store the second.
type OutboxItem struct {
	Key      string // names the transition; with Channel it exists once
	Channel  string
	Incident string // items of one incident and channel leave in the order they came
	Upstream string // the incident that explains this one, whose conversation it joins; "" for none
	Kind     string
	Group    string // items of one group may leave as one notice
	NextAt   time.Time
	Created  time.Time
	Notice   []byte // JSON; the notify package knows what it means

	Seq       int64
	State     OutboxState
	Bundle    string // the key of the notice it leaves in; "" before the first try
	Thread    string // id of the incident that leads its conversation; "" before the first try
	Ref       string // what the channel answered, such as the id of a message
	Attempts  int
	Finished  time.Time // when it was sent or given up; zero before
	LastError string
}

var insertOutbox = statement{
	head: `INSERT INTO outbox (key, channel, incident, upstream, kind, grp, state,
bundle, thread, ref, next_at, attempts, created, finished, last_error, body) VALUES `,
	row:   `(?, ?, ?, ?, ?, ?, 'pending', '', '', '', ?, 0, ?, 0, '', ?)`,
	tail:  ` ON CONFLICT (key, channel) DO NOTHING`,
	width: 9,
}

// outbox writes items; those that are there already stay as they are.
func (t *txn) outbox(ctx context.Context, items []OutboxItem) error {
	args := make([]any, 0, len(items)*insertOutbox.width)
	for _, i := range items {
		args = append(args, i.Key, i.Channel, i.Incident, i.Upstream, i.Kind, i.Group,
			micros(i.NextAt), micros(i.Created), i.Notice)
	}
	return t.exec(ctx, insertOutbox, args)
}

// Enqueue adds items outside of a tick: all or, on an error, none. An item whose key
// and channel exist already stays as it is. So the same items may be added again, also
// by several agents.
func (s *Store) Enqueue(ctx context.Context, items []OutboxItem) error {
	if len(items) == 0 {
		return nil
	}
	err := s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		return tx.outbox(ctx, items)
	})
	if err != nil {
		return fmt.Errorf("enqueueing notifications: %w", s.describe(err))
	}
	return nil
}

const outboxColumns = `seq, key, channel, incident, upstream, kind, grp, state, bundle, thread, ref,
next_at, attempts, created, finished, last_error, body`

func scanOutbox(scan func(...any) error) (i OutboxItem, err error) {
	var next, created, finished int64
	err = scan(&i.Seq, &i.Key, &i.Channel, &i.Incident, &i.Upstream, &i.Kind, &i.Group, &i.State, &i.Bundle,
		&i.Thread, &i.Ref, &next, &i.Attempts, &created, &finished, &i.LastError, &i.Notice)
	i.NextAt = fromMicros(next)
	i.Created = fromMicros(created)
	if finished != 0 {
		i.Finished = fromMicros(finished)
	}
	return i, err
}

func readOutbox(ctx context.Context, tx *txn, query string, args ...any) (items []OutboxItem, err error) {
	err = engine.Each(ctx, tx, query, args, func(scan func(...any) error) error {
		i, err := scanOutbox(scan)
		items = append(items, i)
		return err
	})
	return items, err
}

// OutboxFilter narrows what [Store.Outbox] lists.
type OutboxFilter struct {
	State    OutboxState // "" for all
	Channel  string      // "" for all
	Incident string      // "" for all
	Limit    int         // 0: 1000
}

// Outbox lists items in the order they came.
func (s *Store) Outbox(ctx context.Context, f OutboxFilter) (items []OutboxItem, err error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	const query = `SELECT ` + outboxColumns + ` FROM outbox
WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR channel = ?2) AND (?3 = '' OR incident = ?3)
ORDER BY seq LIMIT ?4`
	err = s.each(ctx, query, []any{string(f.State), f.Channel, f.Incident, f.Limit}, func(scan func(...any) error) error {
		i, err := scanOutbox(scan)
		items = append(items, i)
		return err
	})
	return items, err
}

// OutboxCount is how many items of a channel stand in a state.
type OutboxCount struct {
	Channel string
	State   OutboxState
	Items   int64
	Oldest  time.Time // when the oldest of them came
}

// OutboxCounts counts what is not sent, by channel and state.
func (s *Store) OutboxCounts(ctx context.Context) (counts []OutboxCount, err error) {
	const query = `
SELECT channel, state, count(*), min(created) FROM outbox
WHERE state <> 'sent' GROUP BY channel, state ORDER BY channel, state`
	err = s.each(ctx, query, nil, func(scan func(...any) error) error {
		var c OutboxCount
		var oldest int64
		err := scan(&c.Channel, &c.State, &c.Items, &oldest)
		c.Oldest = fromMicros(oldest)
		counts = append(counts, c)
		return err
	})
	return counts, err
}

// OutboxDue returns for each channel since when its oldest waiting item could have been
// sent. An item that was tried was due at most wait after it came.
func (s *Store) OutboxDue(
	ctx context.Context, now time.Time, wait time.Duration,
) (due map[string]time.Time, err error) {
	const query = `
SELECT channel, min(CASE WHEN attempts = 0 THEN next_at ELSE created + ?1 END) FROM outbox
WHERE state = 'pending' AND (attempts > 0 OR next_at <= ?2) GROUP BY channel`
	due = map[string]time.Time{}
	err = s.each(ctx, query, []any{wait.Microseconds(), micros(now)}, func(scan func(...any) error) error {
		var channel string
		var at int64
		err := scan(&channel, &at)
		due[channel] = fromMicros(at)
		return err
	})
	return due, err
}

// OutboxRetried counts the items that ended since a time after more than one try, and
// those of them that were sent.
func (s *Store) OutboxRetried(ctx context.Context, since time.Time) (sent, all int, err error) {
	const query = `
SELECT state, count(*) FROM outbox WHERE state <> 'pending' AND attempts > 1 AND finished >= ?1 GROUP BY state`
	err = s.each(ctx, query, []any{micros(since)}, func(scan func(...any) error) error {
		var state OutboxState
		var n int
		err := scan(&state, &n)
		all += n
		if state == OutboxSent {
			sent += n
		}
		return err
	})
	return sent, all, err
}

// Notified says what a channel was notified of an incident, or will be.
type Notified struct {
	Incident, Channel string
	Last              time.Time // when the newest item came
	Reminders         int       // items of kind reminder
	Sent              bool      // an item has arrived
	Notice            []byte    // of the newest item; only [Store.OutboxNotices] reads it
}

// CROSS JOIN keeps the engine from starting with the outbox, which holds more than the
// query needs.
const selectNotified = `
SELECT o.incident, o.channel, max(o.created) AS last,
  sum(CASE WHEN o.kind = 'reminder' THEN 1 ELSE 0 END) AS reminders,
  sum(CASE WHEN o.state = 'sent' THEN 1 ELSE 0 END) AS sent, max(o.seq) AS newest
FROM incident i CROSS JOIN outbox o
WHERE o.incident = i.id AND o.state <> 'dead' AND `

const groupNotified = ` GROUP BY o.incident, o.channel ORDER BY o.incident, o.channel`

// OutboxNotified returns which channels were notified of the incidents with these ids;
// without ids, of all unresolved ones. Dead items do not count.
func (s *Store) OutboxNotified(ctx context.Context, ids []string) (out []Notified, err error) {
	if len(ids) == 0 {
		return s.notified(ctx, `i.resolved IS NULL`)
	}
	for part := range slices.Chunk(ids, 500) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		some, err := s.notified(ctx, `i.id IN (`+placeholders(len(part))+`)`, args...)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// OutboxNotices returns what [Store.OutboxNotified] returns for all unresolved incidents, with
// the newest notice of each.
func (s *Store) OutboxNotices(ctx context.Context) (out []Notified, err error) {
	const query = `
SELECT n.incident, n.channel, n.last, n.reminders, n.sent, o.body
FROM (` + selectNotified + `i.resolved IS NULL GROUP BY o.incident, o.channel) n
JOIN outbox o ON o.seq = n.newest ORDER BY n.incident, n.channel`
	err = s.each(ctx, query, nil, func(scan func(...any) error) error {
		var t Notified
		var last, sent int64
		err := scan(&t.Incident, &t.Channel, &last, &t.Reminders, &sent, &t.Notice)
		t.Last, t.Sent = fromMicros(last), sent > 0
		out = append(out, t)
		return err
	})
	return out, err
}

// OutboxGivenUp returns the channels whose notices of an unresolved incident were all given
// up. Last is when the newest was, and Reminders is how many there are.
func (s *Store) OutboxGivenUp(ctx context.Context) (out []Notified, err error) {
	const query = `
SELECT o.incident, o.channel, max(o.finished), count(*)
FROM incident i CROSS JOIN outbox o
WHERE o.incident = i.id AND i.resolved IS NULL
GROUP BY o.incident, o.channel
HAVING sum(CASE WHEN o.state = 'dead' THEN 0 ELSE 1 END) = 0
ORDER BY o.incident, o.channel`
	err = s.each(ctx, query, nil, func(scan func(...any) error) error {
		var t Notified
		var last int64
		err := scan(&t.Incident, &t.Channel, &last, &t.Reminders)
		t.Last = fromMicros(last)
		out = append(out, t)
		return err
	})
	return out, err
}

// OutboxWithoutRecovery returns which channels were notified of incidents that were
// resolved since a time, but not of their recovery, because the agent stopped between
// the two.
func (s *Store) OutboxWithoutRecovery(ctx context.Context, since time.Time) ([]Notified, error) {
	return s.notified(ctx, `i.resolved >= ? AND NOT EXISTS (
  SELECT 1 FROM outbox later
  WHERE later.incident = o.incident AND later.channel = o.channel
    AND later.seq >= o.seq AND later.kind = 'recovered')`, micros(since))
}

func (s *Store) notified(ctx context.Context, where string, args ...any) (out []Notified, err error) {
	err = s.each(ctx, selectNotified+where+groupNotified, args, func(scan func(...any) error) error {
		var t Notified
		var last, sent, newest int64
		err := scan(&t.Incident, &t.Channel, &last, &t.Reminders, &sent, &newest)
		t.Last, t.Sent = fromMicros(last), sent > 0
		out = append(out, t)
		return err
	})
	return out, err
}

// placeholders are n parameters, for a list.
func placeholders(n int) string { return strings.TrimPrefix(strings.Repeat(", ?", n), ", ") }

// DeadLetterOrphans marks as dead the pending items that were created before a time and
// whose channels are not configured. It returns the number of items.
func (s *Store) DeadLetterOrphans(ctx context.Context, configured []string, before, now time.Time) (int64, error) {
	args := []any{micros(now), micros(before)}
	for _, c := range configured {
		args = append(args, c)
	}
	args = append(args, "") // no channel has no name: the list is never empty
	dead, err := s.changeRows(ctx, `
UPDATE outbox SET state = 'dead', finished = ?, last_error = 'the channel is no longer configured'
WHERE state = 'pending' AND created < ?
  AND channel NOT IN (`+placeholders(len(configured)+1)+`)`, args...)
	if err != nil {
		return 0, fmt.Errorf("marking undeliverable notices as dead: %w", s.describe(err))
	}
	return dead, nil
}

// PruneOutbox removes items that were sent before now minus the retention. It keeps
// those of unresolved incidents.
func (s *Store) PruneOutbox(ctx context.Context, now time.Time, retention time.Duration) (removed int64, err error) {
	return s.remove(ctx, `
DELETE FROM outbox WHERE state = 'sent' AND finished < ? AND NOT EXISTS (
  SELECT 1 FROM incident i WHERE i.id = outbox.incident AND i.resolved IS NULL)`, micros(now.Add(-retention)))
}
