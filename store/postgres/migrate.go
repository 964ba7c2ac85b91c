package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

//go:embed migrations/*.sql
var migrations embed.FS

func migrationNames() []string { return engine.MigrationNames(migrations, "migrations") }

// conversions are the steps in Go that follow a script, by the script's name.
var conversions = map[string]func(context.Context, *sql.Tx) error{
	"migrations/004_format.sql":    convert,
	"migrations/005_incidents.sql": convertIncidents,
	"migrations/008_names.sql":     engine.NumberNames,
}

// schemaLock is the advisory lock that is held while the schema is brought up to
// date.
const schemaLock = 0x53656e75

const selectVersion = "SELECT coalesce(max(version), 0) FROM sentinel_state_version"

// migrate brings the schema up to date, one transaction a step.
func migrate(ctx context.Context, by login) (err error) {
	db, err := pool(by, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// A step may take long, and so may the wait for another process's steps.
	if _, err := conn.ExecContext(ctx, "SET statement_timeout = 0; SET lock_timeout = 0"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?)", schemaLock); err != nil {
		return err
	}
	const create = "CREATE TABLE IF NOT EXISTS sentinel_state_version (version INTEGER NOT NULL)"
	if _, err := conn.ExecContext(ctx, create); err != nil {
		return err
	}
	version := 0
	if err := conn.QueryRowContext(ctx, selectVersion).Scan(&version); err != nil {
		return err
	}
	names := migrationNames()
	if version > len(names) {
		return engine.ErrNewer
	}
	for i := version; i < len(names); i++ {
		if version > 0 {
			slog.InfoContext(ctx, "migrating the state", "to_version", i+1, "of", len(names))
		}
		if err := step(ctx, conn, names[i], i+1); err != nil {
			return fmt.Errorf("migrating to version %d: %w", i+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, conn *sql.Conn, name string, version int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	// A statement of an earlier step may have the same text, and columns of other types.
	err = conn.Raw(func(c any) error { return c.(rewritten).Conn.Conn().DeallocateAll(ctx) })
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, string(text))
	if convert := conversions[name]; convert != nil && err == nil {
		err = convert(ctx, tx)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO sentinel_state_version VALUES (?)", version)
	}
	if err != nil {
		return errors.Join(err, rollback(tx))
	}
	return tx.Commit()
}

// checkVersion reports whether this program can read the state as it is.
func (d *DB) checkVersion(ctx context.Context) error {
	version := 0
	if err := d.reads.QueryRowContext(ctx, selectVersion).Scan(&version); err != nil {
		return err
	}
	return engine.CheckVersion(version, len(migrationNames()))
}
