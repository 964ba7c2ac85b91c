package testenv

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// Database is a database of one engine.
type Database struct {
	Driver    string // for sql.Open
	Owner     string // DSN of its owner, in the driver's form
	Warehouse string // DSN for warehouse.Config
	Name      string // name of the database, for statements about it
	Schema    string // schema of its tables, as the catalog names it
	Timestamp string // type of a time without a zone
	Instant   string // type of a time with a zone, or in UTC
}

// Exec runs statements as the owner.
func (d Database) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	Exec(tb, d.Driver, d.Owner, statements...)
}

// Engine makes the databases of one engine.
type Engine interface {
	// New returns an empty database. It is removed with the test.
	New(tb testing.TB) Database
	// Alone returns an empty database whose accounts no other test can see. It is
	// removed with the test.
	Alone(tb testing.TB) Database
	// At describes a database that exists, by its owner's DSN in the driver's form.
	At(owner string) Database
	// As returns the DSN of another user of a database.
	As(owner, user, password string) (dsn string)
}

// engines are the engines by the names of their dialects.
var engines = map[string]Engine{}

// RegisterEngine adds the engine of a dialect. Only init functions call it. Tests
// that run on every dialect use it, so a dialect brings a file with its own.
func RegisterEngine(dialect string, e Engine) {
	if engines[dialect] != nil {
		panic("engine registered twice: " + dialect)
	}
	engines[dialect] = e
}

// EngineOf returns the engine of a dialect. It panics if there is none.
func EngineOf(dialect string) Engine {
	e := engines[dialect]
	if e == nil {
		panic(fmt.Sprintf("dialect %[1]s has no engine for tests: call testenv.RegisterEngine in testenv/%[1]s.go", dialect))
	}
	return e
}

// NewDatabase returns an empty database for a dialect. It is removed with the test.
func NewDatabase(tb testing.TB, dialect string) Database {
	tb.Helper()
	return EngineOf(dialect).New(tb)
}

func init() {
	RegisterEngine("postgres", postgresEngine{})
	RegisterEngine("mysql", mysqlEngine{})
	RegisterEngine("sqlite", sqliteEngine{})
}

type postgresEngine struct{}

func (e postgresEngine) New(tb testing.TB) Database { return e.At(Postgres(tb)) }

// Alone needs no server: the tests that use it name accounts after the database.
func (e postgresEngine) Alone(tb testing.TB) Database { return e.New(tb) }

func (postgresEngine) At(owner string) Database {
	return Database{
		Driver: "pgx", Owner: owner, Warehouse: owner, Name: strings.TrimPrefix(mustParse(owner).Path, "/"),
		Schema: "public", Timestamp: "timestamp", Instant: "timestamptz",
	}
}

func (postgresEngine) As(owner, user, password string) string {
	u := mustParse(owner)
	u.User = url.UserPassword(user, password)
	return u.String()
}

type mysqlEngine struct{}

func (e mysqlEngine) New(tb testing.TB) Database { return e.At(MySQL(tb)) }

func (e mysqlEngine) Alone(tb testing.TB) Database {
	tb.Helper()
	s := NewMySQL(tb)
	name := fmt.Sprintf("alone_%x", rand.Uint32())
	ExecOn(tb, s, "CREATE DATABASE "+name)
	return e.At(s.DSN + name)
}

func (mysqlEngine) At(owner string) Database {
	_, schema, _ := strings.Cut(owner, "/")
	return Database{
		Driver: "mysql", Owner: owner, Warehouse: owner, Name: schema,
		Schema: schema, Timestamp: "datetime", Instant: "datetime",
	}
}

func (mysqlEngine) As(owner, user, password string) string {
	_, server, _ := strings.Cut(owner, "@")
	return user + ":" + password + "@" + server
}

type sqliteEngine struct{}

func (e sqliteEngine) New(tb testing.TB) Database {
	tb.Helper()
	d := e.At(filepath.Join(tb.TempDir(), "w.db"))
	d.Exec(tb, "PRAGMA journal_mode=WAL")
	return d
}

func (e sqliteEngine) Alone(tb testing.TB) Database { return e.New(tb) }

func (sqliteEngine) At(owner string) Database {
	return Database{
		Driver: "sqlite", Owner: owner, Warehouse: "sqlite:" + owner, Name: owner,
		Schema: "main", Timestamp: "timestamp", Instant: "text",
	}
}

// As returns the same DSN: SQLite has no users.
func (sqliteEngine) As(owner, _, _ string) string { return owner }

func mustParse(dsn string) *url.URL {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(fmt.Sprintf("a DSN of PostgreSQL must be a URL: %v", err))
	}
	return u
}
