package cli

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// says runs a command line and returns what it prints.
func says(t *testing.T, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&problems)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Logf("sentinel %s: %v %s", strings.Join(args, " "), err, problems.String())
	}
	return out.String()
}

// execute runs statements on a database.
func execute(t *testing.T, driver, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// strange are tables of a healthy database on which simple guesses are wrong.
var strange = []string{
	"CREATE TABLE country (code text PRIMARY KEY, updated_at timestamptz)",
	"INSERT INTO country VALUES ('de', '2017-03-01')",
	"CREATE TABLE cart (id int, created_at timestamptz)",
	"CREATE TABLE person (id serial PRIMARY KEY, boss int REFERENCES person, birth_date date)",
	"INSERT INTO person (birth_date) SELECT '1970-01-01'::date + i FROM generate_series(1, 100) i",
	"CREATE TABLE orders (id serial PRIMARY KEY, person int REFERENCES person, created_at timestamptz)",
	"INSERT INTO orders (created_at) SELECT now() - i * interval '20 minutes' FROM generate_series(1, 3000) i",
	"CREATE TABLE weekly (loaded_on date)",
	"INSERT INTO weekly SELECT current_date - 6 - 7 * i FROM generate_series(0, 60) i",
	"CREATE TABLE ahead (happens_at timestamptz)",
	"INSERT INTO ahead SELECT now() + i * interval '1 day' FROM generate_series(-100, 100) i",
	"CREATE TABLE numbers (id int, created_at bigint)",
	"INSERT INTO numbers SELECT i, 1000 * extract(epoch FROM now())::bigint - i * 600000 FROM generate_series(1, 2000) i",
	"CREATE TABLE words (id int, created_at text)",
	"INSERT INTO words VALUES (1, 'yesterday')",
	"CREATE TABLE child (CHECK (id < 0)) INHERITS (orders)",
	"CREATE MATERIALIZED VIEW empty AS SELECT * FROM orders WITH NO DATA",
	"CREATE VIEW v AS SELECT * FROM orders",
}

// TestAProposalIsGreenAtOnce proposes checks for a healthy database, and runs them.
func TestAProposalIsGreenAtOnce(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	execute(t, "pgx", dsn, strange...)
	s, err := store.OpenDSN(t.Context(), sentinel.NewSecret(dsn)) // its tables lie in the same database
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sentinel.yaml")
	proposed := says(t, "init", dsn, "--name", "w")
	text := strings.Replace(proposed, "${W_DSN}", "'"+dsn+"'", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var results []struct{ Dataset, Check, Status, Message string }
	if err := json.Unmarshal([]byte(says(t, "check", "-c", file, "--no-state", "--format", "json")), &results); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	tables := map[string]bool{}
	for _, r := range results {
		tables[r.Dataset] = true
		if r.Status != "pass" && r.Status != "unknown" {
			t.Errorf("%s: %s (%s)", r.Check, r.Status, r.Message)
		}
	}
	if len(tables) != 10 || tables["w.public.child"] {
		t.Errorf("%d tables: %v", len(tables), tables)
	}
	for _, want := range []string{
		"depends_on: ['w.public.person']", "time: {column: 'created_at', unit: ms}", "freshness: {warn: 8d18h, fail: 15d}",
		"# - row_count > 0   # left out: it would be a fail now: 0 rows", "# - row_count > 0   # left out: it cannot be run",
		"no freshness: no time could be read from created_at", "# left out: 1 tables that inherit",
	} {
		if !strings.Contains(proposed, want) {
			t.Errorf("no %q in\n%s", want, proposed)
		}
	}
	if only := says(t, "init", dsn, "--name", "w", "--dataset", "w.public.order*"); strings.Count(only, "- table:") != 1 {
		t.Errorf("of one table:\n%s", only)
	}
}

// TestAProposalKeepsToTheDatabaseOfItsDSN: where databases are schemas, others are left out.
func TestAProposalKeepsToTheDatabaseOfItsDSN(t *testing.T) {
	t.Parallel()
	mine, other := testenv.MySQL(t), testenv.MySQL(t)
	execute(t, "mysql", mine, "CREATE TABLE mine (id int)", "CREATE TABLE sentinel_fence (id int)")
	execute(t, "mysql", other, "CREATE TABLE others (id int)")
	proposed := says(t, "init", mine)
	if strings.Count(proposed, "- table:") != 1 || !strings.Contains(proposed, "mine") {
		t.Errorf("%s", proposed)
	}
}

// TestProposalNamesRowSecurity: who proposes checks with a user that sees a part of a table is
// shown what these checks will say.
func TestProposalNamesRowSecurity(t *testing.T) {
	t.Parallel()
	for _, filtered := range []bool{false, true} {
		name := warehouse.TableName{Schema: "public", Name: "orders"}
		source := propose.Source{
			Warehouse: "shop",
			Catalog: &warehouse.Catalog{Tables: map[warehouse.TableName]*warehouse.Table{
				name: {TableName: name, Kind: warehouse.BaseTable, Filtered: filtered}}},
		}
		text := propose.From(source, nil).YAML()
		if got := strings.Contains(text, "# row_security: visible"); got != filtered {
			t.Errorf("filtered %t:\n%s", filtered, text)
		}
	}
}

// TestTablesOfAStateAreKnown opens a state in PostgreSQL, and finds all of its tables.
func TestTablesOfAStateAreKnown(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	s, err := store.OpenDSN(t.Context(), sentinel.NewSecret(dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret(dsn), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Catalog(context.Background(), warehouse.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if own := propose.StateTables(c); len(own) != len(c.Tables) || len(own) < 10 {
		t.Errorf("%d of %d: %v", len(own), len(c.Tables), c.Tables)
	}
}

// TestOddNamesAreProposed holds that a proposal loads and runs, whatever the names of tables and
// columns are, and with a view that cannot be read.
func TestOddNamesAreProposed(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "odd.db")
	tables := []string{"${X}", "$$", "a$b", "it's", "Odd Näme", "line\nend", "tab\tbed", `q"q`, "#c", "- x", "k: v", "%p*"}
	for _, name := range tables {
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		testenv.Exec(t, "sqlite", strings.TrimPrefix(dsn, "sqlite:"), "CREATE TABLE "+quoted+" (id INTEGER PRIMARY KEY, "+
			`"loaded`+"\n"+`at" TIMESTAMP NOT NULL, `+quoted+" TEXT NOT NULL)",
			"INSERT INTO "+quoted+" VALUES (1, datetime('now'), 'x'), (2, datetime('now', '-1 hour'), 'y')")
	}
	testenv.Exec(t, "sqlite", strings.TrimPrefix(dsn, "sqlite:"), "CREATE TABLE gone (a)", "CREATE VIEW broken AS SELECT a FROM gone",
		"DROP TABLE gone")
	proposed := says(t, "init", dsn, "--name", "w")
	file := filepath.Join(t.TempDir(), "sentinel.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(proposed, "${W_DSN}", "'"+dsn+"'", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var results []struct{ Dataset, Check, Status, Message string }
	if err := json.Unmarshal([]byte(says(t, "check", "-c", file, "--no-state", "--format", "json")), &results); err != nil {
		t.Fatalf("%v\n%s", err, proposed)
	}
	checked := map[string]bool{}
	for _, r := range results {
		checked[r.Dataset] = true
		if r.Status != "pass" && r.Status != "unknown" {
			t.Errorf("%s: %s (%s)", r.Check, r.Status, r.Message)
		}
	}
	if len(checked) != len(tables) || !strings.Contains(proposed, "  # - table: 'w.main.broken'") {
		t.Errorf("%d of %d tables are checked:\n%s", len(checked), len(tables), proposed)
	}
}
