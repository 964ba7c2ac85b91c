package sqlite

import (
	"errors"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ServerIdentity implements warehouse.WriteDialect.
func (Dialect) ServerIdentity() string {
	return "SELECT file FROM pragma_database_list WHERE name = 'main'"
}

// InternalTable implements warehouse.WriteDialect.
func (Dialect) InternalTable(schema, name string) warehouse.TableName {
	return warehouse.TableName{Schema: schema, Name: "sentinel_" + name}
}

// CreateInternalTables implements warehouse.WriteDialect.
func (Dialect) CreateInternalTables(fence, ledger string) []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS " + fence + " (fence_key text NOT NULL PRIMARY KEY, token bigint NOT NULL)",
		"CREATE TABLE IF NOT EXISTS " + ledger + ` (
			repair_id text NOT NULL,
			step text NOT NULL,
			token bigint NOT NULL,
			row_count bigint NOT NULL,
			applied_at text NOT NULL,
			PRIMARY KEY (repair_id, step)
		)`,
	}
}

// ListTables implements warehouse.WriteDialect.
func (Dialect) ListTables(string) warehouse.Statement {
	return warehouse.Statement{SQL: "SELECT name FROM sqlite_master WHERE type = 'table'"}
}

// LongTextType implements warehouse.WriteDialect.
func (Dialect) LongTextType() string { return "text" }

// InsertMissing implements warehouse.WriteDialect.
func (Dialect) InsertMissing(table, columns, values string) string {
	return "INSERT INTO " + table + " (" + columns + ") VALUES (" + values + ") ON CONFLICT DO NOTHING"
}

// Upsert implements warehouse.WriteDialect.
func (Dialect) Upsert(u warehouse.Upsert) string { return warehouse.UpsertOnConflict(u) }

// Checksum implements warehouse.WriteDialect. The engine has no hash.
func (Dialect) Checksum(columns []string, from string) (query string, summed bool) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = "quote(" + c + ")"
	}
	return "SELECT " + strings.Join(cells, " || ',' || ") + " FROM " + from, false
}

// ConvertValue implements warehouse.WriteDialect.
func (Dialect) ConvertValue(c *warehouse.Column, cell warehouse.Cell) any {
	switch {
	case cell.Null:
		return nil
	case c.Type.Family == warehouse.Boolean || c.Type.Native == "tinyint(1)":
		if cell.True() {
			return 1
		}
		return 0
	}
	return cell.Text
}

// AcceptsZones implements warehouse.WriteDialect.
func (Dialect) AcceptsZones() bool { return false }

// DependentQueries implements warehouse.WriteDialect. The engine enforces no foreign keys
// on sessions that write, and so deletes no rows of other tables.
func (Dialect) DependentQueries() warehouse.DependentQueries {
	return warehouse.DependentQueries{
		Triggers: `SELECT name
			FROM sqlite_master
			WHERE type = 'trigger' AND tbl_name = ?2 AND ?1 <> ''
			ORDER BY 1`,
	}
}

// BindDate implements warehouse.DateBinder: as a text, a date is less than its own
// midnight.
func (Dialect) BindDate(day time.Time) any { return day.Format(time.DateOnly) }

// TypeName implements warehouse.WriteDialect.
func (Dialect) TypeName(t warehouse.Type) (string, bool) {
	switch t.Family {
	case warehouse.Decimal:
		if t.Precision == 0 {
			return "numeric", true
		}
	case warehouse.Timestamp:
		if t.Zoned {
			return "timestamptz", true
		}
		return "timestamp", true
	case warehouse.Boolean:
		return "boolean", true
	}
	return warehouse.CommonTypeName(t)
}

// CheckColumnName implements warehouse.WriteDialect.
func (Dialect) CheckColumnName(string) error { return nil }

// AddColumn implements warehouse.WriteDialect.
func (Dialect) AddColumn(table, column, definition string, nullable bool) string {
	return warehouse.AddColumnStatement(table, column, definition, nullable)
}

// ChangeType implements warehouse.WriteDialect.
func (Dialect) ChangeType(warehouse.TypeChange) (statement, approve string, err error) {
	return "", "", errors.New("SQLite cannot change a column's type")
}
