package store

import (
	"context"
	"fmt"
)

// LimitPages makes the file full at a number of pages, as a full disk would.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	_, err := s.writes.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// SetVersion makes the file one of another version.
func (s *Store) SetVersion(ctx context.Context, version int) error {
	_, err := s.writes.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}
