// Package testenv gives tests and benchmarks real database servers: those named
// by SENTINEL_TEST_POSTGRES_DSN and SENTINEL_TEST_MYSQL_DSN, else private ones
// started from the system's binaries on sockets and free ports, as an
// unprivileged user, and stopped with the test. A missing server fails the
// test; nothing is skipped.
package testenv

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver tests write with
)

// Server is one private database server.
type Server struct {
	DSN  string // of its administrator, without a database name for MySQL
	cmd  *exec.Cmd
	dir  string
	args []string
	cred *syscall.Credential
	ping func() error
	gone chan struct{} // closed when the process has ended
}

var (
	mu      sync.Mutex
	shared  = map[string]*Server{}
	counter int
)

// Main runs a package's tests and stops the servers they started; call it from
// TestMain: os.Exit(testenv.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	mu.Lock()
	defer mu.Unlock()
	for _, s := range shared {
		s.Stop()
	}
	return code
}

// Postgres returns the DSN of a new empty PostgreSQL database, for its owner.
func Postgres(tb testing.TB) string {
	tb.Helper()
	admin := os.Getenv("SENTINEL_TEST_POSTGRES_DSN")
	if admin == "" {
		admin = share(tb, "postgres", func() (*Server, error) { return StartPostgres(fastPostgres...) }).DSN
	}
	return fresh(tb, "pgx", admin, func(name string) string {
		u, err := url.Parse(admin)
		if err != nil {
			tb.Fatalf("SENTINEL_TEST_POSTGRES_DSN must be a URL: %v", err)
		}
		u.Path = "/" + name
		return u.String()
	})
}

// MySQL returns the DSN (driver's form) of a new empty MySQL or MariaDB database.
func MySQL(tb testing.TB) string {
	tb.Helper()
	admin := os.Getenv("SENTINEL_TEST_MYSQL_DSN")
	if admin == "" {
		admin = share(tb, "mysql", func() (*Server, error) { return StartMySQL() }).DSN
	}
	return fresh(tb, "mysql", admin, func(name string) string {
		cfg, err := mysql.ParseDSN(admin)
		if err != nil {
			tb.Fatalf("SENTINEL_TEST_MYSQL_DSN: %v", err)
		}
		cfg.DBName = name
		return cfg.FormatDSN()
	})
}

// Exec runs statements on a database, with driver pgx, mysql or sqlite.
func Exec(tb testing.TB, driver, dsn string, statements ...string) {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatalf("%s\n%v", s, err)
		}
	}
}

func share(tb testing.TB, name string, start func() (*Server, error)) *Server {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if shared[name] == nil {
		s, err := start()
		if err != nil {
			tb.Fatal(err)
		}
		shared[name] = s
	}
	return shared[name]
}

func fresh(tb testing.TB, driver, admin string, dsn func(name string) string) string {
	tb.Helper()
	mu.Lock()
	counter++
	name := fmt.Sprintf("sentinel_test_%d_%d", os.Getpid(), counter)
	mu.Unlock()
	Exec(tb, driver, admin, "CREATE DATABASE "+name)
	tb.Cleanup(func() {
		drop := "DROP DATABASE " + name
		if driver == "pgx" {
			drop += " WITH (FORCE)"
		}
		Exec(tb, driver, admin, drop)
	})
	return dsn(name)
}

var fastPostgres = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"}

// StartPostgres starts a private PostgreSQL with settings such as "fsync=off".
func StartPostgres(settings ...string) (*Server, error) {
	initdb, err := find("initdb", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	s, err := prepare("postgres", "nobody")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	init := s.command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.args = []string{filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", s.dir}
	for _, setting := range settings {
		s.args = append(s.args, "-c", setting)
	}
	s.DSN = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s.ping = pinger("pgx", s.DSN)
	return s, s.Start()
}

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
	// A server that starts removes every temporary table it finds in its tmpdir,
	// also those that another server is using: each has a directory of its own.
	data, tmp := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "tmp")
	if err := s.mkdir(tmp); err != nil {
		return nil, err
	}
	init := s.command(install, "--no-defaults", "--datadir="+data, "--tmpdir="+tmp, "--auth-root-authentication-method=normal", "--skip-test-db")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.args = append([]string{mariadbd, "--no-defaults", "--datadir=" + data, "--tmpdir=" + tmp, "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port),
		"--socket=" + filepath.Join(s.dir, "s"), "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--skip-log-bin",
		"--sql-mode=STRICT_TRANS_TABLES", "--max-connections=200"}, options...)
	s.DSN = fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port)
	s.ping = pinger("mysql", s.DSN)
	return s, s.Start()
}

// Start starts the server, again after Halt, and waits until it answers. A
// server whose predecessor's shared memory is not gone yet is started anew.
func (s *Server) Start() error {
	for deadline := time.Now().Add(60 * time.Second); ; {
		if err := s.launch(); err != nil {
			return err
		}
		err := s.wait(deadline)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.Stop()
			return fmt.Errorf("%s did not answer within a minute: %w\n%s", s.args[0], err, text)
		}
	}
}

func (s *Server) launch() error {
	cmd, gone := s.command(s.args[0], s.args[1:]...), make(chan struct{})
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	s.cmd, s.gone = cmd, gone
	// Pdeathsig follows the thread that starts the process: keep it.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its exit code says nothing that the log does not
			close(gone)
		}
	}()
	return <-started
}

// wait polls until the server answers, ends, or the time is up.
func (s *Server) wait(deadline time.Time) error {
	for {
		err := s.ping()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-s.gone:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Halt stops the server and keeps its data, so that Start brings it back. kill
// takes it away without warning.
func (s *Server) Halt(kill bool) {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	} else if strings.Contains(s.args[0], "postgres") {
		signal = syscall.SIGINT // fast shutdown: do not wait for clients
	}
	_ = s.cmd.Process.Signal(signal) // an error says it is gone already
	<-s.gone
}

// Stop stops the server and removes its data.
func (s *Server) Stop() {
	s.Halt(false)
	_ = os.RemoveAll(s.dir)
}

func prepare(users ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "sentinel-db-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if os.Getuid() != 0 {
		return s, nil
	}
	for _, name := range users {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return s, os.Chown(dir, uid, gid)
	}
	return nil, fmt.Errorf("database servers refuse to run as root and none of the users %v exists: run `make deps`", users)
}

// mkdir makes a directory that the server may write to.
func (s *Server) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if s.cred == nil {
		return nil
	}
	return os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid))
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	// The server ends with the test, also when the test is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func find(name, pattern string) (string, error) {
	if matches, _ := filepath.Glob(pattern); len(matches) > 0 {
		return matches[len(matches)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run `make deps`, or set SENTINEL_TEST_POSTGRES_DSN and SENTINEL_TEST_MYSQL_DSN", name)
	}
	return path, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func pinger(driver, dsn string) func() error {
	return func() error {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Ping()
	}
}
