package dialecttest_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
	"github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

func init() { warehouse.Register(cellar{}) }

// cellar is a dialect that no other file names. It reads SQLite's files, but has a
// name, a scheme, and a way to quote, to bind and to limit of its own.
type cellar struct{ sqlite.Dialect }

func (cellar) Name() string             { return "cellar" }
func (cellar) Matches(dsn string) bool  { return strings.HasPrefix(dsn, "cellar:") }
func (cellar) Param(n int) string       { return "?" + strconv.Itoa(n) }
func (cellar) Floor(expr string) string { return "cast(" + expr + " AS integer)" }

func (cellar) Quote(ident string) (string, error) {
	if err := warehouse.CheckIdentifier(ident); err != nil {
		return "", err
	}
	return "`" + strings.ReplaceAll(ident, "`", "``") + "`", nil
}

func (cellar) Limit(sql string, n int) string {
	return "SELECT * FROM (" + sql + ") LIMIT 0, " + strconv.Itoa(n)
}

func (c cellar) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	cfg.DSN = asSQLite(cfg.DSN)
	return c.Dialect.Open(cfg)
}

func (c cellar) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	cfg.RepairDSN = asSQLite(cfg.RepairDSN)
	return c.Dialect.OpenForWriting(cfg)
}

func (cellar) Resolve(dsn string, absolute func(string) string) string {
	return "cellar:" + absolute(strings.TrimPrefix(dsn, "cellar:"))
}

func asSQLite(dsn sentinel.Secret) sentinel.Secret {
	return sentinel.NewSecret(strings.Replace(dsn.Reveal(), "cellar:", "sqlite:", 1))
}

func newCellar(tb testing.TB) dialecttest.Database {
	path := filepath.Join(tb.TempDir(), "w.db")
	d := dialecttest.SQL{Driver: "sqlite", Owner: path, Warehouse: "cellar:" + path, In: "main"}
	d.Exec(tb, "PRAGMA journal_mode=WAL")
	return d
}

func TestForeignDialect(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialecttest.Fixture{
		Dialect:     cellar{},
		NewDatabase: newCellar,
		Types: dialecttest.Types{
			Boolean: "boolean", Integer: "integer", BigInt: "bigint", Decimal: "decimal(12,2)", Text: "text",
			Zoned: "timestamp", Date: "date", Folding: "text COLLATE NOCASE",
		},
		TimePrecision: time.Millisecond,
		Sleep: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000)
SELECT max(i) FROM n`,
		Unreachable: []string{"cellar:/nowhere/at/all.db"},
		Malformed:   []string{"cellar:"},
	})
}

func FuzzQuote(f *testing.F) { dialecttest.FuzzQuote(f, cellar{}) }

// TestForeignDialectRunsChecks goes from the configuration, with a path relative to
// it, to the results.
func TestForeignDialectRunsChecks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "bottles.db")
	now := time.Now().UTC()
	dialecttest.SQL{Driver: "sqlite", Owner: path}.Exec(t, "PRAGMA journal_mode=WAL",
		"CREATE TABLE bottles (id integer NOT NULL PRIMARY KEY, region text, at timestamp)",
		"INSERT INTO bottles VALUES (1, 'Mosel', '"+now.Add(-time.Hour).Format(time.DateTime)+"'), (2, NULL, '"+
			now.Add(-2*time.Hour).Format(time.DateTime)+"')")
	file, err := config.Parse(filepath.Join(dir, "sentinel.yaml"), []byte(`
warehouses: {w: {dsn: "cellar:bottles.db"}}
datasets:
- table: w.bottles
  time_column: at
  checks:
  - row_count > 0
  - row_count: {fail: "< 1", by: region}
  - freshness(at) < 3h
  - freshness: {id: stale, fail: 10m}
  - schema: {columns: [{name: id}, {name: region, type: text}, {name: at}]}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(file.Warehouses[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d := file.Datasets[0]
	job := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: time.UTC, Tick: now}
	for _, c := range d.Checks {
		job.Checks = append(job.Checks, c.Check)
	}
	env := checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
	var got []sentinel.Status
	for _, r := range checks.Run(t.Context(), env, "w", []checks.Job{job})[0].Results {
		got = append(got, r.Status)
		t.Log(r.Status, r.Message)
	}
	want := []sentinel.Status{sentinel.Pass, sentinel.Pass, sentinel.Pass, sentinel.Fail, sentinel.Pass}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
