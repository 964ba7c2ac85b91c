package warehouse

import (
	"fmt"
	"strings"
)

// UpsertOnConflict is the statement of [WriteDialect.Upsert] for engines with ON
// CONFLICT. Rows that stay as they are are not written.
func UpsertOnConflict(u Upsert) string {
	columns := strings.Join(u.Columns, ", ")
	insert := "INSERT INTO " + u.Table + " (" + columns + ") SELECT " + columns + " FROM " + u.From + " WHERE true"
	conflict := " ON CONFLICT (" + strings.Join(u.Key, ", ") + ") DO "
	if len(u.NonKey) == 0 {
		return insert + conflict + "NOTHING"
	}
	set := make([]string, len(u.NonKey))
	differs := make([]string, len(u.NonKey))
	for i, c := range u.NonKey {
		set[i] = c + " = excluded." + c
		differs[i] = u.Table + "." + c + " IS DISTINCT FROM excluded." + c
	}
	return insert + conflict + "UPDATE SET " + strings.Join(set, ", ") + " WHERE " + strings.Join(differs, " OR ")
}

// CommonTypeName spells the types that most engines call the same; see
// [WriteDialect.TypeName].
func CommonTypeName(t Type) (string, bool) {
	switch t.Family {
	case Integer:
		name := map[int]string{16: "smallint", 32: "integer", 64: "bigint"}[t.Bits]
		return name, name != "" && !t.Unsigned
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale), t.Precision != 0
	case FloatType:
		return "double precision", t.Bits == 64
	case Text:
		if t.Length > 0 {
			return fmt.Sprintf("varchar(%d)", t.Length), true
		}
		return "text", true
	case Date:
		return "date", true
	}
	return "", false
}

// AddColumnStatement is the statement of [WriteDialect.AddColumn] for engines
// whose columns are nullable unless they say otherwise.
func AddColumnStatement(table, column, definition string, nullable bool) string {
	statement := "ALTER TABLE " + table + " ADD COLUMN " + column + " " + definition
	if !nullable {
		statement += " NOT NULL"
	}
	return statement
}

// True reads the cell as a boolean of any engine.
func (c Cell) True() bool { return c.Text == "t" || c.Text == "true" || c.Text == "1" }
