package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// AuditCut is the word of the entry that tells of removed entries.
const AuditCut = "audit.cut"

// cutRows is how many entries one cut removes at most.
const cutRows = 10_000

// anchor is the last entry that was cut from the beginning of the audit log. The chain goes on
// from its hash. The zero value means that nothing was cut.
type anchor struct {
	seq  int64
	hash string
}

// told is the detail of the entry that tells of a cut up to the anchor.
func (a anchor) told() string {
	return fmt.Sprintf("entries up to %d were removed; the hash of the last is %s", a.seq, a.hash)
}

// CutAudit removes the audit entries that are older than before, from the beginning of the log.
// The newest entry always stays. The log has an entry that tells of the cut, with the hash of
// the last entry that was removed: the chain is verified from there on. It returns how many
// were removed.
func (s *Store) CutAudit(ctx context.Context, before, now time.Time) (removed int64, err error) {
	err = s.writeDurably(ctx, func(ctx context.Context, tx *txn) error {
		to, err := cutTo(ctx, tx, micros(before))
		if err != nil || to.seq == 0 {
			return err
		}
		cut := AuditEntry{At: now, Actor: "sentinel", What: AuditCut, Detail: to.told()}
		if err := appendAudit(ctx, tx, cut); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM audit_anchor`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO audit_anchor (seq, hash) VALUES (?, ?)`, to.seq, to.hash); err != nil {
			return err
		}
		removed, err = affected(tx.ExecContext(ctx, `DELETE FROM audit WHERE seq <= ?`, to.seq))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("cutting the audit log: %w", s.describe(err))
	}
	return removed, nil
}

// cutTo returns the last entry that may be cut: all up to it are older than before. Its seq is 0
// if there is none.
func cutTo(ctx context.Context, tx *txn, before int64) (to anchor, err error) {
	const query = `
SELECT seq, hash FROM audit
WHERE seq < coalesce((SELECT min(seq) FROM audit WHERE at >= ?1), (SELECT max(seq) FROM audit))
  AND seq < (SELECT min(seq) FROM audit) + ?2
ORDER BY seq DESC LIMIT 1`
	err = tx.QueryRowContext(ctx, query, before, cutRows).Scan(&to.seq, &to.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return anchor{}, nil
	}
	return to, err
}

// auditAnchor returns the last entry that was cut.
func (s *Store) auditAnchor(ctx context.Context) (a anchor, err error) {
	err = s.each(ctx, `SELECT seq, hash FROM audit_anchor`, nil, func(scan func(...any) error) error {
		return scan(&a.seq, &a.hash)
	})
	return a, err
}

// PruneRepairs removes repairs that have ended and were planned before an instant. The newest
// repair of each key stays, so that the numbers of its fence go on, and so do those that wait
// for a person. It returns how many were removed.
func (s *Store) PruneRepairs(ctx context.Context, before time.Time) (removed int64, err error) {
	const statement = `
DELETE FROM repair WHERE final AND created < ?1 AND state <> ?2
  AND fence < (SELECT max(fence) FROM repair newer WHERE newer.key = repair.key)`
	removed, err = s.changeRows(ctx, statement, micros(before), string(sentinel.DeadLetter))
	if err != nil {
		return 0, fmt.Errorf("pruning repairs: %w", s.describe(err))
	}
	return removed, nil
}
