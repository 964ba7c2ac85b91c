package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// IncidentFilter narrows incidents.
type IncidentFilter struct {
	Check    string // one of its findings is of this check; "": any
	Resolved bool   // also the resolved ones
	Limit    int    // newest at most; 0: 1000
	// Since and Until are when the last episode opened: at or after, and before.
	Since, Until time.Time
}

// Incidents returns incidents, newest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]sentinel.Incident, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	const query = `
SELECT body FROM incident WHERE (?1 OR resolved IS NULL) AND opened >= ?3 AND opened < ?4
ORDER BY opened DESC, id LIMIT ?2`
	since, until := beginning, int64(math.MaxInt64)
	if !f.Since.IsZero() {
		since = micros(f.Since)
	}
	if !f.Until.IsZero() {
		until = micros(f.Until)
	}
	if f.Check == "" {
		return s.incidents(ctx, query, f.Resolved, f.Limit, since, until)
	}
	found, err := s.incidents(ctx, query, f.Resolved, math.MaxInt32, since, until) // the checks are in the bodies alone
	found = slices.DeleteFunc(found, func(i sentinel.Incident) bool {
		return !slices.ContainsFunc(i.Findings, func(o sentinel.IncidentFinding) bool { return o.Check == f.Check })
	})
	return found[:min(f.Limit, len(found))], err
}

// Incident returns one incident; ok is false when there is none of that id.
func (s *Store) Incident(ctx context.Context, id string) (i sentinel.Incident, ok bool, err error) {
	found, err := s.incidents(ctx, `SELECT body FROM incident WHERE id = ?`, id)
	if err != nil || len(found) == 0 {
		return i, false, err
	}
	return found[0], true, nil
}

// OpenIncidents returns all unresolved incidents, oldest first.
func (s *Store) OpenIncidents(ctx context.Context) ([]sentinel.Incident, error) {
	return s.incidents(ctx, `SELECT body FROM incident WHERE resolved IS NULL ORDER BY opened, id`)
}

// IncidentsSince returns the incidents that are unresolved, or were resolved at or after a
// time, oldest first.
func (s *Store) IncidentsSince(ctx context.Context, at time.Time) ([]sentinel.Incident, error) {
	const query = `SELECT body FROM incident WHERE resolved IS NULL OR resolved >= ? ORDER BY opened, id`
	return s.incidents(ctx, query, micros(at))
}

func (s *Store) incidents(ctx context.Context, query string, args ...any) ([]sentinel.Incident, error) {
	var out []sentinel.Incident
	err := s.each(ctx, query, args, func(scan func(...any) error) error {
		var i sentinel.Incident
		err := scanJSON(scan, &i)
		out = append(out, i)
		return err
	})
	return out, err
}

// incident writes an incident. A dataset has at most one open incident. An older one
// that is still open, because its end was never recorded, ends when the new one begins.
// So one lost batch cannot keep all later ones out.
func (t *txn) incident(ctx context.Context, i sentinel.Incident) error {
	if i.State != sentinel.Resolved {
		others, err := t.othersOpen(ctx, i)
		if err != nil {
			return err
		}
		for _, old := range others {
			old.State = sentinel.Resolved
			old.Resolved = i.Opened
			for n := range old.Findings {
				if old.Findings[n].Open() {
					old.Findings[n].Resolved = i.Opened
				}
			}
			if err := t.putIncident(ctx, old); err != nil {
				return err
			}
		}
	}
	return t.putIncident(ctx, i)
}

func (t *txn) othersOpen(ctx context.Context, i sentinel.Incident) (others []sentinel.Incident, err error) {
	const query = `
SELECT body FROM incident
WHERE dataset = ? AND resolved IS NULL AND id <> ?`
	args := []any{i.Table.String(), i.ID}
	err = engine.Each(ctx, t, query, args, func(scan func(...any) error) error {
		var other sentinel.Incident
		err := scanJSON(scan, &other)
		others = append(others, other)
		return err
	})
	return others, err
}

var insertIncident = statement{
	head:  `INSERT INTO incident (id, dataset, opened, resolved, body) VALUES `,
	row:   `(?, ?, ?, ?, ?)`,
	tail:  ` ON CONFLICT (id) DO UPDATE SET opened = excluded.opened, resolved = excluded.resolved, body = excluded.body`,
	width: 5,
}

func (t *txn) putIncident(ctx context.Context, i sentinel.Incident) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	var resolved any
	if i.State == sentinel.Resolved {
		resolved = micros(i.Resolved)
	}
	return t.exec(ctx, insertIncident, []any{i.ID, i.Table.String(), micros(i.Opened), resolved, body})
}

func scanJSON(scan func(...any) error, v any) error {
	var body []byte
	if err := scan(&body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
