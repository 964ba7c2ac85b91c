package store

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sentinel-dq/sentinel"
)

// IncidentFilter narrows incidents.
type IncidentFilter struct {
	Check    string
	Resolved bool // also the resolved ones
	Limit    int  // newest at most; 0: 1000
}

// Incidents returns incidents, newest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]sentinel.Incident, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	return s.incidents(ctx, `SELECT body FROM incident WHERE (?1 = '' OR check_id = ?1) AND (?2 OR resolved IS NULL) ORDER BY opened DESC, id LIMIT ?3`, f.Check, f.Resolved, f.Limit)
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

func (s *Store) incidents(ctx context.Context, query string, args ...any) ([]sentinel.Incident, error) {
	var out []sentinel.Incident
	err := s.each(ctx, query, args, func(scan func(...any) error) error {
		var i sentinel.Incident
		if err := scanJSON(scan, &i); err != nil {
			return err
		}
		out = append(out, i)
		return nil
	})
	return out, err
}

// incident writes an incident as it is now. At most one of a finding is open:
// an older one still open here, whose end was never recorded, ends where the
// new one begins, so that one lost batch cannot keep all later ones out.
func (w *writer) incident(ctx context.Context, i sentinel.Incident) {
	if i.State != sentinel.Resolved {
		for _, old := range w.othersOpen(ctx, i) {
			old.State, old.Resolved = sentinel.Resolved, i.Opened
			w.putIncident(ctx, old)
		}
	}
	w.putIncident(ctx, i)
}

func (w *writer) othersOpen(ctx context.Context, i sentinel.Incident) (others []sentinel.Incident) {
	if w.err != nil {
		return nil
	}
	rows, err := w.tx.QueryContext(ctx, `SELECT body FROM incident WHERE check_id = ? AND finding = ? AND resolved IS NULL AND id <> ?`, i.Check, i.Key, i.ID)
	if err != nil {
		w.err = err
		return nil
	}
	defer func() { w.err = errors.Join(w.err, rows.Close()) }()
	for rows.Next() {
		var other sentinel.Incident
		if w.err = scanJSON(rows.Scan, &other); w.err != nil {
			return nil
		}
		others = append(others, other)
	}
	w.err = rows.Err()
	return others
}

func (w *writer) putIncident(ctx context.Context, i sentinel.Incident) {
	body, err := json.Marshal(i)
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	var resolved any
	if i.State == sentinel.Resolved {
		resolved = micros(i.Resolved)
	}
	w.exec(ctx, insertIncident, 1, []any{i.ID, i.Check, i.Key, micros(i.Opened), resolved, body})
}
