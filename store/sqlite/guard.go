package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// Guard finds out whether the open file is still in its place. One that was deleted is
// still open, with all that was recorded: it is written again. The lock file is made anew
// where it was deleted.
func (d *DB) Guard(ctx context.Context) (rewritten bool, err error) {
	if d.writes == nil {
		return false, engine.ErrReadOnly
	}
	if d.lost {
		return false, d.replaced()
	}
	d.keepConnections()
	if err := d.guardLock(); err != nil {
		return false, err
	}
	there, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, d.rewrite(ctx)
	case err != nil:
		return false, d.Describe(err)
	case os.SameFile(there, d.file):
		return d.guardLog(ctx)
	}
	d.lost = true
	return false, errors.Join(d.replaced(), d.removeOwnLog())
}

// guardLog finds out whether the write-ahead log and its index are still in their place. If
// one was deleted or replaced, what the open log holds is moved into the file, and the file
// is opened again with a new log.
func (d *DB) guardLog(ctx context.Context) (rewritten bool, err error) {
	taken := false
	for suffix, own := range d.beside {
		there, err := os.Stat(d.path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, d.Describe(err)
		}
		taken = taken || err != nil || !os.SameFile(there, own)
	}
	if !taken {
		return false, nil
	}
	var busy, frames, moved int
	err = d.writes.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &frames, &moved)
	if err == nil && (busy != 0 || moved < frames) {
		err = errors.New("the log of the state was deleted, and a query that runs still reads it")
	}
	if err == nil {
		err = d.keepLog(ctx)
	}
	if err != nil {
		return false, d.Describe(err)
	}
	d.closeConnections()
	_, err = d.writes.ExecContext(ctx, "PRAGMA user_version") // opens it, with a new log
	if err = errors.Join(err, d.identify()); err != nil {
		return false, d.Describe(err)
	}
	return true, nil
}

// identify remembers which files are open.
func (d *DB) identify() (err error) {
	d.beside = map[string]os.FileInfo{}
	for _, suffix := range []string{"-wal", "-shm"} {
		if info, err := os.Stat(d.path + suffix); err == nil {
			d.beside[suffix] = info
		}
	}
	d.file, err = os.Stat(d.path)
	return err
}

// removeOwnLog removes the names of the log and its index, unless they were replaced too.
// They would be taken for those of the file that is in the place of the open one.
func (d *DB) removeOwnLog() (err error) {
	for suffix, own := range d.beside {
		if there, stat := os.Stat(d.path + suffix); stat == nil && os.SameFile(there, own) {
			err = errors.Join(err, os.Remove(d.path+suffix))
		}
	}
	return err
}

func (d *DB) replaced() error {
	return engine.Describe(d.path, engine.ErrReplaced, nil, "what this agent has recorded is kept beside it")
}

// guardLock takes the lock again if its file was deleted. An agent that has taken it
// meanwhile works with another file.
func (d *DB) guardLock() error {
	held, err := d.lock.Stat()
	if err != nil {
		return d.Describe(err)
	}
	if there, err := os.Stat(d.lock.Name()); err == nil && os.SameFile(held, there) {
		return nil
	}
	again, err := lockFile(d.path)
	if errors.Is(err, engine.ErrLocked) {
		d.lost = true
		return fmt.Errorf("%w: its lock was deleted, and %w", engine.ErrReplaced, err)
	}
	if err != nil {
		return err
	}
	old := d.lock
	d.lock = again
	return unlockFile(old)
}

// rewrite writes the open file again in its place.
func (d *DB) rewrite(ctx context.Context) error {
	aside := d.path + ".rewriting"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.Describe(err)
	}
	if err := errors.Join(d.copyOpen(ctx, aside), d.keepLog(ctx)); err != nil {
		return err
	}
	if err := d.removeOwnLog(); err != nil {
		return d.Describe(err)
	}
	// A link, because a rename would replace a file that somebody has put there meanwhile.
	if err := errors.Join(os.Link(aside, d.path), syncDirectory(filepath.Dir(d.path))); err != nil {
		return d.Describe(err)
	}
	d.closeConnections()
	_, err := d.writes.ExecContext(ctx, "PRAGMA user_version") // opens the new file
	if err = errors.Join(err, d.identify(), os.Remove(aside)); err != nil {
		return d.Describe(err)
	}
	return nil
}

// copyOpen writes all that the open file holds to a new file. The connection that writes
// has it open even if its name is gone.
func (d *DB) copyOpen(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return d.Describe(err)
	}
	growing, stop := whileGrowing(ctx, path, copyStalls)
	_, err = d.writes.ExecContext(growing, "VACUUM INTO ?", path)
	if cause := context.Cause(growing); err != nil && cause != nil {
		err = cause
	}
	stop()
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return d.Describe(errors.Join(err, os.Remove(path)))
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return d.Describe(err)
	}
	return nil
}

// keepAside writes what the agent has recorded beside the file that replaced its own, and
// makes sure that closing does not touch the log of the new file.
func (d *DB) keepAside(ctx context.Context) error {
	var now int64
	if err := d.writes.QueryRowContext(ctx, "SELECT unixepoch()").Scan(&now); err != nil {
		return d.Describe(err)
	}
	name := fmt.Sprintf("%s.replaced-%d", d.path, now)
	path := name
	err := d.copyOpen(ctx, path)
	for i := 2; errors.Is(err, fs.ErrExist); i++ { // never write over what was kept before
		path = fmt.Sprintf("%s-%d", name, i)
		err = d.copyOpen(ctx, path)
	}
	return errors.Join(err, d.keepLog(ctx))
}

// keepLog keeps SQLite from deleting the write-ahead log when it closes the connection
// that writes: SQLite deletes by name, and the name may be another file's now.
func (d *DB) keepLog(ctx context.Context) (err error) {
	conn, err := d.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driver any) error {
		control, ok := driver.(sqlite.FileControl)
		if !ok {
			return errors.New("the driver of SQLite has no file control")
		}
		_, err := control.FileControlPersistWAL("main", 1)
		return err
	})
}

// closeConnections makes both pools open the file by its name again. Queries that run end
// on the file that they began with. Their connections cannot write, and so delete no log.
// They expire, so that no later query gets one of them: see keepConnections.
func (d *DB) closeConnections() {
	d.reads.SetConnMaxLifetime(time.Nanosecond)
	d.expiring = true
	for _, pool := range []*sql.DB{d.reads, d.writes} {
		pool.SetMaxIdleConns(0)
		pool.SetMaxIdleConns(2)
	}
}

// keepConnections lets connections live again once none is in use: the old ones have gone.
func (d *DB) keepConnections() {
	if d.expiring && d.reads.Stats().InUse == 0 {
		d.reads.SetConnMaxLifetime(0)
		d.expiring = false
	}
}
