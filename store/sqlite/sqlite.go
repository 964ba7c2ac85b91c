// Package sqlite keeps the state in one SQLite file in write-ahead mode. One process
// writes. Others can read meanwhile. Begin with [Open].
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// DB is an open file. Its methods may be called concurrently, except Write, which only
// one goroutine at a time may call.
type DB struct {
	path   string
	lock   *os.File // nil for readers
	reads  *sql.DB
	writes *sql.DB // one connection; nil for readers
	// These are the open file, and the log and its index beside it. Only the goroutine that
	// writes uses them.
	file   os.FileInfo
	beside map[string]os.FileInfo // by suffix
	lost   bool                   // another file is in its place
	// expiring says that reading connections are closed after each use, because some may
	// still have a file open that was deleted.
	expiring bool
}

// Open opens the file for writing, creates it if it is missing, and migrates an older
// one.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := resolve(path)
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
	d := &DB{path: path, lock: lock}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

// OpenReader opens an existing file for reading, also while an agent writes.
func OpenReader(ctx context.Context, path string) (*DB, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("state: %w: run `sentinel run` or `sentinel check` first", err)
	}
	d := &DB{path: path}
	if d.reads, err = connect(path, "ro", 2); err == nil {
		var v int
		if v, err = version(ctx, d.reads); err == nil {
			err = engine.CheckVersion(v, len(migrationNames()))
		}
	}
	if err != nil {
		return nil, errors.Join(d.Describe(err), d.Close())
	}
	return d, nil
}

// resolve makes the path absolute. Two names of one file must meet in one lock.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("state %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path, nil
}

// create makes the file before the driver does, so that others can never read the file
// and those that the driver puts beside it.
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

func (d *DB) open(ctx context.Context) (err error) {
	if d.writes, err = connect(d.path, "rw", 1); err != nil {
		return err
	}
	if err := d.migrate(ctx); err != nil {
		return err
	}
	if d.reads, err = connect(d.path, "ro", 2); err != nil {
		return err
	}
	return d.identify()
}

func connect(path, mode string, connections int) (*sql.DB, error) {
	// A commit in write-ahead mode survives the death of the process without a sync. A
	// power cut may undo the last commits, but never tear one.
	pragmas := []string{"busy_timeout(5000)", "cache_size(-500)"}
	if mode != "ro" {
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(NORMAL)", "secure_delete(ON)")
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

// Name is the path of the file.
func (d *DB) Name() string { return d.path }

// Reads is the pool for reading.
func (d *DB) Reads() *sql.DB { return d.reads }

// Snapshot begins a transaction that reads. All of SQLite's are snapshots.
func (d *DB) Snapshot(ctx context.Context) (*sql.Tx, error) {
	return d.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}

// InsertSizes are the numbers of rows that an insert is prepared for, largest first.
// SQLite spends more time on parsing a long statement than on running a short one
// often.
func (d *DB) InsertSizes() []int { return []int{16, 1} }

// Session is always the same: nothing takes committed rows of a file back.
func (d *DB) Session() int64 { return 0 }

// Leading reports that the writer of a file always leads.
func (d *DB) Leading(context.Context) error { return nil }

// Watch returns ctx: a file answers.
func (d *DB) Watch(ctx context.Context) (_ context.Context, progress, stop func()) {
	return ctx, func() {}, func() {}
}

// Write runs do in one transaction. If do fails, nothing of it stays. A durable
// transaction waits for the disk, and so survives a power cut. The context that do gets
// has no end: a file always answers, and database/sql would start a goroutine for every
// statement that can be cancelled. When ctx ends, the transaction is rolled back.
func (d *DB) Write(ctx context.Context, durable bool, do func(context.Context, *sql.Tx) error) (err error) {
	if d.writes == nil {
		return engine.ErrReadOnly
	}
	if d.lost {
		return engine.ErrReplaced
	}
	if durable {
		if _, err := d.writes.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
			return err
		}
		defer func() {
			_, reset := d.writes.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL")
			err = errors.Join(err, reset)
		}()
	}
	tx, err := d.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, rollback(tx))
		}
	}()
	if err = do(context.WithoutCancel(ctx), tx); err != nil {
		return err
	}
	committed = true
	return tx.Commit()
}

// Erase moves the write-ahead log into the file, and empties it. Deleted rows are overwritten
// in the file, but the log may still have them. A reader that stays on an old snapshot for
// longer than the busy timeout leaves the log until the next checkpoint.
func (d *DB) Erase(ctx context.Context) error {
	if d.writes == nil {
		return engine.ErrReadOnly
	}
	_, err := d.writes.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// rollback undoes tx, unless the end of its context or the engine already did: SQLite
// rolls a transaction back by itself when the disk is full.
func rollback(tx *sql.Tx) error {
	err := tx.Rollback()
	if err == nil || errors.Is(err, sql.ErrTxDone) || strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	return fmt.Errorf("rolling back: %w", err)
}

// AfterCopy does nothing: SQLite continues the numbering of rows by itself.
func (d *DB) AfterCopy(context.Context, *sql.Tx, map[string]string) error { return nil }

// Size is the bytes on disk, with the write-ahead log.
func (d *DB) Size(context.Context) (size int64, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(d.path + suffix)
		if err == nil {
			size += info.Size()
		} else if !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("state: %w", err)
		}
	}
	return size, nil
}

// Verify checks every page of the file.
func (d *DB) Verify(ctx context.Context) error {
	var answer string
	if err := d.reads.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return d.Describe(err)
	}
	if answer != "ok" {
		return fmt.Errorf("state %s: %w: %s: restore a backup", d.path, engine.ErrDamaged, answer)
	}
	return nil
}

// Backup writes a consistent copy to a new file.
func (d *DB) Backup(ctx context.Context, path string, _ func(context.Context, string) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("backing up state %s: %w", d.path, err)
	}
	_, err = d.reads.ExecContext(ctx, "VACUUM INTO ?", path)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("backing up state %s to %s: %w", d.path, path, errors.Join(err, os.Remove(path)))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes the name of a new file survive a power cut.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// closeTimeout limits how long Close writes what would be lost with the open file.
const closeTimeout = 10 * time.Minute

// Close closes the file and gives the lock back. A writer first looks at what became of the
// file, like [DB.Guard]: what is only in a file without a name would be lost. A second call
// does nothing.
func (d *DB) Close() (err error) {
	if d.lock != nil && d.file != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if !d.lost {
			_, err = d.Guard(ctx)
		}
		if d.lost {
			err = errors.Join(err, d.keepAside(ctx))
		}
	}
	if d.reads != nil {
		err = errors.Join(err, d.reads.Close())
	}
	if d.writes != nil {
		err = errors.Join(err, d.writes.Close()) // the last to close folds the log into the file
	}
	if d.lock != nil {
		err = errors.Join(err, unlockFile(d.lock))
		d.lock = nil
	}
	return err
}
