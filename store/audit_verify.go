package store

import (
	"context"
	"fmt"
	"time"
)

// BrokenChainError says that the audit log is not what was written.
type BrokenChainError struct {
	Seq int64 // of the first entry that was changed or is missing
	Msg string
}

func (e *BrokenChainError) Error() string { return e.Msg }

func broken(seq int64, format string, args ...any) error {
	return &BrokenChainError{seq, fmt.Sprintf(format, args...)}
}

// AuditMark is how far the audit log was verified. The zero value is its beginning.
type AuditMark struct {
	Seq  int64  // of the last entry that was verified; 0: none
	Hash string // of that entry

	cut  anchor // where the log began
	told bool   // an entry tells of the cut
}

// verifyRows is how many entries [Store.VerifyAudit] holds at once.
const verifyRows = 10_000

// VerifyAudit reads the whole log and returns the number of its last entry and that one's hash.
// The error is a [BrokenChainError] that names the first entry that was changed, or the place
// where entries are missing. A beginning that was cut is verified by the entry that tells of the
// cut. A missing end shows only against a hash that was kept outside the state.
func (s *Store) VerifyAudit(ctx context.Context) (entries int64, head string, err error) {
	var at AuditMark
	for end := false; !end && err == nil; {
		at, end, err = s.VerifyAuditFrom(ctx, at, verifyRows)
	}
	return at.Seq, at.Hash, err
}

// VerifyAuditFrom verifies at most some entries after a mark, and returns how far it came, and
// whether that is the end of the log. The entry of the mark must still be there: so a missing end
// shows. A log that was cut since the mark is verified from its new beginning. After an error
// the mark is that of the last good entry. The error is a [BrokenChainError], or says that the
// state cannot be read.
func (s *Store) VerifyAuditFrom(ctx context.Context, from AuditMark, most int) (to AuditMark, end bool, err error) {
	cut, err := s.auditAnchor(ctx)
	if err != nil {
		return from, false, err
	}
	if from.Seq == 0 || from.cut != cut {
		from = AuditMark{Seq: cut.seq, Hash: cut.hash, cut: cut, told: cut.seq == 0}
	}
	entries, err := s.auditEntries(ctx, auditColumns+`WHERE seq >= ? ORDER BY seq LIMIT ?`, from.Seq, most+1)
	if err != nil {
		return from, false, err
	}
	now, err := s.auditAnchor(ctx)
	if err != nil {
		return from, false, err
	}
	if now != cut { // by an agent, between the two
		return AuditMark{}, false, nil
	}
	end = len(entries) <= most
	if from.Seq > cut.seq {
		if len(entries) == 0 || entries[0].Seq != from.Seq || entries[0].Hash != from.Hash {
			return from, false, broken(from.Seq, "entry %d of the audit log was there, and is missing or another one", from.Seq)
		}
		entries = entries[1:]
	}
	if to, err = from.follow(entries); err != nil {
		return to, false, err
	}
	if end && !to.told {
		err = broken(1, "entries up to %d of the audit log are missing, and no entry tells that they were cut", cut.seq)
	}
	return to, end, err
}

// follow verifies entries that come after a mark, in their order.
func (m AuditMark) follow(entries []AuditEntry) (AuditMark, error) {
	for _, e := range entries {
		if e.Seq != m.Seq+1 {
			return m, broken(m.Seq+1, "entries %d to %d of the audit log are missing", m.Seq+1, e.Seq-1)
		}
		if e.hash(m.Hash) != e.Hash {
			return m, broken(e.Seq, "entry %d of the audit log (%s %s, %s) is not what was written",
				e.Seq, e.What, e.Subject, e.At.Format(time.RFC3339))
		}
		m.told = m.told || e.What == AuditCut && e.Detail == m.cut.told()
		m.Seq, m.Hash = e.Seq, e.Hash
	}
	return m, nil
}

// searchedEntries is how many entries one page of a search reads at most.
const searchedEntries = 100_000

// SearchAudit returns the newest entries that a filter lets through, at most its limit. next is
// where the next page begins, as [AuditFilter.Before]; 0 at the beginning of the log. Without a
// subject a page reads a bounded part of the log: it may have few entries, or none, although there
// is a next one.
func (s *Store) SearchAudit(ctx context.Context, f AuditFilter) (found []AuditEntry, next int64, err error) {
	first, last, err := s.AuditRange(ctx)
	if err != nil || last == 0 {
		return nil, 0, err
	}
	if f.Before == 0 || f.Before > last {
		f.Before = last + 1
	}
	if !f.Since.IsZero() || !f.Until.IsZero() {
		if first, last, err = s.auditOf(ctx, f); err != nil || last == 0 {
			return nil, 0, err
		}
		f.Before = min(f.Before, last+1)
	}
	if f.From = f.Before - searchedEntries; f.Subject != "" {
		f.From = 0 // the entries of a subject are few, and found by an index
	}
	limit := f.Limit
	f.Limit++
	if found, err = s.AuditEntries(ctx, f); err != nil {
		return nil, 0, err
	}
	switch {
	case len(found) > limit:
		found = found[:limit]
		next = found[limit-1].Seq
	case f.From > first:
		next = f.From
	}
	return found, next, nil
}

// auditOf returns the numbers of the first and the last entry in the time of a filter; 0 without any.
func (s *Store) auditOf(ctx context.Context, f AuditFilter) (first, last int64, err error) {
	const query = `SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM audit WHERE at >= ? AND at < ?`
	args := []any{atOrAfter(f.Since), before(f.Until)}
	err = s.each(ctx, query, args, func(scan func(...any) error) error { return scan(&first, &last) })
	return first, last, err
}

// AuditBetween returns the entries of some kinds, by their words, from an instant to another, the
// newest first, and at most 1,000.
func (s *Store) AuditBetween(ctx context.Context, from, to time.Time, kinds []string) ([]AuditEntry, error) {
	args := []any{atOrAfter(from), before(to)}
	for _, kind := range kinds {
		args = append(args, kind)
	}
	query := auditColumns + `WHERE at >= ? AND at < ? AND what IN (` + placeholders(len(kinds)) + `)
ORDER BY at DESC, seq DESC LIMIT 1000`
	return s.auditEntries(ctx, query, args...)
}

// AuditRange returns the numbers of the first and the last entry; 0 of an empty log.
func (s *Store) AuditRange(ctx context.Context) (first, last int64, err error) {
	const query = `SELECT coalesce((SELECT min(seq) FROM audit), 0), coalesce((SELECT max(seq) FROM audit), 0)`
	err = s.each(ctx, query, nil, func(scan func(...any) error) error { return scan(&first, &last) })
	return first, last, err
}
