package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// openOne opens sessions with one connection.
func openOne(t *testing.T) *sessions {
	t.Helper()
	opened, err := Dialect{}.Open(warehouse.Config{
		Name:             "w",
		DSN:              sentinel.NewSecret(testenv.Postgres(t)),
		MaxConnections:   1,
		StatementTimeout: 10 * time.Second,
		LockTimeout:      10 * time.Second,
		Observer:         warehouse.NopObserver{},
		Clock:            sentinel.ClockFunc(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened.(*sessions)
}

// TestABrokenConnectionWakesWaiters: when the only connection breaks in the hands of
// another user, the one that waits for it connects again.
func TestABrokenConnectionWakesWaiters(t *testing.T) {
	t.Parallel()
	s := openOne(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := s.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() {
		next, err := s.acquire(ctx)
		if err == nil {
			s.release(next)
		}
		waited <- err
	}()
	if err := c.conn.Close(ctx); err != nil {
		t.Error(err)
	}
	s.release(c)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// TestAPanicFailsOneStatement: a bug in what takes a statement's rows is the error of
// that statement, and the others are answered.
func TestAPanicFailsOneStatement(t *testing.T) {
	t.Parallel()
	s := openOne(t)
	statements := []warehouse.Statement{
		{SQL: "SELECT 1"},
		{SQL: "SELECT 2", Each: func() func([]warehouse.Cell) error { panic("a bug") }},
		{SQL: "SELECT 3"},
	}
	failed := make([]error, len(statements))
	rows := make([]warehouse.Rows, len(statements))
	s.Run(t.Context(), statements, func(i int, r warehouse.Rows, err error) { rows[i], failed[i] = r, err })
	if !errors.As(failed[1], new(*panics.Error)) {
		t.Errorf("the statement with the bug: %v", failed[1])
	}
	for _, i := range []int{0, 2} {
		if failed[i] != nil || len(rows[i]) != 1 {
			t.Errorf("statement %d: %v, %v", i, rows[i], failed[i])
		}
	}
}
