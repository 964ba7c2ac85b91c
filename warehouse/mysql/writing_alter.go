package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// TypeName implements warehouse.WriteDialect.
func (Dialect) TypeName(t warehouse.Type) (string, bool) {
	switch t.Family {
	case warehouse.Boolean:
		return "tinyint(1)", true
	case warehouse.Timestamp:
		return "datetime(6)", !t.Zoned
	case warehouse.JSON:
		return "json", true
	}
	return warehouse.CommonTypeName(t)
}

// CheckColumnName implements warehouse.WriteDialect.
func (Dialect) CheckColumnName(name string) error {
	if strings.TrimRight(name, " ") != name {
		return fmt.Errorf("the name %q ends in a space", name)
	}
	return nil
}

// AddColumn implements warehouse.WriteDialect. The server refuses what it could
// not do in its catalog alone.
func (Dialect) AddColumn(table, column, definition string, nullable bool) string {
	null := " NOT NULL"
	if nullable {
		null = " NULL"
	}
	return "ALTER TABLE " + table + " ADD COLUMN " + column + " " + definition + null + ", ALGORITHM=INSTANT"
}

// collationName is what the name of a collation may look like in a statement.
var collationName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*(\([0-9]+(,[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$`)
})

// ChangeType implements warehouse.WriteDialect. The statement repeats every
// attribute: MODIFY drops those that it does not repeat.
func (Dialect) ChangeType(c warehouse.TypeChange) (statement, approve string, err error) {
	bytes := func(t warehouse.Type) int { return t.Length * 4 } // utf8mb4, the widest
	from, to := c.From.Type, c.To.Type
	if from.Family != warehouse.Text || to.Family != warehouse.Text || from.Length == 0 || to.Length == 0 ||
		!strings.HasPrefix(to.Native, "varchar") {
		return "", "", fmt.Errorf("%s to %s copies the table: run gh-ost or pt-online-schema-change by a hook",
			from.Native, to.Native)
	}
	// MariaDB crosses it in place from up to 127 bytes, MySQL never: the server
	// refuses what it would have to copy, for the statement says LOCK=NONE.
	if bytes(from) > 127 && bytes(from) <= 255 && bytes(to) > 255 {
		return "", "", fmt.Errorf("%s to %s crosses 255 bytes, which copies the table", from.Native, to.Native)
	}
	d := definitionOf(c.Have, &c.From)
	d.Type = to
	if statement = modifyColumn(c.Have, c.Table, c.Column, d); statement == "" {
		return "", "", errors.New("the catalog does not show its default or its comment as a statement has it")
	}
	statement += ", ALGORITHM=INPLACE, LOCK=NONE"
	return statement, "MODIFY repeats every attribute of the column: read it before it runs", nil
}

// maxRowVersions is how many versions of its rows a table takes, less one.
const maxRowVersions = 63

// CheckAddColumn implements warehouse.AddColumnChecker: MySQL 8.0.29 to 8.0.31
// wrote redo logs that back-up tools could not read, and a table takes 64 versions
// of its rows before it must be rebuilt.
func (Dialect) CheckAddColumn(
	_ context.Context, ask warehouse.QueryFunc, t warehouse.TableName,
) (refused string, err error) {
	rows, err := ask(warehouse.Statement{SQL: "SELECT version()"})
	if err != nil {
		return "", err
	}
	version := rows[0][0].Text
	if refused = instantDefect(version); refused != "" || strings.Contains(version, "MariaDB") {
		return refused, nil
	}
	rows, err = ask(warehouse.Statement{
		SQL:  "SELECT total_row_versions FROM information_schema.innodb_tables WHERE name = concat(?, '/', ?)",
		Args: []any{t.Schema, t.Name},
	})
	if err != nil || len(rows) == 0 {
		return "", nil // older than row versions, or not to be seen: INSTANT itself refuses what cannot be
	}
	if n, err := strconv.Atoi(rows[0][0].Text); err == nil && n >= maxRowVersions {
		return fmt.Sprintf("the table has %d of at most 64 versions of its rows: "+
			"rebuild it first (OPTIMIZE TABLE)", n), nil
	}
	return "", nil
}

// instantDefect says why a server's INSTANT is not to be trusted; "" when it is.
func instantDefect(version string) string {
	var major, minor, patch int
	_, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	if err != nil || strings.Contains(version, "MariaDB") {
		return ""
	}
	if major == 8 && minor == 0 && patch >= 29 && patch <= 31 {
		return "MySQL " + version + " damages back-ups of tables altered INSTANT: use 8.0.32 or newer"
	}
	return ""
}
