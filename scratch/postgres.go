package scratch

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Missing names the programs that StartPostgres and StartStandby need and that are not
// installed.
func Missing() error {
	for _, name := range []string{"initdb", "pg_basebackup"} {
		if _, err := find(name, "/usr/lib/postgresql/*/bin/"+name); err != nil {
			return err
		}
	}
	return nil
}

// Postgres18 returns the directory of the programs of PostgreSQL 18: Debian's, or the one
// into which scripts/deps.sh unpacks it. It is "" if there is none.
func Postgres18() string {
	for _, dir := range []string{"/usr/lib/postgresql/18/bin", "/var/tmp/sentinel-test-postgresql-18/native/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	return ""
}

// StartPostgres starts a private PostgreSQL with settings such as "fsync=off".
func StartPostgres(settings ...string) (*Server, error) {
	initdb, err := find("initdb", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	return StartPostgresIn(filepath.Dir(initdb), settings...)
}

// StartPostgresIn starts a private PostgreSQL of the programs in a directory.
func StartPostgresIn(programs string, settings ...string) (*Server, error) {
	s, err := prepare("postgres", "nobody")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	init := s.command(filepath.Join(programs, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync",
		"-E", "UTF8", "--locale=C.UTF-8")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.args = []string{
		filepath.Join(programs, "postgres"),
		"-D",
		data,
		"-h",
		"127.0.0.1",
		"-p",
		strconv.Itoa(port),
		"-k",
		s.dir,
	}
	for _, setting := range settings {
		s.args = append(s.args, "-c", setting)
	}
	s.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.driver = "pgx"
	return s, s.Start()
}

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
	s.args = []string{
		filepath.Join(filepath.Dir(basebackup), "postgres"),
		"-D",
		data,
		"-h",
		"127.0.0.1",
		"-p",
		strconv.Itoa(port),
		"-k",
		s.dir,
		"-c",
		"fsync=off",
	}
	s.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.driver = "pgx"
	return s, s.Start()
}
