package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationNames are the steps in order; the schema's version is how many of
// them a file has had.
func migrationNames() []string {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // embedded at build time
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = "migrations/" + e.Name()
	}
	slices.Sort(names)
	return names
}

// version reads the version of the file, 0 for an empty one. A database that
// holds the tables of another program is refused before anything is written.
func version(ctx context.Context, db *sql.DB) (v int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	var tables, ours int
	err = db.QueryRowContext(ctx, "SELECT count(*), count(*) FILTER (WHERE name IN ('last_result', 'last_tick')) FROM sqlite_master").Scan(&tables, &ours)
	if err == nil && tables > 0 && ours == 0 {
		err = errForeign
	}
	return v, err
}

// current reports whether this version can read the file as it is.
func (s *Store) current(ctx context.Context) error {
	v, err := version(ctx, s.reads)
	switch {
	case err != nil:
		return err
	case v > len(migrationNames()):
		return ErrNewer
	case v < len(migrationNames()):
		return errOlder
	}
	return nil
}

// migrate brings an older file to this version, one transaction a step, so that
// a kill in between leaves a whole older version.
func (s *Store) migrate(ctx context.Context) error {
	v, err := version(ctx, s.writes)
	if err != nil {
		return err
	}
	names := migrationNames()
	if v > len(names) {
		return ErrNewer
	}
	for i := v; i < len(names); i++ {
		if err := s.step(ctx, names[i], i+1); err != nil {
			return fmt.Errorf("migrating to version %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Store) step(ctx context.Context, name string, version int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return err
		}
		if strings.HasSuffix(name, "_rows.sql") {
			if err := digestBaselines(ctx, tx); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}
