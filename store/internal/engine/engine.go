// Package engine holds what the engines of the state share with package store: errors,
// the scanning of rows, and migrations.
package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"embed"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// The errors of a state. Package store exports them.
var (
	ErrLocked    = errors.New("another sentinel is using this state")
	ErrNewer     = errors.New("the state was written by a newer sentinel")
	ErrFull      = errors.New("no space left for the state")
	ErrDamaged   = format.ErrDamaged
	ErrOvertaken = errors.New("another agent has taken the state over")
	ErrReplaced  = errors.New("another file is in the place of the state")
	ErrReadOnly  = errors.New("the state is open for reading only")
	ErrForeign   = errors.New("the database of another program")
	ErrOlder     = errors.New("the state is of an older version")
)

// Advice returns what to do about an error of this package; "" for other errors.
func Advice(err error) string {
	switch {
	case errors.Is(err, ErrNewer):
		return "run that version, or keep this state and name another"
	case errors.Is(err, ErrOlder):
		return "start `sentinel run` once to bring it up to date"
	case errors.Is(err, ErrFull):
		return "free some space"
	case errors.Is(err, ErrForeign):
		return "name another file as `state:`"
	}
	return ""
}

// Describe adds to err the name of the state, the kind of the error, and what to do.
// kind may be nil, and todo may be "".
func Describe(name string, err, kind error, todo string) error {
	if kind != nil && !errors.Is(err, kind) {
		err = fmt.Errorf("%w: %w", kind, err)
	}
	if todo != "" {
		return fmt.Errorf("state %s: %w: %s", name, err, todo)
	}
	return fmt.Errorf("state %s: %w", name, err)
}

// Querier is a database, a connection or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Each calls do for every row of a query. do scans the row. Each stops at the first
// error, and returns it.
func Each(ctx context.Context, q Querier, query string, args []any, do func(scan func(...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// MigrationNames returns the scripts of a folder in order. The version of a state is
// the number of scripts that were run on it.
func MigrationNames(scripts embed.FS, folder string) []string {
	entries, err := scripts.ReadDir(folder)
	if err != nil {
		panic(err) // embedded at build time
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = folder + "/" + e.Name()
	}
	slices.Sort(names)
	return names
}

// CheckVersion compares the version of a state with the newest version that this
// program knows. It returns [ErrNewer], [ErrOlder] or nil.
func CheckVersion(version, newest int) error {
	switch {
	case version > newest:
		return ErrNewer
	case version < newest:
		return ErrOlder
	}
	return nil
}
