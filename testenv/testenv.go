// Package testenv gives tests and benchmarks real database servers: those named
// by SENTINEL_TEST_POSTGRES_DSN and SENTINEL_TEST_MYSQL_DSN, else private ones
// started from the system's binaries on sockets and free ports, as an
// unprivileged user, and stopped with the test. A missing server fails the
// test; nothing is skipped.
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

// These start private servers of a test's own: it stops them.
var (
	StartPostgres = scratch.StartPostgres
	StartStandby  = scratch.StartStandby
	StartMySQL    = scratch.StartMySQL
	StartReplica  = scratch.StartReplica
)

var (
	mu      sync.Mutex
	shared  = map[string]*Server{}
	counter int
)

// Main runs a package's tests and stops the servers they started; call it from
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

// Postgres returns the DSN of a new empty PostgreSQL database, for its owner.
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

// MySQL returns the DSN (driver's form) of a new empty MySQL or MariaDB database.
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

// Exec runs statements on a database, with driver pgx, mysql or sqlite.
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
