package sqlite

import (
	"database/sql"
	"fmt"
	"net/url"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// OpenForWriting implements warehouse.WriteDialect. Transactions are immediate: they
// exclude each other from their first statement on. The engine checks foreign keys only
// for sessions that ask for it.
func (Dialect) OpenForWriting(cfg warehouse.Config) (*sql.DB, error) {
	query := url.Values{
		"mode":    {"rw"},
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", cfg.LockTimeout.Milliseconds()), "synchronous(FULL)", "foreign_keys(1)"},
	}
	path := (&url.URL{Path: Path(cfg.RepairDSN.Reveal())}).EscapedPath()
	return sql.Open("sqlite", "file:"+path+"?"+query.Encode())
}

// Classify implements warehouse.WriteDialect.
func (Dialect) Classify(err error) error { return classify(err) }

// Bind implements warehouse.WriteDialect.
func (Dialect) Bind(args []any) []any { return bind(args) }
