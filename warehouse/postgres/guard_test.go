package postgres

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// behind is a database that the warehouse reaches as another user, or through a pooler.
type behind struct {
	database
	warehouse *url.URL
}

// DSN implements dialecttest.Database.
func (b behind) DSN() string { return b.warehouse.String() }

// Address implements dialecttest.Proxied.
func (b behind) Address() string { return b.warehouse.Host }

// Through implements dialecttest.Proxied.
func (b behind) Through(address string) string {
	u := *b.warehouse
	u.Host = address
	return u.String()
}

// Reader implements dialecttest.WithUsers.
func (b behind) Reader(tb testing.TB, table string) string {
	tb.Helper()
	reader, err := url.Parse(b.database.Reader(tb, table))
	if err != nil {
		tb.Fatal(err)
	}
	reader.Host = b.warehouse.Host
	return reader.String()
}

var databases atomic.Int64

// createDatabase makes a database on a server of the test's own.
func createDatabase(tb testing.TB, s *scratch.Server, options string) database {
	tb.Helper()
	name := fmt.Sprintf("d%d", databases.Add(1))
	testenv.ExecOn(tb, s, "CREATE DATABASE "+name+" "+options)
	d := databaseAt(s.DSN)
	u := d.url()
	u.Path = "/" + name
	u.RawQuery += "&client_encoding=UTF8"
	return databaseAt(u.String())
}

// hostileSettings are a role's own settings that change what statements mean.
var hostileSettings = []string{
	"search_path = public, evil, pg_catalog", "DateStyle = 'SQL, DMY'",
	"bytea_output = escape", "lc_monetary = 'POSIX'", "xmlbinary = hex", "gin_fuzzy_search_limit = 5",
	"IntervalStyle = sql_standard", "TimeZone = 'Asia/Kathmandu'", "default_transaction_read_only = off",
	"statement_timeout = 0", "lock_timeout = 0", "extra_float_digits = -15", "standard_conforming_strings = off",
	"backslash_quote = on", "escape_string_warning = off", "transform_null_equals = on", "quote_all_identifiers = on",
	"default_transaction_isolation = serializable",
}

// shadows are functions and an operator named like the system's.
var shadows = []string{
	"CREATE SCHEMA evil",
	"GRANT USAGE ON SCHEMA evil TO PUBLIC",
	"CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2020-01-01' $$",
	"CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2020-01-01' $$",
	"CREATE FUNCTION evil.floor(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT 7::numeric $$",
	"CREATE FUNCTION evil.current_schema() RETURNS name LANGUAGE sql AS $$ SELECT 'evil'::name $$",
	"CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT $2 $$",
	"CREATE FUNCTION evil.no(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$",
	"CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.no)",
	"CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false",
}

// hostile makes a role whose own settings are hostile, and returns the database as it
// reaches it.
func hostile(tb testing.TB, d database, encoding string) behind {
	tb.Helper()
	u := d.url()
	role := "hostile_" + strings.TrimPrefix(u.Path, "/")
	statements := append([]string{"CREATE ROLE " + role + " LOGIN SUPERUSER"}, shadows...)
	for _, setting := range append([]string{"client_encoding = " + encoding}, hostileSettings...) {
		statements = append(statements, "ALTER ROLE "+role+" SET "+setting)
	}
	d.Exec(tb, statements...)
	u.User = url.User(role)
	return behind{d, u}
}

// TestDialectBehindPgBouncer holds the whole suite behind a pooler as it is installed, in
// each of its modes, for a role whose own settings are hostile.
func TestDialectBehindPgBouncer(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t, "max_connections=300")
	for _, mode := range []string{"session", "transaction", "statement"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pooler := testenv.NewPgBouncer(t, server, mode)
			address := databaseAt(pooler.DSN).Address()
			f := fixture()
			f.ReadingOnly = true
			f.NewDatabase = func(tb testing.TB) dialecttest.Database {
				b := hostile(tb, createDatabase(tb, server, ""), "LATIN1")
				b.warehouse.Host = address
				return b
			}
			dialecttest.Run(t, f)
		})
	}
}

// TestOtherEncodings finds names, values and parameters with letters outside ASCII in
// databases of other encodings, for a role whose own settings are hostile. A name that
// cannot exist there is missing, and hides no other.
func TestOtherEncodings(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	for encoding, word := range map[string]string{"LATIN1": "Österreich", "LATIN2": "Łódź", "UTF8": "日本"} {
		d := hostile(t, createDatabase(t, server,
			"ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"), strings.Replace(encoding, "UTF8", "LATIN1", 1))
		quoted := `"` + word + `"`
		d.Exec(t, "CREATE TABLE "+quoted+" ("+quoted+" text)", "INSERT INTO "+quoted+" VALUES ('"+word+"'), ('x')")
		db := dialecttest.Open(t, d.DSN())
		statements := []warehouse.Statement{
			{SQL: "SELECT " + quoted + " FROM public." + quoted + " WHERE " + quoted + " = '" + word + "'"},
			{SQL: "SELECT " + quoted + " FROM public." + quoted + " WHERE " + quoted + " = $1", Args: []any{word}},
		}
		db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
			if err != nil || len(rows) != 1 || rows[0][0].Text != word {
				t.Errorf("%s: statement %d: %v, %v, want %s", encoding, i, rows, err, word)
			}
		})
		name := warehouse.TableName{Schema: "public", Name: word}
		scope := warehouse.Scope{Facts: warehouse.AllFacts, Tables: []warehouse.TableName{
			name, {Schema: "public", Name: "✓"}, {Schema: "✓", Name: "t"},
		}}
		c, err := db.Catalog(t.Context(), scope)
		if err != nil || len(c.Tables) != 1 || c.Tables[name] == nil || c.Tables[name].Column(word) == nil {
			t.Errorf("%s: the catalog: %v", encoding, err)
		}
	}
}

// TestGuards reads back every setting of a guard, for a role with hostile ones and behind
// a pooler in each mode, and again after a statement that sets another value.
func TestGuards(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	d := hostile(t, createDatabase(t, server, ""), "LATIN1")
	dsns := map[string]string{"direct": d.DSN()}
	for _, mode := range []string{"session", "transaction", "statement"} {
		// Shared servers show what stays in them.
		pooler := testenv.NewPgBouncer(t, server, mode, "default_pool_size = 1")
		dsns[mode] = d.Through(databaseAt(pooler.DSN).Address())
	}
	for name, dsn := range dsns {
		t.Run(name, func(t *testing.T) {
			db := dialecttest.OpenConfig(t, warehouse.Config{
				DSN: sentinel.NewSecret(dsn), MaxConnections: 1, StatementTimeout: 90 * time.Second, LockTimeout: 1500 * time.Millisecond,
			})
			wantSettings(t, db)
			for _, setting := range guardFor(db.Config, "off").settings {
				if setting.name == "transaction_read_only" {
					continue // a statement cannot change it
				}
				text := fmt.Sprintf("SELECT set_config('%s', reset_val, false) FROM pg_settings WHERE name = '%[1]s'", setting.name)
				if _, err := custom(t, db, text); err != nil {
					t.Errorf("%s: %v", setting.name, err)
				}
			}
			wantSettings(t, db)
		})
	}
}

// wantSettings compares what is in force in a statement with the guard.
func wantSettings(t *testing.T, db *warehouse.DB) {
	t.Helper()
	const path = "pg_catalog, public, evil, pg_catalog"
	g := guardFor(db.Config, "off")
	statements := make([]warehouse.Statement, len(g.settings))
	for i, s := range g.settings {
		statements[i] = warehouse.Statement{SQL: "SELECT current_setting('" + s.name + "')"}
	}
	db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
		s := g.settings[i]
		switch {
		case err != nil:
			t.Errorf("%s: %v", s.name, err)
		case !strings.HasPrefix(rows[0][0].Text, string(s.want)), s.name == "search_path" && rows[0][0].Text != path:
			t.Errorf("%s is %s, want %s", s.name, rows[0][0].Text, s.want)
		}
	})
}

// custom sends a statement of a user.
func custom(t *testing.T, db *warehouse.DB, text string) (rows warehouse.Rows, err error) {
	t.Helper()
	statements := []warehouse.Statement{{SQL: text, Custom: true}}
	db.Run(t.Context(), statements, func(_ int, r warehouse.Rows, failed error) { rows, err = r, failed })
	return rows, err
}

// TestAPoolerRefusesAParameterOfTheDSN names the pooler and what to do. The breaker stays
// closed: the server is up.
func TestAPoolerRefusesAParameterOfTheDSN(t *testing.T) {
	t.Parallel()
	pooler := testenv.NewPgBouncer(t, testenv.NewPostgres(t), "transaction")
	db := dialecttest.Open(t, pooler.DSN+"&statement_timeout=5s")
	for range 4 {
		_, err := dialecttest.FirstCell(t, db, "SELECT 1")
		const want = "the pooler (PgBouncer) refuses the parameter statement_timeout of the DSN"
		if warehouse.KindOf(err) != warehouse.Unguarded || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestADeadServerBehindAPooler is unreachable, although the pooler answers.
func TestADeadServerBehindAPooler(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	pooler := testenv.NewPgBouncer(t, server, "transaction", "server_login_retry = 1")
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(pooler.DSN), StatementTimeout: 2 * time.Second})
	if _, err := dialecttest.FirstCell(t, db, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	server.Halt(true)
	for range 2 {
		if _, err := dialecttest.FirstCell(t, db, "SELECT 1"); warehouse.KindOf(err) != warehouse.Unreachable {
			t.Errorf("%v, want %s", err, warehouse.Unreachable)
		}
	}
}

// TestAStatementWithoutItsGuardIsNotRun: the role's own limit ends the guard, or a
// setting is refused.
func TestAStatementWithoutItsGuardIsNotRun(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	testenv.ExecOn(t, server, "CREATE TABLE t (id int)")
	opened, err := Dialect{}.Open(warehouse.Config{
		DSN: sentinel.NewSecret(server.DSN), Clock: sentinel.ClockFunc(time.Now), Observer: warehouse.NopObserver{}, MaxConnections: 1,
		StatementTimeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*sessions)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Run(t.Context(), []warehouse.Statement{{SQL: "SELECT 1"}}, func(_ int, _ warehouse.Rows, err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	good := s.guard
	for name, g := range map[string]guard{
		"refused":   newGuard([]setting{{"client_encoding", "'no such'", nil}}),
		"another":   newGuard([]setting{{"DateStyle", "'German'", []byte("ISO")}}),
		"too slow":  {transaction: "SELECT set_config('statement_timeout', '50', true), pg_sleep(5)", settings: good.settings},
		"too short": {transaction: "SELECT 1", settings: good.settings},
	} {
		s.guard.transaction, s.guard.settings = g.transaction, g.settings
		var failed error
		statements := []warehouse.Statement{{SQL: "SELECT count(*) FROM t", Custom: true}, {SQL: "SELECT 1"}}
		s.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
			switch {
			case i == 0:
				failed = err
				if rows != nil {
					t.Errorf("%s: the statement was answered", name)
				}
			case err != nil:
				t.Errorf("%s: the next statement: %v", name, err)
			}
		})
		if warehouse.KindOf(failed) != warehouse.Unguarded {
			t.Errorf("%s: %v, want %s", name, failed, warehouse.Unguarded)
		}
	}
}

// TestTextsOfValuesAreTheSameForEveryRole reads values of every built-in type as text, for an
// owner and for a role with hostile settings: names of segments are such texts.
func TestTextsOfValuesAreTheSameForEveryRole(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	d := createDatabase(t, server, "")
	role := hostile(t, d, "LATIN1")
	query := `SELECT typname, pg_catalog.array_agg(v) FROM (VALUES
		('bytea', '\x41ff00'::bytea::text), ('money', 1234.5::numeric::money::text), ('xml', xmlforest('\x41'::bytea AS a)::text),
		('timestamptz', '2026-11-29 04:05:06+00'::timestamptz::text), ('date', '2026-11-29'::date::text),
		('interval', '1 month -2 days 3 hours'::interval::text), ('float8', (1::float8/3)::text), ('float4', (1::float4/3)::text),
		('bool', true::text), ('bit', B'101'::text), ('numeric', 1.50::text), ('inet', '10.0.0.1/8'::inet::text),
		('timetz', '04:05:06+05:45'::timetz::text), ('json', to_json('2026-11-29 04:05:06+00'::timestamptz)::text),
		('jsonb', to_jsonb('\x41'::bytea)::text), ('point', point(1::float8/3, 1)::text), ('array', ARRAY[1::float8/3]::text),
		('range', tstzrange('2026-11-29 04:05:06+00', NULL)::text), ('row', ROW('\x41'::bytea, '1 day'::interval)::text)
	) AS t (typname, v) GROUP BY 1 ORDER BY 1`
	texts := func(dsn string) (out string) {
		db := dialecttest.Open(t, dsn)
		db.Run(t.Context(), []warehouse.Statement{{SQL: query}}, func(_ int, rows warehouse.Rows, err error) {
			if err != nil || len(rows) != 19 {
				t.Fatal(len(rows), err)
			}
			for _, r := range rows {
				out += r[0].Text + " " + r[1].Text + "\n"
			}
		})
		return out
	}
	if owner, other := texts(d.DSN()), texts(role.DSN()); owner != other {
		t.Errorf("the owner reads\n%s\nthe role\n%s", owner, other)
	}
}
