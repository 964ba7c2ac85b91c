package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

//go:embed migrations_postgres/*.sql
var postgresMigrations embed.FS

// The keys of Sentinel's advisory locks in its state database.
const (
	leaderLock = 0x53656e74 // held by the agent that leads, on a session of its own
	schemaLock = 0x53656e75 // held while the schema is brought up to date
)

// ErrOvertaken: another agent has led since. What this one remembers may be
// old: it must begin anew.
var ErrOvertaken = errors.New("another agent has taken the state over")

// leadership is the lock that makes this process the only writer of a state in
// PostgreSQL, and its proof.
type leadership struct {
	url   string
	mu    sync.Mutex
	conn  *pgx.Conn // holds the advisory lock; nil while it is lost
	epoch int64
}

// Shared reports whether several agents may use a state: one in PostgreSQL.
func Shared(url string) bool { return isPostgres(url) }

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// onPostgres reports which engine the state is in.
func (s *Store) onPostgres() bool { return isPostgres(s.path) }

// Redact writes a state's address without its password.
func Redact(state string) string {
	if !isPostgres(state) {
		return state
	}
	u, err := url.Parse(state)
	if err != nil {
		return "postgres://***"
	}
	return u.Redacted()
}

// openPostgres opens a state in PostgreSQL for writing, once no other agent
// leads; [ErrLocked] while one does.
func openPostgres(ctx context.Context, url string) (*Store, error) {
	s := &Store{path: Redact(url), lead: &leadership{url: url}}
	var err error
	if s.reads, s.writes, err = postgresPools(url); err == nil {
		err = s.lead.take(ctx, func() error { return migratePostgres(ctx, url) })
	}
	if err != nil {
		return nil, errors.Join(describe(s.path, err), s.Close())
	}
	return s, nil
}

func openPostgresReader(ctx context.Context, url string) (*Store, error) {
	s := &Store{path: Redact(url)}
	reads, writes, err := postgresPools(url)
	if err == nil {
		s.reads = reads
		err = errors.Join(writes.Close(), s.currentPostgres(ctx))
	}
	if err != nil {
		return nil, errors.Join(describe(s.path, err), s.Close())
	}
	return s, nil
}

func postgresPools(url string) (reads, writes *sql.DB, err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, errors.New("not an address of PostgreSQL such as postgres://sentinel@db/sentinel") // the error holds the password
	}
	cfg.RuntimeParams["application_name"], cfg.RuntimeParams["timezone"] = "sentinel state", "UTC"
	cfg.RuntimeParams["lock_timeout"], cfg.RuntimeParams["statement_timeout"] = "10s", "60s"
	cfg.ConnectTimeout = 5 * time.Second
	reads, writes = sql.OpenDB(rewriting{stdlib.GetConnector(*cfg)}), sql.OpenDB(rewriting{stdlib.GetConnector(*cfg)})
	reads.SetMaxOpenConns(4)
	writes.SetMaxOpenConns(1)
	for _, db := range []*sql.DB{reads, writes} {
		db.SetConnMaxLifetime(30 * time.Minute)
	}
	return reads, writes, nil
}

// take makes this process the leader, or answers ErrLocked. before runs with the
// lock held.
func (l *leadership) take(ctx context.Context, before func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	holder := fmt.Sprintf("process %d", os.Getpid())
	if host, err := os.Hostname(); err == nil {
		holder += " on " + host
	}
	if err = before(); err == nil {
		err = conn.QueryRow(ctx, "UPDATE leader SET epoch = epoch + 1, holder = $1, since = now() RETURNING epoch", holder).Scan(&l.epoch)
	}
	if err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	l.conn = conn
	return nil
}

// frozenAfter is how long a leader may be silent ([Store.Leading]) before another
// may take over.
const frozenAfter = 10 * time.Second

// connect opens the session that holds the lock.
func (l *leadership) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(l.url)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = 5 * time.Second
	// A machine that vanishes from the network says nothing: the server asks.
	for name, value := range map[string]string{"application_name": "sentinel leader", "tcp_keepalives_idle": "4", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2"} {
		cfg.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// A process that is frozen keeps its connections; the server takes the lock of
	// one that has not been heard of. Before PostgreSQL 14 it cannot.
	if _, err := conn.Exec(ctx, "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'", fmt.Sprint(frozenAfter.Milliseconds())); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", leaderLock).Scan(&got); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	if !got {
		who := ""
		if err := conn.QueryRow(ctx, "SELECT holder FROM leader").Scan(&who); err != nil {
			who = "" // it is only just making the tables
		} else if who != "" {
			who = " (" + who + ")"
		}
		return nil, errors.Join(fmt.Errorf("%w%s", ErrLocked, who), conn.Close(ctx))
	}
	return conn, nil
}

// Leading checks that this process still leads, and takes the lock again where
// its session was lost and nobody else has led since. [ErrOvertaken] is final:
// what is remembered in this process is old. Any other error may pass: until
// then nothing is written. States in SQLite always lead.
func (s *Store) Leading(ctx context.Context) error {
	if s.lead == nil {
		return nil
	}
	return s.lead.check(ctx)
}

func (l *leadership) check(ctx context.Context) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if l.conn != nil {
		if err := l.conn.Ping(ctx); err == nil {
			return nil
		}
		_ = l.conn.Close(ctx) // it is gone already, with the lock
		l.conn = nil
	}
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	var epoch int64
	if err := conn.QueryRow(ctx, "SELECT epoch FROM leader").Scan(&epoch); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	if epoch != l.epoch {
		return errors.Join(ErrOvertaken, conn.Close(ctx))
	}
	l.conn = conn
	return nil
}

// fence lets a transaction of the leader through, and no other's: the row stays
// as it is until the transaction ends.
func (l *leadership) fence(ctx context.Context, tx *sql.Tx) error {
	var epoch int64
	if err := tx.QueryRowContext(ctx, "SELECT epoch FROM leader FOR SHARE").Scan(&epoch); err != nil {
		return err
	}
	if l.mu.Lock(); epoch != l.epoch {
		l.mu.Unlock()
		return ErrOvertaken
	}
	l.mu.Unlock()
	return nil
}

func (l *leadership) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn := l.conn
	l.conn = nil
	return conn.Close(ctx)
}

func postgresSteps() []string {
	entries, err := postgresMigrations.ReadDir("migrations_postgres")
	if err != nil {
		panic(err) // embedded at build time
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = "migrations_postgres/" + e.Name()
	}
	slices.Sort(names)
	return names
}

// migratePostgres brings the schema up to date, one transaction a step.
func migratePostgres(ctx context.Context, url string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", schemaLock); err != nil {
		return err
	}
	version := 0
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS sentinel_state_version (version INTEGER NOT NULL)"); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM sentinel_state_version").Scan(&version); err != nil {
		return err
	}
	steps := postgresSteps()
	if version > len(steps) {
		return ErrNewer
	}
	for i := version; i < len(steps); i++ {
		text, err := postgresMigrations.ReadFile(steps[i])
		if err != nil {
			return err
		}
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "INSERT INTO sentinel_state_version VALUES ($1)", i+1)
			return err
		})
		if err != nil {
			return fmt.Errorf("migrating to version %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Store) currentPostgres(ctx context.Context) error {
	version := 0
	if err := s.reads.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM sentinel_state_version").Scan(&version); err != nil {
		return err
	}
	switch n := len(postgresSteps()); {
	case version > n:
		return ErrNewer
	case version < n:
		return errOlder
	}
	return nil
}

// rewriting is pgx with parameters spelled as in SQLite: ? and ?1.
type rewriting struct{ driver.Connector }

func (r rewriting) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return rewritten{c.(*stdlib.Conn)}, nil
}

type rewritten struct{ *stdlib.Conn }

func (c rewritten) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, dollars(query))
}

func (c rewritten) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, dollars(query), args)
}

func (c rewritten) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, dollars(query), args)
}

// dollars writes ? and ?1 as $1; the store's statements hold no other question
// marks.
func dollars(query string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, more := strings.Cut(query, "?")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		b.WriteByte('$')
		if after == "" || after[0] < '0' || after[0] > '9' {
			b.WriteString(strconv.Itoa(n))
		}
		query = after
	}
}
