// Package environments_test runs every kind of check in the environments in which
// warehouses stand: behind poolers, in other encodings, as users with settings of their
// own, on standbys, beside locked tables and broken views. The table below says what
// must come out.
package environments_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"

	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// verdicts says what must come out in each environment. Every kind of check stands twice
// on the table `orders`: once so that it must pass, and once so that it must fail.
//
//	ok      the one passes and the other fails
//	error   both are in error
//
// PostgreSQL 18 takes part where scripts/deps.sh could install it.
//
// The last column is the count of the table `other`, which some environments lock, break
// or take away. It never changes what is said of `orders`.
const verdicts = `
environment                         freshness row_count where by bucket partitions schema sql reconcile other
PostgreSQL                          ok        ok        ok    ok ok     ok         ok     ok  ok        ok
PostgreSQL 18                       ok        ok        ok    ok ok     ok         ok     ok  ok        ok
PgBouncer, session pooling          ok        ok        ok    ok ok     ok         ok     ok  ok        ok
PgBouncer, transaction pooling      ok        ok        ok    ok ok     ok         ok     ok  ok        ok
PgBouncer, statement pooling        ok        ok        ok    ok ok     ok         ok     ok  ok        ok
a database in LATIN1                ok        ok        ok    ok ok     ok         ok     ok  ok        ok
a role with hostile settings        ok        ok        ok    ok ok     ok         ok     ok  ok        ok
a role that may only read           ok        ok        ok    ok ok     ok         ok     ok  ok        ok
a standby                           ok        ok        ok    ok ok     ok         ok     ok  ok        ok
PostgreSQL, a locked table          ok        ok        ok    ok ok     ok         ok     ok  ok        error
PostgreSQL, a broken view           ok        ok        ok    ok ok     ok         ok     ok  ok        error
PostgreSQL, a forbidden table       ok        ok        ok    ok ok     ok         ok     ok  ok        error
a role that sees some rows          error     error     error error error error    ok     error error     ok
the same, with the visible rows     ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB                             ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB in ANSI mode                ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB in Kathmandu                ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB, names in lower case        ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB, a user that may only read  ok        ok        ok    ok ok     ok         ok     ok  ok        ok
MariaDB, a locked table             ok        ok        ok    ok ok     ok         ok     ok  ok        error
MariaDB, a broken view              ok        ok        ok    ok ok     ok         ok     ok  ok        error
SQLite                              ok        ok        ok    ok ok     ok         ok     ok  ok        ok
SQLite, a broken view               ok        ok        ok    ok ok     ok         ok     ok  ok        error
`

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	if own.server != nil {
		own.server.Stop()
	}
	os.Exit(code)
}

func TestEveryKindInEveryEnvironment(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(verdicts), "\n")
	kinds := strings.Fields(lines[0])[1:]
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		name := strings.Join(fields[:len(fields)-len(kinds)], " ")
		want := fields[len(fields)-len(kinds):]
		start := environments[name]
		if start == nil {
			t.Errorf("no environment %q", name)
			continue
		}
		if name == "PostgreSQL 18" && scratch.Postgres18() == "" {
			t.Log("PostgreSQL 18 is not installed: scripts/deps.sh says why")
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := start(t)
			got := run(t, at)
			for i, kind := range kinds {
				if got[kind] != want[i] {
					t.Errorf("%s: %s, want %s", kind, got[kind], want[i])
				}
			}
		})
	}
	for name := range environments {
		if !strings.Contains(verdicts, "\n"+name+" ") {
			t.Errorf("environment %q has no row", name)
		}
	}
}

// place is an environment with the tables of the test in it.
type place struct {
	dialect string
	dsn     string // of the warehouse
	schema  string
	visible bool        // the rows that row security leaves are judged
	rows    []time.Time // times of the rows of orders
}

// times returns when the rows of orders were made: six at noon of yesterday, four of late.
func times() []time.Time {
	now := time.Now().UTC().Truncate(time.Second)
	noon := now.Truncate(24 * time.Hour).Add(-12 * time.Hour)
	out := slices.Repeat([]time.Time{noon}, 6)
	return append(out, slices.Repeat([]time.Time{now.Add(-10 * time.Minute)}, 4)...)
}

// fill makes the tables, with types of the engine for an instant.
func fill(t *testing.T, driver, dsn, instant string) []time.Time {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if driver == "mysql" {
		exec("SET time_zone = '+00:00'")
	}
	at := times()
	tables := map[string]int{"orders": len(at), "orders_copy": len(at), "orders_short": len(at) - 1, "other": 1}
	for name, n := range tables {
		exec(fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, country varchar(20), amount numeric(10,2), at %s)",
			name, instant))
		for i, at := range at[:n] {
			country := "Schweiz"
			if i < 4 {
				country = "Österreich"
			}
			exec(fmt.Sprintf("INSERT INTO %s VALUES (%d, '%s', %d.5, '%s')", name, i, country, i,
				at.Format(layouts[driver])))
		}
	}
	return at
}

// layouts writes an instant for each driver.
var layouts = map[string]string{
	"pgx": "2006-01-02 15:04:05+00", "mysql": "2006-01-02 15:04:05", "sqlite": "2006-01-02T15:04:05Z",
}

// pair is one kind of check: as it must pass, and as it must fail.
type pair struct{ pass, fail map[string]any }

func pairs(at place) map[string]pair {
	yesterday := 0
	for _, row := range at.rows {
		if row.Truncate(24 * time.Hour).Equal(time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)) {
			yesterday++
		}
	}
	both := func(kind string, common, pass, fail map[string]any) pair {
		with := func(own map[string]any) map[string]any {
			options := map[string]any{}
			for _, m := range []map[string]any{common, own} {
				for k, v := range m {
					options[k] = v
				}
			}
			return map[string]any{kind: options}
		}
		return pair{with(pass), with(fail)}
	}
	type m = map[string]any
	table := at.schema + "."
	return map[string]pair{
		"freshness": both("freshness", nil, m{"fail": "1h"}, m{"fail": "5m"}),
		"row_count": both("row_count", nil, m{"fail": "!= 10"}, m{"fail": "!= 11"}),
		"where":     both("row_count", m{"where": "country = 'Österreich'"}, m{"fail": "!= 4"}, m{"fail": "!= 5"}),
		"by":        both("row_count", m{"by": []string{"country"}}, m{"fail": "< 4"}, m{"fail": "< 5"}),
		"partitions": both("row_count", nil, m{"expected_partitions": m{"every": "day", "last": 1}},
			m{"expected_partitions": m{"every": "day", "last": 9}}),
		"bucket": both("row_count", m{"bucket": "day"}, m{"fail": fmt.Sprintf("!= %d", yesterday)},
			m{"fail": fmt.Sprintf("= %d", yesterday)}),
		"schema": both("schema", m{"extra": "ignore"}, m{"columns": m{"id": nil, "amount": nil}},
			m{"columns": m{"id": nil, "nowhere": nil}}),
		"sql": both("sql", m{"name": "total", "query": "SELECT sum(amount) FROM " + table + "orders"},
			m{"fail": "!= 50"}, m{"fail": "= 50"}),
		"reconcile": both("reconcile", m{"sum": []string{"amount"}}, m{"with": "w." + table + "orders_copy"},
			m{"with": "w." + table + "orders_short"}),
	}
}

// run checks once, and says of each kind what came out.
func run(t *testing.T, at place) map[string]string {
	t.Helper()
	list := pairs(at)
	var on []any
	for kind, p := range list {
		for suffix, c := range map[string]map[string]any{"pass": p.pass, "fail": p.fail} {
			for _, options := range c {
				options.(map[string]any)["id"] = kind + " " + suffix
			}
			on = append(on, c)
		}
	}
	cfg := configure(t, at, on)
	db, err := warehouse.Open(cfg.Warehouses[0])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	env := checks.Env{Clock: sentinel.ClockFunc(time.Now), Cache: &checks.Cache{},
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
	var jobs []checks.Job
	for _, d := range cfg.Datasets {
		j := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location, Tick: time.Now()}
		for _, c := range d.Checks {
			j.Checks = append(j.Checks, c.Check)
		}
		jobs = append(jobs, j)
	}
	results := map[string]sentinel.Result{}
	for _, o := range checks.Run(t.Context(), env, "w", jobs) {
		for _, r := range o.Results {
			results[r.Check] = r
		}
	}
	got := map[string]string{}
	list["other"] = pair{}
	for kind := range list {
		got[kind] = word(t, results[kind+" pass"], results[kind+" fail"])
	}
	return got
}

// word says what two results are together.
func word(t *testing.T, pass, fail sentinel.Result) string {
	t.Helper()
	switch {
	case pass.Status == sentinel.Pass && fail.Status == sentinel.Fail:
		return "ok"
	case pass.Status == sentinel.Error && fail.Status == sentinel.Error:
		t.Logf("%s: %s", pass.Check, pass.Message)
		return "error"
	}
	return fmt.Sprintf("%s (%s) and %s (%s)", pass.Status, pass.Message, fail.Status, fail.Message)
}

func configure(t *testing.T, at place, list []any) *config.Config {
	t.Helper()
	type m = map[string]any
	defaults := m{"schedule": "* * * * *", "timezone": "UTC"}
	if at.visible {
		defaults["row_security"] = "visible"
	}
	text, err := json.Marshal(m{
		"warehouses": m{"w": m{"dialect": at.dialect, "dsn": at.dsn, "lock_timeout": "1s", "statement_timeout": "20s"}},
		"defaults":   defaults,
		"datasets": []any{
			m{"table": "w." + at.schema + ".orders", "time_column": "at", "checks": list},
			m{"table": "w." + at.schema + ".other", "checks": []any{
				m{"row_count": m{"id": "other pass", "fail": "!= 1"}}, m{"row_count": m{"id": "other fail", "fail": "= 1"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("environments.yaml", text, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}
