package checks_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// learnt runs a schema check once for its baseline, which the bench then has.
func (b *bench) learnt(table string) {
	b.tb.Helper()
	b.env.History = nil
	out := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, &checks.Schema{})})[0]
	if out.Baselines["c0"] == nil {
		b.tb.Fatalf("no baseline of %s: %+v", table, out.Results)
	}
	b.env.History = &history{baselines: map[string][]byte{"c0": checks.EncodeSnapshot(out.Baselines["c0"])}}
}

// A view that nobody can read gives no baseline, is not as in its baseline, and lacks no
// column. The checks of other tables pass. Where the engine keeps the columns of a view, it
// is compared.
func TestBrokenViewCostsItsOwnChecks(t *testing.T) {
	t.Parallel()
	for engine, says := range map[string]string{"mysql": "1356", "sqlite": "no such table"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			declared := &checks.Schema{Columns: checks.DeclaredColumns{{Name: "id"}}}
			view := []string{"CREATE TABLE base (id integer, at datetime)", "CREATE VIEW v AS SELECT id, at FROM base"}
			b.exec(append(view, "CREATE TABLE good (id integer)", "INSERT INTO good VALUES (1)")...)
			b.learnt("v")
			b.exec("DROP TABLE base")
			jobs := []checks.Job{
				b.job("v", &checks.Schema{}, declared, &checks.Freshness{Fail: hour}, &checks.RowCount{Fail: bound(t, "< 1")}),
				b.job("good", &checks.RowCount{Fail: bound(t, "< 1")}, &checks.Schema{Columns: checks.DeclaredColumns{{Name: "id"}}}),
			}
			for k, want := range []sentinel.Status{sentinel.Error, sentinel.Pass} {
				for _, r := range checks.Run(t.Context(), b.env, "w", jobs)[k].Results {
					if r.Status != want || k == 0 && !strings.Contains(r.Message, says) || len(r.Drifts) > 0 {
						t.Errorf("%s of %s: %s %q", r.Kind, r.Table.Name, r.Status, r.Message)
					}
				}
			}
			b.env.History = nil
			if out := checks.Run(t.Context(), b.env, "w", jobs)[0]; len(out.Baselines) > 0 {
				t.Errorf("a baseline of a broken view: %+v", out.Baselines)
			}
			b.exec("CREATE TABLE base (id integer, at datetime)")
			b.want("v", &checks.Schema{}, sentinel.Pass, "baseline taken: 2 columns")
		})
	}
}

// A table of PostgreSQL that loses its last column has lost columns.
func TestTableWithoutColumns(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE narrow (a integer, b integer)")
	b.learnt("narrow")
	b.exec("ALTER TABLE narrow DROP COLUMN a, DROP COLUMN b")
	b.want("narrow", &checks.Schema{}, sentinel.Fail, "column_removed a: integer (and 1 more)")
}

// TestLostPrivilegesAreNoRemoval takes privileges away in every way: none is a drift, what
// is really removed is one, and it is said what is not compared.
func TestLostPrivilegesAreNoRemoval(t *testing.T) {
	t.Parallel()
	admin := newBench(t, "mysql", warehouse.Config{})
	admin.exec("CREATE TABLE parent (id integer PRIMARY KEY)",
		"CREATE TABLE p (id integer PRIMARY KEY, n text, r integer, FOREIGN KEY (r) REFERENCES parent (id) ON DELETE CASCADE)",
		"CREATE VIEW v AS SELECT id, n FROM p")
	on := func(table string) string { return "`" + admin.schema + "`." + table }
	all := "GRANT SELECT, SHOW VIEW, TRIGGER ON " + on("*") + " TO %s"
	for name, c := range map[string]struct {
		table      string
		with, then []string
		status     sentinel.Status
		says       string
	}{
		"nothing": {"p", nil, nil, sentinel.Pass, "as in the baseline"},
		"one column left": {"p", nil, []string{"REVOKE ALL ON " + on("*") + " FROM %s", "GRANT SELECT (id) ON " + on("p") + " TO %s"},
			sentinel.Error, "1143"},
		"no privilege": {"p", nil, []string{"REVOKE ALL ON " + on("*") + " FROM %s"}, sentinel.Error, "1044"},
		"one table left": {"p", nil, []string{"REVOKE ALL ON " + on("*") + " FROM %s", "GRANT SELECT ON " + on("parent") + " TO %s"},
			sentinel.Error, "1142"},
		"the view": {"v", nil, []string{"REVOKE ALL ON " + on("*") + " FROM %s", "GRANT SELECT ON " + on("p") + " TO %s"},
			sentinel.Error, "1142"},
		"columns of the view": {"v", nil, []string{"REVOKE ALL ON " + on("*") + " FROM %s", "GRANT SELECT (id) ON " + on("v") + " TO %s"},
			sentinel.Error, "1143"},
		"SHOW VIEW": {"v", nil, []string{"REVOKE SHOW VIEW ON " + on("*") + " FROM %s"}, sentinel.Error,
			"the view's definition can no longer be read"},
		"TRIGGER": {"p", nil, []string{"REVOKE TRIGGER, SHOW VIEW ON " + on("*") + " FROM %s"}, sentinel.Error,
			"triggers and checks can no longer be read"},
		"SELECT alone": {"v", []string{"GRANT SELECT ON " + on("*") + " TO %s"}, nil, sentinel.Pass,
			"as in the baseline; the view's definition, triggers and checks not compared"},
		"SELECT alone, then all": {"v", []string{"GRANT SELECT ON " + on("*") + " TO %s"}, []string{all}, sentinel.Pass,
			"as in the baseline; the view's definition, triggers and checks not compared"},
		"SELECT alone, of a table": {"p", []string{"GRANT SELECT ON " + on("*") + " TO %s"}, []string{all}, sentinel.Pass,
			"as in the baseline; triggers and checks not compared"},
	} {
		t.Run(name, func(t *testing.T) {
			user := fmt.Sprintf("lost_%d", time.Now().UnixNano()%1e12)
			grant := func(statements []string) {
				for _, s := range statements {
					admin.exec(fmt.Sprintf(s, user))
				}
			}
			admin.exec("CREATE USER " + user + "@'%'")
			defer admin.exec("DROP USER " + user + "@'%'")
			if c.with == nil {
				c.with = []string{all}
			}
			grant(c.with)
			dsn := sentinel.NewSecret(strings.Replace(admin.database.Warehouse, "root@", user+"@", 1))
			b := benchOn(t, "mysql", admin.schema, warehouse.Config{DSN: dsn})
			b.learnt(c.table)
			grant(c.then)
			// A session keeps the privileges on a schema that it has used.
			fresh := benchOn(t, "mysql", admin.schema, warehouse.Config{DSN: dsn})
			fresh.env.History = b.env.History
			if r := fresh.want(c.table, &checks.Schema{}, c.status, c.says); len(r.Drifts) > 0 {
				t.Errorf("drifts: %+v", r.Drifts)
			}
			if c.status == sentinel.Error && strings.HasPrefix(c.says, "1") {
				declared := &checks.Schema{Columns: checks.DeclaredColumns{{Name: "id"}, {Name: "n"}}}
				fresh.want(c.table, declared, sentinel.Error, c.says)
			}
		})
	}
	admin.learnt("p")
	admin.exec("ALTER TABLE p DROP FOREIGN KEY p_ibfk_1", "ALTER TABLE p DROP COLUMN n")
	admin.want("p", &checks.Schema{}, sentinel.Fail, "column_removed n")
	admin.exec("DROP VIEW v", "DROP TABLE p")
	admin.want("p", &checks.Schema{}, sentinel.Fail, "table_dropped")
}

// One locked table of 300 costs its own checks, within seconds, and nothing else.
func TestLockedTableCostsItsOwnChecks(t *testing.T) {
	t.Parallel()
	for engine, lock := range map[string][]string{
		"postgres": {"BEGIN", "ALTER TABLE held ADD COLUMN z integer"},
		"mysql":    {"LOCK TABLES held WRITE"},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{LockTimeout: time.Second})
			b.exec("CREATE TABLE held (id integer, g integer GENERATED ALWAYS AS (id * 2) STORED)")
			list := func(name string) checks.Job {
				return b.job(name, &checks.RowCount{Fail: bound(t, "< 0")}, &checks.Schema{})
			}
			jobs := []checks.Job{list("held")}
			tables := make([]string, 300)
			for i := range tables {
				tables[i] = fmt.Sprintf("CREATE TABLE many_%d (id integer DEFAULT 1)", i)
				jobs = append(jobs, list(fmt.Sprintf("many_%d", i)))
			}
			b.exec(tables...)
			release := hold(t, b.driver, b.admin, lock)
			defer release()
			begin := time.Now()
			for _, o := range checks.Run(t.Context(), b.env, "w", jobs) {
				for _, r := range o.Results {
					held := o.Job.Table.Name == "held"
					if readable := engine == "mysql" && r.Kind == "schema"; held && !readable {
						if r.Status != sentinel.Error || !strings.Contains(r.Message, "locked") {
							t.Errorf("%s of the locked table: %s %q", r.Kind, r.Status, r.Message)
						}
					} else if r.Status != sentinel.Pass {
						t.Errorf("%s of %s: %s %q", r.Kind, o.Job.Table.Name, r.Status, r.Message)
					}
				}
			}
			t.Logf("601 checks beside a lock took %v", time.Since(begin))
		})
	}
}

// hold runs statements in a session of their own, which ends with the returned function.
func hold(t *testing.T, driver, dsn string, statements []string) (release func()) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A table of MariaDB that is made anew by a SELECT is locked against its description. It is
// in error meanwhile, and neither dropped nor without columns.
func TestTableThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, "mysql", warehouse.Config{})
	b.exec("CREATE TABLE anew (id integer PRIMARY KEY, n text)", "CREATE TABLE good (id integer)")
	b.learnt("anew")
	made := make(chan struct{})
	go func() {
		defer close(made)
		testenv.Exec(t, b.driver, b.admin, "CREATE OR REPLACE TABLE anew (id integer PRIMARY KEY) AS SELECT sleep(4) AS id, 'a' AS n")
	}()
	poll(t, func() bool {
		r := b.run("anew", &checks.Schema{})[0]
		if r.Status != sentinel.Pass && r.Status != sentinel.Error {
			t.Errorf("while it is made: %s %q", r.Status, r.Message)
		}
		return r.Status == sentinel.Error
	})
	b.want("good", &checks.RowCount{Fail: bound(t, "< 0")}, sentinel.Pass, "0 rows")
	<-made
}
