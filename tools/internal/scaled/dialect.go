package scaled

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

// scheme begins the DSNs of SQLite files whose clock is the agent's.
const scheme = "scaled:"

// dialect is SQLite with a scaled clock. An engine has a clock of its own, by which the ages
// of rows are judged; beside an agent with a scaled clock it would be wrong more and more.
type dialect struct {
	sqlite.Dialect
	clock sentinel.ScaledClock
}

// Name implements warehouse.Dialect.
func (dialect) Name() string { return "scaled" }

// Matches implements warehouse.Dialect.
func (dialect) Matches(dsn string) bool { return strings.HasPrefix(dsn, scheme) }

// Resolve implements warehouse.FileDialect.
func (dialect) Resolve(dsn string, absolute func(path string) string) string {
	return scheme + absolute(strings.TrimPrefix(dsn, scheme))
}

// CheckDSN implements warehouse.DSNChecker.
func (d dialect) CheckDSN(dsn string) error { return d.Dialect.CheckDSN(plain(dsn)) }

func plain(dsn string) string { return "sqlite:" + strings.TrimPrefix(dsn, scheme) }

// Open implements warehouse.Dialect.
func (d dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	cfg.DSN = sentinel.NewSecret(plain(cfg.DSN.Reveal()))
	return d.Dialect.Open(cfg)
}

// OpenForWriting implements warehouse.WriteDialect.
func (d dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	cfg.RepairDSN = sentinel.NewSecret(plain(cfg.RepairDSN.Reveal()))
	return d.Dialect.OpenForWriting(cfg)
}

// Epoch implements warehouse.Dialect.
func (d dialect) Epoch(expr string) string {
	if expr != "" {
		return d.Dialect.Epoch(expr)
	}
	c := d.clock
	return fmt.Sprintf("(%.6f + (unixepoch('now', 'subsec') - %.6f) * %g)",
		float64(c.Start.UnixMicro())/1e6, float64(c.Origin.UnixMicro())/1e6, c.Rate)
}

// Catalog implements warehouse.Dialect.
func (d dialect) Catalog(
	ctx context.Context, s warehouse.Sessions, scope warehouse.Scope,
) (*warehouse.Catalog, error) {
	c, err := d.Dialect.Catalog(ctx, s, scope)
	if err == nil {
		c.AsOf = d.clock.At(c.AsOf)
	}
	return c, err
}
