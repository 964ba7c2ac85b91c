package testenv

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// StartStandby starts a streaming standby of a private PostgreSQL.
func StartStandby(of *Server) (*Server, error) {
	basebackup, err := find("pg_basebackup", "/usr/lib/postgresql/*/bin/pg_basebackup")
	if err != nil {
		return nil, err
	}
	s, err := prepare("postgres", "nobody")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	copying := s.command(basebackup, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", of.DSN)
	if out, err := copying.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.args = []string{filepath.Join(filepath.Dir(basebackup), "postgres"), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", s.dir, "-c", "fsync=off"}
	s.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.ping = pinger("pgx", s.DSN)
	return s, s.Start()
}
