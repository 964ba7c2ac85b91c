package scratch

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// StartMySQL starts a private MariaDB (or MySQL) with options such as
// "--general-log".
func StartMySQL(options ...string) (*Server, error) {
	install, err := find("mariadb-install-db", "/usr/bin/mariadb-install-db")
	if err != nil {
		return nil, err
	}
	mariadbd, err := find("mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, err
	}
	s, err := prepare("mysql", "nobody")
	if err != nil {
		return nil, err
	}
	// A server removes at its start every temporary table in its tmpdir, also those of
	// another server. Each server has a directory of its own.
	data, tmp := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "tmp")
	if err := s.mkdir(tmp); err != nil {
		return nil, err
	}
	init := s.command(
		install,
		"--no-defaults",
		"--datadir="+data,
		"--tmpdir="+tmp,
		"--auth-root-authentication-method=normal",
		"--skip-test-db",
	)
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.args = append(
		[]string{
			mariadbd,
			"--no-defaults",
			"--datadir=" + data,
			"--tmpdir=" + tmp,
			"--bind-address=127.0.0.1",
			"--port=" + strconv.Itoa(port),
			"--socket=" + filepath.Join(s.dir, "s"),
			"--innodb-flush-log-at-trx-commit=0",
			"--innodb-buffer-pool-size=128M",
			"--skip-log-bin",
			"--sql-mode=STRICT_TRANS_TABLES",
			"--max-connections=200",
		},
		options...)
	s.DSN = fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port)
	s.driver = "mysql"
	return s, s.Start()
}

// PrimaryMySQL are the options of a MariaDB that replicas can follow.
var PrimaryMySQL = []string{"--log-bin=bin", "--server-id=1"}

// StartReplica starts a MariaDB that replicates another one, which was started with
// [PrimaryMySQL]. It is read-only, except for its administrator.
func StartReplica(of *Server) (*Server, error) {
	s, err := StartMySQL("--server-id=2", "--read-only")
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(strings.TrimSuffix(of.DSN, ")/"), ":")
	err = s.Exec(
		"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT="+port+", MASTER_USER='root', MASTER_USE_GTID=slave_pos",
		"START SLAVE",
	)
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}
