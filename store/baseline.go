package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Baseline returns the accepted schema of a check; ok is false when there is none.
func (s *Store) Baseline(ctx context.Context, check string) (snapshot Snapshot, ok bool, err error) {
	history, err := s.baselines(ctx, check, 1)
	if err != nil || len(history) == 0 {
		return Snapshot{}, false, err
	}
	return history[0], true, nil
}

// Baselines returns every schema ever accepted for a check, newest first.
func (s *Store) Baselines(ctx context.Context, check string) ([]Snapshot, error) {
	return s.baselines(ctx, check, 1<<30)
}

func (s *Store) baselines(ctx context.Context, check string, limit int) ([]Snapshot, error) {
	var out []Snapshot
	const query = `
SELECT taken_at, accepted_by, why, data FROM baseline
WHERE check_id = ? ORDER BY id DESC LIMIT ?`
	err := s.each(ctx, query, []any{check, limit}, func(scan func(...any) error) error {
		var v Snapshot
		var taken int64
		if err := scan(&taken, &v.AcceptedBy, &v.Why, &v.Data); err != nil {
			return err
		}
		v.TakenAt = fromMicros(taken)
		out = append(out, v)
		return nil
	})
	return out, err
}

// CurrentBaselines returns the accepted schemas, encoded, of those of the checks
// that have one.
func (s *Store) CurrentBaselines(ctx context.Context, checks []string) (map[string][]byte, error) {
	return s.newestBaselines(ctx, "data", checks)
}

func (s *Store) newestBaselines(ctx context.Context, column string, checks []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(checks))
	for part := range slices.Chunk(checks, 500) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		query := `
SELECT check_id, ` + column + ` FROM baseline b
WHERE check_id IN (` + placeholders(len(part)) + `)
  AND id = (SELECT max(id) FROM baseline n WHERE n.check_id = b.check_id)`
		err := s.each(ctx, query, args, func(scan func(...any) error) error {
			var id string
			var data []byte
			err := scan(&id, &data)
			out[id] = data
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// BaselineDigests returns the SHA-256 of what [Store.CurrentBaselines] returns.
func (s *Store) BaselineDigests(ctx context.Context, checks []string) (map[string][]byte, error) {
	return s.newestBaselines(ctx, "digest", checks)
}

var insertAccepted = statement{
	head:  `INSERT INTO baseline (check_id, taken_at, accepted_by, why, data, digest) VALUES `,
	row:   `(?, ?, ?, ?, ?, ?)`,
	width: 6,
}

// AcceptBaselines makes snapshots the references of checks, by check id: all of them or, on
// an error, none. Earlier ones are kept. An audit entry is written with them.
func (s *Store) AcceptBaselines(ctx context.Context, accepted map[string]Snapshot, entry AuditEntry) error {
	var args []any
	for _, id := range slices.Sorted(maps.Keys(accepted)) {
		v := accepted[id]
		args = append(args, id, micros(v.TakenAt), v.AcceptedBy, v.Why, v.Data, digest(v.Data))
	}
	err := s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		if err := tx.exec(ctx, insertAccepted, args); err != nil {
			return err
		}
		return appendAudit(ctx, tx, entry)
	})
	if err != nil {
		return fmt.Errorf("accepting baselines: %w", s.describe(err))
	}
	return nil
}
