package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestDialect(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialecttest.Fixture{
		Dialect: Dialect{},
		NewDatabase: func(tb testing.TB) dialecttest.Database {
			path := filepath.Join(tb.TempDir(), "w.db")
			d := dialecttest.SQL{Driver: "sqlite", Owner: path, Warehouse: "sqlite:" + path, In: "main"}
			d.Exec(tb, "PRAGMA journal_mode=WAL")
			return d
		},
		Types: dialecttest.Types{
			Boolean: "boolean", Integer: "integer", BigInt: "bigint", Decimal: "decimal(12,2)", Text: "text",
			Zoned: "timestamp", Date: "date", Folding: "text COLLATE NOCASE",
		},
		TimePrecision: time.Millisecond,
		Numbered:      "integer PRIMARY KEY AUTOINCREMENT",
		BrokenView:    []string{"CREATE VIEW broken AS SELECT id FROM missing"},
		Sleep: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000)
SELECT max(i) FROM n`,
		Unreachable: []string{"sqlite:/nowhere/at/all.db"},
		Malformed:   []string{"sqlite:", "file:?mode=ro"},
	})
}

func FuzzQuote(f *testing.F) { dialecttest.FuzzQuote(f, Dialect{}) }
