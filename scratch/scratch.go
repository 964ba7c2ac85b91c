// Package scratch starts private database servers for tests, benchmarks and `sentinel
// drill`. It runs the system's binaries as an unprivileged user, on free ports, and
// removes their data. Begin with [StartPostgres] and [StartMySQL].
package scratch

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // pings MariaDB
	_ "github.com/jackc/pgx/v5/stdlib" // and PostgreSQL
)

// Server is one private database server.
type Server struct {
	DSN    string // of its administrator, without a database name for MySQL
	cmd    *exec.Cmd
	dir    string
	args   []string
	cred   *syscall.Credential
	driver string
	gone   chan struct{} // closed when the process has ended
}

// Start starts the server, also after Halt, and waits until it answers. If the shared
// memory of the previous process still exists, Start tries again.
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

// wait polls until the server answers, the process ends, or the deadline has passed.
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

// Halt stops the server and keeps its data, so that Start can start it again. With kill
// its processes are killed: a child that outlives the server would still answer.
func (s *Server) Halt(kill bool) {
	_ = s.Thaw() // a frozen process takes no other signal; an error says it is gone
	signal := syscall.SIGTERM
	if kill {
		if s.cmd.Process.Signal(syscall.SIGSTOP) == nil { // it starts no further child
			_ = s.signalChildren(syscall.SIGKILL)
		}
		signal = syscall.SIGKILL
	} else if strings.Contains(s.args[0], "postgres") {
		signal = syscall.SIGINT // fast shutdown: do not wait for clients
	}
	_ = s.cmd.Process.Signal(signal) // an error says it is gone already
	<-s.gone
}

// Freeze stops the processes of the server, its children too, until Thaw: it takes
// connections, and answers nothing.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

// signal sends a signal to the server's process and then to its children.
func (s *Server) signal(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return s.signalChildren(sig)
}

// signalChildren sends a signal to the children of the server's process.
func (s *Server) signalChildren(sig syscall.Signal) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
	if err != nil {
		return err
	}
	for _, file := range threads {
		children, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for child := range strings.FieldsSeq(string(children)) {
			n, err := strconv.Atoi(child)
			if err != nil {
				return err
			}
			if err := syscall.Kill(n, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
	}
	return nil
}

// Stop stops the server and removes its data.
func (s *Server) Stop() {
	s.Halt(false)
	_ = os.RemoveAll(s.dir)
}

func prepare(users ...string) (*Server, error) {
	if os.Getuid() != 0 {
		dir, err := os.MkdirTemp("", "sentinel-db-")
		return &Server{dir: dir}, err
	}
	base := "" // TMPDIR, unless it is closed to the user that the server runs as
	if !traversable(os.TempDir()) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "sentinel-db-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
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
	return nil, fmt.Errorf(
		"database servers refuse to run as root and none of the users %v exists: install the database's server package",
		users,
	)
}

// traversable reports whether every user may go through a directory.
func traversable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&1 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
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
		return "", fmt.Errorf("%s is not installed: it comes with the database's server package", name)
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

// Exec runs statements as the server's administrator.
func (s *Server) Exec(statements ...string) error {
	db, err := sql.Open(s.driver, s.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (s *Server) ping() error {
	db, err := sql.Open(s.driver, s.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Ping()
}
