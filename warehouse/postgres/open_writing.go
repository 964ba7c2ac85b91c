package postgres

import (
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// OpenForWriting implements warehouse.WriteDialect.
func (Dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	cc, err := pgx.ParseConfig(cfg.RepairDSN.Reveal())
	if err != nil {
		return nil, err
	}
	cc.RuntimeParams["TimeZone"] = "UTC"
	cc.RuntimeParams["DateStyle"] = "ISO"
	cc.RuntimeParams["application_name"] = "sentinel/repair"
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 10 * time.Second
	}
	return stdlib.OpenDB(*cc), nil
}

// Classify implements warehouse.WriteDialect.
func (Dialect) Classify(err error) error { return classify(err) }

// Bind implements warehouse.WriteDialect.
func (Dialect) Bind(args []any) []any { return args }
