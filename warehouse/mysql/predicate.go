package mysql

import (
	"fmt"
	"regexp/syntax"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Exact implements warehouse.ValueTester. Every collation but that of binary strings takes
// 'a' and 'a ' for equal.
func (Dialect) Exact(expr string, _ warehouse.Type) string {
	return "BINARY CONVERT(" + expr + " USING utf8mb4)"
}

// LeftJoins implements warehouse.LeftJoiner.
func (Dialect) LeftJoins() {}

// CountsDistinct implements warehouse.DistinctCounter.
func (Dialect) CountsDistinct() {}

// Length implements warehouse.ValueTester.
func (Dialect) Length(exact string) string { return "char_length(" + characters(exact) + ")" }

// characters reads the bytes of an exact text as characters again.
func characters(exact string) string { return "CONVERT(" + exact + " USING utf8mb4)" }

// Blank implements warehouse.ValueTester.
func (Dialect) Blank(exact string) string {
	text := characters(exact)
	for _, blank := range []int{32, 9, 10, 11, 12, 13} {
		text = fmt.Sprintf("replace(%s, char(%d USING utf8mb4), '')", text, blank)
	}
	return "char_length(" + text + ") = 0"
}

// patterns is the syntax of PCRE in MariaDB, and of ICU in MySQL.
var patterns = warehouse.PatternSyntax{Rune: `\x{%x}`, AnyRune: "(?s:.)", EndText: `\z`, MostRepeats: 1000}

// Match implements warehouse.ValueTester. The case matters, whatever the collation is.
func (Dialect) Match(exact string, p *syntax.Regexp, param string) (condition string, arg any, err error) {
	text, err := patterns.Write(p)
	return characters(exact) + " COLLATE utf8mb4_bin REGEXP " + param, "(?-i)" + text, err
}

// IsNaN implements warehouse.ValueTester. The engine has no NaN.
func (Dialect) IsNaN(string, warehouse.Type) string { return "" }

// IsZeroDate implements warehouse.ZeroDates.
func (Dialect) IsZeroDate(expr string) string {
	return "(year(" + expr + ") = 0 AND month(" + expr + ") = 0 AND dayofmonth(" + expr + ") = 0)"
}

// IsNotFinite implements warehouse.ValueTester.
func (Dialect) IsNotFinite(string, warehouse.Type) string { return "" }

// AsFloat implements warehouse.ValueTester.
func (Dialect) AsFloat(expr string) string { return "(" + expr + " + 0e0)" }

// Now implements warehouse.EngineClock. Sessions are in UTC. Only sysdate() goes on while a
// statement waits for a lock.
func (Dialect) Now(n warehouse.FromNow, wall bool, t warehouse.Type) string {
	shift := n.Shift
	if wall {
		shift += n.Offset
	}
	now := fmt.Sprintf("(sysdate(6) + INTERVAL %d MICROSECOND)", shift.Microseconds())
	if t.Family == warehouse.Date {
		return "date" + now
	}
	return now
}
