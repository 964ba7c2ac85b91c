package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
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
	case warehouse.UUID:
		return "uuid", true
	case warehouse.JSON:
		return "jsonb", true
	}
	return warehouse.CommonTypeName(t)
}

// systemColumns are the server's own, which no column may be called.
var systemColumns = map[string]bool{
	"tableoid": true, "xmin": true, "cmin": true, "xmax": true, "cmax": true, "ctid": true,
}

// CheckColumnName implements warehouse.WriteDialect.
func (Dialect) CheckColumnName(name string) error {
	if systemColumns[name] {
		return errors.New(name + " is the name of a system column")
	}
	return nil
}

// AddColumn implements warehouse.WriteDialect.
func (Dialect) AddColumn(table, column, definition string, nullable bool) string {
	return warehouse.AddColumnStatement(table, column, definition, nullable)
}

// rewriteLimit is the size of a table, in bytes, that a person may let be rewritten.
const rewriteLimit = 256 << 20

// ChangeType implements warehouse.WriteDialect.
func (Dialect) ChangeType(c warehouse.TypeChange) (statement, approve string, err error) {
	if c.From.Collation != "" {
		return "", "", fmt.Errorf("its collation %s would be reset, which rebuilds its indexes", c.From.Collation)
	}
	from, to := c.From.Type, c.To.Type
	statement = alterType(c.Table, c.Column, to.Native)
	if catalogOnly(from, to) {
		return statement, "", nil
	}
	if c.Bytes < 0 || c.Bytes > rewriteLimit {
		return "", "", fmt.Errorf("%s to %s rewrites the table and its indexes under a lock that stops all readers: "+
			"add a new column and fill it in batches", from.Native, to.Native)
	}
	return statement, fmt.Sprintf("%s to %s rewrites the table (%d MB) under a lock that stops all readers",
		from.Native, to.Native, c.Bytes>>20), nil
}

// catalogOnly reports whether the server changes the type in its catalog alone,
// without a rewrite: measured, see docs/repair/alter_table.md.
func catalogOnly(from, to warehouse.Type) bool {
	varying := func(t warehouse.Type) bool {
		return t.Family == warehouse.Text && !strings.HasPrefix(t.Native, "character(")
	}
	switch {
	case varying(from) && varying(to):
		return to.Length == 0 || from.Length != 0 && from.Length <= to.Length
	case from.Family == warehouse.Decimal && to.Family == warehouse.Decimal:
		return to.Precision == 0 || from.Precision != 0 && from.Scale == to.Scale && from.Precision <= to.Precision
	case from.Family == to.Family && (from.Family == warehouse.Timestamp || from.Family == warehouse.Time ||
		from.Family == warehouse.Interval):
		return from.Zoned == to.Zoned && (to.Precision == 0 || from.Precision != 0 && from.Precision <= to.Precision)
	}
	return false
}

// DropNotNull implements warehouse.NullDropper.
func (Dialect) DropNotNull(table, column string) (forward, reverse string) {
	alter := "ALTER TABLE " + table + " ALTER COLUMN " + column
	return alter + " DROP NOT NULL", alter + " SET NOT NULL"
}

// LockTable implements warehouse.TableLocker.
func (Dialect) LockTable(table, role string) (statements []string) {
	if role != "" {
		statements = append(statements, "SET LOCAL ROLE "+role)
	}
	return append(statements, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
}

// DigestTable implements warehouse.TableLocker. What is made for people
// (pg_get_expr) would ask for a lock on the table, which is the repair's own when
// it reads the digest again.
func (Dialect) DigestTable() string { return digestTableSQL }

// TableInUse implements warehouse.TableLocker.
func (Dialect) TableInUse() string { return tableInUseSQL }

// Dependencies implements warehouse.TableLocker.
func (Dialect) Dependencies() string { return dependenciesSQL }

// OwnNames implements warehouse.AlterInspector.
func (Dialect) OwnNames() string { return "SET LOCAL search_path TO pg_catalog, pg_temp" }

// InspectAlter implements warehouse.AlterInspector.
func (Dialect) InspectAlter() string { return inspectAlterSQL }
