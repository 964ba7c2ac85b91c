package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// TestNoQueryEscapes: a statement that opens or writes another file, or sets a PRAGMA, is
// refused. Those that read are not.
func TestNoQueryEscapes(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other.db")
	for _, sql := range []string{
		"VACUUM INTO '" + other + "'", "ATTACH '" + other + "' AS o", "PRAGMA query_only = 0", "PRAGMA query_only(0)",
		"PRAGMA busy_timeout(0)", "PRAGMA main.query_only=off", "PRAGMA writable_schema=1", "SELECT load_extension('x')",
		`SELECT "load_extension"('x')`, "SELECT 1; DELETE FROM t", "PRAGMA wal_checkpoint", "DETACH o", "REINDEX",
	} {
		if warehouse.CheckQuery(Dialect{}, sql) == nil {
			t.Errorf("%s is accepted", sql)
		}
	}
	for _, sql := range []string{
		"PRAGMA integrity_check", "PRAGMA main.quick_check(1)", "PRAGMA table_info(t)", "SELECT [a;b], `c;d` FROM t",
		"SELECT count(*) FROM pragma_table_info('t')", "VALUES (1)",
	} {
		if err := warehouse.CheckQuery(Dialect{}, sql); err != nil {
			t.Errorf("%s is refused: %v", sql, err)
		}
	}
	path := filepath.Join(t.TempDir(), "w.db")
	testenv.Exec(t, "sqlite", path, "CREATE TABLE t (id)", "INSERT INTO t VALUES (1)")
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret("sqlite:" + path), MaxConnections: 1})
	for _, sql := range []string{"PRAGMA query_only=0", "DELETE FROM t", "CREATE TEMP TABLE kept (id)", "DROP TABLE t"} {
		db.Run(t.Context(), []warehouse.Statement{{SQL: sql, Custom: true}}, func(int, warehouse.Rows, error) {})
	}
	if cell, err := dialecttest.FirstCell(t, db, "SELECT count(*) FROM t"); err != nil || cell.Text != "1" {
		t.Errorf("the rows: %v, %v", cell, err)
	}
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("another file was written: %v", err)
	}
}
