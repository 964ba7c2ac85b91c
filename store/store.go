// Package store is the agent's memory: ticks, results, observations, schema
// baselines, incidents, labels and the state of models. It is one SQLite file
// in write-ahead mode, written by one process at a time and readable by others
// meanwhile. Everything a tick brings is recorded in one transaction, so that
// after kill -9 a tick is there as a whole or not at all.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the engine
)

// Store is an open state file. Its methods may be called concurrently; those
// that write queue up. On a store from [OpenReader] every write is an error.
type Store struct {
	path   string
	lock   *os.File    // nil for readers
	lead   *leadership // of a state in PostgreSQL, for writers
	reads  *sql.DB
	writes *sql.DB // one connection; nil for readers

	writing sync.Mutex          // held for the length of a write transaction
	series  map[seriesKey]int64 // ids of series in SQLite, while writing is held
	recent  int                 // values that wait to be folded; negative: not counted yet; as series
	known   int                 // series that were there when they were counted; as series
	part    part                // memory that is used again; as series
	syncing sync.Mutex          // held while commits wait for the disk
	repairs atomic.Uint64       // see RepairsWritten

	keeping   sync.Mutex
	questions map[string]*sql.Stmt // that are kept, see often
}

// Open opens, and where it is missing creates, the state for writing, and
// brings an older one up to this version. url is sqlite:PATH; the file is
// created readable by its owner alone. The error says whether the directory is
// missing, the file is no state, belongs to a newer version ([ErrNewer]), is in
// use ([ErrLocked]) or cannot be written.
func Open(ctx context.Context, url string) (*Store, error) {
	if isPostgres(url) {
		return openPostgres(ctx, url)
	}
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: lock, series: map[seriesKey]int64{}, recent: -1}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(describe(path, err), s.Close())
	}
	return s, nil
}

// OpenReader opens an existing state for reading, also while an agent writes.
func OpenReader(ctx context.Context, url string) (*Store, error) {
	if isPostgres(url) {
		return openPostgresReader(ctx, url)
	}
	path, err := pathOf(url)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("state: %w: run `sentinel run` or `sentinel check` first", err)
	}
	s := &Store{path: path}
	if s.reads, err = connect(path, "ro", 2); err == nil {
		err = s.current(ctx)
	}
	if err != nil {
		return nil, errors.Join(describe(path, err), s.Close())
	}
	return s, nil
}

func pathOf(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" {
		scheme, _, _ := strings.Cut(url, ":")
		return "", fmt.Errorf("state: unknown kind %q: want sqlite:PATH or postgres://user@host/database", scheme)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("state %s: %w", path, err)
	}
	// Two names of one file must meet in one lock.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path, nil
}

// create makes the file before the engine does, so that the file and the ones
// the engine puts beside it are never readable by others.
func create(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("state %s: there is no directory %s: create it first", path, dir)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return describe(path, err)
	}
	return f.Close()
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.writes, err = connect(s.path, "rw", 1); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.reads, err = connect(s.path, "ro", 2)
	return err
}

func connect(path, mode string, connections int) (*sql.DB, error) {
	// A commit in write-ahead mode survives the death of the process without a
	// sync; a power cut may take back the last commits, never tear one.
	pragmas := []string{"busy_timeout(5000)", "cache_size(-500)"}
	if mode != "ro" {
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(NORMAL)")
	}
	query := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	if mode == "ro" {
		db.SetConnMaxIdleTime(10 * time.Second) // an idle connection keeps its pages in memory
	}
	return db, nil
}

// Close closes the file and gives the lock back. A second call does nothing.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if s.reads != nil {
		err = errors.Join(err, s.reads.Close())
	}
	if s.writes != nil {
		err = errors.Join(err, s.writes.Close()) // the last to close folds the log into the file
	}
	if s.lead != nil {
		err = errors.Join(err, s.lead.close())
	}
	if s.lock != nil {
		err = errors.Join(err, unlockFile(s.lock))
		s.lock = nil
	}
	return err
}

// write runs do in one transaction; nothing of it stays when do fails.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	if s.writes == nil {
		return errReadOnly
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.lead != nil {
		return s.writeShared(ctx, do)
	}
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err = do(tx); err != nil {
		err = errors.Join(err, rollback(tx))
	} else {
		err = tx.Commit()
	}
	if err != nil {
		clear(s.series) // some may have been added by what is taken back
		s.recent = -1   // a fold may have been, too
	}
	return err
}

// durably is write for what must survive a power cut too: repairs, the audit
// log. The commit waits for the disk.
func (s *Store) durably(ctx context.Context, do func(*sql.Tx) error) (err error) {
	if s.writes == nil {
		return errReadOnly
	}
	if s.lead != nil {
		return s.write(ctx, do) // PostgreSQL's commits wait for the disk
	}
	s.syncing.Lock()
	defer s.syncing.Unlock()
	if _, err := s.writes.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return err
	}
	defer func() {
		_, reset := s.writes.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL")
		err = errors.Join(err, reset)
	}()
	return s.write(ctx, do)
}

// rollback undoes tx, unless the end of its context or the engine already did:
// SQLite takes a transaction back by itself when the disk is full.
func rollback(tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	return fmt.Errorf("rolling back: %w", err)
}

// insert runs one statement in a transaction of its own.
func (s *Store) insert(ctx context.Context, query string, args ...any) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// each calls do for every row of a query.
func (s *Store) each(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	heard := func() {}
	if isPostgres(s.path) {
		var done func()
		ctx, heard, done = impatient(ctx)
		defer done()
	}
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("reading: %w", describe(s.path, err))
	}
	defer rows.Close()
	for rows.Next() {
		heard()
		if err := do(rows.Scan); err != nil {
			return fmt.Errorf("reading: %w", describe(s.path, err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading: %w", describe(s.path, err))
	}
	return nil
}

// often is each for a state in a file, where a question that comes often is read
// once: else to read it is what costs most.
func (s *Store) often(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	st, err := s.kept(ctx, query)
	if err == nil {
		err = eachOf(ctx, st, args, do)
	}
	if err != nil {
		return fmt.Errorf("reading: %w", describe(s.path, err))
	}
	return nil
}

func (s *Store) kept(ctx context.Context, query string) (st *sql.Stmt, err error) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if st = s.questions[query]; st != nil {
		return st, nil
	}
	if st, err = s.reads.PrepareContext(ctx, query); err != nil {
		return nil, err
	}
	if s.questions == nil {
		s.questions = map[string]*sql.Stmt{}
	}
	s.questions[query] = st
	return st, nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }
