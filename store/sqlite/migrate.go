package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

//go:embed migrations/*.sql
var migrations embed.FS

func migrationNames() []string { return engine.MigrationNames(migrations, "migrations") }

// conversions are the steps in Go that follow a script, by the script's name.
var conversions = map[string]func(context.Context, *sql.Tx) error{
	"migrations/006_rows.sql":      digestBaselines,
	"migrations/008_format.sql":    convert,
	"migrations/009_incidents.sql": convertIncidents,
	"migrations/012_names.sql":     engine.NumberNames,
}

// rewriting are the steps that write ticks or observations anew, beside the old ones.
var rewriting = map[string]bool{
	"migrations/002_append.sql": true,
	"migrations/006_rows.sql":   true,
	"migrations/007_blocks.sql": true,
	"migrations/008_format.sql": true,
	"migrations/012_names.sql":  true,
}

// room refuses to begin such steps without as much free space as the file takes.
func (d *DB) room(ctx context.Context) error {
	size, err := d.Size(ctx)
	if err != nil {
		return err
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(d.path), &disk); err != nil {
		return err
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < size {
		const mega = 1_000_000
		return fmt.Errorf("%w: to bring it up to date takes up to %d MB, and %d MB are free",
			engine.ErrFull, size/mega+1, free/mega)
	}
	return nil
}

// version reads the version of the file; 0 for an empty one. It refuses a database with
// the tables of another program before anything is written.
func version(ctx context.Context, db *sql.DB) (v int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	const query = `SELECT count(*), count(*) FILTER (WHERE name IN ('last_result', 'last_tick')) FROM sqlite_master`
	var tables, ours int
	err = db.QueryRowContext(ctx, query).Scan(&tables, &ours)
	if err == nil && tables > 0 && ours == 0 {
		err = engine.ErrForeign
	}
	return v, err
}

// migrate brings an older file to this version in one transaction a step, so that a
// kill in between leaves a whole older version.
func (d *DB) migrate(ctx context.Context) error {
	v, err := version(ctx, d.writes)
	if err != nil {
		return err
	}
	names := migrationNames()
	if v > len(names) {
		return engine.ErrNewer
	}
	if v > 0 && slices.ContainsFunc(names[v:], func(name string) bool { return rewriting[name] }) {
		if err := d.room(ctx); err != nil {
			return err
		}
	}
	for i := v; i < len(names); i++ {
		if v > 0 {
			slog.InfoContext(ctx, "migrating the state", "to_version", i+1, "of", len(names))
		}
		if err := d.step(ctx, names[i], i+1); err != nil {
			return fmt.Errorf("migrating to version %d: %w", i+1, err)
		}
	}
	return nil
}

func (d *DB) step(ctx context.Context, name string, version int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	return d.Write(ctx, false, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return err
		}
		if convert := conversions[name]; convert != nil {
			if err := convert(ctx, tx); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// digestBaselines gives the schemas in a file of an older version their digests.
func digestBaselines(ctx context.Context, tx *sql.Tx) error {
	digests := map[int64][]byte{}
	err := engine.Each(ctx, tx, "SELECT id, data FROM baseline", nil, func(scan func(...any) error) error {
		var id int64
		var data []byte
		if err := scan(&id, &data); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		digests[id] = sum[:]
		return nil
	})
	if err != nil {
		return err
	}
	for id, digest := range digests {
		if _, err := tx.ExecContext(ctx, "UPDATE baseline SET digest = ? WHERE id = ?", digest, id); err != nil {
			return err
		}
	}
	return nil
}
