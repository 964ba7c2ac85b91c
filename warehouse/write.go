package warehouse

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// WriteDialect is a dialect that repairs may write with.
type WriteDialect interface {
	Dialect
	// OpenForWriting prepares sessions that write to cfg.RepairDSN, with the
	// lock timeout of cfg, time zone UTC and application name "sentinel/repair".
	// Values that do not fit a column must be errors, never cut. It does not need
	// the server to be up.
	OpenForWriting(cfg Config) (*sql.DB, error)
	// Classify turns an error of the driver into an [Error].
	Classify(err error) error
	// Bind turns arguments into what the driver takes, such as times into the
	// text form of an engine without a type for them.
	Bind(args []any) []any
}

// OpenForWriting opens the sessions of cfg.RepairDSN, which nothing but repairs
// may use. Every statement belongs in a transaction: a server finishes a
// statement outside of one even when the client is dead. classify turns the
// driver's errors into [Error].
func OpenForWriting(cfg Config) (db *sql.DB, dialect string, classify func(error) error, err error) {
	cfg = cfg.withDefaults()
	dsn := cfg.RepairDSN.Reveal()
	dialect = DialectOf(dsn)
	if dialect == "" {
		dialect = cfg.Dialect
	}
	d, ok := registered(dialect).(WriteDialect)
	if !ok {
		return nil, "", nil, fmt.Errorf("repair_dsn: want the address of a warehouse that can be written to: %s",
			strings.Join(writers(), ", "))
	}
	password := PasswordOf(dsn)
	db, err = d.OpenForWriting(cfg)
	if err != nil {
		return nil, "", nil, fmt.Errorf("repair_dsn: %w", Scrub(err, password))
	}
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetConnMaxIdleTime(time.Minute)
	return db, dialect, func(err error) error { return d.Classify(Scrub(err, password)) }, nil
}

// writers are the dialects that can be written with.
func writers() []string {
	return slices.DeleteFunc(Dialects(), func(name string) bool {
		_, ok := registered(name).(WriteDialect)
		return !ok
	})
}

// Bind turns arguments into what the driver of a dialect takes; see
// [WriteDialect].
func Bind(dialect string, args []any) []any {
	if d, ok := registered(dialect).(WriteDialect); ok {
		return d.Bind(args)
	}
	return args
}
