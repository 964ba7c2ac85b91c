// Package dialecttest is the conformance suite of warehouse dialects, as
// testing/fstest is for file systems. A dialect, also one in another Go module,
// proves itself with one call of [Run] in its own test:
//
//	func TestDialect(t *testing.T) {
//		dialecttest.Run(t, dialecttest.Fixture{Dialect: Dialect{}, NewDatabase: fresh, ...})
//	}
//
// The suite quotes all its identifiers by the dialect and takes the names of types
// from the fixture. Begin to read at [Fixture] and [Run]; docs/warehouse/new-dialect.md
// is the guide.
package dialecttest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Fixture describes an engine to the suite.
type Fixture struct {
	Dialect warehouse.Dialect
	// NewDatabase makes an empty database and removes it with the test.
	NewDatabase func(tb testing.TB) Database

	Types Types
	// ZoneSuffix follows a literal of Types.Zoned in UTC, such as "+00". It is empty
	// where literals have no zone.
	ZoneSuffix string
	// ZonedInSessionZone says that the driver's session reads literals of Types.Zoned
	// in a zone other than UTC. The suite does not compare them then.
	ZonedInSessionZone bool
	// TimePrecision is the smallest unit of timestamps; 0 is a microsecond.
	TimePrecision time.Duration

	// LongestName is the limit of an identifier in ASCII characters; 0 is no limit.
	LongestName int
	// NoAstralNames says that identifiers have no characters beyond U+FFFF.
	NoAstralNames bool

	// NoCascade says that foreign keys have no ON DELETE CASCADE.
	NoCascade bool
	// ReadsNamedColumnsOnly says that Catalog reads only the columns of
	// Scope.ColumnNames, if there are any.
	ReadsNamedColumnsOnly bool

	// Partitioned are the statements that make a table "parts" with the columns id and
	// at (a timestamp), and one range partition for each of the days 2026-11-01 and
	// 2026-11-02. It is nil when the engine has no partitions.
	Partitioned []string
	// Numbered is the definition of a column that numbers its rows and is the primary key.
	// It is empty when the engine has none.
	Numbered string
	// BrokenView are the statements that make a view "broken" which nobody can read. It is
	// nil when the engine keeps views whole. Names may stand in brackets.
	BrokenView []string
	// LockTable are the statements of one session that lock the table "held" against
	// readers until the session ends. It is nil when the engine locks no table. The
	// fixture's databases must be [Pooled] then.
	LockTable []string
	// Folding are the statements that make the collation that Types.Folding names.
	Folding []string
	// NaNDecimals says that a value of Types.Decimal may be 'NaN'.
	NaNDecimals bool
	// Sleep is a SELECT that runs for a minute.
	Sleep string
	// Running is a SELECT that counts the running statements Sleep of this database. It
	// is empty when there is no server.
	Running string
	// ManyRows returns a SELECT that answers with n rows of more than 1,000 characters
	// each. It reads the table "h", which has a column id and 100 rows. It is optional;
	// see [Proxied].
	ManyRows func(n int) string

	// ReadingOnly leaves out the part about repairs, which write on a DSN of their own.
	ReadingOnly bool

	// Unreachable are DSNs of servers or files that do not exist. Their password is
	// "topsecret".
	Unreachable []string
	// Malformed are DSNs that the dialect's Open refuses. Their password is
	// "topsecret".
	Malformed []string
}

// Types are the names of types in CREATE TABLE.
type Types struct {
	Boolean string
	Integer string // of 32 bits or more
	BigInt  string // of 64 bits
	Decimal string // of 12 digits, 2 of them after the point
	Text    string // of 100 characters or more
	Zoned   string // a nullable timestamp with a zone, or in UTC
	Plain   string // a timestamp without a zone; "" when the engine has none
	Date    string
	Folding string // a text whose collation takes 'a' and 'A' for equal; "" when the engine has none
}

// Database is one empty database of an engine.
type Database interface {
	// DSN is the address for the warehouse.
	DSN() string
	// Schema is the schema of the tables, as the catalog names it.
	Schema() string
	// Exec runs statements as the database's owner, and fails the test on an error.
	Exec(tb testing.TB, statements ...string)
}

// WithUsers is a [Database] with users and privileges.
type WithUsers interface {
	// Reader makes a user with the password "topsecret" and returns the user's DSN. The
	// user may select from one table and do nothing else.
	Reader(tb testing.TB, table string) (dsn string)
}

// Restartable is a [Database] on a server of its own, for [RestartedServer].
// [OnServer] makes one.
type Restartable interface {
	Kill(tb testing.TB)
	Start(tb testing.TB)
}

// Pooled is a [Database] that database/sql can connect to, for [TooManyConnections].
type Pooled interface {
	Pool() (*sql.DB, error)
}

// Proxied is a [Database] on a server that listens on TCP.
type Proxied interface {
	// Address is the server's host and port.
	Address() string
	// Through is the DSN of the same database at another address.
	Through(address string) (dsn string)
}

// SQL is a [Database] that database/sql can write to. Embed it to implement optional
// interfaces, such as [WithUsers].
type SQL struct {
	Driver    string // the driver's name, for sql.Open
	Owner     string // the owner's DSN, in the driver's form
	Warehouse string // the DSN for the warehouse
	In        string // the schema of the tables
}

// Run runs the suite on one dialect. Every test is a parallel subtest with databases of
// its own.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	s := suite{f}
	for _, c := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"registered", s.registered}, {"identifiers", s.identifiers}, {"longest names", s.longestNames},
		{"times", s.times}, {"windows", s.windows}, {"parameters", s.parameters}, {"NULL", s.nulls},
		{"big counts", s.bigCounts}, {"planner's SQL", s.plannerSQL}, {"explain", s.explain},
		{"catalog", s.catalogFacts}, {"catalog of some columns", s.someColumns}, {"partitions", s.partitions},
		{"one statement fails alone", s.failsAlone}, {"read-only", s.readOnly}, {"timeouts", s.timeouts},
		{"reader's privileges", s.privileges}, {"errors", s.errors}, {"rows one by one", s.rowsOneByOne},
		{"refused rows", s.refusedRows}, {"broken connection", s.brokenConnection},
		{"broken view", s.brokenView}, {"locked table", s.lockedTable},
		{"predicates", s.predicates}, {"hashes of rows", s.hashing}, {"custom statements", s.customStatements}, {"many rows of a custom statement", s.customRows},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t)
		})
	}
	if f.ReadingOnly {
		return
	}
	t.Run("writing", func(t *testing.T) {
		t.Parallel()
		RunWriting(t, f)
	})
}

// bracketed matches an identifier in the suite's SQL.
var bracketed = regexp.MustCompile(`\[[^\]]*\]`)

type suite struct{ Fixture }

// fixtureDB is a database of the fixture, with a warehouse open on it.
type fixtureDB struct {
	Database
	suite suite
	t     *testing.T
	db    *warehouse.DB
}

func (s suite) open(t *testing.T, cfg warehouse.Config) *fixtureDB {
	t.Helper()
	d := s.NewDatabase(t)
	return &fixtureDB{Database: d, suite: s, t: t, db: s.connect(t, d.DSN(), cfg)}
}

func (s suite) connect(t *testing.T, dsn string, cfg warehouse.Config) *warehouse.DB {
	t.Helper()
	cfg.Dialect = s.Dialect.Name()
	cfg.DSN = sentinel.NewSecret(dsn)
	return OpenConfig(t, cfg)
}

// exec runs statements. [name] stands for a quoted identifier.
func (b *fixtureDB) exec(statements ...string) {
	b.t.Helper()
	for i, st := range statements {
		statements[i] = b.suite.quoted(b.t, st)
	}
	b.Exec(b.t, statements...)
}

// quoted replaces identifiers in brackets by the dialect's quoted form.
func (s suite) quoted(t *testing.T, statement string) string {
	t.Helper()
	return bracketed.ReplaceAllStringFunc(statement, func(name string) string {
		q, err := s.Dialect.Quote(name[1 : len(name)-1])
		if err != nil {
			t.Fatal(err)
		}
		return q
	})
}

// ask returns the first cell of a statement with identifiers in brackets.
func (b *fixtureDB) ask(statement string, args ...any) (warehouse.Cell, error) {
	return firstCell(b.t.Context(), b.db, b.suite.quoted(b.t, statement), args...)
}

// want fails the test unless the first cell of a statement has this text.
func (b *fixtureDB) want(text, statement string, args ...any) {
	b.t.Helper()
	if cell, err := b.ask(statement, args...); err != nil || cell.Null || cell.Text != text {
		b.t.Errorf("%s %v: %+v, %v, want %s", statement, args, cell, err, text)
	}
}

func firstCell(ctx context.Context, db *warehouse.DB, text string, args ...any) (cell warehouse.Cell, failed error) {
	statements := []warehouse.Statement{{SQL: text, Args: args}}
	db.Run(ctx, statements, func(_ int, rows warehouse.Rows, err error) {
		switch failed = err; {
		case err != nil:
		case len(rows) == 0:
			failed = fmt.Errorf("no rows")
		default:
			cell = rows[0][0]
		}
	})
	return cell, failed
}

func (b *fixtureDB) name(table string) warehouse.TableName {
	return warehouse.TableName{Schema: b.Schema(), Name: table}
}

func (b *fixtureDB) read(scope warehouse.Scope) *warehouse.Catalog {
	b.t.Helper()
	c, err := b.db.Catalog(b.t.Context(), scope)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *fixtureDB) table(name string) *warehouse.Table {
	b.t.Helper()
	scope := warehouse.Scope{Facts: warehouse.AllFacts, Tables: []warehouse.TableName{b.name(name)}}
	table := b.read(scope).Tables[b.name(name)]
	if table == nil {
		b.t.Fatalf("the table %s is not in the catalog", name)
	}
	return table
}

// DSN implements Database.
func (d SQL) DSN() string { return d.Warehouse }

// Schema implements Database.
func (d SQL) Schema() string { return d.In }

// Pool implements Pooled.
func (d SQL) Pool() (*sql.DB, error) { return sql.Open(d.Driver, d.Owner) }

// Exec implements Database.
func (d SQL) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	db, err := d.Pool()
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
