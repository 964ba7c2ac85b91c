package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// strictMode refuses values that do not fit: without it they are cut and stored. It also
// stores the number 0 in a column with AUTO_INCREMENT, which is numbered anew otherwise.
const strictMode = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE," +
	"ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'"

// OpenForWriting implements warehouse.WriteDialect.
func (Dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	login, err := warehouse.NewLogin(cfg.RepairDSN, func(dsn string) (*writeConnector, error) {
		return parseWriting(dsn, cfg)
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&writingConnector{login, newEnder(login, cfg.Observer)}), nil
}

// writingConnector opens connections by the DSN as it is now.
type writingConnector struct {
	login *warehouse.Login[*writeConnector]
	ender *ender
}

// Connect implements driver.Connector.
func (c *writingConnector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	_, err = c.login.Connect(ctx, func(to *writeConnector) error {
		opened, err := to.connect(ctx)
		if err != nil {
			return unlessOver(ctx, err)
		}
		opened.ender, conn = c.ender, opened
		return nil
	})
	return conn, err
}

// Close implements io.Closer, which the pool calls.
func (c *writingConnector) Close() error { return c.ender.close() }

// Driver implements driver.Connector.
func (c *writingConnector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

// parseWriting returns how a session that writes is opened by a DSN.
func parseWriting(dsn string, cfg warehouse.Config) (*writeConnector, error) {
	cc, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	if cc.Params == nil {
		cc.Params = map[string]string{}
	}
	seconds := fmt.Sprintf("%.0f", max(1, cfg.LockTimeout.Seconds()))
	cc.Params["time_zone"] = "'+00:00'"
	cc.Params["sql_mode"] = strictMode
	cc.Params["foreign_key_checks"] = "1" // whatever the server's default is
	cc.Params["unique_checks"] = "1"
	cc.Params["lock_wait_timeout"] = seconds
	cc.Params["innodb_lock_wait_timeout"] = seconds
	// Only MariaDB ends other statements than SELECT in time. A session that says nothing for
	// longer is given up, and ended by another one.
	cc.ReadTimeout = cfg.RepairTimeout + warehouse.Grace
	cc.MultiStatements = false
	cc.InterpolateParams = false
	cc.ParseTime = false
	cc.Loc = time.UTC
	if cc.Timeout == 0 {
		cc.Timeout = 10 * time.Second
	}
	connector, err := mysql.NewConnector(cc)
	if err != nil {
		return nil, err
	}
	return &writeConnector{Connector: connector, limit: cfg.RepairTimeout}, nil
}

// Classify implements warehouse.WriteDialect.
func (Dialect) Classify(err error) error { return classify(err) }

// Bind implements warehouse.WriteDialect.
func (Dialect) Bind(args []any) []any { return bind(args) }
