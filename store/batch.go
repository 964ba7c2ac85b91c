package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// TickKey names the ticks of one schedule on one dataset.
type TickKey struct {
	Schedule string
	Table    sentinel.Table
}

// TickRecord says that a tick was run, or why it was not.
type TickRecord struct {
	Schedule string
	Table    sentinel.Table
	Tick     time.Time
	Skipped  string // the reason, one line; "" for a tick that was run
}

// Snapshot is an accepted schema, as the checks package encodes it.
type Snapshot struct {
	Data       []byte
	TakenAt    time.Time
	AcceptedBy string
	Why        string
}

// State is what a model or a rule keeps between ticks.
type State struct {
	Kind, Key string
	Data      []byte
}

// Renewal replaces the schema that a check has by one that says the same. It has no
// effect if the digest of the stored one is not Of any more, so that it never undoes what
// somebody accepted meanwhile.
type Renewal struct {
	Data []byte
	Of   []byte // SHA-256
}

// Batch is everything one or more ticks bring. Record does not change it.
type Batch struct {
	Ticks     []TickRecord
	Results   []sentinel.Result
	Baselines map[string]Snapshot // first snapshots, by check id; never move one that is there
	Renewals  map[string]Renewal  // by check id
	Incidents []sentinel.Incident // as they are now
	States    []State
	Outbox    []OutboxItem // the notices of these incidents, see [Store.Enqueue]
	Audit     []AuditEntry // who decided what the batch brings, see [Store.AppendAudit]
}

// Add adds what another batch brings.
func (b *Batch) Add(more Batch) {
	b.Ticks = append(b.Ticks, more.Ticks...)
	b.Results = append(b.Results, more.Results...)
	b.Incidents = append(b.Incidents, more.Incidents...)
	b.States = append(b.States, more.States...)
	b.Outbox = append(b.Outbox, more.Outbox...)
	b.Audit = append(b.Audit, more.Audit...)
	if b.Baselines == nil {
		b.Baselines = more.Baselines
	} else {
		maps.Copy(b.Baselines, more.Baselines)
	}
	if b.Renewals == nil {
		b.Renewals = more.Renewals
	} else {
		maps.Copy(b.Renewals, more.Renewals)
	}
}

// Empty reports whether there is nothing to record.
func (b Batch) Empty() bool {
	return len(b.Ticks)+len(b.Results)+len(b.Baselines)+len(b.Renewals)+len(b.Incidents)+len(b.States)+
		len(b.Outbox)+len(b.Audit) == 0
}

// Record stores a batch in one transaction: all of it or, on an error, nothing. A batch
// may be recorded again after an error whose outcome is not known: Record leaves out
// datasets whose ticks are all recorded already, and a batch without any new tick as a
// whole. dropped counts the results that were left out. Results without ticks are
// always stored. The newest result of a check and tick wins, as does the newest value
// of a bucket.
func (s *Store) Record(ctx context.Context, b Batch) (dropped int, err error) {
	write := s.write
	if len(b.Outbox)+len(b.Audit) > 0 {
		write = s.writeDurably // a notification and a decision survive a power cut
	}
	err = write(ctx, func(ctx context.Context, tx *txn) (err error) {
		dropped, err = tx.record(ctx, b)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("recording: %w", s.describe(err))
	}
	return dropped, nil
}

func (t *txn) record(ctx context.Context, b Batch) (dropped int, err error) {
	known, dropped, err := t.ticks(ctx, b.Ticks, b.Results)
	if err != nil || len(b.Ticks) > 0 && allKnown(known) {
		return dropped, err
	}
	for id, v := range b.Baselines {
		if err := t.firstBaseline(ctx, id, v); err != nil {
			return 0, err
		}
	}
	for id, v := range b.Renewals {
		st, err := t.prepare(ctx, renewBaseline)
		if err != nil {
			return 0, err
		}
		if _, err := st.ExecContext(ctx, v.Data, digest(v.Data), id, v.Of, id); err != nil {
			return 0, err
		}
	}
	for _, i := range b.Incidents {
		if known[i.Table] {
			continue
		}
		if err := t.incident(ctx, i); err != nil {
			return 0, err
		}
	}
	for _, st := range b.States {
		data := append([]byte{}, st.Data...) // nil would be NULL
		if err := t.exec(ctx, insertState, []any{st.Kind, st.Key, data}); err != nil {
			return 0, err
		}
	}
	for _, e := range b.Audit {
		if err := appendAudit(ctx, t, e); err != nil {
			return 0, fmt.Errorf("the audit log: %w", err)
		}
	}
	return dropped, t.outbox(ctx, b.Outbox)
}

func allKnown(known map[sentinel.Table]bool) bool {
	for _, old := range known {
		if !old {
			return false
		}
	}
	return true
}

var (
	insertBaseline = statement{
		head:  `INSERT INTO baseline (check_id, taken_at, accepted_by, why, data, digest) `,
		row:   `SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?`,
		tail:  ` WHERE NOT EXISTS (SELECT 1 FROM baseline WHERE check_id = ?)`,
		width: 7,
	}
	insertState = statement{
		head:  `INSERT INTO state (kind, key, data) VALUES `,
		row:   `(?, ?, ?)`,
		tail:  ` ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data`,
		width: 3,
	}
)

// renewBaseline replaces the newest schema of a check if its digest is the given one.
const renewBaseline = `
UPDATE baseline SET data = ?, digest = ?
WHERE check_id = ? AND digest = ? AND id = (SELECT max(id) FROM baseline WHERE check_id = ?)`

// firstBaseline stores a schema unless the check has one.
func (t *txn) firstBaseline(ctx context.Context, check string, v Snapshot) error {
	st, err := t.prepare(ctx, insertBaseline.sql(1))
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, check, micros(v.TakenAt), v.AcceptedBy, v.Why, v.Data, digest(v.Data), check)
	return err
}

func digest(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}
