package scratch

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// StartPgBouncer starts a PgBouncer in front of a PostgreSQL. mode is session, transaction
// or statement. Settings are lines of its section [pgbouncer]. It takes every user that
// the server knows, without a password.
func StartPgBouncer(of *Server, mode string, settings ...string) (*Server, error) {
	program, err := find("pgbouncer", "/usr/sbin/pgbouncer")
	if err != nil {
		return nil, err
	}
	upstream, err := url.Parse(of.DSN)
	if err != nil {
		return nil, err
	}
	s, err := prepare("postgres", "nobody")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	users, conf := filepath.Join(s.dir, "users"), filepath.Join(s.dir, "conf")
	if err := os.WriteFile(users, []byte(`"postgres" ""`+"\n"), 0o644); err != nil {
		return nil, err
	}
	lines := append([]string{
		"[databases]",
		"* = host=127.0.0.1 port=" + upstream.Port(),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		"listen_port = " + strconv.Itoa(port),
		"unix_socket_dir =",
		"auth_type = trust",
		"auth_file = " + users,
		"auth_user = postgres",
		"pool_mode = " + mode,
		"default_pool_size = 8",
		"max_client_conn = 200",
	}, settings...)
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	s.args = []string{program, conf}
	s.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.driver = "pgx"
	return s, s.Start()
}
