package reload_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestC30 gives MariaDB one file that may not grow beyond 32 MB, and fills it. The rows of
// the source are as wide as those that fill it, so what little room is left is not enough.
func TestC30FullTablespaceKeepsTable(t *testing.T) {
	t.Parallel()
	server := testenv.NewMySQL(t, "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:32M")
	testenv.Exec(t, "mysql", server.DSN, "CREATE DATABASE small")
	b := repairtest.NewAt(t, "mysql", server.DSN+"small")
	b.CreateOrders()
	b.Exec("ALTER TABLE orders MODIFY note longtext", "RENAME TABLE staging TO narrow",
		"CREATE VIEW staging AS SELECT id, amount, repeat('x', 250000) AS note, at FROM narrow")
	before := b.Rows("orders")
	a := b.ReloadFromStaging()
	run := b.NewRun(a, b.Target())
	b.Must(b.Write.Prepare(t.Context(), b.Schema))

	fill(b, "ballast", 250_000)
	if err := a.Stage(t.Context(), run); err == nil || !diskFull(err) {
		t.Errorf("staged on a full disk: %v", err)
	}
	if got := b.Rows("orders"); got != before {
		t.Errorf("the table holds\n%s", got)
	}
}

// diskFull: a table is full (1114), or cannot be made (1005).
func diskFull(err error) bool {
	return strings.Contains(err.Error(), "is full") || strings.Contains(err.Error(), "No more room")
}

// fill writes rows of a width into a new table until there is no room.
func fill(b *repairtest.Fixture, table string, width int) {
	b.T.Helper()
	b.Exec("CREATE TABLE " + table + " (body longtext)")
	db, err := sql.Open(b.Driver, b.Owner)
	b.Must(err)
	for err == nil {
		_, err = db.ExecContext(b.T.Context(), "INSERT INTO "+table+" VALUES (repeat('x', ?))", width)
	}
	if !diskFull(err) {
		b.T.Error(err)
	}
	b.Must(db.Close())
}
