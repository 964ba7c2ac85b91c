package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// OpenForWriting implements warehouse.WriteDialect. The limits of a session hold for
// statements outside of transactions too. They are set after the start-up message, which a
// pooler in session mode would refuse.
func (Dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	login, err := warehouse.NewLogin(cfg.RepairDSN, func(dsn string) (*pgx.ConnConfig, error) {
		return parseWriting(dsn, cfg)
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&writingConnector{login, cfg}), nil
}

// parseWriting returns how a session that writes is opened by a DSN.
func parseWriting(dsn string, cfg warehouse.Config) (*pgx.ConnConfig, error) {
	cc, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cc.RuntimeParams["TimeZone"] = "UTC"
	cc.RuntimeParams["DateStyle"] = "ISO"
	cc.RuntimeParams["client_encoding"] = "UTF8"
	cc.RuntimeParams["application_name"] = "sentinel/repair"
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 10 * time.Second
	}
	cc.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: c}
	}
	cc.Tracer = statementLimit(cfg.RepairTimeout + warehouse.Grace)
	return cc, nil
}

// statementLimit gives up a statement that the server has not ended in time. The canceller
// of the connection then ends it on the server.
type statementLimit time.Duration

// limitKey is the key of the function that ends the wait, in the context of a statement.
type limitKey struct{}

// TraceQueryStart implements pgx.QueryTracer. Its context is that of the statement.
func (l statementLimit) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l))
	return context.WithValue(ctx, limitKey{}, cancel)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (statementLimit) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if cancel, ok := ctx.Value(limitKey{}).(context.CancelFunc); ok {
		cancel()
	}
}

// writingConnector opens connections by the DSN as it is now.
type writingConnector struct {
	login *warehouse.Login[*pgx.ConnConfig]
	cfg   warehouse.Config
}

// Connect implements driver.Connector.
func (c *writingConnector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	_, err = c.login.Connect(ctx, func(config *pgx.ConnConfig) (err error) {
		if conn, err = stdlib.GetConnector(*config, stdlib.OptionAfterConnect(c.setLimits)).Connect(ctx); err != nil {
			return connectError(ctx, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Driver implements driver.Connector.
func (c *writingConnector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Classify implements warehouse.WriteDialect.
func (Dialect) Classify(err error) error { return classify(err) }

// Bind implements warehouse.WriteDialect.
func (Dialect) Bind(args []any) []any { return args }

// setLimits sets the limits of a session. A statement that would read or change only the rows
// that row security leaves fails.
func (c *writingConnector) setLimits(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT
		pg_catalog.set_config('statement_timeout', $1, false),
		pg_catalog.set_config('lock_timeout', $2, false),
		pg_catalog.set_config('row_security', 'off', false),
		pg_catalog.set_config('client_connection_check_interval', '500ms', false)`,
		fmt.Sprintf("%dms", c.cfg.RepairTimeout.Milliseconds()), fmt.Sprintf("%dms", c.cfg.LockTimeout.Milliseconds()))
	return err
}
