package sqlite

import (
	"database/sql/driver"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Exact implements warehouse.ValueTester.
func (Dialect) Exact(expr string, _ warehouse.Type) string {
	return "CAST(" + expr + " AS TEXT) COLLATE BINARY"
}

// Length implements warehouse.ValueTester. The engine's own length() ends at a NUL.
func (Dialect) Length(exact string) string { return "char_length(" + exact + ")" }

// Blank implements warehouse.ValueTester.
func (Dialect) Blank(exact string) string {
	return "trim(" + exact + ", char(32, 9, 10, 11, 12, 13)) = ''"
}

// Match implements warehouse.ValueTester. The engine has no patterns, so this package gives
// it a function that uses Go's.
func (Dialect) Match(exact string, p *syntax.Regexp, param string) (condition string, arg any, err error) {
	return "sentinel_matches(" + exact + ", " + param + ")", p.String(), nil
}

// IsNaN implements warehouse.ValueTester. The engine keeps NaN as NULL.
func (Dialect) IsNaN(string, warehouse.Type) string { return "" }

// IsNotFinite implements warehouse.ValueTester. A text in a column of numbers is none, too.
func (d Dialect) IsNotFinite(expr string, _ warehouse.Type) string {
	return "CASE WHEN " + expr + " IS NOT NULL THEN NOT " + d.IsNumber(expr) + " OR " + expr + " IN (9e999, -9e999) END"
}

// AsFloat implements warehouse.ValueTester.
func (Dialect) AsFloat(expr string) string { return "CAST(" + expr + " AS REAL)" }

func init() { sqlite.MustRegisterDeterministicScalarFunction("sentinel_matches", 2, matches) }

// matches is the function sentinel_matches(text, pattern).
func matches(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	var text string
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case string:
		text = v
	default:
		return nil, fmt.Errorf("sentinel_matches() takes a text, not %T", v)
	}
	pattern, _ := args[1].(string)
	re, err := compiled.get(pattern)
	if err != nil {
		return nil, err
	}
	if re.MatchString(text) {
		return int64(1), nil
	}
	return int64(0), nil
}

// patternCache keeps compiled patterns: the function is called for each row.
type patternCache struct {
	mu   sync.Mutex
	kept map[string]*regexp.Regexp
}

var compiled = patternCache{kept: map[string]*regexp.Regexp{}}

// mostPatterns is how many compiled patterns are kept.
const mostPatterns = 1000

func (c *patternCache) get(pattern string) (*regexp.Regexp, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if re := c.kept[pattern]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s: %w", strings.TrimSpace(pattern), err)
	}
	if len(c.kept) >= mostPatterns {
		c.kept = map[string]*regexp.Regexp{}
	}
	c.kept[pattern] = re
	return re, nil
}

// Now implements warehouse.EngineClock, in Unix seconds as [Dialect.Compare] has them.
func (d Dialect) Now(n warehouse.FromNow, wall bool, t warehouse.Type) string {
	shift, back := n.Shift, time.Duration(0)
	if wall || t.Family == warehouse.Date {
		shift += n.Offset
	}
	now := fmt.Sprintf("(%s + %f)", d.Epoch(""), shift.Seconds())
	if t.Family != warehouse.Date {
		return now
	}
	if !wall {
		back = n.Offset
	}
	return fmt.Sprintf("(%s - %f)", warehouse.Floor(d, now+" / 86400")+" * 86400", back.Seconds())
}
