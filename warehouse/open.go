package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/registry"
)

var dialects = registry.New[Dialect]("dialect")

// Register adds a dialect. Call it from an init function: a program that imports
// the engine's package has the engine, as with the drivers of database/sql. It
// panics on a name taken twice.
func Register(d Dialect) { dialects.Add(d.Name(), d) }

// DialectOf returns the name of the dialect whose DSNs have this form; "" when no
// registered dialect takes it.
func DialectOf(dsn string) string {
	for _, name := range Dialects() {
		if registered(name).Matches(dsn) {
			return name
		}
	}
	return ""
}

// registered returns a dialect; nil where none has the name.
func registered(name string) Dialect {
	d, err := dialects.Get(name)
	if err != nil {
		return nil
	}
	return d
}

// Dialects returns the registered dialects in alphabetical order.
func Dialects() []string { return dialects.Names() }

// DialectNamed returns a registered dialect.
func DialectNamed(name string) (Dialect, error) { return dialects.Get(name) }

// DB is one open warehouse. All methods may be called concurrently.
type DB struct {
	Config  Config
	Dialect Dialect
	pool    Sessions
	places  *failover
}

// Place is the server that statements go to now, such as "standby 1"; "" for the
// primary.
func (db *DB) Place() string { return db.places.Place() }

// Open prepares a warehouse; it does not need the server to be up. An error
// tells what is wrong with the configuration and never shows the DSN.
func Open(cfg Config) (*DB, error) {
	if cfg.Dialect == "" {
		cfg.Dialect = DialectOf(cfg.DSN.Reveal())
	}
	d, err := DialectNamed(cfg.Dialect)
	if err != nil {
		return nil, fmt.Errorf("warehouse %s: %w", cfg.Name, err)
	}
	cfg = cfg.withDefaults()
	places := &failover{warehouse: cfg.Name, now: cfg.Now, meter: cfg.Meter}
	for i, dsn := range append([]sentinel.Secret{cfg.DSN}, cfg.StandbyDSN...) {
		name, one := "primary", cfg
		if i > 0 {
			name = fmt.Sprintf("standby %d", i)
		}
		one.DSN = dsn
		pool, err := d.Open(one)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("warehouse %s: %s: %w", cfg.Name, name, err), places.Close())
		}
		places.places = append(places.places, &place{name: name, pool: pool})
	}
	var pool Sessions = places
	if cfg.Meter != nil {
		pool = &metered{pool, cfg.Meter, cfg.Now}
	}
	return &DB{Config: cfg, Dialect: d, pool: pool, places: places}, nil
}

// Run sends statements; see [Sessions.Run].
func (db *DB) Run(ctx context.Context, statements []Statement, done func(i int, rows Rows, err error)) {
	db.pool.Run(ctx, statements, done)
}

// Catalog reads catalog facts; see [Dialect.Catalog].
func (db *DB) Catalog(ctx context.Context, scope Scope) (*Catalog, error) {
	c, err := db.Dialect.Catalog(ctx, db.pool, scope)
	if m := db.Config.Meter; err == nil && m != nil && m.Lag != nil {
		m.Lag(c.Standby, c.Lag)
	}
	return c, err
}

// Close closes all connections.
func (db *DB) Close() error { return db.pool.Close() }

// Explain returns the engine's plan of a statement, without running it.
func (db *DB) Explain(ctx context.Context, st Statement) (string, error) {
	if d, ok := db.Dialect.(Explainer); ok {
		st.SQL = d.Explain(st.SQL)
	} else {
		st.SQL = "EXPLAIN " + st.SQL
	}
	var out []string
	var failed error
	db.Run(ctx, []Statement{st}, func(_ int, rows Rows, err error) {
		failed = err
		for _, r := range rows {
			cells := make([]string, len(r))
			for i, c := range r {
				cells[i] = c.Text
			}
			out = append(out, strings.Join(cells, "  "))
		}
	})
	return strings.Join(out, "\n"), failed
}
