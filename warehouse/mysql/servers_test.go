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

// TestLagOfAReplica checks that a delay is a lag, and that the lag is unknown when
// replication has stopped or the user may not see it.
func TestLagOfAReplica(t *testing.T) {
	t.Parallel()
	primary := testenv.NewMySQL(t, scratch.PrimaryMySQL...)
	replica := testenv.NewReplica(t, primary)
	testenv.ExecOn(t, primary, "CREATE DATABASE shop", "CREATE TABLE shop.t (id int)", "CREATE USER reader@'%'",
		"GRANT SELECT ON shop.* TO reader@'%'")
	db := dialecttest.Open(t, replica.DSN)
	none := func(l warehouse.Lag) bool { return l == warehouse.Lag{} }
	dialecttest.WaitForLag(t, db, "running", none)

	testenv.ExecOn(t, replica, "STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=3", "START SLAVE")
	testenv.ExecOn(t, primary, "INSERT INTO shop.t VALUES (1)")
	dialecttest.WaitForLag(t, db, "delayed", func(l warehouse.Lag) bool { return l.Behind >= time.Second })
	dialecttest.WaitForLag(t, db, "after the delay", none)

	reader := dialecttest.Open(t, strings.Replace(replica.DSN, "root@", "reader@", 1))
	dialecttest.WaitForLag(t, reader, "without the privilege", func(l warehouse.Lag) bool {
		return strings.Contains(l.Unknown, "grant REPLICATION CLIENT")
	})
	testenv.ExecOn(t, replica, "STOP SLAVE SQL_THREAD")
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
		server := testenv.NewMySQL(t, "--max-connections=10")
		testenv.ExecOn(t, server, "CREATE USER reader@'%'")
		return databaseAt(strings.Replace(server.DSN, "root@", "reader@", 1))
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
	server := testenv.NewMySQL(t)
	dialecttest.SilentServer(t, server.DSN, newDatabase(t).DSN(), server)
}
