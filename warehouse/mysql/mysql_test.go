package mysql

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// database is a database of the tests' server; its DSN is in the driver's form.
type database struct{ dialecttest.SQL }

func newDatabase(tb testing.TB) dialecttest.Database { return databaseAt(testenv.MySQL(tb)) }

func databaseAt(dsn string) database {
	_, schema, _ := strings.Cut(dsn, "/")
	return database{dialecttest.SQL{Driver: "mysql", Owner: dsn, Warehouse: dsn, In: schema}}
}

// Reader implements dialecttest.WithUsers.
func (d database) Reader(tb testing.TB, table string) string {
	tb.Helper()
	user := fmt.Sprintf("r%d", time.Now().UnixNano()%1e9)
	d.Exec(tb, "CREATE USER "+user+"@'%' IDENTIFIED BY 'topsecret'",
		"GRANT SELECT ON `"+d.In+"`.`"+table+"` TO "+user+"@'%'")
	tb.Cleanup(func() { d.Exec(tb, "DROP USER "+user+"@'%'") })
	_, address, _ := strings.Cut(d.Owner, "@")
	return user + ":topsecret@" + address
}

// Address implements dialecttest.Proxied.
func (d database) Address() string {
	_, rest, _ := strings.Cut(d.Owner, "@tcp(")
	address, _, _ := strings.Cut(rest, ")")
	return address
}

// Through implements dialecttest.Proxied.
func (d database) Through(address string) string {
	return strings.Replace(d.Owner, "("+d.Address()+")", "("+address+")", 1)
}

func fixture() dialecttest.Fixture {
	return dialecttest.Fixture{
		Dialect:     Dialect{},
		NewDatabase: newDatabase,
		Types: dialecttest.Types{
			Boolean: "boolean", Integer: "integer", BigInt: "bigint", Decimal: "decimal(12,2)", Text: "varchar(100) CHARACTER SET utf8mb4",
			Zoned: "timestamp(6) NULL", Plain: "datetime(6)", Date: "date",
			Folding: "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
		},
		ZonedInSessionZone:    true,
		LongestName:           64,
		ReadsNamedColumnsOnly: true,
		NoAstralNames:         true, // the catalog is of three bytes a character
		Partitioned: []string{`CREATE TABLE parts (id bigint, at datetime NOT NULL) PARTITION BY RANGE COLUMNS (at) (
PARTITION parts_1 VALUES LESS THAN ('2026-11-02'), PARTITION parts_2 VALUES LESS THAN ('2026-11-03'))`},
		BrokenView: []string{
			"CREATE TABLE base (id integer)", "CREATE VIEW broken AS SELECT id FROM base", "DROP TABLE base",
		},
		Numbered:  "integer AUTO_INCREMENT PRIMARY KEY",
		LockTable: []string{"LOCK TABLES held WRITE"},
		Sleep:     "SELECT sleep(60)",
		Running: `SELECT count(*) FROM information_schema.processlist
WHERE db = database() AND info LIKE '%sleep(60)%' AND id <> connection_id()`,
		ManyRows: func(n int) string {
			return fmt.Sprintf("SELECT a.id, repeat('x', 1000) FROM h a, h b, h c LIMIT %d", n)
		},
		Unreachable: []string{"mysql://u:topsecret@127.0.0.1:1/db", "u:topsecret@tcp(127.0.0.1:1)/db"},
		Malformed:   []string{"mysql://u:topsecret@[bad/db", "oracle://u:topsecret@x"},
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
		server := testenv.NewMySQL(tb)
		return dialecttest.OnServer(databaseAt(server.DSN), server)
	}
	dialecttest.RestartedServer(t, f)
}
