package repair

import (
	"database/sql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Writer holds the sessions of one warehouse's repair_dsn.
type Writer struct {
	DB      *sql.DB
	Dialect warehouse.Dialect // quotes and spells
	Engine  string            // postgres, mysql, sqlite
}
