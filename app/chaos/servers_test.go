package chaos_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/testenv"
)

// host is a database server and the networks by which agents reach it.
type host struct {
	*testenv.Server
	name     string
	driver   string
	networks []*testenv.Network
	busy     sync.Mutex // held by the disturbance that it is part of
}

func (w *world) newPostgres(tb testing.TB, name string, networks int) *host {
	tb.Helper()
	h := &host{Server: testenv.NewPostgres(tb, "max_connections=200"), name: name, driver: "pgx"}
	h.connect(tb, networks)
	return h
}

// newMySQL starts a MariaDB that keeps what it has confirmed when its process is killed.
func (w *world) newMySQL(tb testing.TB, name string) *host {
	tb.Helper()
	h := &host{
		Server: testenv.NewMySQL(tb, "--innodb-flush-log-at-trx-commit=2", "--character-set-server=utf8mb4"),
		name:   name, driver: "mysql",
	}
	testenv.ExecOn(tb, h.Server, "CREATE DATABASE "+mysqlSchema)
	h.connect(tb, 1)
	return h
}

func (h *host) connect(tb testing.TB, networks int) {
	tb.Helper()
	upstream := ""
	if h.driver == "pgx" {
		upstream = parse(tb, h.DSN).Host
	} else {
		c, err := mysql.ParseDSN(h.DSN)
		if err != nil {
			tb.Fatal(err)
		}
		upstream = c.Addr
	}
	for range networks {
		n := testenv.NewNetwork(tb, upstream, "")
		tb.Cleanup(n.Stop)
		h.networks = append(h.networks, n)
	}
}

func parse(tb testing.TB, dsn string) *url.URL {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// own is the DSN by which the test itself reaches the server, in the driver's form.
func (h *host) own() string {
	if h.driver == "mysql" {
		return h.DSN + mysqlSchema + "?timeout=5s&readTimeout=20s"
	}
	return h.DSN + "&connect_timeout=5&statement_timeout=20000"
}

// through is the DSN by which agents reach the server.
func (h *host) through(n *testenv.Network) string {
	if h.driver == "mysql" {
		return "root@tcp(" + n.Address() + ")/" + mysqlSchema
	}
	before, rest, _ := strings.Cut(h.DSN, "@")
	_, after, _ := strings.Cut(rest, "/")
	return before + "@" + n.Address() + "/" + after
}
