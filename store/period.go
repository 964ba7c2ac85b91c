package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// EachIncidentIn calls do with the incidents that were open at some time from an instant to
// another: those that began then, the newest first, and those that began before. It calls it at
// most some times; more reports whether there were others. All are read as of one instant.
func (s *Store) EachIncidentIn(
	ctx context.Context, from, to time.Time, most int, do func(sentinel.Incident),
) (more bool, err error) {
	n := 0
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		for _, query := range []string{
			`SELECT body FROM incident WHERE opened >= ?1 AND opened < ?2 ORDER BY opened DESC, id DESC LIMIT ?3`,
			`SELECT body FROM incident WHERE opened < ?1 AND ?2 <> 0 AND resolved > ?1 ORDER BY opened DESC, id DESC LIMIT ?3`,
			`SELECT body FROM incident WHERE opened < ?1 AND ?2 <> 0 AND resolved IS NULL ORDER BY opened DESC, id DESC LIMIT ?3`,
		} {
			args := []any{micros(from), micros(to), most - n + 1}
			err := s.eachWith(ctx, tx, query, args, func(scan func(...any) error) error {
				var i sentinel.Incident
				if n == most {
					more = true
					return nil
				}
				n++
				err := scanJSON(scan, &i)
				if err == nil {
					do(i)
				}
				return err
			})
			if err != nil || more {
				return err
			}
		}
		return nil
	})
	return more, err
}

// EachRepairIn calls do with the repairs that were planned from an instant to another, the newest
// first. It calls it at most some times; more reports whether there were others.
func (s *Store) EachRepairIn(
	ctx context.Context, from, to time.Time, most int, do func(sentinel.Repair),
) (more bool, err error) {
	const query = `SELECT body FROM repair WHERE created >= ? AND created < ? ORDER BY created DESC, id DESC LIMIT ?`
	n := 0
	err = s.each(ctx, query, []any{micros(from), micros(to), most + 1}, func(scan func(...any) error) error {
		var r sentinel.Repair
		if n == most {
			more = true
			return nil
		}
		n++
		err := scanJSON(scan, &r)
		if err == nil {
			do(r)
		}
		return err
	})
	return more, err
}

// LabelsSet returns the labels that were set at an instant or after it, in their order: a later one
// may take an earlier one back. It returns the newest, at most some; more reports whether there were
// others.
func (s *Store) LabelsSet(ctx context.Context, from time.Time, most int) (labels []Label, more bool, err error) {
	labels, err = s.labels(ctx, ` WHERE set_at >= ? ORDER BY id DESC LIMIT ?`, micros(from), most+1)
	if more = len(labels) > most; more {
		labels = labels[:most]
	}
	slices.Reverse(labels)
	return labels, more, err
}
