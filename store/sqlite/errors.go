package sqlite

import (
	"errors"
	"io/fs"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// Describe adds to an error which file it is about and what to do.
func (d *DB) Describe(err error) error { return describe(d.path, err) }

func describe(path string, err error) error {
	todo, kind := classify(err)
	return engine.Describe(path, err, kind, todo)
}

// classify returns the exported error of a state that err is, and what to do about it.
// It returns "" and nil if err fits none of them.
func classify(err error) (todo string, kind error) {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		if errors.Is(err, fs.ErrPermission) {
			return "check the permissions of the file and of its directory", nil
		}
		return engine.Advice(err), nil
	}
	switch failure.Code() & 0xff { // the low byte is the kind, the rest refines it
	case lib.SQLITE_FULL:
		return "free some space", engine.ErrFull
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return "move it away, or restore a backup", engine.ErrDamaged
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return "check the permissions of the file and of its directory", nil
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return "another program keeps the file locked: close it", nil
	}
	return "", nil
}
