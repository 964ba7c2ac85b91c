package postgres

import (
	"fmt"

	"regexp/syntax"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Exact implements warehouse.ValueTester. The collation "C" compares bytes. A cast to text
// cuts the blanks that fill up a character(n), which say nothing.
func (Dialect) Exact(expr string, _ warehouse.Type) string { return "(" + expr + `)::text COLLATE "C"` }

// Length implements warehouse.ValueTester.
func (Dialect) Length(exact string) string { return "char_length(" + exact + ")" }

// Blank implements warehouse.ValueTester.
func (Dialect) Blank(exact string) string { return "btrim(" + exact + `, E' \t\n\r\f\x0b') = ''` }

// patterns is the syntax of PostgreSQL's advanced regular expressions.
var patterns = warehouse.PatternSyntax{Rune: `\U%08x`, AnyRune: ".", EndText: `\Z`, MostRepeats: 255, First: 1}

// Match implements warehouse.ValueTester.
func (Dialect) Match(exact string, p *syntax.Regexp, param string) (condition string, arg any, err error) {
	text, err := patterns.Write(p)
	return exact + " ~ " + param, "***:" + text, err
}

// IsNaN implements warehouse.ValueTester. NaN equals itself here, and is larger than all.
func (Dialect) IsNaN(expr string, t warehouse.Type) string {
	if t.Family == warehouse.FloatType || t.Family == warehouse.Decimal {
		return expr + " = 'NaN'"
	}
	return ""
}

// IsNotFinite implements warehouse.ValueTester. As texts, because a numeric is infinite from
// version 14 on only.
func (d Dialect) IsNotFinite(expr string, t warehouse.Type) string {
	if d.IsNaN(expr, t) == "" {
		return ""
	}
	return "(" + expr + ")::text IN ('NaN', 'Infinity', '-Infinity')"
}

// AsFloat implements warehouse.ValueTester.
func (Dialect) AsFloat(expr string) string { return "(" + expr + ")::double precision" }

// Now implements warehouse.EngineClock. Only clock_timestamp() goes on while a statement waits
// for a lock.
func (Dialect) Now(n warehouse.FromNow, wall bool, t warehouse.Type) string {
	if !wall {
		return fmt.Sprintf("(clock_timestamp() + interval '%d microseconds')", n.Shift.Microseconds())
	}
	now := fmt.Sprintf(
		"((clock_timestamp() AT TIME ZONE 'UTC') + interval '%d microseconds')",
		(n.Shift + n.Offset).Microseconds(),
	)
	if t.Family == warehouse.Date {
		return now + "::date"
	}
	return now
}
