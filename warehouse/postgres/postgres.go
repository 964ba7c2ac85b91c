// Package postgres is the dialect of PostgreSQL 12 and later. sessions.go keeps the
// connections, run.go and pipeline.go send statements, guard.go sets every statement's
// session up, errors.go classes errors, catalog.go and reading.go read the catalog, and
// writing.go is for repairs. Begin with [Dialect].
package postgres

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { warehouse.Register(Dialect{}) }

// Dialect implements [warehouse.Dialect] and [warehouse.WriteDialect].
type Dialect struct{}

// Name implements warehouse.Dialect.
func (Dialect) Name() string { return "postgres" }

// SystemName implements warehouse.SystemNamer.
func (Dialect) SystemName() string { return "postgresql" }

// Matches implements warehouse.Dialect.
func (Dialect) Matches(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "postgres" || scheme == "postgresql"
}

// Quote implements warehouse.Dialect. PostgreSQL cuts names at 63 bytes without a word,
// so longer ones are refused here.
func (Dialect) Quote(ident string) (string, error) { return warehouse.QuoteDouble(ident, 63) }

// Param implements warehouse.Dialect.
func (Dialect) Param(n int) string { return "$" + strconv.Itoa(n) }

// Epoch implements warehouse.Dialect.
func (Dialect) Epoch(expr string) string {
	if expr == "" {
		return "extract(epoch FROM clock_timestamp())"
	}
	return "extract(epoch FROM " + expr + ")"
}

// Lexicon implements warehouse.Lexer.
func (Dialect) Lexicon() warehouse.Lexicon {
	return warehouse.Lexicon{Parameters: "$", DollarQuotes: true, EscapeStrings: true, NestedComments: true}
}

// EpochOfExpression implements warehouse.ExpressionTimes. Times of day, intervals and
// numbers have no cast to a timestamp.
func (d Dialect) EpochOfExpression(expr string) string { return d.Epoch("(" + expr + ")::timestamptz") }

// ReadFormat implements warehouse.FormatReader. A value in the right form that is no date,
// such as of month 13, fails the statement.
func (d Dialect) ReadFormat(expr string, f warehouse.TimeFormat) string {
	text := "(" + expr + ")::text"
	parts := f.Parts(func(from, n int) string { return fmt.Sprintf("substr(%s, %d, %d)", text, from, n) })
	at := d.Epoch("(" + strings.Join(parts, " || ") + ")::timestamp")
	return "CASE WHEN " + text + " ~ '" + f.Pattern() + "' THEN " + at + " END"
}

// longestMessage is the largest message that is read: a row, or an error. A longer one
// breaks the connection, and not the memory.
const longestMessage = 64 << 20

// Open implements warehouse.Dialect. Poolers refuse or drop most parameters of the
// start-up message. So it has only those that they pass on, and a guard sets the rest.
func (Dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	login, err := warehouse.NewLogin(cfg.DSN, func(dsn string) (*pgconn.Config, error) {
		return parseReading(dsn, cfg)
	})
	if err != nil {
		return nil, err
	}
	return &sessions{
		observer: cfg.Observer,
		login:    login,
		now:      cfg.Clock.Now,
		timings:  cfg.Timings,
		guard:    guardFor(cfg, "off"),
		visible:  guardFor(cfg, "on"),
		limit:    cfg.StatementTimeout + warehouse.Grace,
		slots:    make(chan *session, cfg.MaxConnections),
		freed:    make(chan struct{}, cfg.MaxConnections),
		max:      cfg.MaxConnections,
	}, nil
}

// parseReading returns how a session that reads is opened by a DSN.
func parseReading(dsn string, cfg warehouse.Config) (*pgconn.Config, error) {
	cc, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cc.RuntimeParams["application_name"] = "sentinel"
	cc.RuntimeParams["client_encoding"] = "UTF8"
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = warehouse.ConnectTime(cfg.StatementTimeout)
	}
	cc.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: c}
	}
	cc.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(longestMessage)
		return f
	}
	return cc, nil
}
