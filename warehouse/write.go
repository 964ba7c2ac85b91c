package warehouse

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// OpenForWriting opens the sessions of cfg.RepairDSN, which nothing but repairs
// may use. Every statement belongs in a transaction: a server finishes a
// statement outside of one even when the client is dead. classify turns the
// driver's errors into [Error].
func OpenForWriting(cfg Config) (db *sql.DB, dialect WriteDialect, classify func(error) error, err error) {
	cfg = cfg.withDefaults()
	dsn := cfg.RepairDSN.Reveal()
	name := cmp.Or(DialectOf(dsn), cfg.Dialect)
	d, ok := registered(name).(WriteDialect)
	if !ok {
		return nil, nil, nil, fmt.Errorf("repair_dsn: want the address of a warehouse that can be written to: %s",
			strings.Join(writers(), ", "))
	}
	db, err = d.OpenForWriting(cfg)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("repair_dsn: %w", ScrubDSN(err, cfg.RepairDSN))
	}
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetConnMaxIdleTime(time.Minute)
	return db, d, func(err error) error { return d.Classify(ScrubDSN(err, cfg.RepairDSN)) }, nil
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
func Bind(d Dialect, args []any) []any {
	if w, ok := d.(WriteDialect); ok {
		return w.Bind(args)
	}
	return args
}
