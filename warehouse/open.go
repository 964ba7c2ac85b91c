package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

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
	Config   Config
	Dialect  Dialect
	sessions Sessions
	servers  *failover
	// relations is what the last catalog says of their number, for the next one.
	relations atomic.Int64
}

// Server names the server that statements go to now, such as "standby 1". It is
// empty for the primary.
func (db *DB) Server() string { return db.servers.Server() }

// Open prepares a warehouse. The server need not be up. The error says what is
// wrong with the configuration and never holds the DSN's password.
func Open(cfg Config) (*DB, error) {
	if cfg.Dialect == "" {
		cfg.Dialect = DialectOf(cfg.DSN.Reveal())
	}
	d, err := DialectNamed(cfg.Dialect)
	if scheme, _, is := strings.Cut(cfg.DSN.Reveal(), "://"); err != nil && cfg.Dialect == "" && is {
		return nil, fmt.Errorf("warehouse %s: no dialect takes a DSN that begins with %q: there are %s", cfg.Name,
			scheme+"://", strings.Join(Dialects(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("warehouse %s: %w", cfg.Name, err)
	}
	cfg = cfg.withDefaults()
	servers := &failover{now: cfg.Clock.Now, observer: cfg.Observer}
	for i, dsn := range append([]sentinel.Secret{cfg.DSN}, cfg.StandbyDSN...) {
		name, config := "primary", cfg
		if i > 0 {
			name = fmt.Sprintf("standby %d", i)
		}
		config.DSN = dsn
		sessions, err := d.Open(config)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("warehouse %s: %s: %w", cfg.Name, name, err), servers.Close())
		}
		servers.servers = append(servers.servers, &server{name: name, sessions: sessions})
	}
	sessions := &observed{Sessions: servers, observer: cfg.Observer, now: cfg.Clock.Now}
	return &DB{Config: cfg, Dialect: d, sessions: sessions, servers: servers}, nil
}

// Run sends statements; see [Sessions.Run].
func (db *DB) Run(ctx context.Context, statements []Statement, done func(i int, rows Rows, err error)) {
	db.sessions.Run(ctx, statements, done)
}

// Catalog reads catalog facts; see [Dialect.Catalog].
func (db *DB) Catalog(ctx context.Context, scope Scope) (*Catalog, error) {
	scope.Relations = int(db.relations.Load())
	c, err := db.Dialect.Catalog(ctx, db.sessions, scope)
	if err == nil {
		db.relations.Store(int64(c.Relations))
		db.Config.Observer.Lag(c.Standby, c.Lag)
	}
	return c, err
}

// MustConfirm reports whether what the catalog does not show may be there all the same;
// see [Confirmer].
func (db *DB) MustConfirm() bool {
	_, ok := db.Dialect.(Confirmer)
	return ok
}

// ConfirmRemoved returns nil if what before has and now has not is gone from the table, and
// otherwise why that cannot be said; see [Confirmer].
func (db *DB) ConfirmRemoved(ctx context.Context, before, now *Table) error {
	if c, ok := db.Dialect.(Confirmer); ok {
		return c.ConfirmRemoved(ctx, db.sessions, before, now)
	}
	return nil
}

// Close closes all connections.
func (db *DB) Close() error { return db.sessions.Close() }

// Explain returns the engine's plan of a statement, without running it.
func (db *DB) Explain(ctx context.Context, st Statement) (string, error) {
	if d, ok := db.Dialect.(Explainer); ok {
		st.SQL = d.Explain(st.SQL)
	} else {
		st.SQL = "EXPLAIN " + st.SQL
	}
	return db.answerText(ctx, st)
}

// answerText returns the answer to a statement as text, a line a row.
func (db *DB) answerText(ctx context.Context, st Statement) (string, error) {
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
