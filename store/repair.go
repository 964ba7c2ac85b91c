package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// ErrStale says that another agent or person changed or claimed the repair since it was
// read.
var ErrStale = errors.New("the repair has changed since it was read")

// RepairFilter narrows repairs; a zero field does not.
type RepairFilter struct {
	ID     string
	Key    string
	Check  string
	Active bool // only those that have not ended
	State  sentinel.RepairState
	Since  time.Time // created at or after
	Limit  int       // newest at most; 0: 1000
	// Incident is the id of the incident that they are for.
	Incident string
}

// Repairs returns repairs, newest first.
func (s *Store) Repairs(ctx context.Context, f RepairFilter) (out []sentinel.Repair, err error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	since := int64(-1 << 62)
	if !f.Since.IsZero() {
		since = micros(f.Since)
	}
	const query = `
SELECT body FROM repair
WHERE (?1 = '' OR id = ?1) AND (?7 = '' OR key = ?7) AND (?2 = '' OR check_id = ?2) AND (NOT ?3 OR NOT final)
  AND (?4 = '' OR state = ?4) AND created >= ?5
ORDER BY created DESC, id DESC LIMIT ?6`
	limit := f.Limit
	if f.Incident != "" {
		limit = math.MaxInt32 // the incident is in the body alone
	}
	args := []any{f.ID, f.Check, f.Active, string(f.State), since, limit, f.Key}
	err = s.each(ctx, query, args, func(scan func(...any) error) error {
		var r sentinel.Repair
		err := scanJSON(scan, &r)
		if len(out) < f.Limit && (f.Incident == "" || f.Incident == r.Incident) {
			out = append(out, r)
		}
		return err
	})
	return out, err
}

// RepairsWritten grows with every repair that this process adds or changes. If it has
// not grown and no other process writes, the repairs have not changed.
func (s *Store) RepairsWritten() uint64 { return s.repairs.Load() }

// AddRepair saves a new repair with its audit entry. If a repair with the same key has
// not ended, created is false and nothing is saved. The fence is above those of all
// earlier repairs with the key, and at least the milliseconds since 1970, so that it
// still grows after a state was lost.
func (s *Store) AddRepair(ctx context.Context, r sentinel.Repair, why AuditEntry) (created bool, err error) {
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		const fence = `SELECT coalesce(max(fence), 0) FROM repair WHERE key = ?`
		if err := tx.QueryRowContext(ctx, fence, r.Key).Scan(&r.Fence); err != nil {
			return err
		}
		r.Fence = max(r.Fence, r.Created.UnixMilli())
		body, err := json.Marshal(r)
		if err != nil {
			return err
		}
		const insert = `
INSERT INTO repair (id, key, check_id, state, final, version, fence, holder, lease, created, body)
VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?) ON CONFLICT DO NOTHING`
		n, err := affected(tx.ExecContext(ctx, insert,
			r.ID, r.Key, r.Check, r.State, r.State.Final(), r.Version, r.Fence, micros(r.Created), body))
		if err != nil || n == 0 {
			return err
		}
		created = true
		return appendAudit(ctx, tx, why)
	})
	if err != nil {
		return false, fmt.Errorf("saving a repair: %w", s.describe(err))
	}
	s.repairs.Add(1)
	return created, nil
}

// MoveRepair saves a transition and its audit entry in one transaction, and returns the
// repair with its new version. The error is [ErrStale] if the repair was changed or
// claimed since r was read.
func (s *Store) MoveRepair(ctx context.Context, r sentinel.Repair, why AuditEntry) (sentinel.Repair, error) {
	before := r.Version
	r.Version++
	body, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		const update = `
UPDATE repair SET state = ?, final = ?, version = ?, holder = ?, body = ?
WHERE id = ? AND version = ? AND fence = ?`
		err := oneRow(tx.ExecContext(ctx, update,
			r.State, r.State.Final(), r.Version, r.Holder, body, r.ID, before, r.Fence))
		if err != nil {
			return err
		}
		return appendAudit(ctx, tx, why)
	})
	if err != nil {
		r.Version = before
		return r, s.repairError("moving", r.ID, err)
	}
	s.repairs.Add(1)
	return r, nil
}

// ClaimRepair claims a repair for holder until the lease ends, with the next fence. The
// error is [ErrStale] while another holder's lease runs, and when the repair has
// changed since r was read.
func (s *Store) ClaimRepair(
	ctx context.Context, r sentinel.Repair, holder string, now, until time.Time,
) (sentinel.Repair, error) {
	before := r
	r.Version++
	r.Fence++
	r.Holder = holder
	body, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		const update = `
UPDATE repair SET version = ?, fence = ?, holder = ?, lease = ?, body = ?
WHERE id = ? AND version = ? AND fence = ? AND NOT final AND lease <= ?`
		return oneRow(tx.ExecContext(ctx, update,
			r.Version, r.Fence, holder, micros(until), body, r.ID, before.Version, before.Fence, micros(now)))
	})
	if err != nil {
		return before, s.repairError("taking up", r.ID, err)
	}
	return r, nil
}

// ReleaseLeases ends the leases of the repairs whose holder has ended.
func (s *Store) ReleaseLeases(ctx context.Context, hasEnded func(holder string) bool) error {
	holders := map[string]bool{}
	err := s.each(ctx, `SELECT DISTINCT holder FROM repair WHERE NOT final AND lease > 0`, nil,
		func(scan func(...any) error) error {
			var holder string
			err := scan(&holder)
			holders[holder] = true
			return err
		})
	if err == nil {
		err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
			for holder := range holders {
				if !hasEnded(holder) {
					continue
				}
				const release = `UPDATE repair SET lease = 0 WHERE NOT final AND lease > 0 AND holder = ?`
				if _, err := tx.ExecContext(ctx, release, holder); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("releasing repairs: %w", s.describe(err))
	}
	return nil
}

// ExtendLease moves the end of a lease to a later time. A time in the past releases the
// repair. The error is [ErrStale] when another agent has claimed the repair.
func (s *Store) ExtendLease(ctx context.Context, id string, fence int64, until time.Time) error {
	err := s.write(ctx, func(ctx context.Context, tx *txn) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE repair SET lease = ? WHERE id = ? AND fence = ?`, micros(until), id, fence))
	})
	return s.repairError("holding", id, err)
}

// RepairHeld reports whether a repair is still held under a fence.
func (s *Store) RepairHeld(ctx context.Context, id string, fence int64, now time.Time) (held bool, err error) {
	const query = `SELECT 1 FROM repair WHERE id = ? AND fence = ? AND lease > ?`
	err = s.each(ctx, query, []any{id, fence, micros(now)}, func(func(...any) error) error {
		held = true
		return nil
	})
	return held, err
}

func oneRow(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = ErrStale
	}
	return err
}

func (s *Store) repairError(what, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrStale):
		return fmt.Errorf("%s repair %s: %w", what, id, ErrStale)
	}
	return fmt.Errorf("%s repair %s: %w", what, id, s.describe(err))
}

// Breaker is a stored circuit breaker. The repair package knows what its body means.
type Breaker struct {
	Name    string
	Version int64
	Body    []byte
}

// Breakers returns all breakers, by name.
func (s *Store) Breakers(ctx context.Context) (out []Breaker, err error) {
	err = s.each(ctx, `SELECT name, version, body FROM breaker ORDER BY name`, nil, func(scan func(...any) error) error {
		var b Breaker
		err := scan(&b.Name, &b.Version, &b.Body)
		out = append(out, b)
		return err
	})
	return out, err
}

// SetBreaker saves a breaker that was read with b.Version (0: there was none). ok is
// false if another agent has changed it since: if two agents let a trial through an
// open breaker, one of them wins.
func (s *Store) SetBreaker(ctx context.Context, b Breaker) (ok bool, err error) {
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		const set = `
INSERT INTO breaker (name, version, body)
SELECT ?1, CAST(?2 AS BIGINT) + 1, ?3
WHERE CAST(?2 AS BIGINT) > 0 OR NOT EXISTS (SELECT 1 FROM breaker WHERE name = ?1)
ON CONFLICT (name) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE breaker.version = CAST(?2 AS BIGINT)`
		n, err := affected(tx.ExecContext(ctx, set, b.Name, b.Version, b.Body))
		ok = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("saving breaker %s: %w", b.Name, s.describe(err))
	}
	return ok, nil
}
