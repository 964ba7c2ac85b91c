package dialecttest

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Freezable is a server that can be made to take connections and answer nothing.
type Freezable interface {
	Freeze() error
	Thaw() error
}

// silentLimit is the time limit of statements to a silent server.
const silentLimit = time.Second

// SilentServer freezes a server. Every statement ends within [warehouse.MaxOverrun] after
// its time limit, on a connection that is open and on a new one. The circuit breaker
// opens, the standby takes over, and a caller who leaves is not held up. dsn and standby
// are on different servers.
func SilentServer(t *testing.T, dsn, standby string, server Freezable) {
	t.Helper()
	open := func(standbys ...sentinel.Secret) *warehouse.DB {
		return OpenConfig(t, warehouse.Config{
			DSN: sentinel.NewSecret(dsn), StandbyDSN: standbys, StatementTimeout: silentLimit, MaxConnections: 2,
		})
	}
	cold, warm, moving, left := open(), open(), open(sentinel.NewSecret(standby)), open()
	for _, db := range []*warehouse.DB{warm, moving, left} {
		if _, err := FirstCell(t, db, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Thaw(); err != nil {
			t.Error(err)
		}
	})
	allFail(t, "a new connection", cold)
	allFail(t, "an open connection", warm)
	start := time.Now()
	cell, err := FirstCell(t, moving, "SELECT 1")
	took := time.Since(start)
	t.Logf("the standby answered after %s", took.Round(10*time.Millisecond))
	if err != nil || cell.Text != "1" || moving.Server() != "standby 1" || took > silentLimit+warehouse.MaxOverrun {
		t.Errorf("the standby: %v, %v at %q after %s", cell, err, moving.Server(), took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start = time.Now()
	_, err = firstCell(ctx, left, "SELECT 1")
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("a caller who left was held up for %s: %v", took, err)
	}
}

// allFail sends many statements to a silent server, and then one that the breaker keeps.
func allFail(t *testing.T, name string, db *warehouse.DB) {
	t.Helper()
	statements := make([]warehouse.Statement, 40)
	for i := range statements {
		statements[i].SQL = "SELECT 1"
	}
	start := time.Now()
	db.Run(t.Context(), statements, func(i int, _ warehouse.Rows, err error) {
		if warehouse.KindOf(err) != warehouse.Unreachable {
			t.Errorf("%s: statement %d: %v, want %s", name, i, err, warehouse.Unreachable)
		}
	})
	took := time.Since(start)
	t.Logf("%s: 40 statements failed after %s", name, took.Round(10*time.Millisecond))
	if took > silentLimit+warehouse.MaxOverrun {
		t.Errorf("%s: took %s, want %s at most", name, took, silentLimit+warehouse.MaxOverrun)
	}
	start = time.Now()
	_, err := FirstCell(t, db, "SELECT 1")
	if took := time.Since(start); warehouse.KindOf(err) != warehouse.Unreachable || took > time.Second {
		t.Errorf("%s: the breaker is closed: %v after %s", name, err, took)
	}
}
