package scaled

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/postgres"
)

// PostgresScheme begins the DSNs of PostgreSQL servers whose clock is the agent's.
const PostgresScheme = "scaled-postgres:"

// postgresDialect is PostgreSQL with a scaled clock, for reading. A standby that is a second
// behind on the machine's clock is that much more behind on the agent's.
type postgresDialect struct {
	postgres.Dialect
	clock sentinel.ScaledClock
}

// Name implements warehouse.Dialect.
func (postgresDialect) Name() string { return "scaled-postgres" }

// Matches implements warehouse.Dialect.
func (postgresDialect) Matches(dsn string) bool { return strings.HasPrefix(dsn, PostgresScheme) }

// CheckDSN implements warehouse.DSNChecker.
func (d postgresDialect) CheckDSN(dsn string) error {
	return d.Dialect.CheckDSN(strings.TrimPrefix(dsn, PostgresScheme))
}

// Open implements warehouse.Dialect.
func (d postgresDialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	cfg.DSN = sentinel.NewSecret(strings.TrimPrefix(cfg.DSN.Reveal(), PostgresScheme))
	return d.Dialect.Open(cfg)
}

// Epoch implements warehouse.Dialect.
func (d postgresDialect) Epoch(expr string) string {
	if expr != "" {
		return d.Dialect.Epoch(expr)
	}
	c := d.clock
	return fmt.Sprintf("(%.6f + (%s - %.6f) * %g)",
		float64(c.Start.UnixMicro())/1e6, d.Dialect.Epoch(""), float64(c.Origin.UnixMicro())/1e6, c.Rate)
}

// Catalog implements warehouse.Dialect.
func (d postgresDialect) Catalog(
	ctx context.Context, s warehouse.Sessions, scope warehouse.Scope,
) (*warehouse.Catalog, error) {
	c, err := d.Dialect.Catalog(ctx, s, scope)
	if err == nil {
		c.AsOf = d.clock.At(c.AsOf)
		c.Lag.Behind = time.Duration(d.clock.Rate * float64(c.Lag.Behind))
	}
	return c, err
}
