package environments_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
)

// environments starts each of them, with the tables of the test.
var environments = map[string]func(t *testing.T) place{
	"PostgreSQL":                     func(t *testing.T) place { return postgres(t, nil) },
	"PostgreSQL 18":                  postgres18,
	"PgBouncer, session pooling":     pooled("session"),
	"PgBouncer, transaction pooling": pooled("transaction"),
	"PgBouncer, statement pooling":   pooled("statement"),
	"a database in LATIN1":           latin1,
	"a role with hostile settings":   hostileRole,
	"a role that may only read": func(t *testing.T) place {
		return reader(t, postgres(t, nil), "ALL TABLES IN SCHEMA public")
	},
	"a standby":                  standby,
	"PostgreSQL, a locked table": lockedPostgres,
	"PostgreSQL, a broken view": func(t *testing.T) place {
		return postgres(t, []string{"DROP TABLE other",
			"CREATE VIEW other AS SELECT id, at FROM orders WHERE 1 / (id - id) > 0"})
	},
	"PostgreSQL, a forbidden table": func(t *testing.T) place {
		return reader(t, postgres(t, nil), "orders, orders_copy, orders_short")
	},
	"a role that sees some rows": func(t *testing.T) place { return rowSecurity(t) },
	"the same, with the visible rows": func(t *testing.T) place {
		at := rowSecurity(t)
		at.visible = true
		return at
	},
	"MariaDB":                      func(t *testing.T) place { return mariadb(t, testenv.MySQL(t), nil) },
	"MariaDB in ANSI mode":         mariadbWith("--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH"),
	"MariaDB in Kathmandu":         mariadbWith("--default-time-zone=+05:45"),
	"MariaDB, names in lower case": mariadbWith("--lower-case-table-names=1"),
	"MariaDB, a user that may only read": func(t *testing.T) place {
		at := mariadb(t, testenv.MySQL(t), nil)
		testenv.Exec(t, "mysql", at.dsn, fmt.Sprintf("CREATE USER '%[1]s'@'%%'", at.schema),
			fmt.Sprintf("GRANT SELECT ON %[1]s.* TO '%[1]s'@'%%'", at.schema))
		owner := at.dsn
		t.Cleanup(func() { testenv.Exec(t, "mysql", owner, fmt.Sprintf("DROP USER '%s'@'%%'", at.schema)) })
		at.dsn = strings.Replace(at.dsn, "root@", at.schema+"@", 1)
		return at
	},
	"MariaDB, a locked table": func(t *testing.T) place {
		at := mariadb(t, testenv.MySQL(t), nil)
		hold(t, "mysql", at.dsn, "LOCK TABLES other WRITE")
		return at
	},
	"MariaDB, a broken view": func(t *testing.T) place {
		return mariadb(t, testenv.MySQL(t), []string{"DROP TABLE other", "CREATE TABLE base (id bigint, at timestamp NULL)",
			"CREATE VIEW other AS SELECT id, at FROM base", "DROP TABLE base"})
	},
	"SQLite": func(t *testing.T) place { return sqlite(t, nil) },
	"SQLite, a broken view": func(t *testing.T) place {
		return sqlite(t, []string{"DROP TABLE other", "CREATE VIEW other AS SELECT nope FROM nowhere"})
	},
}

// postgres is a new database on the shared server.
func postgres(t *testing.T, then []string) place {
	return postgresAt(t, testenv.Postgres(t), then)
}

func postgresAt(t *testing.T, dsn string, then []string) place {
	t.Helper()
	at := place{dialect: "postgres", dsn: dsn, schema: "public", rows: fill(t, "pgx", withUTF8(t, dsn), "timestamptz")}
	testenv.Exec(t, "pgx", dsn, then...)
	return at
}

// postgres18 is a database on PostgreSQL 18.
func postgres18(t *testing.T) place {
	t.Helper()
	s, err := scratch.StartPostgresIn(scratch.Postgres18(), "fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return postgresAt(t, s.DSN, nil)
}

// withUTF8 makes the owner's client send UTF-8, whatever the database is in.
func withUTF8(t *testing.T, dsn string) string {
	return change(t, dsn, func(u *url.URL) { u.RawQuery += "&client_encoding=UTF8" })
}

func change(t *testing.T, dsn string, how func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	how(u)
	return u.String()
}

// own is a server of this package's own, which its poolers and its standby need.
var own struct {
	sync.Mutex
	server *testenv.Server
}

func ownServer(t *testing.T) *testenv.Server {
	t.Helper()
	own.Lock()
	defer own.Unlock()
	if own.server == nil {
		s, err := testenv.StartPostgres("fsync=off")
		if err != nil {
			t.Fatal(err)
		}
		own.server = s
	}
	return own.server
}

// database makes a database on the own server.
func database(t *testing.T, options string) (server *testenv.Server, dsn string) {
	t.Helper()
	s := ownServer(t)
	name := "d_" + strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == ',' {
			return '_'
		}
		return r
	}, t.Name()))
	name = name[max(0, len(name)-40):]
	testenv.ExecOn(t, s, "CREATE DATABASE "+name+" "+options)
	return s, change(t, s.DSN, func(u *url.URL) { u.Path = "/" + name })
}

func pooled(mode string) func(t *testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		server, dsn := database(t, "")
		at := postgresAt(t, dsn, nil)
		pooler := testenv.NewPgBouncer(t, server, mode)
		through, err := url.Parse(pooler.DSN)
		if err != nil {
			t.Fatal(err)
		}
		at.dsn = change(t, dsn, func(u *url.URL) { u.Host = through.Host })
		return at
	}
}

func latin1(t *testing.T) place {
	_, dsn := database(t, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	return postgresAt(t, dsn, nil)
}

// hostileRole has settings that change what statements mean, and functions that
// stand before the system's.
func hostileRole(t *testing.T) place {
	at := postgres(t, []string{
		"CREATE SCHEMA evil",
		"CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2020-01-01' $$",
		"CREATE FUNCTION evil.floor(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT 7::numeric $$",
		"GRANT USAGE ON SCHEMA evil TO PUBLIC",
	})
	at = reader(t, at, "ALL TABLES IN SCHEMA public")
	u, err := url.Parse(at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	owner := change(t, at.dsn, func(u *url.URL) { u.User = url.User("postgres") })
	for _, setting := range []string{
		"search_path = evil, public, pg_catalog", "client_encoding = LATIN1", "DateStyle = 'SQL, DMY'",
		"bytea_output = escape", "lc_monetary = 'POSIX'", "xmlbinary = hex", "gin_fuzzy_search_limit = 5",
		"IntervalStyle = sql_standard", "TimeZone = 'Asia/Kathmandu'", "default_transaction_read_only = off",
		"statement_timeout = 0", "lock_timeout = 0", "extra_float_digits = -15", "standard_conforming_strings = off",
		"transform_null_equals = on", "default_transaction_isolation = serializable",
	} {
		testenv.Exec(t, "pgx", owner, "ALTER ROLE "+u.User.Username()+" SET "+setting)
	}
	return at
}

// reader takes the place as a role that may read some tables and nothing else.
func reader(t *testing.T, at place, tables string) place {
	t.Helper()
	owner := at.dsn
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	role := "reader_" + strings.TrimPrefix(u.Path, "/")
	testenv.Exec(t, "pgx", owner, "CREATE ROLE "+role+" LOGIN", "GRANT SELECT ON "+tables+" TO "+role)
	t.Cleanup(func() { testenv.Exec(t, "pgx", owner, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	at.dsn = change(t, owner, func(u *url.URL) { u.User = url.User(role) })
	return at
}

func standby(t *testing.T) place {
	server, dsn := database(t, "")
	at := postgresAt(t, dsn, nil)
	follower := testenv.NewStandby(t, server)
	u, err := url.Parse(follower.DSN)
	if err != nil {
		t.Fatal(err)
	}
	at.dsn = change(t, dsn, func(v *url.URL) { v.Host = u.Host })
	return at
}

func lockedPostgres(t *testing.T) place {
	at := postgres(t, nil)
	hold(t, "pgx", at.dsn, "BEGIN", "LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
	return at
}

// hold runs statements on a session that stays until the test ends.
func hold(t *testing.T, driver, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	session, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := session.ExecContext(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func mariadb(t *testing.T, dsn string, then []string) place {
	t.Helper()
	_, schema, _ := strings.Cut(dsn, "/")
	at := place{dialect: "mysql", dsn: dsn, schema: schema, rows: fill(t, "mysql", dsn, "timestamp NULL")}
	testenv.Exec(t, "mysql", dsn, then...)
	return at
}

func mariadbWith(options ...string) func(t *testing.T) place {
	return func(t *testing.T) place {
		t.Helper()
		s := testenv.NewMySQL(t, options...)
		testenv.ExecOn(t, s, "CREATE DATABASE shop CHARACTER SET utf8mb4")
		return mariadb(t, s.DSN+"shop", nil)
	}
}

func sqlite(t *testing.T, then []string) place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.db")
	at := place{dialect: "sqlite", dsn: "sqlite:" + path, schema: "main", rows: fill(t, "sqlite", path, "timestamp")}
	testenv.Exec(t, "sqlite", path, then...)
	return at
}

// rowSecurity is a role under policies. They hide rows, although here all rows pass.
func rowSecurity(t *testing.T) place {
	at := postgres(t, nil)
	for _, table := range []string{"orders", "orders_copy", "orders_short"} {
		testenv.Exec(t, "pgx", at.dsn, "ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY",
			"CREATE POLICY every ON "+table+" USING (id >= 0)")
	}
	return reader(t, at, "ALL TABLES IN SCHEMA public")
}
