package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// TestLagOfAStandby checks that an idle primary is no lag, that paused replay is one,
// and that a lost primary is one.
func TestLagOfAStandby(t *testing.T) {
	t.Parallel()
	primary := testenv.NewPostgres(t)
	testenv.ExecOn(t, primary, "CREATE TABLE t (id int)")
	standby := testenv.NewStandby(t, primary)
	db := dialecttest.Open(t, standby.DSN)
	none := func(l warehouse.Lag) bool { return l == warehouse.Lag{} }
	testenv.ExecOn(t, primary, "INSERT INTO t VALUES (1)")
	dialecttest.WaitForLag(t, db, "running", none)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		const query = "SELECT now() - pg_last_xact_replay_timestamp() > interval '1.5 s'"
		idle, err := dialecttest.FirstCell(t, db, query)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the primary is idle: %v, %v", idle, err)
		}
		if idle.Text == "t" {
			break
		}
	}
	dialecttest.WaitForLag(t, db, "an idle primary", none)

	testenv.ExecOn(t, standby, "SELECT pg_wal_replay_pause()")
	testenv.ExecOn(t, primary, "INSERT INTO t VALUES (2)")
	dialecttest.WaitForLag(t, db, "replay is paused", func(l warehouse.Lag) bool {
		return l.Behind > 2*time.Second && l.Unknown == ""
	})
	testenv.ExecOn(t, standby, "SELECT pg_wal_replay_resume()")
	dialecttest.WaitForLag(t, db, "replay goes on", none)

	primary.Halt(true)
	dialecttest.WaitForLag(t, db, "the primary is gone", func(l warehouse.Lag) bool { return l.Behind > 0 })
	c, err := db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	if table := c.Tables[warehouse.TableName{Schema: "public", Name: "t"}]; table == nil || table.Written != -1 {
		t.Errorf("a standby counts what it replays: %+v", table)
	}
}

// TestC03RefusedConnections connects to a host that does not exist, without TLS, with a
// wrong password, as an unknown user and to an unknown database.
func TestC03RefusedConnections(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	// The server's own pg_hba.conf lets everybody in.
	testenv.ExecOn(t, server, "CREATE ROLE reader LOGIN PASSWORD 'right'", `
DO $$
BEGIN
  EXECUTE format(
    'COPY (SELECT unnest(ARRAY[''host all reader 127.0.0.1/32 scram-sha-256'', ''host all all 127.0.0.1/32 trust''])) TO %L',
    current_setting('hba_file'));
END
$$`, "SELECT pg_reload_conf()")
	host := databaseAt(server.DSN).Address()
	dialecttest.RefusedConnections(t, map[string]dialecttest.Refused{
		"no such host": {
			DSN: "postgres://reader:topsecret@nowhere.invalid/postgres", Kind: warehouse.Unreachable, Says: "nowhere.invalid",
		},
		"no TLS": {
			DSN: "postgres://reader:topsecret@" + host + "/postgres?sslmode=require", Kind: warehouse.Unreachable, Says: "TLS",
		},
		"wrong password": {
			DSN:  "postgres://reader:topsecret@" + host + "/postgres?sslmode=disable",
			Kind: warehouse.Unauthorized, Says: "password authentication failed",
		},
		"no such user": {
			DSN:  "postgres://nobody:topsecret@" + host + "/postgres?sslmode=disable",
			Kind: warehouse.Unauthorized, Says: "nobody",
		},
		"no such database": {
			DSN:  "postgres://postgres:topsecret@" + host + "/none?sslmode=disable",
			Kind: warehouse.NoDatabase, Says: "none",
		},
	})
	db := dialecttest.Open(t, "postgres://reader:right@"+host+"/postgres?sslmode=disable")
	if cell, err := dialecttest.FirstCell(t, db, "SELECT 1"); err != nil || cell.Text != "1" {
		t.Errorf("the right password: %v, %v", cell, err)
	}
}

func TestC08TooManyConnections(t *testing.T) {
	t.Parallel()
	f := fixture()
	f.NewDatabase = func(testing.TB) dialecttest.Database {
		server := testenv.NewPostgres(t, "max_connections=6")
		testenv.ExecOn(t, server, "CREATE ROLE reader LOGIN")
		return databaseAt(strings.Replace(server.DSN, "postgres@", "reader@", 1))
	}
	dialecttest.TooManyConnections(t, f)
}

// TestC05BadNetwork is not parallel, because it counts goroutines.
func TestC05BadNetwork(t *testing.T) {
	for name, fault := range testenv.NetworkFaults {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t).(database)
			checkLeaks := testenv.Leaks(t)
			network := testenv.NewNetwork(t, d.Address(), fault.Toxic)
			dialecttest.BadNetwork(t, d.Through(network.Address()), network, fault.Fails)
			network.Stop()
			checkLeaks()
		})
	}
}

// TestASilentServer freezes the server's processes by SIGSTOP.
func TestASilentServer(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	dialecttest.SilentServer(t, server.DSN, newDatabase(t).DSN(), server)
}
