package importers

import (
	"math/big"
	"slices"
	"strings"
)

// plainWord matches a name that needs no quotes in SQL, unless it is reserved.
var plainWord = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved lists words of SQL that tables and columns have as names.
var reserved = []string{
	"all", "case", "check", "column", "desc", "end", "from", "grant", "group", "limit", "offset", "order", "primary",
	"references", "select", "table", "to", "union", "unique", "user", "when", "where",
}

// inQuery returns a table as it is written in a query. Parts that are not plain are quoted as
// in standard SQL.
func inQuery(table string) string {
	parts := splitName(table)
	for i, p := range parts {
		inner := strings.ReplaceAll(strings.Trim(p, `"`), `""`, `"`)
		if !plainWord().MatchString(inner) || inner != strings.ToLower(inner) || slices.Contains(reserved, inner) {
			parts[i] = `"` + strings.ReplaceAll(inner, `"`, `""`) + `"`
		}
	}
	return strings.Join(parts, ".")
}

// splitName splits a name at the dots outside of double quotes.
func splitName(name string) []string {
	var parts []string
	quoted, from := false, 0
	for i, r := range name {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '.' && !quoted:
			parts, from = append(parts, name[from:i]), i+1
		}
	}
	return append(parts, name[from:])
}

// TableName joins a schema, which may be "", and a table into a name that means just them.
func TableName(schema, table string) string {
	if strings.ContainsAny(schema, `.*%"`) {
		schema = Quote(schema)
	}
	if strings.ContainsAny(table, `.*%"`) {
		table = Quote(table)
	}
	if schema == "" {
		return table
	}
	return schema + "." + table
}

// Quote returns a name in double quotes.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Column returns a column as it is written in a query. A plain name stays as it is.
func Column(name string) string {
	if plainWord().MatchString(name) && !slices.Contains(reserved, strings.ToLower(name)) {
		return name
	}
	return Quote(strings.Trim(name, `"`+"`"))
}

// IsColumn reports whether a text is the name of a column, as opposed to an expression.
func IsColumn(text string) bool { return plainWord().MatchString(strings.Trim(text, `"`+"`")) }

// Text returns a text as a literal of SQL.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// And joins conditions, of which some may be empty.
func And(conditions ...string) string {
	conditions = slices.DeleteFunc(conditions, func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(conditions) < 2 {
		return strings.Join(conditions, "")
	}
	return "(" + strings.Join(conditions, ") AND (") + ")"
}

// From returns the dataset's rows that fulfil a condition, as they stand behind FROM.
func From(where string) string { return Rows(TableMark, where) }

// Rows returns the rows of a table that fulfil a condition, as they stand behind FROM.
func Rows(table, where string) string {
	if where == "" {
		return table
	}
	return "(SELECT * FROM " + table + " WHERE " + where + "\n) t"
}

// Percent returns a share of 1 as a percentage: "0.05" is "5". ok is false if it is no number.
func Percent(share string) (percent string, ok bool) {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(share))
	if !ok {
		return "", false
	}
	return Decimal(r.Mul(r, big.NewRat(100, 1))), true
}

// Rest returns 1 less a share as a percentage: "0.95" is "5".
func Rest(share string) (percent string, ok bool) {
	r, ok := new(big.Rat).SetString(strings.TrimSpace(share))
	if !ok {
		return "", false
	}
	return Decimal(r.Mul(r.Sub(big.NewRat(1, 1), r), big.NewRat(100, 1))), true
}

// Decimal writes a number without an exponent.
func Decimal(r *big.Rat) string {
	text := r.FloatString(12)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
