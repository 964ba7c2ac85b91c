package repair_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestC30 gives MariaDB one file that may not grow beyond 32 MB, and fills it.
func TestC30AFullTablespaceLeavesTheTableAlone(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartMySQL("--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:32M")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	testenv.Exec(t, "mysql", server.DSN, "CREATE DATABASE small")
	b := &bench{t: t, engine: "mysql", driver: "mysql", dsn: server.DSN + "small", schema: "small", state: filepath.Join(t.TempDir(), "state.db")}
	b.must(b.open(b.dsn))
	b.store = reopened(t, b)
	t.Cleanup(func() { b.must(b.store.Close(), b.read.Close(), b.write.Close()) })
	b.repair = b.newEngine("agent-1")
	b.orders()
	before := b.content("orders")
	a := b.fromStaging()
	r := b.planned(a, b.target())
	b.must(b.write.Prepare(t.Context(), b.schema))

	b.fill("ballast", 250_000)
	if err := a.Stage(t.Context(), r); err == nil || !noRoom(err) {
		t.Errorf("staged on a full disk: %v", err)
	}
	if got := b.content("orders"); got != before {
		t.Errorf("the table holds\n%s", got)
	}
}

// noRoom: a table is full (1114), or cannot be made (1005).
func noRoom(err error) bool {
	return strings.Contains(err.Error(), "is full") || strings.Contains(err.Error(), "No more room")
}

// fill writes rows of a width into a new table until there is no room.
func (b *bench) fill(table string, width int) {
	b.t.Helper()
	b.exec("CREATE TABLE " + table + " (body longtext)")
	db, err := sql.Open(b.driver, b.dsn)
	b.must(err)
	for err == nil {
		_, err = db.ExecContext(b.t.Context(), "INSERT INTO "+table+" VALUES (repeat('x', ?))", width)
	}
	if !noRoom(err) {
		b.t.Error(err)
	}
	b.must(db.Close())
}
