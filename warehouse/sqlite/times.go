package sqlite

import (
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// epochSQL is the value {v} in Unix seconds, NULL if it is no time. Numbers are what
// SQLite's documentation keeps times in: integers and reals are Unix seconds, from 1973 to
// the year 9999, and reals are Julian days, from 1900 to 2100. Milliseconds, or numbers
// such as 20261129, lie outside both. Texts begin with a date. The engine would read the
// day 2026-09-31 as the one after 2026-09-30.
const epochSQL = `CASE
	WHEN typeof({v}) = 'text' THEN CASE WHEN {v} LIKE '____-__-__%'
		AND date(substr({v}, 1, 10), '+0 days') = substr({v}, 1, 10) THEN unixepoch({v}, 'subsec') END
	WHEN {v} BETWEEN 100000000 AND 253402300799 THEN {v}
	WHEN typeof({v}) = 'real' AND {v} BETWEEN 2415020.5 AND 2488069.5 THEN unixepoch({v}, 'julianday', 'subsec')
	END`

// Epoch implements warehouse.Dialect.
func (Dialect) Epoch(expr string) string {
	if expr == "" {
		return "unixepoch('now', 'subsec')"
	}
	return strings.ReplaceAll(oneLine(epochSQL), "{v}", expr)
}

// Compare implements warehouse.Comparer. SQLite keeps times as texts and numbers of several
// forms, so both sides become Unix seconds.
func (d Dialect) Compare(column string, at time.Time) (expr string, arg any) {
	return d.Epoch(column), float64(at.UnixMicro()) / 1e6
}

// Lexicon implements warehouse.Lexer.
func (Dialect) Lexicon() warehouse.Lexicon {
	return warehouse.Lexicon{Parameters: "?$:@", NamedDollar: true, Brackets: true}
}

// LenientTimes implements warehouse.LenientTimes.
func (Dialect) LenientTimes() {}

// WithoutZone implements warehouse.ValueTimes. Only texts have no zone.
func (Dialect) WithoutZone(expr string) string {
	return fmt.Sprintf("(typeof(%[1]s) = 'text' AND substr(%[1]s, 11) NOT GLOB '*[Zz+-]*')", expr)
}

// WithoutHour implements warehouse.ValueTimes.
func (Dialect) WithoutHour(expr string) string {
	return fmt.Sprintf("(typeof(%[1]s) = 'text' AND length(%[1]s) <= 10)", expr)
}

// IsNumber implements warehouse.ValueTimes.
func (Dialect) IsNumber(expr string) string {
	return "typeof(" + expr + ") IN ('integer', 'real')"
}

// ReadFormat implements warehouse.FormatReader. SQLite would read 30 February as 2 March.
func (Dialect) ReadFormat(expr string, f warehouse.TimeFormat) string {
	text := "cast(" + expr + " AS text)"
	parts := f.Parts(func(from, n int) string { return fmt.Sprintf("substr(%s, %d, %d)", text, from, n) })
	day := strings.Join(parts[:5], " || ")
	return fmt.Sprintf("CASE WHEN %s GLOB '%s' AND date(%s, '+0 days') = %s THEN unixepoch(%s, 'subsec') END",
		text, f.Glob(), day, day, strings.Join(parts, " || "))
}

// oneLine writes a statement without line breaks.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") }
