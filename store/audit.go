package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// AuditEntry is one line of the append-only log of who did what.
type AuditEntry struct {
	Seq     int64 // from 1, without gaps
	At      time.Time
	Actor   string // a person, an agent, or "sentinel"
	What    string // repair.applied, repair.approved, config.loaded, ...
	Subject string // the id of what it was done to
	Detail  string // one line or the exact statements; without secrets
	Hash    string // of this entry and, through it, of all before
}

// hash chains an entry to the one before it.
func (e AuditEntry) hash(previous string) string {
	fields := []string{
		previous, strconv.FormatInt(e.Seq, 10), strconv.FormatInt(micros(e.At), 10),
		e.Actor, e.What, e.Subject, e.Detail,
	}
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	return hex.EncodeToString(sum[:])
}

// AppendAudit adds an entry of its own; Seq and Hash are filled in.
func (s *Store) AppendAudit(ctx context.Context, e AuditEntry) error {
	err := s.writeDurably(ctx, func(ctx context.Context, tx *txn) error { return appendAudit(ctx, tx, e) })
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", s.describe(err))
	}
	return nil
}

func appendAudit(ctx context.Context, tx *txn, e AuditEntry) error {
	var previous string
	err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`).Scan(&e.Seq, &previous)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	e.Seq++
	const insert = `
INSERT INTO audit (seq, at, actor, what, subject, detail, hash)
VALUES (?, ?, ?, ?, ?, ?, ?)`
	_, err = tx.ExecContext(ctx, insert,
		e.Seq, micros(e.At), e.Actor, e.What, e.Subject, e.Detail, e.hash(previous))
	return err
}

// auditColumns begins every query of entries.
const auditColumns = `SELECT seq, at, actor, what, subject, detail, hash FROM audit `

// Audit returns the newest limit entries about a subject ("": all), newest first.
func (s *Store) Audit(ctx context.Context, subject string, limit int) ([]AuditEntry, error) {
	if subject == "" {
		return s.auditEntries(ctx, auditColumns+`ORDER BY seq DESC LIMIT ?`, limit)
	}
	return s.auditEntries(ctx, auditColumns+`WHERE subject = ? ORDER BY seq DESC LIMIT ?`, subject, limit)
}

func (s *Store) auditEntries(ctx context.Context, query string, args ...any) (out []AuditEntry, err error) {
	err = s.each(ctx, query, args, func(scan func(...any) error) error {
		var e AuditEntry
		var at int64
		err := scan(&e.Seq, &at, &e.Actor, &e.What, &e.Subject, &e.Detail, &e.Hash)
		e.At = fromMicros(at)
		out = append(out, e)
		return err
	})
	return out, err
}

// AuditFilter narrows entries of the audit log; a zero field does not.
type AuditFilter struct {
	Subject string    // is this
	Actor   string    // holds this, in any case
	What    string    // begins with this, such as "incident."
	Since   time.Time // at or after
	Until   time.Time // before
	Before  int64     // with a lower Seq
	From    int64     // with this Seq or a higher one
	Limit   int       // newest at most; 0: 1000
}

// AuditEntries returns the entries that a filter lets through, newest first.
func (s *Store) AuditEntries(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	query, args := f.query()
	return s.auditEntries(ctx, query, args...)
}

// query selects the entries that the filter lets through. Those of a subject are found by an
// index: the condition stands alone, because an alternative beside it would hide it from there.
func (f AuditFilter) query() (query string, args []any) {
	query = auditColumns + `WHERE `
	if f.Subject != "" {
		query += `subject = ? AND `
		args = append(args, f.Subject)
	}
	query += `lower(actor) LIKE lower(?) ESCAPE '!' AND what LIKE ? ESCAPE '!'
  AND at >= ? AND at < ? AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?`
	end := int64(math.MaxInt64)
	if f.Before > 0 {
		end = f.Before
	}
	args = append(args, holds(f.Actor), likeText.Replace(f.What)+"%",
		atOrAfter(f.Since), before(f.Until), end, f.From, cmp.Or(f.Limit, 1000))
	return query, args
}

// likeText escapes a text for LIKE with ESCAPE '!'.
var likeText = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")
