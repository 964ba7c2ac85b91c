package store

import (
	"context"
	"fmt"
)

// LimitPages makes the file full at a number of pages, as a full disk would.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	return s.insert(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
}

// SetVersion makes the file one of another version.
func (s *Store) SetVersion(ctx context.Context, version int) error {
	return s.insert(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
}

// Panic panics in a transaction that has written.
func (s *Store) Panic(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx *txn) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO state (kind, key, data) VALUES ('panic', '', '')"); err != nil {
			return err
		}
		panic("injected")
	})
}

// Reading calls during while a query of the state is open.
func (s *Store) Reading(ctx context.Context, during func()) error {
	return s.each(ctx, "SELECT 1", nil, func(func(...any) error) error {
		during()
		return nil
	})
}
