package warehouse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// openOn opens a warehouse on one server.
func openOn(t *testing.T, dsn string) *warehouse.DB {
	t.Helper()
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(dsn), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// lags polls until the standby says something that is met.
func lags(t *testing.T, db *warehouse.DB, what string, met func(warehouse.Lag) bool) warehouse.Lag {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := db.Catalog(t.Context(), warehouse.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if !c.Standby {
			t.Fatalf("%s: a standby takes itself for a primary", what)
		}
		if met(c.Lag) {
			return c.Lag
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: the lag is %+v", what, c.Lag)
		}
	}
}

func caughtUp(l warehouse.Lag) bool { return l == warehouse.Lag{} }

func exec(t *testing.T, s *scratch.Server, statements ...string) {
	t.Helper()
	if err := s.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// TestLagOfAPostgresStandby: an idle primary is no lag, replay that has stopped
// is one, and so is a primary that is gone.
func TestLagOfAPostgresStandby(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	exec(t, primary, "CREATE TABLE t (id int)")
	standby, err := testenv.StartStandby(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	db := openOn(t, standby.DSN)
	exec(t, primary, "INSERT INTO t VALUES (1)")
	lags(t, db, "running", caughtUp)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		idle, _, err := one(t, db, "SELECT now() - pg_last_xact_replay_timestamp() > interval '1.5 s'")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the primary is idle: %q, %v", idle, err)
		}
		if idle == "t" {
			break
		}
	}
	lags(t, db, "an idle primary", caughtUp)

	exec(t, standby, "SELECT pg_wal_replay_pause()")
	exec(t, primary, "INSERT INTO t VALUES (2)")
	lags(t, db, "replay has stopped", func(l warehouse.Lag) bool { return l.Behind > 2*time.Second && l.Unknown == "" })
	exec(t, standby, "SELECT pg_wal_replay_resume()")
	lags(t, db, "replay goes on", caughtUp)

	primary.Halt(true)
	lags(t, db, "the primary is gone", func(l warehouse.Lag) bool { return l.Behind > 0 })
	c, err := db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	if table := c.Tables[warehouse.TableName{Schema: "public", Name: "t"}]; table == nil || table.Written != -1 {
		t.Errorf("a standby counts what it replays: %+v", table)
	}
}

// one is the only cell of an answer.
func one(t *testing.T, db *warehouse.DB, sql string) (text string, null bool, err error) {
	t.Helper()
	db.Run(t.Context(), []warehouse.Statement{{SQL: sql}}, func(_ int, rows warehouse.Rows, failed error) {
		if err = failed; err == nil {
			text, null = rows[0][0].Text, rows[0][0].Null
		}
	})
	return text, null, err
}

// TestLagOfAMariaDBReplica: replication that has stopped, and what the user may
// not see, are unknown and not nothing.
func TestLagOfAMariaDBReplica(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartMySQL(scratch.PrimaryMySQL...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	replica, err := testenv.StartReplica(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Stop)
	exec(
		t,
		primary,
		"CREATE DATABASE shop",
		"CREATE TABLE shop.t (id int)",
		"CREATE USER reader@'%'",
		"GRANT SELECT ON shop.* TO reader@'%'",
	)
	db := openOn(t, replica.DSN)
	lags(t, db, "running", caughtUp)

	exec(t, replica, "STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=3", "START SLAVE")
	exec(t, primary, "INSERT INTO shop.t VALUES (1)")
	lags(t, db, "delayed", func(l warehouse.Lag) bool { return l.Behind >= time.Second })
	lags(t, db, "after the delay", caughtUp)

	blind := openOn(t, strings.Replace(replica.DSN, "root@", "reader@", 1))
	lags(
		t,
		blind,
		"without the privilege",
		func(l warehouse.Lag) bool { return strings.Contains(l.Unknown, "grant REPLICATION CLIENT") },
	)
	exec(t, replica, "STOP SLAVE SQL_THREAD")
	lags(t, db, "stopped", func(l warehouse.Lag) bool { return l.Unknown == "replication has stopped" })
}
