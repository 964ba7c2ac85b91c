package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// lockedSchema makes tables of which the server must open each to print a part of its
// definition.
var lockedSchema = []string{
	"CREATE TABLE good (id integer PRIMARY KEY, b integer DEFAULT 5, g integer GENERATED ALWAYS AS (b * 2) STORED)",
	"CREATE INDEX ON good ((b * 3)) WHERE b > 1",
	"CREATE TABLE held (id integer PRIMARY KEY, b integer DEFAULT 5, g integer GENERATED ALWAYS AS (b * 2) STORED)",
	"CREATE INDEX held_b ON held ((b * 3)) WHERE b > 1",
	"CREATE TABLE plain (id integer DEFAULT 7)",
	"CREATE VIEW seen AS SELECT id, b FROM held",
	"CREATE VIEW seen_again AS SELECT id FROM seen",
	"CREATE MATERIALIZED VIEW kept AS SELECT id FROM held",
	"CREATE VIEW other AS SELECT id FROM good",
	"CREATE TABLE secured (id integer)",
	"CREATE POLICY p ON secured USING (id IN (SELECT id FROM held))",
	"CREATE TABLE ruled (id integer)",
	"CREATE RULE r AS ON DELETE TO ruled DO ALSO DELETE FROM held",
	"CREATE TABLE parts (id integer, at date) PARTITION BY RANGE (at)",
	"CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-11-01') TO ('2026-11-02')",
}

// Each lock that other sessions hold or wait for costs the tables under it those of their
// facts that need it, and nothing else.
func TestCatalogReadsAroundLocks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lock   string
		waits  bool     // the lock is waited for behind a reader
		unread []string // relations with unread facts
	}{
		"alter table":     {"ALTER TABLE held ADD COLUMN z integer", false, []string{"held", "seen", "kept", "secured", "ruled"}},
		"drop default":    {"ALTER TABLE held ALTER b DROP DEFAULT", false, []string{"held", "seen", "kept", "secured", "ruled"}},
		"truncate":        {"TRUNCATE held", false, []string{"held", "seen", "kept", "secured", "ruled"}},
		"lock table":      {"LOCK TABLE held", false, []string{"held", "seen", "kept", "secured", "ruled"}},
		"drop index":      {"DROP INDEX held_b", false, []string{"held", "seen", "kept", "secured", "ruled"}},
		"drop table":      {"DROP TABLE held CASCADE", false, []string{"held", "seen", "kept", "secured", "ruled", "seen_again"}},
		"drop view":       {"DROP VIEW seen CASCADE", false, []string{"seen", "seen_again"}},
		"replace view":    {"CREATE OR REPLACE VIEW seen AS SELECT id, b FROM good", false, []string{"seen", "seen_again"}},
		"refresh":         {"REFRESH MATERIALIZED VIEW kept", false, []string{"kept"}},
		"of the default":  {"LOCK TABLE plain", false, nil},
		"of partitions":   {"LOCK TABLE parts", false, nil},
		"share lock":      {"LOCK TABLE held IN SHARE MODE", false, nil},
		"waiting alter":   {"ALTER TABLE held ADD COLUMN z integer", true, []string{"held", "seen", "kept", "secured", "ruled"}},
		"waiting replace": {"CREATE OR REPLACE VIEW seen AS SELECT id, b FROM good", true, []string{"seen", "seen_again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := testenv.Postgres(t)
			testenv.Exec(t, "pgx", dsn, lockedSchema...)
			db := dialecttest.Open(t, dsn)
			holder := begin(t, dsn)
			if c.waits {
				reader := begin(t, dsn)
				mustExec(t, reader, "LOCK TABLE held, seen IN ACCESS SHARE MODE")
				waited := make(chan error, 1)
				go func() { _, err := holder.Exec(c.lock); waited <- err }()
				defer func() {
					if err := reader.Rollback(); err != nil {
						t.Error(err)
					}
					if err := <-waited; err != nil {
						t.Error(err)
					}
				}()
				untilWaits(t, dsn)
			} else {
				mustExec(t, holder, c.lock)
			}
			checkUnread(t, readAll(t, db), c.unread)
			few := warehouse.Scope{Facts: warehouse.AllFacts, Definitions: []warehouse.TableName{}}
			texts := warehouse.Indexes | warehouse.Views | warehouse.Expressions | warehouse.Details | warehouse.Rules
			for name, table := range readScope(t, db, few) {
				if table.Unread(^texts) != nil {
					t.Errorf("%s without its definition: unread %b", name.Name, table.Unreadable)
				}
			}
		})
	}
}

// checkUnread demands that exactly these relations have unread facts, with the reason.
func checkUnread(t *testing.T, tables map[warehouse.TableName]*warehouse.Table, unread []string) {
	t.Helper()
	if len(tables) != 10 {
		t.Errorf("%d tables, want 10", len(tables))
	}
	for name, table := range tables {
		switch want := slices.Contains(unread, name.Name); {
		case want != (table.Unreadable != 0):
			t.Errorf("%s: unread %b (%v), want some: %t", name.Name, table.Unreadable, table.ReadErr, want)
		case want && (warehouse.KindOf(table.ReadErr) != warehouse.Locked ||
			!strings.Contains(table.ReadErr.Error(), "ACCESS EXCLUSIVE lock") ||
			!strings.Contains(table.ReadErr.Error(), "by a statement of 20")):
			t.Errorf("%s: %v", name.Name, table.ReadErr)
		}
		if len(table.Columns) == 0 {
			t.Errorf("%s has no columns", name.Name)
		}
	}
	for _, name := range []string{"good", "plain"} {
		if c := tables[warehouse.TableName{Schema: "public", Name: name}].Columns; c[len(c)-1].Default+c[1%len(c)].Default == "" {
			t.Errorf("%s has no default: %+v", name, c)
		}
	}
}

func begin(t *testing.T, dsn string) *sql.Tx {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() }) // also of one that is done
	return tx
}

func mustExec(t *testing.T, tx *sql.Tx, statement string) {
	t.Helper()
	if _, err := tx.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// untilWaits returns when a session of this database waits for a lock.
func untilWaits(t *testing.T, dsn string) {
	t.Helper()
	testenv.Exec(t, "pgx", dsn, `
		DO $$BEGIN
			WHILE NOT EXISTS (
				SELECT FROM pg_locks
				WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			) LOOP
				PERFORM pg_sleep(0.01);
			END LOOP;
		END$$`)
}

func readAll(t *testing.T, db *warehouse.DB) map[warehouse.TableName]*warehouse.Table {
	t.Helper()
	return readScope(t, db, warehouse.Scope{Facts: warehouse.AllFacts})
}

func readScope(t *testing.T, db *warehouse.DB, scope warehouse.Scope) map[warehouse.TableName]*warehouse.Table {
	t.Helper()
	c, err := db.Catalog(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	return c.Tables
}

// longestWait is the longest that a migration of the test waits for a lock: it is
// cancelled then. A machine under load needs some of it.
const longestWait = "500ms"

// Migrations run beside readings of the catalog. None is cancelled because it waited for
// a lock of the reading, none dies of a deadlock, no reading fails, and no table that is
// always there is ever missing or without columns.
func TestMigrationsRunBesideTheCatalog(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	testenv.Exec(t, "pgx", dsn, lockedSchema...)
	testenv.Exec(t, "pgx", dsn, "CREATE TABLE busy (id integer)")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var migrators sync.WaitGroup
	done := make([]int, 2)
	for k, steps := range [][]string{
		{
			"DROP VIEW seen_again", "DROP VIEW seen", "CREATE VIEW seen AS SELECT id, b FROM held",
			"CREATE VIEW seen_again AS SELECT id FROM seen", "ALTER TABLE held ALTER b SET DEFAULT 6",
			"DROP INDEX held_b", "CREATE INDEX held_b ON held ((b * 3)) WHERE b > 1", "TRUNCATE good", "LOCK TABLE plain",
		},
		{"DROP TABLE busy", "CREATE TABLE busy (id integer, g integer GENERATED ALWAYS AS (id * 2) STORED)",
			"CREATE INDEX ON busy ((id * 2)) WHERE id > 2"},
	} {
		migrators.Go(func() {
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			for ctx.Err() == nil {
				if err := migrate(db, steps); err != nil {
					t.Errorf("a migration died: %v", err)
					return
				}
				done[k]++
			}
		})
	}
	db := dialecttest.Open(t, dsn)
	unread := 0
	for begun := time.Now(); time.Since(begun) < 4*time.Second; {
		tables := readAll(t, db)
		for _, name := range []string{"good", "held", "plain", "seen", "seen_again", "kept", "other", "parts", "busy"} {
			table := tables[warehouse.TableName{Schema: "public", Name: name}]
			if table == nil || len(table.Columns) == 0 {
				t.Fatalf("%s: %+v", name, table)
			}
			if table.Unreadable != 0 {
				unread++
			}
			if (table.Unreadable != 0) != (table.Unread(warehouse.AllFacts) != nil) {
				t.Errorf("%s: unread %b without a reason", name, table.Unreadable)
			}
		}
	}
	stop()
	migrators.Wait()
	if t.Logf("%v migrations, %d times a table was unread", done, unread); done[0] == 0 || done[1] == 0 {
		t.Error("no migration ran")
	}
}

// migrate runs one migration in a transaction of its own.
func migrate(db *sql.DB, steps []string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for _, step := range append([]string{"SET LOCAL lock_timeout = '" + longestWait + "'"}, steps...) {
		if _, err := tx.Exec(step); err != nil {
			return fmt.Errorf("%s: %w (%v)", step, err, tx.Rollback())
		}
	}
	return tx.Commit()
}
