package warehouse_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/mysql"
	"github.com/sentinel-dq/sentinel/warehouse/postgres"
	"github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// engine is a dialect on a real server: every test of the suite runs on each.
type engine struct {
	name, driver string
	dsn          func(tb testing.TB) (admin, dsn string) // for the driver, and for the warehouse
	schema       func(dsn string) string
	text         string // a text type
	zoned, plain string // timestamp types with and without a zone; "" when there is none
	partitioned  string // DDL of a table `parts` by day on `at` with two days
	sleep        string // a SELECT that takes a minute
}

func engines() []engine {
	mysqlDB := func(dsn string) string { _, db, _ := strings.Cut(dsn, "/"); return db }
	return []engine{
		{
			name: "postgres", driver: "pgx", text: "text", zoned: "timestamptz", plain: "timestamp",
			dsn:    func(tb testing.TB) (string, string) { d := testenv.Postgres(tb); return d, d },
			schema: func(string) string { return "public" }, sleep: "SELECT pg_sleep(60)",
			partitioned: `CREATE TABLE parts (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-11-01') TO ('2026-11-02');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-11-02') TO ('2026-11-03')`,
		},
		{
			name: "mysql", driver: "mysql", text: "varchar(100)", zoned: "timestamp(6) NULL", plain: "datetime(6)",
			dsn:    func(tb testing.TB) (string, string) { d := testenv.MySQL(tb); return d, d },
			schema: mysqlDB, sleep: "SELECT sleep(60)",
			partitioned: `CREATE TABLE parts (id bigint, at datetime NOT NULL) PARTITION BY RANGE COLUMNS (at) (
PARTITION parts_1 VALUES LESS THAN ('2026-11-02'), PARTITION parts_2 VALUES LESS THAN ('2026-11-03'))`,
		},
		{
			name: "sqlite", driver: "sqlite", text: "TEXT", zoned: "TIMESTAMP",
			dsn: func(tb testing.TB) (string, string) {
				path := filepath.Join(tb.TempDir(), "w.db")
				testenv.Exec(tb, "sqlite", path, "PRAGMA journal_mode=WAL")
				return path, "sqlite:" + path
			},
			schema: func(string) string { return "main" },
			sleep:  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT max(i) FROM n",
		},
	}
}

// fixture is one engine with an empty database.
type fixture struct {
	engine
	tb     testing.TB
	admin  string
	url    string
	db     *warehouse.DB
	tables string // schema
}

func onEvery(t *testing.T, do func(t *testing.T, f *fixture)) {
	t.Helper()
	covered := map[string]bool{}
	for _, e := range engines() {
		covered[e.name] = true
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			do(t, open(t, e, warehouse.Config{}))
		})
	}
	for _, d := range warehouse.Dialects() {
		if !covered[d] {
			t.Errorf("dialect %s is not in the conformance suite", d)
		}
	}
}

func open(tb testing.TB, e engine, cfg warehouse.Config) *fixture {
	tb.Helper()
	f := &fixture{engine: e, tb: tb}
	f.admin, f.url = e.dsn(tb)
	f.tables = e.schema(f.url)
	f.db = f.connect(f.url, cfg)
	return f
}

func (f *fixture) connect(dsn string, cfg warehouse.Config) *warehouse.DB {
	f.tb.Helper()
	cfg.Name, cfg.Dialect, cfg.DSN, cfg.Now = "w", f.name, sentinel.Secret(dsn), time.Now
	db, err := warehouse.Open(cfg)
	if err != nil {
		f.tb.Fatal(err)
	}
	f.tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.tb.Error(err)
		}
	})
	return db
}

func (f *fixture) exec(statements ...string) {
	f.tb.Helper()
	testenv.Exec(f.tb, f.driver, f.admin, statements...)
}

// ask returns the one cell of a statement, or its error.
func (f *fixture) ask(ctx context.Context, db *warehouse.DB, sql string, args ...any) (warehouse.Cell, error) {
	var cell warehouse.Cell
	var failed error
	db.Run(ctx, []warehouse.Statement{{SQL: sql, Args: args}}, func(_ int, rows warehouse.Rows, err error) {
		failed = err
		if err == nil {
			cell = rows[0][0]
		}
	})
	return cell, failed
}

func (f *fixture) catalog(facts warehouse.Facts, names ...string) *warehouse.Catalog {
	f.tb.Helper()
	scope := warehouse.Scope{Facts: facts}
	for _, n := range names {
		scope.Tables = append(scope.Tables, warehouse.TableName{Schema: f.tables, Name: n})
	}
	c, err := f.db.Catalog(f.tb.Context(), scope)
	if err != nil {
		f.tb.Fatal(err)
	}
	return c
}

func (f *fixture) table(name string) *warehouse.Table {
	f.tb.Helper()
	t := f.catalog(warehouse.AllFacts, name).Tables[warehouse.TableName{Schema: f.tables, Name: name}]
	if t == nil {
		f.tb.Fatalf("table %s is not in the catalog", name)
	}
	return t
}

func TestC19OddIdentifiersMakeTheRoundTrip(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		names := []string{`a"b`, "a`b", "semi;colon", "select", "Größe 表", "MixedCase", "dot.ted", "it's", "1st", "back\\slash", "per%cent"}
		for _, name := range names {
			q, err := f.db.Dialect.Quote(name)
			if err != nil {
				t.Fatal(err)
			}
			f.exec("CREATE TABLE "+q+" ("+q+" integer)", "INSERT INTO "+q+" VALUES (7)")
			table, err := warehouse.QuoteTable(f.db.Dialect, warehouse.TableName{Schema: f.tables, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			cell, err := f.ask(t.Context(), f.db, "SELECT max("+q+") FROM "+table)
			if err != nil || cell.Text != "7" {
				t.Errorf("%s: got %v, %v", name, cell, err)
			}
			if c := f.table(name).Column(name); c == nil {
				t.Errorf("%s: the catalog does not show its column", name)
			}
		}
		for _, bad := range []string{"", "nul\x00", "bidi\u202e", "\xff", "line\nbreak"} {
			if q, err := f.db.Dialect.Quote(bad); err == nil {
				t.Errorf("Quote(%q) = %s, want an error", bad, q)
			}
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{`a"b`, "a`b", "x; drop table y", "ü", strings.Repeat("n", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for dialect, quote := range map[warehouse.Dialect]string{postgres.Dialect{}: `"`, mysql.Dialect{}: "`", sqlite.Dialect{}: `"`} {
			q, err := dialect.Quote(name)
			if err != nil {
				continue
			}
			inner := q[1 : len(q)-1]
			if strings.ReplaceAll(inner, quote+quote, quote) != name || strings.Contains(strings.ReplaceAll(inner, quote+quote, ""), quote) {
				t.Errorf("%T: Quote(%q) = %s", dialect, name, q)
			}
		}
	})
}

func TestTimesKeepTheirMicroseconds(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE times (zoned " + f.zoned + ", plain " + max(f.plain, "TEXT") + ", day date, never " + f.zoned + ")")
		at := "2026-03-29 01:30:00.123456"
		if f.name == "sqlite" {
			at = "2026-03-29 01:30:00.123"
		}
		zone := map[string]string{"postgres": "+00"}[f.name]
		f.exec("INSERT INTO times VALUES ('" + at + zone + "', '" + at + "', '2026-03-29', NULL)")
		want := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)
		if f.name == "sqlite" {
			want = want.Truncate(time.Millisecond)
		}
		columns := []string{"zoned", "plain"}
		if f.name == "mysql" {
			columns = []string{"plain"} // the test's own session writes TIMESTAMP in the server's zone
		}
		for _, column := range columns {
			cell, err := f.ask(t.Context(), f.db, "SELECT "+f.db.Dialect.Epoch("max("+column+")")+" FROM times")
			if err != nil {
				t.Fatal(err)
			}
			n, err := cell.Number()
			if err != nil || time.UnixMicro(int64(n.Float64()*1e6+0.5)).Sub(want).Abs() > time.Microsecond {
				t.Errorf("%s: %s, want %v (%v)", column, cell.Text, want, err)
			}
		}
		cell, err := f.ask(t.Context(), f.db, "SELECT "+f.db.Dialect.Epoch("max(day)")+" FROM times")
		if n, nerr := cell.Number(); err != nil || nerr != nil || int64(n.Float64()) != time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC).Unix() {
			t.Errorf("day: %v, %v", cell, err)
		}
		if cell, err := f.ask(t.Context(), f.db, "SELECT "+f.db.Dialect.Epoch("max(never)")+" FROM times"); err != nil || !cell.Null {
			t.Errorf("NULL: %v, %v", cell, err)
		}
		cell, err = f.ask(t.Context(), f.db, "SELECT "+f.db.Dialect.Epoch(""))
		if n, nerr := cell.Number(); err != nil || nerr != nil || time.Since(time.UnixMicro(int64(n.Float64()*1e6))).Abs() > time.Minute {
			t.Errorf("clock: %v, %v", cell, err)
		}
	})
}

func TestBoundsCompareWithTimes(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE b (at "+max(f.plain, f.zoned)+")", "INSERT INTO b VALUES ('2026-11-01 00:00:00'), ('2026-11-01 23:59:59.5'), ('2026-11-02 00:00:00')")
		expr, from := warehouse.Comparable(f.db.Dialect, "at", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		_, to := warehouse.Comparable(f.db.Dialect, "at", time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
		cell, err := f.ask(t.Context(), f.db, fmt.Sprintf("SELECT count(*) FROM b WHERE %s >= %s AND %s < %s", expr, f.db.Dialect.Param(1), expr, f.db.Dialect.Param(2)), from, to)
		if err != nil || cell.Text != "2" {
			t.Errorf("got %v, %v, want 2 rows of the day", cell, err)
		}
	})
}

func TestC21CountsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE big (n bigint)", "INSERT INTO big VALUES (9007199254740993)")
		cell, err := f.ask(t.Context(), f.db, "SELECT sum(n) FROM big")
		if err != nil {
			t.Fatal(err)
		}
		n, err := cell.Number()
		if v, ok := n.Int64(); err != nil || !ok || v != 9007199254740993 {
			t.Errorf("got %v (%v), want 9007199254740993", n, err)
		}
		if _, err := (warehouse.Cell{Text: "18446744073709551616"}).Number(); err == nil {
			t.Error("a count beyond 64 bits must be an error")
		}
	})
}

func TestCatalogShowsTablesViewsAndKeys(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec(
			"CREATE TABLE parent (id integer NOT NULL PRIMARY KEY, code "+f.text+" NOT NULL, UNIQUE (code))",
			"CREATE TABLE child (id integer NOT NULL PRIMARY KEY, parent_id integer, amount decimal(12,2) DEFAULT 5, at "+f.zoned+", FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE)",
			"CREATE INDEX child_at ON child (at)",
			"CREATE VIEW seen AS SELECT id FROM child WHERE amount > 1",
			"CREATE TABLE empty_one (id integer)")
		child := f.table("child")
		amount := child.Column("amount")
		if child.Kind != warehouse.BaseTable || len(child.Columns) != 4 || amount.Type.Family != warehouse.Decimal || amount.Type.Precision != 12 || amount.Type.Scale != 2 || !strings.HasPrefix(amount.Default, "5") {
			t.Errorf("child: %+v", child)
		}
		if child.PrimaryKey == nil || !slices.Equal(child.PrimaryKey.Columns, []string{"id"}) || child.Column("id").Nullable || !child.LeadsIndex("at") || child.LeadsIndex("amount") {
			t.Errorf("keys and indexes of child: %+v %+v", child.PrimaryKey, child.Indexes)
		}
		if len(child.ForeignKeys) != 1 || child.ForeignKeys[0].References.Name != "parent" || child.ForeignKeys[0].OnDelete != "cascade" {
			t.Errorf("foreign keys: %+v", child.ForeignKeys)
		}
		if parent := f.table("parent"); len(parent.Unique) != 1 || !slices.Equal(parent.Unique[0].Columns, []string{"code"}) {
			t.Errorf("unique keys: %+v", parent.Unique)
		}
		if v := f.table("seen"); v.Kind != warehouse.View || !strings.Contains(v.Definition, "amount") {
			t.Errorf("view: %+v", v)
		}
		c := f.catalog(warehouse.AllFacts, "child", "nowhere")
		if len(c.Tables) != 1 || c.DefaultSchema != f.tables || c.Standby || c.AsOf.IsZero() {
			t.Errorf("scope: %d tables, default schema %q", len(c.Tables), c.DefaultSchema)
		}
		some, err := f.db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.Indexes, Tables: []warehouse.TableName{{Schema: f.tables, Name: "child"}}, ColumnNames: []string{"at", "nowhere"}})
		if err != nil {
			t.Fatal(err)
		}
		if child := some.Tables[warehouse.TableName{Schema: f.tables, Name: "child"}]; child == nil || some.Facts&warehouse.Columns != 0 || child.Column("nowhere") != nil || !reflect.DeepEqual(child.Column("at").Type, f.table("child").Column("at").Type) || !child.LeadsIndex("at") {
			t.Errorf("some columns of child: %+v", child)
		} else if f.name != "sqlite" && len(child.Columns) != 1 {
			t.Errorf("asked for the column at alone, %d were read", len(child.Columns))
		}
		all, err := f.db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.Columns})
		if err != nil || len(all.Tables) < 4 || all.Tables[warehouse.TableName{Schema: f.tables, Name: "empty_one"}] == nil {
			t.Errorf("whole catalog: %d tables, %v", len(all.Tables), err)
		}
	})
}

func TestPartitionedTables(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		if e.partitioned == "" {
			continue // SQLite has none
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, e, warehouse.Config{})
			f.exec(strings.Split(e.partitioned, ";\n")...)
			f.exec("INSERT INTO parts VALUES (1, '2026-11-01 10:00:00'), (2, '2026-11-02 10:00:00')")
			p := f.table("parts")
			if p.Kind != warehouse.PartitionedTable || p.PartitionBy != "range" || !slices.Equal(p.PartitionKey, []string{"at"}) || len(p.Partitions) != 2 {
				t.Fatalf("parts: %+v", p)
			}
			last := p.Partitions[1]
			if !last.IsRange || !strings.HasPrefix(last.From, "2026-11-02") || !strings.HasPrefix(last.To, "2026-11-03") {
				t.Errorf("partition: %+v", last)
			}
		})
	}
}

func TestOneFailingStatementFailsAlone(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE ok (id integer)")
		statements := make([]warehouse.Statement, 100)
		for i := range statements {
			statements[i].SQL = "SELECT count(*) FROM ok"
			switch {
			case i%10 == 3:
				statements[i].SQL = "SELECT count(*) FROM missing_table"
			case i%10 == 5:
				statements[i].SQL = "SELECT max(nope) FROM ok"
			}
		}
		got := make([]warehouse.ErrorKind, len(statements))
		f.db.Run(t.Context(), statements, func(i int, _ warehouse.Rows, err error) {
			got[i] = warehouse.KindOf(err)
			if err != nil && got[i] == "" {
				t.Errorf("unclassed error: %v", err)
			}
		})
		for i, kind := range got {
			want := map[int]warehouse.ErrorKind{3: warehouse.MissingTable, 5: warehouse.MissingColumn}[i%10]
			if kind != want {
				t.Errorf("statement %d: %q, want %q", i, kind, want)
			}
		}
	})
}

func TestSessionsAreReadOnly(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE kept (id integer)", "INSERT INTO kept VALUES (1)")
		for _, sql := range []string{"DELETE FROM kept", "INSERT INTO kept VALUES (2)", "CREATE TABLE new_one (id integer)"} {
			var failed error
			f.db.Run(t.Context(), []warehouse.Statement{{SQL: sql}}, func(_ int, _ warehouse.Rows, err error) { failed = err })
			if failed == nil {
				t.Errorf("%s: want an error", sql)
			}
		}
		if cell, err := f.ask(t.Context(), f.db, "SELECT count(*) FROM kept"); err != nil || cell.Text != "1" {
			t.Errorf("the table has changed: %v, %v", cell, err)
		}
	})
}

func TestC04TimeoutsEndTheStatementOnTheServer(t *testing.T) {
	t.Parallel()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, e, warehouse.Config{StatementTimeout: time.Second})
			start := time.Now()
			_, err := f.ask(t.Context(), f.db, f.sleep)
			// MariaDB's sleep() answers 1 when it is interrupted instead of failing.
			if err != nil && warehouse.KindOf(err) != warehouse.TimedOut || time.Since(start) > 20*time.Second {
				t.Errorf("statement timeout: %v after %v", err, time.Since(start))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			start = time.Now()
			f.ask(ctx, f.connect(f.url, warehouse.Config{}), f.sleep)
			if time.Since(start) > 10*time.Second {
				t.Errorf("the caller's deadline was not kept: %v", time.Since(start))
			}
			f.gone()
		})
	}
}

// gone waits until the server runs no sleeping statement any more.
func (f *fixture) gone() {
	f.tb.Helper()
	query := map[string]string{
		"postgres": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
		"mysql":    "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE '%sleep(60)%' AND id <> connection_id()",
	}[f.name]
	if query == "" {
		return
	}
	db, err := sql.Open(f.driver, f.admin)
	if err != nil {
		f.tb.Fatal(err)
	}
	defer db.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil {
			f.tb.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.tb.Fatal("the statement still runs on the server")
		}
	}
}

func TestC17AUserWithSelectAlone(t *testing.T) {
	t.Parallel()
	for _, e := range engines()[:2] { // SQLite has no users
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, e, warehouse.Config{})
			f.exec("CREATE TABLE mine (id integer)", "CREATE TABLE secret (id integer)")
			user := fmt.Sprintf("r%d", time.Now().UnixNano()%1e9)
			dsn := ""
			if e.name == "postgres" {
				f.exec("CREATE ROLE "+user+" LOGIN PASSWORD 'topsecret'", "GRANT SELECT ON mine TO "+user)
				u, err := url.Parse(f.url)
				if err != nil {
					t.Fatal(err)
				}
				u.User = url.UserPassword(user, "topsecret")
				dsn = u.String()
				t.Cleanup(func() { f.exec("DROP OWNED BY "+user, "DROP ROLE "+user) })
			} else {
				f.exec("CREATE USER "+user+"@'%' IDENTIFIED BY 'topsecret'", "GRANT SELECT ON `"+f.tables+"`.mine TO "+user+"@'%'")
				_, rest, _ := strings.Cut(f.url, "@")
				dsn = user + ":topsecret@" + rest
				t.Cleanup(func() { f.exec("DROP USER " + user + "@'%'") })
			}
			db := f.connect(dsn, warehouse.Config{})
			if _, err := f.ask(t.Context(), db, "SELECT count(*) FROM mine"); err != nil {
				t.Errorf("mine: %v", err)
			}
			if _, err := f.ask(t.Context(), db, "SELECT count(*) FROM secret"); warehouse.KindOf(err) != warehouse.Forbidden {
				t.Errorf("secret: %v, want forbidden", err)
			}
			c, err := db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.AllFacts})
			if err != nil || c.Tables[warehouse.TableName{Schema: f.tables, Name: "mine"}] == nil {
				t.Errorf("catalog: %v", err)
			}
		})
	}
}

func TestC03ErrorsSayWhatIsWrongAndShowNoPassword(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]warehouse.ErrorKind{
		"postgres://u:topsecret@127.0.0.1:1/db?sslmode=disable": warehouse.Unreachable,
		"mysql://u:topsecret@127.0.0.1:1/db":                    warehouse.Unreachable,
		"u:topsecret@tcp(127.0.0.1:1)/db":                       warehouse.Unreachable,
		"sqlite:/nowhere/at/all.db":                             warehouse.Unreachable,
	} {
		db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(dsn)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Catalog(t.Context(), warehouse.Scope{})
		if warehouse.KindOf(err) != want || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v, want %s and no password", err, want)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, dsn := range []string{"postgres://u:topsecret@host:port/db", "mysql://u:topsecret@[bad/db", "oracle://u:topsecret@x"} {
		_, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(dsn)})
		if err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v, want an error without the password", err)
		}
	}
}

func TestC01ARestartedServerIsFoundAgain(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func() (*testenv.Server, error){
		"postgres": func() (*testenv.Server, error) { return testenv.StartPostgres("fsync=off") },
		"mysql":    func() (*testenv.Server, error) { return testenv.StartMySQL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			f := &fixture{tb: t, engine: engine{name: name}}
			db := f.connect(server.DSN, warehouse.Config{})
			if _, err := f.ask(t.Context(), db, "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			server.Halt(true)
			// A backend of a killed PostgreSQL may answer until it notices.
			for deadline := time.Now().Add(10 * time.Second); ; {
				_, err := f.ask(t.Context(), db, "SELECT 1")
				if kind := warehouse.KindOf(err); kind == warehouse.Unreachable || kind == warehouse.Transient {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("while it is down: %v, want unreachable", err)
				}
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			if cell, err := f.ask(t.Context(), db, "SELECT 1"); err != nil || cell.Text != "1" {
				t.Errorf("after the restart: %v, %v", cell, err)
			}
		})
	}
}
