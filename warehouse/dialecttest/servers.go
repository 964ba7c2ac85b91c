package dialecttest

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Open opens a warehouse on a DSN and closes it with the test.
func Open(t *testing.T, dsn string) *warehouse.DB {
	t.Helper()
	return OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn)})
}

// OpenConfig opens a warehouse and closes it with the test. It sets the name, and the
// clock if there is none.
func OpenConfig(t *testing.T, cfg warehouse.Config) *warehouse.DB {
	t.Helper()
	cfg.Name = "w"
	if cfg.Clock == nil {
		cfg.Clock = sentinel.ClockFunc(time.Now)
	}
	db, err := warehouse.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Server is a server whose process a test can end and start again.
type Server interface {
	// Halt ends the process and keeps the data. kill ends it without a shutdown.
	Halt(kill bool)
	Start() error
}

// onServer is a database on a server of its own.
type onServer struct {
	Database
	server Server
}

// OnServer returns a database that is [Restartable]: its server is the test's own.
func OnServer(d Database, s Server) Database { return onServer{d, s} }

// Kill implements Restartable.
func (d onServer) Kill(testing.TB) { d.server.Halt(true) }

// Start implements Restartable.
func (d onServer) Start(tb testing.TB) {
	tb.Helper()
	if err := d.server.Start(); err != nil {
		tb.Fatal(err)
	}
}

// FirstCell runs a statement and returns the first cell of its answer.
func FirstCell(t *testing.T, db *warehouse.DB, statement string) (warehouse.Cell, error) {
	t.Helper()
	return firstCell(t.Context(), db, statement)
}

// WaitForLag reads the catalog of a standby until its lag meets a condition. It fails
// the test after half a minute, or when the server takes itself for a primary. step
// names the step of the test.
func WaitForLag(t *testing.T, db *warehouse.DB, step string, met func(warehouse.Lag) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := db.Catalog(t.Context(), warehouse.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if !c.Standby {
			t.Fatalf("%s: a standby takes itself for a primary", step)
		}
		if met(c.Lag) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: the lag is %+v", step, c.Lag)
		}
	}
}

// Refused is a DSN that a server, or the way to it, refuses.
type Refused struct {
	DSN  string // its password is "topsecret"
	Kind warehouse.ErrorKind
	Says string // part of the error's text
}

// RefusedConnections checks the kind and the text of the error that each DSN leads to.
// No text may hold the password.
func RefusedConnections(t *testing.T, cases map[string]Refused) {
	t.Helper()
	for name, c := range cases {
		_, err := FirstCell(t, Open(t, c.DSN), "SELECT 1")
		if err == nil {
			t.Errorf("%s: no error, want %s", name, c.Kind)
			continue
		}
		text := err.Error()
		if warehouse.KindOf(err) != c.Kind || !strings.Contains(text, c.Says) || strings.Contains(text, "topsecret") {
			t.Errorf("%s: %v, want %s with %q and no password", name, err, c.Kind, c.Says)
		}
	}
}

// breakerCount counts the changes of circuit breakers.
type breakerCount struct {
	warehouse.NopObserver
	changes atomic.Int32
}

// Breaker implements warehouse.Observer.
func (b *breakerCount) Breaker(string, int) { b.changes.Add(1) }

// TooManyConnections fills a server with connections. The server is asked again and is
// not taken for dead, and it answers when the connections are closed. The fixture's
// databases must be [Pooled], and on a server of their own that takes few connections.
func TooManyConnections(t *testing.T, f Fixture) {
	t.Helper()
	d := f.NewDatabase(t)
	breakers := &breakerCount{}
	config := warehouse.Config{Dialect: f.Dialect.Name(), DSN: sentinel.NewSecret(d.DSN()), Observer: breakers}
	db := OpenConfig(t, config)
	pool, err := d.(Pooled).Pool()
	if err != nil {
		t.Fatal(err)
	}
	conns := fill(t.Context(), pool)
	for refused, tries := 0, 0; refused < 4 && !t.Failed(); tries++ {
		switch _, err := FirstCell(t, db, "SELECT 1"); {
		case warehouse.KindOf(err) == warehouse.Transient:
			refused++
		case err == nil && tries < 20: // a session that was ending has left its place
			db = OpenConfig(t, config)
			conns = append(conns, fill(t.Context(), pool)...)
		default:
			t.Errorf("the server is full: %v, want %s", err, warehouse.Transient)
		}
	}
	if n := breakers.changes.Load(); n > 0 {
		t.Errorf("%d changes of the breaker: a full server is not dead", n)
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := FirstCell(t, db, "SELECT 1")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the connections are closed: %v", err)
		}
	}
}

// fill opens connections until the server refuses one.
func fill(ctx context.Context, pool *sql.DB) (conns []*sql.Conn) {
	for {
		c, err := pool.Conn(ctx)
		if err != nil {
			return conns
		}
		conns = append(conns, c)
	}
}
