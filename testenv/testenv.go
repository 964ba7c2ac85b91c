// Package testenv gives tests and benchmarks real database servers. It uses those named
// by SENTINEL_TEST_POSTGRES_DSN and SENTINEL_TEST_MYSQL_DSN. Without these variables it
// starts private servers from the system's binaries, on sockets and free ports, as an
// unprivileged user, and stops them after the tests. A missing server fails the test;
// nothing is skipped.
package testenv

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/scratch"
)

// Server is one private database server.
type Server = scratch.Server

// These functions start private servers, which the caller must stop. In a test use
// [NewPostgres] and its like, which stop the server at the end of the test.
var (
	StartPostgres = scratch.StartPostgres
	StartStandby  = scratch.StartStandby
	StartMySQL    = scratch.StartMySQL
	StartReplica  = scratch.StartReplica

	StartPgBouncer = scratch.StartPgBouncer
)

// NewPostgres starts a private PostgreSQL server with settings such as
// "max_connections=6". It does not sync to disk.
func NewPostgres(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := StartPostgres(append([]string{"fsync=off"}, settings...)...)
	return started(tb, s, err)
}

// NewStandby starts a streaming standby of a private PostgreSQL server.
func NewStandby(tb testing.TB, primary *Server) *Server {
	tb.Helper()
	s, err := StartStandby(primary)
	return started(tb, s, err)
}

// NewPgBouncer starts a PgBouncer of the test's own in front of a PostgreSQL; see
// scratch.StartPgBouncer.
func NewPgBouncer(tb testing.TB, of *Server, mode string, settings ...string) *Server {
	tb.Helper()
	s, err := scratch.StartPgBouncer(of, mode, settings...)
	return started(tb, s, err)
}

// NewMySQL starts a private MySQL or MariaDB server with options such as
// "--max-connections=10".
func NewMySQL(tb testing.TB, options ...string) *Server {
	tb.Helper()
	s, err := StartMySQL(options...)
	return started(tb, s, err)
}

// NewReplica starts a replica of a private MySQL or MariaDB server that was started
// with scratch.PrimaryMySQL.
func NewReplica(tb testing.TB, primary *Server) *Server {
	tb.Helper()
	s, err := StartReplica(primary)
	return started(tb, s, err)
}

// started fails the test on an error, and stops a server at the end of the test.
func started(tb testing.TB, s *Server, err error) *Server {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// ExecOn runs statements on a server as its administrator.
func ExecOn(tb testing.TB, s *Server, statements ...string) {
	tb.Helper()
	if err := s.Exec(statements...); err != nil {
		tb.Fatal(err)
	}
}

var (
	mu      sync.Mutex
	shared  = map[string]*Server{}
	counter int
)

// Main runs a package's tests and stops the servers that they started. Call it from
// TestMain: os.Exit(testenv.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	mu.Lock()
	defer mu.Unlock()
	for _, s := range shared {
		s.Stop()
	}
	return code
}

// Postgres returns the DSN of a new empty PostgreSQL database, as its owner.
func Postgres(tb testing.TB) string {
	tb.Helper()
	admin := os.Getenv("SENTINEL_TEST_POSTGRES_DSN")
	if admin == "" {
		admin = share(tb, "postgres", func() (*Server, error) { return StartPostgres(fastPostgres...) }).DSN
	}
	return fresh(tb, "pgx", admin, func(name string) string {
		u, err := url.Parse(admin)
		if err != nil {
			tb.Fatalf("SENTINEL_TEST_POSTGRES_DSN must be a URL: %v", err)
		}
		u.Path = "/" + name
		return u.String()
	})
}

// MySQL returns the DSN of a new empty MySQL or MariaDB database, in the form of the
// driver.
func MySQL(tb testing.TB) string {
	tb.Helper()
	admin := os.Getenv("SENTINEL_TEST_MYSQL_DSN")
	if admin == "" {
		admin = share(tb, "mysql", func() (*Server, error) { return StartMySQL() }).DSN
	}
	return fresh(tb, "mysql", admin, func(name string) string {
		cfg, err := mysql.ParseDSN(admin)
		if err != nil {
			tb.Fatalf("SENTINEL_TEST_MYSQL_DSN: %v", err)
		}
		cfg.DBName = name
		return cfg.FormatDSN()
	})
}

// Exec runs statements on a database. driver is pgx, mysql or sqlite.
func Exec(tb testing.TB, driver, dsn string, statements ...string) {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatalf("%s\n%v", s, err)
		}
	}
}

func share(tb testing.TB, name string, start func() (*Server, error)) *Server {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if shared[name] == nil {
		s, err := start()
		if err != nil {
			tb.Fatal(err)
		}
		shared[name] = s
	}
	return shared[name]
}

func fresh(tb testing.TB, driver, admin string, dsn func(name string) string) string {
	tb.Helper()
	mu.Lock()
	counter++
	name := fmt.Sprintf("sentinel_test_%d_%d", os.Getpid(), counter)
	mu.Unlock()
	Exec(tb, driver, admin, "CREATE DATABASE "+name)
	tb.Cleanup(func() {
		drop := "DROP DATABASE " + name
		if driver == "pgx" {
			drop += " WITH (FORCE)"
		}
		Exec(tb, driver, admin, drop)
	})
	return dsn(name)
}

var fastPostgres = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"}
