package warehouse

import (
	"fmt"
	"strings"
)

// UpdateFrom is the statement of [WriteDialect.UpdateRows] for engines with UPDATE ...
// FROM. spell returns an expression that differs whenever a value is spelt differently.
func UpdateFrom(verb string, u RowUpdate, spell func(column string) string) string {
	set := make([]string, len(u.Columns))
	differs := make([]string, len(u.Columns))
	for i, c := range u.Columns {
		set[i] = c + " = s." + c
		differs[i] = spell("t."+c) + " IS DISTINCT FROM " + spell("s."+c)
	}
	return verb + " " + u.Table + " AS t SET " + strings.Join(set, ", ") + " FROM " + u.From + " s JOIN " + u.Among +
		" k ON " + SameKey(u.Key, "s", "k") + " WHERE " + SameKey(u.Key, "t", "s") + " AND (" +
		strings.Join(differs, " OR ") + ")"
}

// SameKey is the condition that two tables have the same values in all columns of a key.
// Names are quoted.
func SameKey(key []string, one, other string) string {
	same := make([]string, len(key))
	for i, c := range key {
		same[i] = one + "." + c + " = " + other + "." + c
	}
	return strings.Join(same, " AND ")
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
