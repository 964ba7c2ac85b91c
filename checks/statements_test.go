package checks_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"

	"time"
)

// TestTwoHundredTables counts, by the server's own statistics, what a tick over
// 200 tables with freshness, row_count and schema sends: one statement a table
// and a constant number for the catalog.
func TestTwoHundredTables(t *testing.T) {
	t.Parallel()
	servers := map[string]struct {
		start  func() (*testenv.Server, error)
		driver string
		at     string
		count  string // statements so far, the counting one included
		limit  int64  // beside the 200
	}{
		"postgres": {func() (*testenv.Server, error) {
			return testenv.StartPostgres(
				"fsync=off",
				"shared_preload_libraries=pg_stat_statements",
				"pg_stat_statements.track=all",
			)
		}, "pgx", "timestamptz", "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = " +
			"s.userid WHERE r.rolname = 'reader'", 4},
		// MariaDB counts the statements that set a session up, too: five a connection.
		"mysql": {
			func() (*testenv.Server, error) { return testenv.StartMySQL() },
			"mysql",
			"datetime",
			"SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'QUESTIONS'",
			40,
		},
	}
	for name, s := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := s.start()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			schema, dsn := "public", strings.Replace(server.DSN, "postgres@", "reader@", 1)
			setup := []string{
				"CREATE EXTENSION pg_stat_statements",
				"CREATE ROLE reader LOGIN",
				"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
			}
			admin := server.DSN
			if name == "mysql" {
				schema, setup = "shop", nil
				testenv.Exec(t, "mysql", server.DSN, "CREATE DATABASE shop")
				admin += "shop"
				dsn = admin
			}
			for i := range 200 {
				setup = append(
					setup,
					fmt.Sprintf("CREATE TABLE t_%d (id integer PRIMARY KEY, at %s)", i, s.at),
					fmt.Sprintf("INSERT INTO t_%d VALUES (1, now())", i),
				)
			}
			testenv.Exec(t, s.driver, admin, setup...)
			// A connection begins with a statement of its own, and a slow machine opens all that it may.
			db, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: name, DSN: sentinel.NewSecret(dsn),
				Clock: sentinel.ClockFunc(time.Now), MaxConnections: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			b := &bench{tb: t, schema: schema, column: "at", loc: time.UTC, tick: time.Now()}
			b.env = checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
			var jobs []checks.Job
			for i := range 200 {
				jobs = append(
					jobs,
					b.job(
						fmt.Sprintf("t_%d", i),
						&checks.Freshness{Fail: hour},
						&checks.RowCount{Fail: bound(t, "< 1")},
						&checks.Schema{},
					),
				)
			}
			before := questions(t, s.driver, admin, s.count)
			for _, o := range checks.Run(t.Context(), b.env, "w", jobs) {
				for _, r := range o.Results {
					if r.Status != sentinel.Pass {
						t.Errorf("%s %s: %s", r.Table, r.Kind, r.Message)
					}
				}
			}
			sent := questions(t, s.driver, admin, s.count) - before
			if sent > 200+s.limit || sent < 200 {
				t.Errorf("%d statements for 200 tables, want at most %d", sent, 200+s.limit)
			}
			t.Logf("%d statements for 200 tables with 600 checks", sent)
		})
	}
}

func questions(t *testing.T, driver, dsn, query string) (n int64) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNothingWritten: where the change counters say that nothing was written, a
// tick over 200 tables reads next to no block, opens no further connection, and
// a change of data or definition is seen at the next tick.
func TestNothingWritten(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(
		"fsync=off",
		"autovacuum=off",
		"shared_preload_libraries=pg_stat_statements",
		"pg_stat_statements.track=all",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	setup := []string{
		"CREATE EXTENSION pg_stat_statements",
		"CREATE ROLE reader LOGIN",
		"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
	}
	for i := range 200 {
		setup = append(
			setup,
			fmt.Sprintf("CREATE TABLE t_%d (id integer PRIMARY KEY, at timestamptz)", i),
			fmt.Sprintf("INSERT INTO t_%d VALUES (1, now())", i),
		)
	}
	testenv.Exec(t, "pgx", server.DSN, setup...)
	db, err := warehouse.Open(
		warehouse.Config{
			Name:           "w",
			DSN:            sentinel.NewSecret(strings.Replace(server.DSN, "postgres@", "reader@", 1)),
			ChangeCounters: true,
			Clock:          sentinel.ClockFunc(time.Now),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := &bench{tb: t, schema: "public", column: "at", loc: time.UTC, tick: time.Now()}
	accepted := &history{baselines: map[string][]byte{}, digests: true}
	b.env = checks.Env{
		Clock: sentinel.ClockFunc(time.Now), Cache: &checks.Cache{}, History: accepted,
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil },
	}
	tick := func() (bad []string) {
		var jobs []checks.Job
		for i := range 200 {
			j := b.job(
				fmt.Sprintf("t_%d", i),
				&checks.Freshness{Fail: hour},
				&checks.RowCount{Fail: bound(t, "> 1")},
				&checks.Schema{},
			)
			j.Checks[2].Common().ID = fmt.Sprint("schema ", i)
			jobs = append(jobs, j)
		}
		for _, o := range checks.Run(t.Context(), b.env, "w", jobs) {
			for id, table := range o.Baselines {
				accepted.baselines[id] = checks.EncodeSnapshot(table)
			}
			for _, r := range o.Results {
				if r.Status != sentinel.Pass {
					bad = append(bad, r.Table.Name+" "+r.Kind)
				}
			}
		}
		return bad
	}
	// The counters of the tables' making reach the server's statistics within a
	// second; until then the catalog is read anew.
	const blocks = "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint FROM pg_stat_statements s JOIN " +
		"pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'"
	var used int64
	eventually(t, "an idle tick reads at most 100 blocks", func() bool {
		before := questions(t, "pgx", server.DSN, blocks)
		if bad := tick(); len(bad) > 0 {
			t.Fatalf("not pass: %v", bad)
		}
		used = questions(t, "pgx", server.DSN, blocks) - before
		return used <= 100
	})
	t.Logf("%d blocks for 200 tables with 600 checks", used)
	if n := questions(t, "pgx", server.DSN, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"); n > 4 {
		t.Errorf("%d connections", n)
	}
	const sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
	opened := questions(t, "pgx", server.DSN, sessions)
	for range 20 {
		tick()
	}
	if n := questions(t, "pgx", server.DSN, sessions) - opened; n > 3 { // the test's own two are among them
		t.Errorf("%d connections opened in 20 ticks", n)
	}
	testenv.Exec(
		t,
		"pgx",
		server.DSN,
		"INSERT INTO t_7 VALUES (2, now())",
		"ALTER TABLE t_9 ADD COLUMN note text",
		"DROP TABLE t_11",
	)
	eventually(t, "the changes are seen", func() bool {
		bad := strings.Join(tick(), ", ")
		return strings.Contains(bad, "t_7 row_count") && strings.Contains(bad, "t_9 schema") &&
			strings.Contains(bad, "t_11 schema")
	})
}

func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !met() {
		select {
		case <-deadline:
			t.Fatalf("gave up waiting for: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
