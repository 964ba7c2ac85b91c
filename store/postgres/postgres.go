// Package postgres keeps the state in a PostgreSQL database, for several agents. One
// agent leads and writes. Begin with [Open].
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// DB is an open state. Its methods may be called concurrently, except Write, which only
// one goroutine at a time may call.
type DB struct {
	name   string
	lead   *leadership // nil for readers
	reads  *sql.DB
	writes *sql.DB // one connection; nil for readers
	// session is the connection of the last write, and sessions counts those before and it.
	session  *stdlib.Conn
	sessions int64
}

// Open opens a state for writing, once no other agent leads, and migrates it. The error
// is ErrLocked while another agent leads. The DSN is read again when it is refused.
func Open(ctx context.Context, dsn sentinel.Secret) (*DB, error) {
	by := newLogin(dsn)
	d := &DB{name: by.name(), lead: newLeadership(by)}
	err := d.pools(by, true)
	if err == nil {
		err = d.lead.take(ctx, func(ctx context.Context) error { return migrate(ctx, by) })
	}
	if err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

// OpenReader opens an existing state for reading.
func OpenReader(ctx context.Context, dsn sentinel.Secret) (*DB, error) {
	by := newLogin(dsn)
	d := &DB{name: by.name()}
	err := d.pools(by, false)
	if err == nil {
		err = d.checkVersion(ctx)
	}
	if err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

func (d *DB) pools(by login, writer bool) (err error) {
	if d.reads, err = pool(by, 4); err != nil || !writer {
		return err
	}
	d.writes, err = pool(by, 1)
	return err
}

func pool(by login, connections int) (*sql.DB, error) {
	if _, err := by.config(); err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{by, map[string]string{
		"application_name": "sentinel state", "timezone": "UTC", "lock_timeout": "10s", "statement_timeout": "60s",
	}})
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
// Every statement is a round trip: there are as many as ones in the binary number of rows.
func (d *DB) InsertSizes() []int { return []int{128, 64, 32, 16, 8, 4, 2, 1} }

// Session is the number of the session of the server that wrote last, or writes now. Only the
// goroutine that writes calls it.
func (d *DB) Session() int64 { return d.sessions }

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
