package warehouse

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenForWriting opens the sessions of cfg.RepairDSN, which nothing but repairs
// may use. Every statement belongs in a transaction: a server finishes what it
// was told outside of one even when the one who asked is dead. class turns the
// driver's errors into [Error].
func OpenForWriting(cfg Config) (db *sql.DB, dialect string, class func(error) error, err error) {
	cfg = cfg.withDefaults()
	dsn := cfg.RepairDSN.Reveal()
	dialect = DialectOf(dsn)
	if dialect == "" {
		dialect = cfg.Dialect
	}
	switch dialect {
	case "postgres":
		cc, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, "", nil, fmt.Errorf("repair_dsn: %w", scrub(err, passwordOf(dsn)))
		}
		cc.RuntimeParams["TimeZone"], cc.RuntimeParams["DateStyle"], cc.RuntimeParams["application_name"] = "UTC", "ISO", "sentinel/repair"
		if cc.ConnectTimeout == 0 {
			cc.ConnectTimeout = 10 * time.Second
		}
		db, class = stdlib.OpenDB(*cc), pgError
	case "mysql":
		cc, err := mysqlConfig(dsn)
		if err != nil {
			return nil, "", nil, fmt.Errorf("repair_dsn: %w", scrub(err, passwordOf(dsn)))
		}
		if cc.Params == nil {
			cc.Params = map[string]string{}
		}
		// Without strict mode a value that does not fit is cut and stored.
		cc.Params["time_zone"], cc.Params["sql_mode"] = "'+00:00'", "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
		seconds := fmt.Sprintf("%.0f", max(1, cfg.LockTimeout.Seconds()))
		cc.Params["lock_wait_timeout"], cc.Params["innodb_lock_wait_timeout"] = seconds, seconds
		cc.MultiStatements, cc.InterpolateParams, cc.ParseTime, cc.Loc = false, false, false, time.UTC
		if cc.Timeout == 0 {
			cc.Timeout = 10 * time.Second
		}
		connector, err := mysql.NewConnector(cc)
		if err != nil {
			return nil, "", nil, fmt.Errorf("repair_dsn: %w", scrub(err, cc.Passwd))
		}
		db, class = sql.OpenDB(connector), func(err error) error { return mysqlError(scrub(err, cc.Passwd)) }
	case "sqlite":
		query := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", cfg.LockTimeout.Milliseconds()), "synchronous(FULL)"}}
		db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: SQLitePath(dsn)}).EscapedPath()+"?"+query.Encode())
		if err != nil {
			return nil, "", nil, fmt.Errorf("repair_dsn: %w", err)
		}
		class = sqliteError
	default:
		return nil, "", nil, errors.New("repair_dsn: want postgres://..., mysql://... or sqlite:PATH")
	}
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetConnMaxIdleTime(time.Minute)
	return db, dialect, class, nil
}

// Bind turns arguments into what the engine's driver takes: times in the text
// form of engines without a type for them.
func Bind(dialect string, args []any) []any {
	switch dialect {
	case "sqlite":
		return sqliteArgs(args)
	case "mysql":
		return mysqlArgs(args)
	}
	return args
}
