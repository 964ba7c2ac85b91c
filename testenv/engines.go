package testenv

import (
	"path/filepath"
	"strings"
	"testing"
)

// Database is an empty database of one engine.
type Database struct {
	Driver    string // for sql.Open
	Owner     string // DSN of its owner, in the driver's form
	Warehouse string // DSN for warehouse.Config
	Schema    string // schema of its tables, as the catalog names it
	Timestamp string // type of a time without a zone
}

// Exec runs statements as the owner.
func (d Database) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	Exec(tb, d.Driver, d.Owner, statements...)
}

// databases makes an empty database, by the name of its dialect. It is removed with the
// test.
var databases = map[string]func(testing.TB) Database{}

// RegisterDatabase adds the database of a dialect. Only init functions call it. Tests
// that run on every dialect use it, so a dialect brings a file with its own.
func RegisterDatabase(dialect string, fresh func(testing.TB) Database) {
	if databases[dialect] != nil {
		panic("database registered twice: " + dialect)
	}
	databases[dialect] = fresh
}

// NewDatabase returns an empty database for a dialect.
func NewDatabase(tb testing.TB, dialect string) Database {
	tb.Helper()
	fresh := databases[dialect]
	if fresh == nil {
		tb.Fatalf("dialect %s has no database for tests: call testenv.RegisterDatabase in testenv/%s.go", dialect, dialect)
	}
	return fresh(tb)
}

func init() {
	RegisterDatabase("postgres", func(tb testing.TB) Database {
		dsn := Postgres(tb)
		return Database{Driver: "pgx", Owner: dsn, Warehouse: dsn, Schema: "public", Timestamp: "timestamp"}
	})
	RegisterDatabase("mysql", func(tb testing.TB) Database {
		dsn := MySQL(tb)
		_, schema, _ := strings.Cut(dsn, "/")
		return Database{Driver: "mysql", Owner: dsn, Warehouse: dsn, Schema: schema, Timestamp: "datetime"}
	})
	RegisterDatabase("sqlite", func(tb testing.TB) Database {
		path := filepath.Join(tb.TempDir(), "w.db")
		d := Database{
			Driver: "sqlite", Owner: path, Warehouse: "sqlite:" + path, Schema: "main", Timestamp: "timestamp",
		}
		d.Exec(tb, "PRAGMA journal_mode=WAL")
		return d
	})
}
