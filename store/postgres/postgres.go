// Package postgres keeps the state in a PostgreSQL database, for several agents. One
// agent leads and writes. Begin with [Open].
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// DB is an open state. Its methods may be called concurrently, except Write, which only
// one goroutine at a time may call.
type DB struct {
	name   string
	lead   *leadership // nil for readers
	reads  *sql.DB
	writes *sql.DB // one connection; nil for readers
}

// Handles reports whether an address is one of PostgreSQL.
func Handles(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// Redact writes an address without its password.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://***"
	}
	hidden := false
	q := u.Query()
	for key := range q {
		if strings.Contains(strings.ToLower(key), "pass") {
			q.Set(key, "xxxxx")
			hidden = true
		}
	}
	switch {
	case hidden:
		u.RawQuery = q.Encode()
	case strings.Contains(strings.ToLower(u.RawQuery), "pass"):
		u.RawQuery = "xxxxx" // one that cannot be taken apart
	}
	return u.Redacted()
}

// Open opens a state for writing, once no other agent leads, and migrates it. The error
// is ErrLocked while another agent leads.
func Open(ctx context.Context, address string) (*DB, error) {
	d := &DB{name: Redact(address), lead: newLeadership(address)}
	err := d.pools(address, true)
	if err == nil {
		err = d.lead.take(ctx, func(ctx context.Context) error { return migrate(ctx, address) })
	}
	if err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

// OpenReader opens an existing state for reading.
func OpenReader(ctx context.Context, address string) (*DB, error) {
	d := &DB{name: Redact(address)}
	err := d.pools(address, false)
	if err == nil {
		err = d.checkVersion(ctx)
	}
	if err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

func (d *DB) pools(address string, writer bool) (err error) {
	if d.reads, err = pool(address, 4); err != nil || !writer {
		return err
	}
	d.writes, err = pool(address, 1)
	return err
}

func pool(address string, connections int) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil { // the error holds the password
		return nil, errors.New("not an address of PostgreSQL such as postgres://sentinel@db/sentinel")
	}
	cfg.RuntimeParams["application_name"] = "sentinel state"
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["lock_timeout"] = "10s"
	cfg.RuntimeParams["statement_timeout"] = "60s"
	cfg.ConnectTimeout = 5 * time.Second
	db := sql.OpenDB(rewriting{stdlib.GetConnector(*cfg)})
	db.SetMaxOpenConns(connections)
	db.SetConnMaxLifetime(30 * time.Minute)
	return db, nil
}

// Name is the address without its password.
func (d *DB) Name() string { return d.name }

// Reads is the pool for reading.
func (d *DB) Reads() *sql.DB { return d.reads }

// Snapshot begins a transaction that reads the state as it is at one instant.
func (d *DB) Snapshot(ctx context.Context) (*sql.Tx, error) {
	return d.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
}

// InsertSizes are the numbers of rows that an insert is prepared for, largest first.
// Every statement is a round trip.
func (d *DB) InsertSizes() []int { return []int{64, 8, 1} }

// Leading checks that this process still leads. If the session was lost and nobody else
// has led since, it takes the lock again. For a reader it does nothing.
func (d *DB) Leading(ctx context.Context) error {
	if d.lead == nil {
		return nil
	}
	return d.lead.check(ctx)
}

// Describe adds to an error which state it is about and what to do.
func (d *DB) Describe(err error) error {
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	switch {
	case errors.As(err, &refused) && refused.Code == "42P01": // undefined_table
		return engine.Describe(d.name, err, nil, "start `sentinel run` once to make its tables")
	case errors.As(err, &refused) && refused.Code == "53100": // disk_full
		return engine.Describe(d.name, err, engine.ErrFull, "free some space")
	case errors.As(err, &unreachable):
		return engine.Describe(d.name, err, nil, "is the server up, and are user and password right?")
	}
	return engine.Describe(d.name, err, nil, engine.Advice(err))
}

// AfterCopy continues the row numbers above those that were copied. It takes the
// numbered columns by table.
func (d *DB) AfterCopy(ctx context.Context, tx *sql.Tx, identities map[string]string) error {
	const set = `
SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), (SELECT coalesce(max(%[2]s), 0) + 1 FROM %[1]s), false)`
	for table, column := range identities {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(set, table, column)); err != nil {
			return err
		}
	}
	return nil
}

// Guard does nothing: a database cannot be taken away while it is open.
func (d *DB) Guard(context.Context) (rewritten bool, err error) { return false, nil }

// Size is the bytes of all tables with their indexes.
func (d *DB) Size(ctx context.Context) (size int64, err error) {
	const query = `
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`
	if err := d.reads.QueryRowContext(ctx, query).Scan(&size); err != nil {
		return 0, fmt.Errorf("state: %w", err)
	}
	return size, nil
}

// Verify does nothing: the server's pages have checksums of their own.
func (d *DB) Verify(context.Context) error { return nil }

// Backup writes a consistent copy to a new SQLite file, by way of copyTo.
func (d *DB) Backup(ctx context.Context, path string, copyTo func(context.Context, string) error) error {
	return copyTo(ctx, path)
}

// Close closes all connections. A second call does nothing.
func (d *DB) Close() (err error) {
	if d.reads != nil {
		err = errors.Join(err, d.reads.Close())
	}
	if d.writes != nil {
		err = errors.Join(err, d.writes.Close())
	}
	if d.lead != nil {
		err = errors.Join(err, d.lead.close())
	}
	return err
}
