// Package store is the agent's memory: ticks, results, observations, schema
// baselines, incidents, labels and the state of models. It is one SQLite file
// in write-ahead mode, written by one process at a time and readable by others
// meanwhile. Everything a tick brings is recorded in one transaction, so that
// after kill -9 a tick is there as a whole or not at all.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the engine
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrLocked: another process writes to the file.
var ErrLocked = errors.New("another sentinel is using this state")

// ErrNewer: the file was written by a newer Sentinel.
var ErrNewer = errors.New("the state was written by a newer sentinel")

// Store is an open state file. Its methods may be called concurrently.
type Store struct {
	db   *sql.DB
	path string
	lock *os.File // nil for readers
}

// Open opens, and where it is missing creates, the state for writing. url is
// sqlite:PATH. The error says whether the directory is missing, the file is no
// state, belongs to a newer version ([ErrNewer]) or is in use ([ErrLocked]).
func Open(ctx context.Context, url string) (*Store, error) {
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s, err := open(path, "rwc")
	if err == nil {
		s.lock = lock
		err = s.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(describe(path, err), lock.Close())
	}
	return s, nil
}

// OpenReader opens an existing state for reading, also while an agent writes.
func OpenReader(ctx context.Context, url string) (*Store, error) {
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("state: %w: run `sentinel run` or `sentinel check` first", err)
	}
	s, err := open(path, "ro")
	if err != nil {
		return nil, describe(path, err)
	}
	version, err := s.version(ctx)
	if err == nil && version > len(migrationNames()) {
		err = ErrNewer
	}
	if err != nil {
		return nil, errors.Join(describe(path, err), s.db.Close())
	}
	return s, nil
}

func pathOf(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" {
		scheme, _, _ := strings.Cut(url, ":")
		return "", fmt.Errorf("state: unknown kind %q: want sqlite:PATH", scheme)
	}
	return filepath.Clean(path), nil
}

func open(path, mode string) (*Store, error) {
	if dir := filepath.Dir(path); mode != "ro" {
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("the directory %s: %w: create it first", dir, err)
		}
	}
	pragmas := []string{"busy_timeout(5000)", "foreign_keys(0)", "cache_size(-2000)"}
	if mode != "ro" {
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(NORMAL)")
	}
	query := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(2) // one writes while another reads
	return &Store{db: db, path: path}, nil
}

// lockFile takes the writer's lock: a file of its own, since SQLite's locks
// come and go with transactions.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid := make([]byte, 32)
		n, _ := f.Read(pid)
		err = fmt.Errorf("state %s: %w (process %s): stop it, or give this one another `state:`", path, ErrLocked, strings.TrimSpace(string(pid[:n])))
		return nil, errors.Join(err, f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state %s: %w", path, err), f.Close())
	}
	return f, nil
}

func describe(path string, err error) error {
	text := err.Error()
	switch {
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("state %s: %w: run that version, or keep this state and name another", path, err)
	case strings.Contains(text, "not a database") || strings.Contains(text, "malformed"):
		return fmt.Errorf("state %s: not a sentinel state, or damaged: move it away, or restore a back-up (%w)", path, err)
	case strings.Contains(text, "readonly") || strings.Contains(text, "unable to open"):
		return fmt.Errorf("state %s: cannot be written: check the permissions of the file and its directory (%w)", path, err)
	}
	return fmt.Errorf("state %s: %w", path, err)
}

// Close closes the file and gives the lock back.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func migrationNames() []string {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // embedded at build time
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = "migrations/" + e.Name()
	}
	slices.Sort(names)
	return names
}

func (s *Store) version(ctx context.Context) (v int, err error) {
	err = s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v)
	return v, err
}

// migrate brings an older file to this version, one transaction a step.
func (s *Store) migrate(ctx context.Context) error {
	version, err := s.version(ctx)
	if err != nil {
		return err
	}
	names := migrationNames()
	if version > len(names) {
		return ErrNewer
	}
	for i := version; i < len(names); i++ {
		text, err := migrations.ReadFile(names[i])
		if err != nil {
			return err
		}
		err = s.write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", i+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("migrating to version %d: %w", i+1, err)
		}
	}
	return os.Chmod(s.path, 0o600)
}

// write runs do in one transaction.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }

// Backup writes a consistent copy of the state to path, which must not exist.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("backing up the state to %s: %w", path, err)
	}
	return os.Chmod(path, 0o600)
}

// Verify reads the whole file and reports the first damage it finds.
func (s *Store) Verify(ctx context.Context) error {
	var answer string
	if err := s.db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return describe(s.path, err)
	}
	if answer != "ok" {
		return fmt.Errorf("state %s: damaged: %s", s.path, answer)
	}
	return nil
}
