package mysql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// startServer starts a server of the test's own.
func startServer(t *testing.T, options ...string) *scratch.Server {
	t.Helper()
	s, err := testenv.StartMySQL(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func exec(t *testing.T, s *scratch.Server, statements ...string) {
	t.Helper()
	if err := s.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// TestLagOfAReplica checks that a delay is a lag, and that the lag is unknown when
// replication has stopped or the user may not see it.
func TestLagOfAReplica(t *testing.T) {
	t.Parallel()
	primary := startServer(t, scratch.PrimaryMySQL...)
	replica, err := testenv.StartReplica(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Stop)
	exec(t, primary, "CREATE DATABASE shop", "CREATE TABLE shop.t (id int)", "CREATE USER reader@'%'",
		"GRANT SELECT ON shop.* TO reader@'%'")
	db := dialecttest.Open(t, replica.DSN)
	none := func(l warehouse.Lag) bool { return l == warehouse.Lag{} }
	dialecttest.WaitForLag(t, db, "running", none)

	exec(t, replica, "STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=3", "START SLAVE")
	exec(t, primary, "INSERT INTO shop.t VALUES (1)")
	dialecttest.WaitForLag(t, db, "delayed", func(l warehouse.Lag) bool { return l.Behind >= time.Second })
	dialecttest.WaitForLag(t, db, "after the delay", none)

	reader := dialecttest.Open(t, strings.Replace(replica.DSN, "root@", "reader@", 1))
	dialecttest.WaitForLag(t, reader, "without the privilege", func(l warehouse.Lag) bool {
		return strings.Contains(l.Unknown, "grant REPLICATION CLIENT")
	})
	exec(t, replica, "STOP SLAVE SQL_THREAD")
	dialecttest.WaitForLag(t, db, "stopped", func(l warehouse.Lag) bool {
		return l.Unknown == "replication has stopped"
	})
}

// TestC03RefusedConnections connects to a host that does not exist, without TLS, and with
// a wrong password.
func TestC03RefusedConnections(t *testing.T) {
	t.Parallel()
	d := newDatabase(t).(database)
	user := fmt.Sprintf("c03_%d", time.Now().UnixNano()%1e9)
	d.Exec(t, "CREATE USER "+user+"@'%' IDENTIFIED BY 'right'")
	t.Cleanup(func() { d.Exec(t, "DROP USER "+user+"@'%'") })
	_, address, _ := strings.Cut(d.Owner, "@")
	dialecttest.RefusedConnections(t, map[string]dialecttest.Refused{
		"no such host": {
			DSN: "mysql://reader:topsecret@nowhere.invalid/x", Kind: warehouse.Unreachable, Says: "nowhere.invalid",
		},
		"no TLS": {
			DSN: user + ":topsecret@" + address + "?tls=true", Kind: warehouse.Unreachable, Says: "TLS",
		},
		"wrong password": {
			DSN: user + ":topsecret@" + address, Kind: warehouse.Unauthorized, Says: "Access denied",
		},
	})
}

func TestC08TooManyConnections(t *testing.T) {
	t.Parallel()
	f := fixture()
	f.NewDatabase = func(testing.TB) dialecttest.Database {
		server := startServer(t, "--max-connections=10")
		exec(t, server, "CREATE USER reader@'%'")
		return databaseAt(strings.Replace(server.DSN, "root@", "reader@", 1))
	}
	dialecttest.TooManyConnections(t, f)
}

// TestC05BadNetwork is not parallel, because it counts goroutines.
func TestC05BadNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		toxic string
		fails bool
	}{
		"slow": {`{"type": "latency", "attributes": {"latency": 150, "jitter": 50}}`, false},
		"in small pieces": {
			`{"type": "slicer", "attributes": {"average_size": 7, "size_variation": 3, "delay": 50}}`, false,
		},
		"reset":                {`{"type": "reset_peer", "attributes": {"timeout": 0}}`, true},
		"half open":            {`{"type": "timeout", "attributes": {"timeout": 0}}`, true},
		"cut after some bytes": {`{"type": "limit_data", "attributes": {"bytes": 200}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t).(database)
			checkLeaks := testenv.Leaks(t)
			network := testenv.NewNetwork(t, d.Address(), c.toxic)
			dialecttest.BadNetwork(t, d.Through(network.Address()), network, c.fails)
			network.Stop()
			checkLeaks()
		})
	}
}
