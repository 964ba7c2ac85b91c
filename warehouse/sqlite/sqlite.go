// Package sqlite is the dialect of SQLite 3 files. sqlite.go opens them, catalog.go reads
// the catalog, types.go the types, and writing.go is for repairs. Begin with [Dialect].
package sqlite

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

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

func init() { warehouse.Register(Dialect{}) }

// Dialect implements [warehouse.Dialect] and [warehouse.WriteDialect].
type Dialect struct{}

// Quote implements warehouse.Dialect. It writes backticks: SQLite reads a name in double
// quotes that it does not know as a text.
func (Dialect) Quote(ident string) (string, error) {
	if err := warehouse.CheckIdentifier(ident); err != nil {
		return "", err
	}
	return "`" + strings.ReplaceAll(ident, "`", "``") + "`", nil
}

// Param implements warehouse.Dialect.
func (Dialect) Param(int) string { return "?" }

// Path takes the file's path out of a DSN: sqlite:shop.db, file:shop.db.
func Path(dsn string) string {
	path := strings.TrimPrefix(strings.TrimPrefix(dsn, "sqlite:"), "file:")
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "//"), "?")
	return path
}

// Open implements warehouse.Dialect.
func (Dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	path := Path(cfg.DSN.Reveal())
	if path == "" {
		return nil, errors.New("dsn: want sqlite:PATH")
	}
	// Without _dqs=0 a misspelt name in double quotes is a text, also in SQL of the user.
	pragmas := url.Values{"mode": {"ro"}, "_dqs": {"0"}, "_pragma": {
		"query_only(1)", fmt.Sprintf("busy_timeout(%d)", cfg.LockTimeout.Milliseconds()),
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetConnMaxLifetime(warehouse.ConnectionLifetime)
	return &sqlpool.Pool{
		DB:             db,
		MaxConnections: cfg.MaxConnections,
		Timeout:        cfg.StatementTimeout,
		Translator:     translator{path: path},
		Timings:        cfg.Timings,
	}, nil
}

// translator is the driver's part of a pool on one file.
type translator struct{ path string }

// Bind implements sqlpool.Translator.
func (translator) Bind(args []any) []any { return bind(args) }

// Classify implements sqlpool.Translator. The driver's "unable to open database
// file" does not say why; the file does.
func (t translator) Classify(err error) error {
	if _, statErr := os.Stat(t.path); statErr != nil {
		return &warehouse.Error{Kind: warehouse.Unreachable, Err: statErr}
	}
	return classify(err)
}

// bind binds times as the text form SQLite's own functions write.
func bind(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if t, ok := a.(time.Time); ok {
			out[i] = t.UTC().Format("2006-01-02 15:04:05.999")
		}
	}
	return out
}

func classify(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &warehouse.Error{Kind: warehouse.TimedOut, Err: err}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return &warehouse.Error{Kind: warehouse.BadStatement, Err: err}
	}
	kind := warehouse.BadStatement
	switch code, text := e.Code()&0xff, e.Error(); {
	case strings.Contains(text, "no such table"):
		kind = warehouse.MissingTable
	case strings.Contains(text, "no such column"):
		kind = warehouse.MissingColumn
	case code == sqlitelib.SQLITE_INTERRUPT:
		kind = warehouse.TimedOut
	case code == sqlitelib.SQLITE_BUSY || code == sqlitelib.SQLITE_LOCKED:
		kind = warehouse.Locked
	case e.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY,
		e.Code() == sqlitelib.SQLITE_CONSTRAINT_ROWID:
		kind = warehouse.Conflict
	case code == sqlitelib.SQLITE_CANTOPEN || code == sqlitelib.SQLITE_NOTADB,
		code == sqlitelib.SQLITE_IOERR || code == sqlitelib.SQLITE_CORRUPT:
		kind = warehouse.Unreachable
	case code == sqlitelib.SQLITE_PERM || code == sqlitelib.SQLITE_AUTH || code == sqlitelib.SQLITE_READONLY:
		kind = warehouse.Forbidden
	}
	return &warehouse.Error{Kind: kind, Code: fmt.Sprint(e.Code()), Err: err}
}

// Explain implements warehouse.Explainer.
func (Dialect) Explain(sql string) string { return "EXPLAIN QUERY PLAN " + sql }

// Matches implements warehouse.Dialect.
func (Dialect) Matches(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "sqlite" || scheme == "file"
}

// Name implements warehouse.Dialect.
func (Dialect) Name() string { return "sqlite" }

// Resolve implements warehouse.FileDialect.
func (Dialect) Resolve(dsn string, absolute func(path string) string) string {
	return "sqlite:" + absolute(Path(dsn))
}

// CheckDSN implements warehouse.DSNChecker.
func (Dialect) CheckDSN(dsn string) error {
	path, _, _ := strings.Cut(Path(dsn), "?")
	switch {
	case strings.TrimSpace(path) == "":
		return errors.New("it names no file: write the PATH after the colon")
	case strings.Contains(path, ":memory:"):
		return errors.New("a database in memory is empty for each connection: want sqlite:PATH of a file")
	}
	return nil
}
