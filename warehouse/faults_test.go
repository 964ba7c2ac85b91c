package warehouse_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestC03WhoCannotBeSpokenTo: a name that does not resolve, a server without
// TLS, a wrong password. Each has its class, and no text has the password.
func TestC03WhoCannotBeSpokenTo(t *testing.T) {
	t.Parallel()
	pg, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Stop)
	// Its own file of who may come lets everybody in; one of ours does not.
	exec(
		t,
		pg,
		"CREATE ROLE reader LOGIN PASSWORD 'right'",
		`DO $$ BEGIN EXECUTE format('COPY (SELECT unnest(ARRAY[''host all reader 127.0.0.1/32 scram-sha-256'', ''host all all 127.0.0.1/32 trust''])) TO %L', current_setting('hba_file')); END $$`,
		"SELECT pg_reload_conf()",
	)
	my := testenv.MySQL(t)
	user := fmt.Sprintf("c03_%d", time.Now().UnixNano()%1e9)
	testenv.Exec(t, "mysql", my, "CREATE USER "+user+"@'%' IDENTIFIED BY 'right'")
	t.Cleanup(func() { testenv.Exec(t, "mysql", my, "DROP USER "+user+"@'%'") })
	u, err := url.Parse(pg.DSN)
	if err != nil {
		t.Fatal(err)
	}
	host := u.Host
	_, mysqlHost, _ := strings.Cut(my, "@")
	for name, c := range map[string]struct {
		dsn  string
		want warehouse.ErrorKind
		says string
	}{
		"postgres, no such host": {
			"postgres://reader:topsecret@nowhere.invalid/postgres",
			warehouse.Unreachable,
			"nowhere.invalid",
		},
		"mysql, no such host": {"mysql://reader:topsecret@nowhere.invalid/x", warehouse.Unreachable, "nowhere.invalid"},
		"postgres without TLS": {
			"postgres://reader:topsecret@" + host + "/postgres?sslmode=require",
			warehouse.Unreachable,
			"TLS",
		},
		"mysql without TLS": {user + ":topsecret@" + mysqlHost + "?tls=true", warehouse.Unreachable, "TLS"},
		"postgres, wrong password": {
			"postgres://reader:topsecret@" + host + "/postgres?sslmode=disable",
			warehouse.Unauthorized,
			"password authentication failed",
		},
		"mysql, wrong password": {user + ":topsecret@" + mysqlHost, warehouse.Unauthorized, "Access denied"},
		"postgres, no such user": {
			"postgres://nobody:topsecret@" + host + "/postgres?sslmode=disable",
			warehouse.Unauthorized,
			"nobody",
		},
		"postgres, no such databas": {
			"postgres://postgres:topsecret@" + host + "/none?sslmode=disable",
			warehouse.MissingTable,
			"none",
		},
	} {
		db := openOn(t, c.dsn)
		_, _, err := one(t, db, "SELECT 1")
		if warehouse.KindOf(err) != c.want || !strings.Contains(fmt.Sprint(err), c.says) ||
			strings.Contains(fmt.Sprint(err), "topsecret") {
			t.Errorf("%s: %v, want %s with %q and no password", name, err, c.want, c.says)
		}
	}
	if text, _, err := one(t, openOn(t, "postgres://reader:right@"+host+"/postgres?sslmode=disable"), "SELECT 1"); err != nil ||
		text != "1" {
		t.Errorf("the right password: %q, %v", text, err)
	}
}

// TestC08TooManyConnections: a server that is full is asked again later, is not
// taken for dead, and answers when there is room.
func TestC08TooManyConnections(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]struct {
		start  func(...string) (*testenv.Server, error)
		limit  string
		driver string
		user   func(dsn string) string
	}{
		"postgres": {
			testenv.StartPostgres,
			"max_connections=6",
			"pgx",
			func(dsn string) string { return strings.Replace(dsn, "postgres@", "reader@", 1) },
		},
		"mysql": {
			testenv.StartMySQL,
			"--max-connections=10",
			"mysql",
			func(dsn string) string { return strings.Replace(dsn, "root@", "reader@", 1) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := e.start(e.limit)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			exec(t, server, map[string]string{"postgres": "CREATE ROLE reader LOGIN", "mysql": "CREATE USER reader@'%'"}[name])
			states := 0
			db, err := warehouse.Open(
				warehouse.Config{
					Name:    "w",
					Dialect: name,
					DSN:     sentinel.Secret(e.user(server.DSN)),
					Now:     time.Now,
					Meter:   &warehouse.Meter{Breaker: func(string, int) { states++ }},
				},
			)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			others, err := sql.Open(e.driver, e.user(server.DSN))
			if err != nil {
				t.Fatal(err)
			}
			var held []*sql.Conn
			for { // until the server is full
				conn, err := others.Conn(t.Context())
				if err != nil {
					break
				}
				held = append(held, conn)
			}
			for range 4 {
				if _, _, err := one(t, db, "SELECT 1"); warehouse.KindOf(err) != warehouse.Transient {
					t.Errorf("full: %v, want %s", err, warehouse.Transient)
				}
			}
			if states > 0 {
				t.Error("a server that answers that it is full is taken for dead")
			}
			for _, conn := range held {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := others.Close(); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				_, _, err := one(t, db, "SELECT 1")
				if err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("there is room again: %v", err)
				}
			}
		})
	}
}
