package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	engine "modernc.org/sqlite/lib"
)

// ErrLocked: another process writes to the file.
var ErrLocked = errors.New("another sentinel is using this state")

// ErrNewer: the file was written by a newer Sentinel.
var ErrNewer = errors.New("the state was written by a newer sentinel")

// ErrFull: there is no room to write. What was recorded before stays, and
// recording goes on once there is room again.
var ErrFull = errors.New("no space left for the state")

// ErrDamaged: the file is not a database, or parts of it cannot be read.
var ErrDamaged = errors.New("not a sentinel state, or damaged")

var (
	errReadOnly = errors.New("the state is open for reading only")
	errForeign  = errors.New("the database of another program")
	errOlder    = errors.New("the state is of an older version")
)

// advice says what to do about an error, and which of the exported errors it is;
// "" and nil when only the error itself can tell.
func advice(err error) (todo string, kind error) {
	var refused *pgconn.PgError
	var unreachable *pgconn.ConnectError
	switch {
	case errors.As(err, &refused) && refused.Code == "42P01":
		return "start `sentinel run` once to make its tables", nil
	case errors.As(err, &refused) && refused.Code == "53100":
		return "free some space", ErrFull
	case errors.As(err, &unreachable):
		return "is the server up, and are user and password right?", nil
	}
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return todoWithoutEngine(err), nil
	}
	switch failure.Code() & 0xff { // the low byte is the kind, the rest refines it
	case engine.SQLITE_FULL:
		return "free some space", ErrFull
	case engine.SQLITE_NOTADB, engine.SQLITE_CORRUPT:
		return "move it away, or restore a back-up", ErrDamaged
	case engine.SQLITE_READONLY, engine.SQLITE_CANTOPEN, engine.SQLITE_PERM:
		return "check the permissions of the file and of its directory", nil
	case engine.SQLITE_BUSY, engine.SQLITE_LOCKED:
		return "another program keeps the file locked: close it", nil
	}
	return "", nil
}

func todoWithoutEngine(err error) string {
	switch {
	case errors.Is(err, ErrNewer):
		return "run that version, or keep this state and name another"
	case errors.Is(err, errOlder):
		return "start `sentinel run` once to bring it up to date"
	case errors.Is(err, errForeign):
		return "name another file as `state:`"
	case errors.Is(err, fs.ErrPermission):
		return "check the permissions of the file and of its directory"
	}
	return ""
}

// describe adds to an error which state it is about and what to do.
func describe(path string, err error) error {
	todo, kind := advice(err)
	if kind != nil {
		err = fmt.Errorf("%w: %w", kind, err)
	}
	if todo != "" {
		return fmt.Errorf("state %s: %w: %s", path, err, todo)
	}
	return fmt.Errorf("state %s: %w", path, err)
}
