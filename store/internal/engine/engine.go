// Package engine holds what the engines of the state share with package store:
// the errors that users test for, and the scanning of rows.
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
	ErrReadOnly  = errors.New("the state is open for reading only")
	ErrForeign   = errors.New("the database of another program")
	ErrOlder     = errors.New("the state is of an older version")
)

// Advice says what to do about the errors of this package; "" for all others.
func Advice(err error) string {
	switch {
	case errors.Is(err, ErrNewer):
		return "run that version, or keep this state and name another"
	case errors.Is(err, ErrOlder):
		return "start `sentinel run` once to bring it up to date"
	case errors.Is(err, ErrForeign):
		return "name another file as `state:`"
	}
	return ""
}

// Describe adds to err which state it is about, which of the errors above it
// is, and what to do. kind may be nil and todo may be "".
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

// Each calls do for every row of a query. do scans the row.
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

// MigrationNames are the scripts of a folder in order. A state's version is how
// many of them it has had.
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

// CheckVersion compares a state's version with the newest one of this program.
func CheckVersion(version, newest int) error {
	switch {
	case version > newest:
		return ErrNewer
	case version < newest:
		return ErrOlder
	}
	return nil
}
