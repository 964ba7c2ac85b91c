package postgres

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestSlowStatementsRunSideBySide(t *testing.T) {
	t.Parallel()
	dialecttest.SideBySide(t, testenv.Postgres(t), func(i int) string {
		const now = "extract(epoch FROM clock_timestamp())"
		return fmt.Sprintf("SELECT a, %s FROM (SELECT %s AS a, pg_sleep(0.25)) s /* %d */", now, now, i)
	})
}

func TestQuickStatementsShareConnections(t *testing.T) {
	t.Parallel()
	dialecttest.FewConnections(t, testenv.Postgres(t))
}

// TestRefusedConnectionsFailNothing: a server that takes one connection answers all that
// four were wanted for.
func TestRefusedConnectionsFailNothing(t *testing.T) {
	t.Parallel()
	d := databaseAt(testenv.Postgres(t))
	d.Exec(t, "CREATE TABLE t (id integer)")
	reader, err := url.Parse(d.Reader(t, "t"))
	if err != nil {
		t.Fatal(err)
	}
	d.Exec(t, "ALTER ROLE "+reader.User.Username()+" CONNECTION LIMIT 1")
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(reader.String()), MaxConnections: 4})
	statements := make([]warehouse.Statement, 8)
	for i := range statements {
		statements[i].SQL = fmt.Sprintf("SELECT pg_sleep(0.06), %d", i)
	}
	for range 2 {
		var answers atomic.Int64
		db.Run(t.Context(), statements, func(i int, _ warehouse.Rows, err error) {
			answers.Add(1)
			if err != nil {
				t.Errorf("statement %d: %v", i, err)
			}
		})
		if n := answers.Load(); n != int64(len(statements)) {
			t.Errorf("%d answers to %d statements", n, len(statements))
		}
	}
}
