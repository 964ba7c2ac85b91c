package mysql

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// strictMode refuses values that do not fit: without it they are cut and stored.
const strictMode = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE," +
	"ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"

// OpenForWriting implements warehouse.WriteDialect.
func (Dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	cc, err := parseDSN(cfg.RepairDSN.Reveal())
	if err != nil {
		return nil, err
	}
	if cc.Params == nil {
		cc.Params = map[string]string{}
	}
	seconds := fmt.Sprintf("%.0f", max(1, cfg.LockTimeout.Seconds()))
	cc.Params["time_zone"] = "'+00:00'"
	cc.Params["sql_mode"] = strictMode
	cc.Params["lock_wait_timeout"] = seconds
	cc.Params["innodb_lock_wait_timeout"] = seconds
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
	return sql.OpenDB(connector), nil
}

// Classify implements warehouse.WriteDialect.
func (Dialect) Classify(err error) error { return classify(err) }

// Bind implements warehouse.WriteDialect.
func (Dialect) Bind(args []any) []any { return bind(args) }
