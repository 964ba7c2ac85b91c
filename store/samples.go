package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
)

// SampleState is the kind of the states that hold samples of bad rows. The key is the id of
// the incident, a slash, and the id of the check. Only [Store.Samples] reads them.
const SampleState = "sample"

// Samples returns the samples of bad rows of an incident, or with "" of all incidents, by
// incident and check.
func (s *Store) Samples(ctx context.Context, incident string) ([]sentinel.Sample, error) {
	query, args := `SELECT data FROM state WHERE kind = ? ORDER BY key`, []any{SampleState}
	if incident != "" {
		const of = `SELECT data FROM state WHERE kind = ? AND substr(key, 1, CAST(? AS INTEGER)) = ? ORDER BY key`
		query, args = of, append(args, utf8.RuneCountInString(incident)+1, incident+"/")
	}
	var out []sentinel.Sample
	err := s.each(ctx, query, args, func(scan func(...any) error) error {
		var data []byte
		if err := scan(&data); err != nil {
			return err
		}
		var sample sentinel.Sample
		if err := json.Unmarshal(data, &sample); err != nil {
			return fmt.Errorf("reading a sample of failed rows: %w", err)
		}
		out = append(out, sample)
		return nil
	})
	return out, err
}

// eraser is an engine that can overwrite what was deleted.
type eraser interface {
	// Erase leaves nothing in the files of what was deleted.
	Erase(ctx context.Context) error
}

// ForgetSamples removes samples, and returns how many were there. Where the state is a file,
// their bytes are overwritten. PostgreSQL overwrites them when it vacuums.
func (s *Store) ForgetSamples(ctx context.Context, samples []sentinel.Sample) (removed int64, err error) {
	if len(samples) == 0 {
		return 0, nil
	}
	return s.forget(ctx, func(ctx context.Context, tx *txn) (removed int64, err error) {
		for part := range slices.Chunk(samples, 500) {
			args := []any{SampleState}
			for _, p := range part {
				args = append(args, strings.Join([]string{p.Incident, p.Check}, "/"))
			}
			const head = `DELETE FROM state WHERE kind = ? AND key IN (`
			n, err := affected(tx.ExecContext(ctx, head+placeholders(len(part))+`)`, args...))
			if err != nil {
				return 0, err
			}
			removed += n
		}
		return removed, nil
	})
}

// ForgetIncident removes all samples of an incident, as [Store.ForgetSamples] does. The
// transaction also writes the entry of the audit log that says why.
func (s *Store) ForgetIncident(ctx context.Context, incident string, why AuditEntry) (removed int64, err error) {
	return s.forget(ctx, func(ctx context.Context, tx *txn) (int64, error) {
		const statement = `DELETE FROM state WHERE kind = ? AND substr(key, 1, CAST(? AS INTEGER)) = ?`
		removed, err := affected(
			tx.ExecContext(ctx, statement, SampleState, utf8.RuneCountInString(incident)+1, incident+"/"),
		)
		if err != nil {
			return 0, err
		}
		return removed, appendAudit(ctx, tx, why)
	})
}

// forget removes samples in a transaction, and overwrites what was deleted. It does so too if
// nothing was there: an attempt before may have ended after its transaction.
func (s *Store) forget(
	ctx context.Context, remove func(context.Context, *txn) (int64, error),
) (removed int64, err error) {
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) (err error) {
		removed, err = remove(ctx, tx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forgetting samples: %w", s.describe(err))
	}
	if e, can := s.engine.(eraser); can {
		if err := e.Erase(ctx); err != nil {
			return removed, fmt.Errorf("forgetting samples: %w", s.describe(err))
		}
	}
	return removed, nil
}
