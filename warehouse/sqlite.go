package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

func init() { Register("sqlite", SQLite{}) }

// SQLite is a SQLite 3 database file, opened read-only.
type SQLite struct{}

// Quote implements Dialect.
func (SQLite) Quote(ident string) (string, error) { return quoteDouble(ident, 0) }

// Param implements Dialect.
func (SQLite) Param(int) string { return "?" }

// Epoch implements Dialect. Numbers are Unix seconds (Julian days where they are
// small), texts as SQLite's date functions read them.
func (SQLite) Epoch(expr string) string {
	if expr == "" {
		return "unixepoch('now', 'subsec')"
	}
	return "unixepoch(" + expr + ", 'auto', 'subsec')"
}

// SQLitePath takes the file's path out of a DSN: sqlite:shop.db, file:shop.db.
func SQLitePath(dsn string) string {
	path := strings.TrimPrefix(strings.TrimPrefix(dsn, "sqlite:"), "file:")
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "//"), "?")
	return path
}

// Open implements Dialect.
func (SQLite) Open(cfg Config) (Sessions, error) {
	path := SQLitePath(cfg.DSN.Reveal())
	if path == "" {
		return nil, errors.New("dsn: want sqlite:PATH")
	}
	pragmas := url.Values{"mode": {"ro"}, "_pragma": {
		"query_only(1)", fmt.Sprintf("busy_timeout(%d)", cfg.LockTimeout.Milliseconds()),
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetConnMaxLifetime(connectionLifetime)
	s := &sqlSessions{db: db, max: cfg.MaxConnections, timeout: cfg.StatementTimeout, args: sqliteArgs}
	s.class = func(err error) error {
		// "unable to open database file" says nothing of why; the file does.
		if _, statErr := os.Stat(path); statErr != nil {
			return &Error{Kind: Unreachable, Err: statErr}
		}
		return sqliteError(err)
	}
	return s, nil
}

// sqliteArgs binds times as the text form SQLite's own functions write.
func sqliteArgs(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if t, ok := a.(time.Time); ok {
			out[i] = t.UTC().Format("2006-01-02 15:04:05.999")
		}
	}
	return out
}

func sqliteError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Kind: TimedOut, Err: err}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return &Error{Kind: BadStatement, Err: err}
	}
	kind := BadStatement
	switch code, text := e.Code()&0xff, e.Error(); {
	case strings.Contains(text, "no such table"):
		kind = MissingTable
	case strings.Contains(text, "no such column"):
		kind = MissingColumn
	case code == sqlitelib.SQLITE_INTERRUPT:
		kind = TimedOut
	case code == sqlitelib.SQLITE_BUSY || code == sqlitelib.SQLITE_LOCKED:
		kind = Locked
	case code == sqlitelib.SQLITE_CANTOPEN || code == sqlitelib.SQLITE_NOTADB || code == sqlitelib.SQLITE_IOERR || code == sqlitelib.SQLITE_CORRUPT:
		kind = Unreachable
	case code == sqlitelib.SQLITE_PERM || code == sqlitelib.SQLITE_AUTH || code == sqlitelib.SQLITE_READONLY:
		kind = Forbidden
	}
	return &Error{Kind: kind, Code: fmt.Sprint(e.Code()), Err: err}
}

// Comparable returns how a statement compares a column with an instant: the
// expression for the column and the argument to bind. SQLite keeps times as
// texts and numbers of several forms, so both sides become Unix seconds there.
func Comparable(d Dialect, column string, at time.Time) (expr string, arg any) {
	if _, ok := d.(SQLite); ok {
		return d.Epoch(column), float64(at.UnixMicro()) / 1e6
	}
	return column, at
}
