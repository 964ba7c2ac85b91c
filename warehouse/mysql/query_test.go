package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// TestNoQueryEscapes: what writes a file or changes the session is refused, and what a
// session keeps of a statement is gone with it.
func TestNoQueryEscapes(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT 1 INTO DUMPFILE '/tmp/x'", "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
		"SELECT 1 /*M! INTO OUTFILE '/tmp/x' */", "SELECT 1 INTO @x", "/*! DELETE */ FROM t", "SELECT get_lock('x', 1)",
		"SELECT nextval(s)", "SET STATEMENT max_statement_time=0 FOR SELECT 1", "SET SESSION TRANSACTION READ WRITE",
		"SELECT 1 # '\n; DELETE FROM t", "HANDLER t OPEN", "DO release_all_locks()", "XA START 'x'", "KILL 1",
	} {
		if warehouse.CheckQuery(Dialect{}, sql) == nil {
			t.Errorf("%s is accepted", sql)
		}
	}
	for _, sql := range []string{
		`SELECT "it's; into", 'a\'; into', ` + "`into` FROM t", "SELECT 1 # all; of it", "SHOW TABLES", "TABLE t",
	} {
		if err := warehouse.CheckQuery(Dialect{}, sql); err != nil {
			t.Errorf("%s is refused: %v", sql, err)
		}
	}
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(testenv.MySQL(t)), MaxConnections: 1})
	for _, c := range []struct{ sql, after, want string }{
		{"SELECT @kept := 5", "SELECT coalesce(@kept, 'gone')", "gone"},
		{"SELECT get_lock('kept', 1)", "SELECT coalesce(is_used_lock('kept'), 'free')", "free"},
		{"SET SESSION max_statement_time = 0", "SELECT @@max_statement_time > 0", "1"},
		{"SET SESSION TRANSACTION READ WRITE", "SELECT @@tx_read_only", "1"},
	} {
		db.Run(t.Context(), []warehouse.Statement{{SQL: c.sql, Custom: true}}, func(int, warehouse.Rows, error) {})
		// The server ends the session of the statement with a delay.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		got := ""
		for again := true; again && got != c.want; again = wait.For(ctx, 10*time.Millisecond) {
			db.Run(ctx, []warehouse.Statement{{SQL: c.after}}, func(_ int, rows warehouse.Rows, err error) {
				if err != nil {
					t.Fatalf("after %s: %v", c.sql, err)
				}
				got = rows[0][0].Text
			})
		}
		cancel()
		if got != c.want {
			t.Errorf("after %s: %s, want %s", c.sql, got, c.want)
		}
	}
}

// TestHostileServer holds the suite on a server whose defaults change what statements
// mean and how texts are read, and whose users get settings when they connect.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	server := testenv.NewMySQL(t, "--sql-mode=ANSI,PAD_CHAR_TO_FULL_LENGTH", "--character-set-server=latin1",
		"--default-time-zone=+05:45", "--autocommit=0",
		"--init-connect=SET NAMES latin1, time_zone='-09:30', sql_select_limit=2, max_statement_time=1")
	testenv.ExecOn(t, server, "CREATE USER w@'%'", "GRANT SELECT, SHOW VIEW ON *.* TO w@'%'") // root skips init_connect
	f := fixture()
	f.ReadingOnly = true
	var databases atomic.Int64
	f.NewDatabase = func(tb testing.TB) dialecttest.Database {
		name := fmt.Sprintf("d%d", databases.Add(1))
		testenv.ExecOn(tb, server, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
		d := databaseAt(server.DSN + name + "?autocommit=1")
		d.In = name
		d.Warehouse = strings.Replace(server.DSN, "root@", "w@", 1) + name
		return d
	}
	dialecttest.Run(t, f)
}
