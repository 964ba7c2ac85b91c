package postgres

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// escapes are statements that would write, lock or change a session if they could. raw
// says that the session itself keeps them from it, without CheckQuery.
var escapes = []struct {
	sql string
	raw bool
}{
	{"SET TRANSACTION READ WRITE", true},
	{"SET default_transaction_read_only = off", true},
	{"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", true},
	{"BEGIN READ WRITE", true},
	{"COMMIT", true},
	{"SELECT set_config('transaction_read_only', 'off', false)", true},
	{"SELECT set_config('default_transaction_read_only', 'off', false)", true},
	{"SELECT pg_catalog.set_config ('statement_timeout', '0', false)", true},
	{"INSERT INTO t VALUES (2) RETURNING 1", true},
	{"WITH w AS (INSERT INTO t VALUES (2) RETURNING id) SELECT count(*) FROM w", true},
	{"SELECT writes()", true},
	{"SELECT writes_otherwise()", true},
	{"SELECT nextval('s')", true},
	{"SELECT lo_create(0)", true},
	{`SELECT "lo_create"(0)`, true},
	{"SELECT pg_advisory_lock(7)", true},
	{"SELECT pg_try_advisory_lock(7)", true},
	{"SELECT 1 INTO TEMP kept", true},
	{"SELECT * INTO u FROM t", true},
	{"EXPLAIN ANALYZE INSERT INTO t VALUES (2)", true},
	{"DO $$ BEGIN COMMIT; INSERT INTO t VALUES (2); END $$", false},
	{"CALL commits()", false},
	{"COPY (SELECT 1) TO PROGRAM 'true'", false},
	{"SELECT 1; DELETE FROM t", true},
	{"/* SELECT */ DELETE FROM t", true},
}

// TestNoQueryEscapes tries every statement as a superuser, on a server and behind
// poolers whose sessions are shared. None writes, locks, or leaves a setting.
func TestNoQueryEscapes(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	d := createDatabase(t, server, "")
	d.Exec(t, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)", "CREATE SEQUENCE s",
		"CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS $$ INSERT INTO public.t VALUES (2) RETURNING 1 $$",
		`CREATE FUNCTION writes_otherwise() RETURNS int LANGUAGE plpgsql SET transaction_read_only = off AS
			$$ BEGIN INSERT INTO public.t VALUES (2); RETURN 1; END $$`,
		"CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; INSERT INTO public.t VALUES (2); END $$")
	dsns := map[string]string{"direct": d.DSN()}
	for _, mode := range []string{"session", "transaction", "statement"} {
		pooler := testenv.NewPgBouncer(t, server, mode, "default_pool_size = 1")
		dsns[mode] = d.Through(databaseAt(pooler.DSN).Address())
	}
	for name, dsn := range dsns {
		db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn), MaxConnections: 1})
		for _, e := range escapes {
			if !e.raw {
				if warehouse.CheckQuery(Dialect{}, e.sql) == nil {
					t.Errorf("%s is accepted", e.sql)
				}
				continue
			}
			_, _ = custom(t, db, e.sql) // it fails, or what it does is undone
			for _, after := range []struct{ sql, want string }{
				{"SELECT count(*) FROM t", "1"},
				{"SELECT last_value FROM s", "1"},
				{"SELECT count(*) FROM pg_largeobject_metadata", "0"},
				{"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0"},
				{"SELECT current_setting('transaction_read_only')", "on"},
				{"SELECT count(*) FROM pg_class WHERE relname IN ('kept', 'u')", "0"},
			} {
				if cell, err := dialecttest.FirstCell(t, db, after.sql); err != nil || cell.Text != after.want {
					t.Errorf("%s: after %s: %s is %s, %v, want %s", name, e.sql, after.sql, cell.Text, err, after.want)
				}
			}
		}
	}
}

// TestQueriesThatRead are not refused, whatever their literals and names say.
func TestQueriesThatRead(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"VALUES (1)", "TABLE one", "SHOW max_index_keys", "((SELECT 1))", "EXPLAIN SELECT 1",
		"SELECT $$a; DELETE$$, $tag$ ; $$ ; $tag$", `SELECT E'it\'s; ', U&'\0041'`, `SELECT "a;b", "delete" FROM t`,
		"SELECT 1 /* a /* nested ; */ ; */", "SELECT lo_get(1), pg_advisory_lock FROM t", "SELECT a$b FROM t WHERE x > $1",
		"SELECT pg_sleep(0), current_setting('search_path')", "SELECT pg_advisory_xact_lock(1)",
	} {
		if err := warehouse.CheckQuery(Dialect{}, sql); err != nil {
			t.Errorf("%s is refused: %v", sql, err)
		}
	}
}
