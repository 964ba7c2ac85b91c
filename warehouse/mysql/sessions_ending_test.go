package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// abandoned are the sessions that an observer was told of.
type abandoned struct {
	warehouse.NopObserver
	mu   sync.Mutex
	says []string
}

// Abandoned implements warehouse.Observer.
func (a *abandoned) Abandoned(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.says = append(a.says, err.Error())
}

func openForWriting(t *testing.T, dsn string, observer warehouse.Observer) *sql.DB {
	t.Helper()
	db, _, _, err := warehouse.OpenForWriting(warehouse.Config{RepairDSN: sentinel.NewSecret(dsn), Dialect: "mysql",
		LockTimeout: time.Second, RepairTimeout: time.Minute, Observer: observer})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func writingSession(t *testing.T, db *sql.DB) (conn *sql.Conn, session *writeConn) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it may have been ended
	if err := conn.Raw(func(raw any) error { session = raw.(*writeConn); return nil }); err != nil {
		t.Fatal(err)
	}
	return conn, session
}

// TestOnlyTheSessionIsEnded: over a socket all sessions have the same address, and after a
// restart another session has the same id.
func TestOnlyTheSessionIsEnded(t *testing.T) {
	t.Parallel()
	over := testenv.MySQL(t)
	from, to := strings.Index(over, "tcp("), strings.Index(over, ")")
	server, err := sql.Open("mysql", over)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var socket string
	if err := server.QueryRowContext(t.Context(), "SELECT @@socket").Scan(&socket); err != nil {
		t.Fatal(err)
	}
	var told abandoned
	db := openForWriting(t, over[:from]+"unix("+socket+over[to:], &told)
	defer db.Close()
	conn, session := writingSession(t, db)
	other, itsSession := writingSession(t, db)
	if session.host != itsSession.host || session.lock == "" {
		t.Fatalf("%+v, %+v", session.identity, itsSession.identity)
	}
	end := session.ender.end
	restarted := identity{id: itsSession.id, host: session.host, lock: session.lock}
	if err := end(restarted); err != nil {
		t.Error(err)
	}
	restarted.lock = ""
	if err := end(restarted); !errors.Is(err, errUnsure) {
		t.Errorf("a session that cannot be told from others: %v", err)
	}
	if len(told.says) != 1 || !strings.Contains(told.says[0], "session "+itsSession.id+" was given up") {
		t.Errorf("the observer was told %q", told.says)
	}
	if err := other.PingContext(t.Context()); err != nil {
		t.Errorf("another session was ended: %v", err)
	}
	if err := end(session.identity); err != nil {
		t.Error(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the session goes on")
	}
}

// TestGivenUpSessionsEndLater: a session that cannot be ended because the server is not
// reached is ended once it is. If it never is, closing the pool says so.
func TestGivenUpSessionsEndLater(t *testing.T) {
	t.Parallel()
	dsn := testenv.MySQL(t)
	var told abandoned
	gate := newGate(dsn)
	db := openForWriting(t, gate.dsn, &told)
	id := gate.giveUp(t, db)
	gate.down.Store(false)
	ended, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n := 1; n > 0; {
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.processlist WHERE id = "+id).Scan(&n)
		if err != nil || n > 0 && !wait.For(ended, 20*time.Millisecond) {
			t.Fatalf("session %s goes on: %v", id, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	db = openForWriting(t, gate.dsn, &told)
	id = gate.giveUp(t, db)
	err := db.Close()
	if err == nil || !strings.Contains(err.Error(), "session "+id+" was given up, and could not be ended") {
		t.Errorf("closing the pool: %v", err)
	}
	if len(told.says) != 1 || !strings.Contains(told.says[0], "session "+id+" was given up") {
		t.Errorf("the observer was told %q", told.says)
	}
	testenv.Exec(t, "mysql", dsn, "KILL "+id)
}

// gate is a way to a server that can be closed.
type gate struct {
	down atomic.Bool
	dsn  string // through the gate
}

var gates atomic.Int64

func newGate(dsn string) *gate {
	name := fmt.Sprintf("gate%d", gates.Add(1))
	g := &gate{dsn: strings.Replace(dsn, "@tcp(", "@"+name+"(", 1)}
	mysql.RegisterDialContext(name, func(ctx context.Context, address string) (net.Conn, error) {
		if g.down.Load() {
			return nil, errors.New("no route")
		}
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	return g
}

// giveUp closes the gate and gives up a session of a pool.
func (g *gate) giveUp(t *testing.T, db *sql.DB) (id string) {
	t.Helper()
	conn, session := writingSession(t, db)
	g.down.Store(true)
	giveUp(t, conn)
	return session.id
}

// giveUp gives up a session in a statement. The pool ends it.
func giveUp(t *testing.T, conn *sql.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "DO sleep(60)"); err == nil {
		t.Error("it was to be given up")
	}
	_ = conn.Close() // it is broken
}

// TestClosingNamesAFewGivenUpSessions: closing the pool names some of the sessions that go on
// on the server, and counts the others. The observer is told of each.
func TestClosingNamesAFewGivenUpSessions(t *testing.T) {
	t.Parallel()
	dsn := testenv.MySQL(t)
	var told abandoned
	gate := newGate(dsn)
	db := openForWriting(t, gate.dsn, &told)
	const more = 3
	db.SetMaxOpenConns(mostFailed + more)
	var conns []*sql.Conn
	var ids []string
	for range mostFailed + more {
		conn, session := writingSession(t, db)
		conns, ids = append(conns, conn), append(ids, session.id)
	}
	gate.down.Store(true)
	for _, conn := range conns {
		giveUp(t, conn)
	}
	err := db.Close()
	if err == nil {
		t.Fatal("closing the pool says nothing")
	}
	if named := strings.Count(err.Error(), "was given up, and could not be ended"); named != mostFailed {
		t.Errorf("%d sessions are named, want %d: %v", named, mostFailed, err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("and %d more sessions", more)) {
		t.Errorf("the others are not counted: %v", err)
	}
	all := strings.Join(told.says, "\n")
	for _, id := range ids {
		if strings.Count(all, "session "+id+" was given up") != 1 {
			t.Errorf("the observer was not told once of session %s: %s", id, all)
		}
		testenv.Exec(t, "mysql", dsn, "KILL "+id)
	}
}

// TestRefusedRowsAreNotReadToTheEnd: who refuses a row does not wait for the rest.
func TestRefusedRowsAreNotReadToTheEnd(t *testing.T) {
	t.Parallel()
	dsn := testenv.MySQL(t)
	testenv.Exec(t, "mysql", dsn, "CREATE TABLE digits (n int)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn), MaxConnections: 1,
		StatementTimeout: time.Minute})
	enough := fmt.Errorf("full: %w", warehouse.ErrEnough)
	st := warehouse.Statement{SQL: "SELECT repeat('x', 1000) FROM digits" + crossed(9),
		Each: func() func([]warehouse.Cell) error { return func([]warehouse.Cell) error { return enough } }}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	db.Run(ctx, []warehouse.Statement{st}, func(_ int, _ warehouse.Rows, err error) {
		if !errors.Is(err, enough) || ctx.Err() != nil {
			t.Errorf("%v, %v", err, ctx.Err())
		}
	})
	db.Run(ctx, []warehouse.Statement{{SQL: "SELECT 1"}}, func(_ int, rows warehouse.Rows, err error) {
		if err != nil || rows[0][0].Text != "1" {
			t.Errorf("the next statement: %v, %v", rows, err)
		}
	})
}

func crossed(n int) (joins string) {
	for i := range n {
		joins += fmt.Sprintf(" CROSS JOIN digits d%d", i)
	}
	return joins
}
