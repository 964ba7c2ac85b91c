package postgres

import (
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// database is a database of the tests' server.
type database struct{ dialecttest.SQL }

func newDatabase(tb testing.TB) dialecttest.Database { return databaseAt(testenv.Postgres(tb)) }

func databaseAt(dsn string) database {
	return database{dialecttest.SQL{Driver: "pgx", Owner: dsn, Warehouse: dsn, In: "public"}}
}

func (d database) url() *url.URL {
	u, err := url.Parse(d.Owner)
	if err != nil {
		panic(err) // testenv made it
	}
	return u
}

// Reader implements dialecttest.WithUsers.
func (d database) Reader(tb testing.TB, table string) string {
	tb.Helper()
	user := fmt.Sprintf("r%d", time.Now().UnixNano()%1e9)
	d.Exec(tb, "CREATE ROLE "+user+" LOGIN PASSWORD 'topsecret'", "GRANT SELECT ON "+table+" TO "+user)
	tb.Cleanup(func() { d.Exec(tb, "DROP OWNED BY "+user, "DROP ROLE "+user) })
	u := d.url()
	u.User = url.UserPassword(user, "topsecret")
	return u.String()
}

// Address implements dialecttest.Proxied.
func (d database) Address() string {
	return d.url().Host
}

// Through implements dialecttest.Proxied.
func (d database) Through(address string) string {
	u := d.url()
	u.Host = address
	return u.String()
}

func fixture() dialecttest.Fixture {
	return dialecttest.Fixture{
		Dialect:     Dialect{},
		NewDatabase: newDatabase,
		Types: dialecttest.Types{
			Boolean: "boolean", Integer: "integer", BigInt: "bigint", Decimal: "numeric(12,2)", Text: "text",
			Zoned: "timestamptz", Plain: "timestamp", Date: "date", Folding: "text COLLATE folding",
		},
		Folding: []string{
			"CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
		},
		NaNDecimals:           true,
		ZoneSuffix:            "+00",
		LongestName:           63,
		ReadsNamedColumnsOnly: true,
		Partitioned: []string{
			"CREATE TABLE parts (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at)",
			"CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-11-01') TO ('2026-11-02')",
			"CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-11-02') TO ('2026-11-03')",
		},
		Numbered:  "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		LockTable: []string{"BEGIN", "LOCK TABLE held"},
		Sleep:     "SELECT pg_sleep(60)",
		Running: `SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`,
		ManyRows: func(n int) string {
			return fmt.Sprintf("SELECT a.id, repeat('x', 1000) FROM h a, h b, h c LIMIT %d", n)
		},
		Unreachable: []string{"postgres://u:topsecret@127.0.0.1:1/db?sslmode=disable"},
		Malformed:   []string{"postgres://u:topsecret@host:port/db"},
	}
}

func TestDialect(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, fixture())
}

func TestC04TimeoutsEndTheStatementOnTheServer(t *testing.T) {
	t.Parallel()
	dialecttest.Timeouts(t, fixture())
}

func FuzzQuote(f *testing.F) { dialecttest.FuzzQuote(f, Dialect{}) }

func TestC01ARestartedServerIsFoundAgain(t *testing.T) {
	t.Parallel()
	f := fixture()
	f.NewDatabase = func(tb testing.TB) dialecttest.Database {
		server := testenv.NewPostgres(tb)
		return dialecttest.OnServer(databaseAt(server.DSN), server)
	}
	dialecttest.RestartedServer(t, f)
}
