package sqlite

import (
	_ "embed"
	"errors"
	"strings"

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

// UpdateRows implements warehouse.WriteDialect. ABORT overrides what a constraint says of
// conflicts: a table may silently replace the other row.
func (Dialect) UpdateRows(u warehouse.RowUpdate) string {
	return warehouse.UpdateFrom("UPDATE OR ABORT", u, func(column string) string { return "quote(" + column + ")" })
}

// Spell implements warehouse.Speller. A number differs from a text, whatever the collation.
func (Dialect) Spell(expr string) string {
	return "CASE WHEN " + expr + " IS NOT NULL THEN quote(" + expr + ") END COLLATE BINARY"
}

// InsertRows implements warehouse.RowInserter; see [Dialect.UpdateRows].
func (Dialect) InsertRows(table, columns, query string) string {
	return "INSERT OR ABORT INTO " + table + " (" + columns + ") " + query
}

// Checksum implements warehouse.WriteDialect. The engine has no hash.
func (Dialect) Checksum(columns []string, from string) (query string, summed bool) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = "quote(" + c + ")"
	}
	return "SELECT " + strings.Join(cells, " || ',' || ") + " FROM " + from, false
}

// DependentQueries implements warehouse.WriteDialect.
func (Dialect) DependentQueries() warehouse.DependentQueries {
	return warehouse.DependentQueries{
		Cascading: cascadingSQL,
		Triggers: `SELECT name
			FROM sqlite_master
			WHERE type = 'trigger' AND lower(tbl_name) = lower(?2) AND ?1 <> ''
			ORDER BY 1`,
		Obstacles: obstaclesSQL,
	}
}

var (
	//go:embed queries/cascading.sql
	cascadingSQL string
	//go:embed queries/obstacles.sql
	obstaclesSQL string
)

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
