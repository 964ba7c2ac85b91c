// Package warehouse talks to the databases that Sentinel watches.
//
// [Dialect] is what an engine must provide. The engines are packages of their own,
// such as warehouse/postgres, and register themselves when they are imported; this
// package imports no driver. [Open] makes a [DB]: read-only pools with time limits,
// failover to standbys, and a meter. [Catalog] and [Type] are what all engines'
// catalogs and types become. Begin to read at [Dialect] and [DB].
package warehouse

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Config says how to reach one warehouse. Its exported fields are the YAML
// under `warehouses: NAME:`.
type Config struct {
	Name             string            `yaml:"-"`
	Dialect          string            `yaml:"dialect" words:"dialects" doc:"Engine. Default: the one that the scheme of the DSN names."`
	DSN              sentinel.Secret   `yaml:"dsn" doc:"Address: postgres://..., mysql://..., user:password@tcp(host)/db or sqlite:PATH."`
	StandbyDSN       []sentinel.Secret `yaml:"standby_dsn" doc:"Addresses for checks, in order, while those before do not answer."`
	RepairDSN        sentinel.Secret   `yaml:"repair_dsn" doc:"Address that repairs write to. Checks never use it."`
	MaxConnections   int               `yaml:"max_connections" default:"4" doc:"Connections open, and statements run, at once: 1 to 100."`
	StatementTimeout time.Duration     `yaml:"statement_timeout" default:"30s" doc:"The server cancels a statement that runs longer."`
	LockTimeout      time.Duration     `yaml:"lock_timeout" default:"1s" doc:"The server cancels a statement that waits longer for a lock."`
	RepairTimeout    time.Duration     `yaml:"repair_timeout" default:"15m" doc:"The server cancels a statement of a repair that runs longer."`
	Clock            sentinel.Clock    `yaml:"-"` // wall clock, for connection lifetimes; nil: connections live for ever
	Observer         Observer          `yaml:"-"` // nil: nobody observes
	Timings          *Timings          `yaml:"-"` // what the statements took; nil: it is not known yet
	ChangeCounters   bool              `yaml:"change_counters" doc:"Skip tables that the engine's statistics say nobody wrote to."`
	Budget           time.Duration     `yaml:"budget" doc:"How long the statements of checks may take in a day; dear checks tick more rarely. Default: any."`
}

// Dialect is what one engine spells and does differently. A dialect is a package
// that registers itself when it is imported; see [Register]. What most engines do
// alike is not in it: the optional interfaces are in optional.go.
type Dialect interface {
	// Name is the dialect's name in `dialect:`, such as "postgres".
	Name() string
	// Matches reports whether a DSN is in the form of this dialect, such as by its
	// scheme. A DSN that no dialect takes needs a `dialect:` beside it.
	Matches(dsn string) bool
	// Open prepares a pool of read-only sessions with the timeouts of cfg, character set
	// UTF-8, time zone UTC and application name "sentinel", whatever the user's own
	// settings are. The settings are read back, and no statement runs without them. It
	// does not need the server to be up.
	Open(cfg Config) (Sessions, error)
	// Quote quotes one identifier, always; an error for what the engine cannot
	// name (empty, NUL, invalid UTF-8, control and bidi characters, too long).
	Quote(ident string) (string, error)
	// Param spells the n-th bound parameter, from 1.
	Param(n int) string
	// Epoch turns a timestamp, date or (SQLite) number expression into Unix
	// seconds with microseconds, reading time-zone-less values as UTC. "" asks
	// for the database's own clock.
	Epoch(expr string) string
	// Catalog reads the facts of all tables in scope as one consistent snapshot. The
	// number of statements does not depend on the number of tables.
	Catalog(ctx context.Context, s Sessions, scope Scope) (*Catalog, error)
}

// Sessions is a pool of connections of one engine.
type Sessions interface {
	// Run sends the statements, as a pipeline where the engine has one, and
	// calls done once for each with its index. A failing statement never fails
	// its neighbours. It returns when all are answered; when ctx ends, running
	// statements are cancelled on the server and the rest answer ctx's error.
	// done may be called from several goroutines, never for one index twice. A
	// server that answers nothing is given up within [MaxOverrun] after the statement's
	// time limit, with an error of kind Unreachable.
	Run(ctx context.Context, statements []Statement, done func(i int, rows Rows, err error))
	// Close closes all connections.
	Close() error
}

// Statement is one SQL statement with its bound arguments.
type Statement struct {
	SQL  string
	Args []any // int64, float64, string, []byte, bool, time.Time (bound as UTC timestamp), nil
	// Each, when set, is called as an answer begins. The function it returns gets the
	// rows one by one, and Rows is nil. It must not keep the slice, which the next row
	// uses; it may keep the texts. A statement that is sent again because its connection
	// broke calls Each again. An error from the function fails the statement, which is
	// not sent again.
	Each func() func(row []Cell) error

	// Header asks for the columns' names as the first row of the answer. Only the
	// dialect itself sets it, for statements of its Catalog.
	Header bool
	// Custom says that a user wrote the whole statement, which [CheckQuery] has accepted.
	// Rows has at most CustomRows rows: the rest of the answer is cancelled. Nothing that
	// the statement sets or locks stays in a session.
	Custom bool
	// Locked says that the statement will wait for a lock. It is sent after the others, alone.
	Locked bool
	// VisibleRows says that the statement may read a table of which row security hides rows
	// from the user. Any other statement that would is an error of kind HiddenRows.
	VisibleRows bool
}

// CustomRows is the number of rows that are read of the answer to a custom statement.
const CustomRows = 2

// Rows is a whole answer: rows of cells, in the statement's order.
type Rows [][]Cell

// Cell is one value in the engine's text form.
type Cell struct {
	Text string
	Null bool
}

// Number reads the cell as a number; absent for NULL. A count beyond 64 bits
// is an error, never rounded.
func (c Cell) Number() (sentinel.Number, error) {
	if c.Null {
		return sentinel.Number{}, nil
	}
	return sentinel.ParseNumber(c.Text)
}
