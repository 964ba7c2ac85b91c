// Package store keeps the agent's state: ticks, results, observations, schema
// baselines, incidents, labels, repairs, the outbox of notifications, and the
// state of models. The state is in a SQLite file (package store/sqlite) or in a
// PostgreSQL database (package store/postgres); both hold the same tables in the
// same format (package store/internal/format).
//
// Begin with [Open] and [Store.Record]. Everything a tick brings is recorded in
// one transaction, so that after kill -9 a tick is there as a whole or not at
// all.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/postgres"
	"github.com/sentinel-dq/sentinel/store/sqlite"
)

// The errors of a state, for [errors.Is].
var (
	// ErrLocked: another process writes to the state.
	ErrLocked = engine.ErrLocked
	// ErrNewer: the state was written by a newer Sentinel.
	ErrNewer = engine.ErrNewer
	// ErrReadOnly: the state was opened by [OpenReader].
	ErrReadOnly = engine.ErrReadOnly
	// ErrFull: there is no space to write. What was recorded before stays, and
	// recording continues once there is space again.
	ErrFull = engine.ErrFull
	// ErrDamaged: the file is not a database, or parts of it cannot be read.
	ErrDamaged = engine.ErrDamaged
	// ErrOvertaken: another agent has led since. What this process remembers may
	// be old: it must start again.
	ErrOvertaken = engine.ErrOvertaken
	// ErrReplaced: another file has been put into the place of the state. What this
	// process has recorded is kept beside it. This process must start again.
	ErrReplaced = engine.ErrReplaced
)

// dbEngine is a database that holds the state. Packages store/sqlite and store/postgres
// implement it, and openEngine chooses one.
type dbEngine interface {
	// Name is the address without its password.
	Name() string
	// Reads is the pool for reading.
	Reads() *sql.DB
	// Snapshot begins a transaction that reads the state as it is at one instant.
	Snapshot(ctx context.Context) (*sql.Tx, error)
	// Write runs do in one transaction. A durable one waits for the disk. Only one
	// goroutine at a time calls Write. A reader returns engine.ErrReadOnly.
	Write(ctx context.Context, durable bool, do func(context.Context, *sql.Tx) error) error
	// Watch bounds the wait for the next row of a query.
	Watch(ctx context.Context) (_ context.Context, progress, stop func())
	// Session is the number of the session that Write uses. What an earlier one has committed
	// may be lost, if another server has taken over. Only the goroutine that writes calls it.
	Session() int64
	// InsertSizes are the numbers of rows that an insert is prepared for,
	// largest first. The last is 1.
	InsertSizes() []int
	// Describe adds to an error which state it is about and what to do.
	Describe(err error) error
	// Leading checks that this process may still write.
	Leading(ctx context.Context) error
	// AfterCopy continues the row numbers after tables were filled. It takes the
	// numbered columns by table.
	AfterCopy(ctx context.Context, tx *sql.Tx, identities map[string]string) error
	// Backup writes a consistent copy to a new SQLite file. An engine that cannot do so
	// calls copyTo.
	Backup(ctx context.Context, path string, copyTo func(context.Context, string) error) error
	// Verify checks what the engine itself can check.
	Verify(ctx context.Context) error
	// Guard puts back what somebody has removed while the state is open, and reports
	// whether it did. Only the goroutine that writes calls it.
	Guard(ctx context.Context) (rewritten bool, err error)
	// Size is the bytes on disk.
	Size(ctx context.Context) (int64, error)
	Close() error
}

// Store is an open state. All methods may be called concurrently. One goroutine writes.
// Calls that write wait for it, and end with their contexts. On a store from
// [OpenReader] every write is an error.
type Store struct {
	engine dbEngine
	jobs   chan job
	quit   chan struct{} // closed by Close
	ended  chan struct{} // closed when the writing goroutine has ended
	close  sync.Once
	closed error // of the first Close

	selectRecent *sql.Stmt // see Points
	selectBlocks *sql.Stmt

	repairs atomic.Uint64 // see RepairsWritten
}

// Open opens the state for writing, creates it if it is missing, and migrates an older
// one. url is sqlite:PATH or an address of PostgreSQL. Only its owner can read a file
// that Open creates. The error says whether the directory is missing, or the file is no
// state, belongs to a newer version ([ErrNewer]), is in use ([ErrLocked]) or cannot be
// written.
func Open(ctx context.Context, url string) (*Store, error) {
	return OpenDSN(ctx, sentinel.NewSecret(url))
}

// OpenDSN is Open for an address that comes from a file or a command. It is read again when
// a login is refused.
func OpenDSN(ctx context.Context, dsn sentinel.Secret) (*Store, error) {
	e, err := openEngine(ctx, dsn, true)
	if err != nil {
		return nil, err
	}
	return start(ctx, e)
}

// OpenReader opens an existing state for reading, also while an agent writes.
func OpenReader(ctx context.Context, url string) (*Store, error) {
	return OpenReaderDSN(ctx, sentinel.NewSecret(url))
}

// OpenReaderDSN is OpenReader for an address that comes from a file or a command.
func OpenReaderDSN(ctx context.Context, dsn sentinel.Secret) (*Store, error) {
	e, err := openEngine(ctx, dsn, false)
	if err != nil {
		return nil, err
	}
	return start(ctx, e)
}

// openEngine is the one place that chooses an engine.
func openEngine(ctx context.Context, dsn sentinel.Secret, write bool) (dbEngine, error) {
	address := dsn.Reveal()
	if postgres.Handles(address) {
		if write {
			return postgres.Open(ctx, dsn)
		}
		return postgres.OpenReader(ctx, dsn)
	}
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok || path == "" {
		return nil, fmt.Errorf("state: unknown kind%s: want sqlite:PATH or postgres://user@host/database", schemeOf(address))
	}
	if write {
		return sqlite.Open(ctx, path)
	}
	return sqlite.OpenReader(ctx, path)
}

// schemeOf returns the scheme of a URL in quotes, after a blank; "" for what may hold a secret.
func schemeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || !strings.HasPrefix(address, u.Scheme+"://") {
		return ""
	}
	return fmt.Sprintf(" %q", u.Scheme)
}

// Resolve checks the form of a state's address. It replaces the path of a file by what
// absolute returns for it. An address of no known form is an error.
func Resolve(url string, absolute func(path string) string) (string, error) {
	if postgres.Handles(url) {
		return url, nil
	}
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", errors.New("want sqlite:PATH, or the address of a PostgreSQL database (postgres:...) for several agents")
	}
	return "sqlite:" + absolute(path), nil
}

// Shared reports whether several agents may use a state: one in PostgreSQL.
func Shared(url string) bool { return postgres.Handles(url) }

// Refused reports whether an error of a state is a login that its server refuses.
func Refused(err error) bool { return postgres.Refused(err) }

// Redact writes where a state is, without any secret of its address.
func Redact(url string) string {
	if !postgres.Handles(url) {
		return url
	}
	return postgres.Redact(url)
}

func start(ctx context.Context, e dbEngine) (*Store, error) {
	s := &Store{engine: e, jobs: make(chan job), quit: make(chan struct{}), ended: make(chan struct{})}
	var err error
	if s.selectRecent, err = e.Reads().PrepareContext(ctx, selectRecent); err == nil {
		s.selectBlocks, err = e.Reads().PrepareContext(ctx, selectBlocks)
	}
	if err != nil {
		return nil, errors.Join(e.Describe(err), e.Close())
	}
	go s.writeJobs()
	return s, nil
}

// Close waits for the current write, closes the state and releases the lock. A second
// call does nothing.
func (s *Store) Close() error {
	s.close.Do(func() {
		close(s.quit)
		<-s.ended
		s.closed = s.engine.Close()
	})
	return s.closed
}

// Leading checks that this process still leads. If the session was lost and nobody else
// has led since, it takes the lock again. [ErrOvertaken] is final: what this process
// remembers is old. Any other error may pass, and nothing is written until then. States
// in SQLite always lead.
func (s *Store) Leading(ctx context.Context) error { return s.engine.Leading(ctx) }

// Guard notices that the file of a state was taken away while it is open. A file that was
// deleted is written again, with all that was recorded: rewritten is true. Where another
// file is in its place the error is [ErrReplaced], and nothing is recorded any more. A
// state in PostgreSQL has its own guard: see Leading.
func (s *Store) Guard(ctx context.Context) (rewritten bool, err error) {
	err = s.enqueue(job{ctx: ctx, done: make(chan error, 1), guard: func(ctx context.Context) (err error) {
		rewritten, err = s.engine.Guard(ctx)
		return err
	}})
	return rewritten, err
}

// describe adds to an error which state it is about and what to do.
func (s *Store) describe(err error) error {
	if err = s.engine.Describe(err); err != nil {
		return &StateError{err}
	}
	return nil
}

// StateError says that the state could not be read or written. Nothing was changed, or nobody
// knows whether it was.
type StateError struct{ Err error }

func (e *StateError) Error() string { return e.Err.Error() }

func (e *StateError) Unwrap() error { return e.Err }

// each calls do for every row of a query.
func (s *Store) each(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	return s.eachWith(ctx, s.engine.Reads(), query, args, do)
}

// prepared runs a statement in place of a query's text.
type prepared struct{ *sql.Stmt }

func (p prepared) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return p.Stmt.QueryContext(ctx, args...)
}

// eachPrepared is each for a statement that is already prepared: for frequent queries
// with small answers.
func (s *Store) eachPrepared(
	ctx context.Context, st *sql.Stmt, args []any, do func(scan func(...any) error) error,
) error {
	return s.eachWith(ctx, prepared{st}, "", args, do)
}

func (s *Store) eachWith(
	ctx context.Context, q engine.Querier, query string, args []any, do func(scan func(...any) error) error,
) error {
	ctx, progress, stop := s.engine.Watch(ctx)
	defer stop()
	err := engine.Each(ctx, q, query, args, func(scan func(...any) error) error {
		progress()
		return do(scan)
	})
	if err != nil {
		return fmt.Errorf("reading: %w", s.describe(err))
	}
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(v int64) time.Time { return time.UnixMicro(v).UTC() }
