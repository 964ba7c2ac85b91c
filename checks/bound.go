package checks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
)

// Bound is a condition on a number: "> 0", "<= 5", "= 3", "!= 0",
// "between 10 and 1000", "not between 1 and 2"; with Percent the numbers are
// percent. As a threshold (`warn`, `fail`) it says when the data is bad.
// The zero Bound is unset.
type Bound struct {
	Op      string // >, >=, <, <=, =, !=, between, not between; "" when unset
	Low     sentinel.Number
	High    sentinel.Number // upper end of between
	Percent bool
}

var boundBetween = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(not\s+)?between\s+(\S+?)\s*(%?)\s+and\s+(\S+?)\s*(%?)$`)
})

// ParseBound reads a condition.
func ParseBound(s string) (Bound, error) {
	text := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "when ")))
	bad := func() (Bound, error) {
		return Bound{}, fmt.Errorf("bound %q: want an operator and a number "+
			"such as \"> 0\", \"< -50%%\" or \"between 10 and 1000\"", s)
	}
	for _, op := range []string{">=", "<=", "!=", "<>", "=", ">", "<"} {
		number, is := strings.CutPrefix(text, op)
		if !is {
			continue
		}
		if op == "<>" {
			op = "!="
		}
		number, percent := strings.CutSuffix(strings.TrimLeft(number, blanks), "%")
		number = strings.TrimRight(number, blanks)
		n, err := parsePlainNumber(number)
		if errors.Is(err, errTooLarge) {
			return Bound{}, fmt.Errorf("bound %q: %w", s, err)
		}
		if err != nil || strings.ContainsAny(number, blanks) {
			return bad()
		}
		return Bound{Op: op, Low: n, Percent: percent}, nil
	}
	m := boundBetween().FindStringSubmatch(text)
	if m == nil {
		return bad()
	}
	low, err1 := parsePlainNumber(m[2])
	high, err2 := parsePlainNumber(m[4])
	if err := cmp.Or(err1, err2); errors.Is(err, errTooLarge) {
		return Bound{}, fmt.Errorf("bound %q: %w", s, err)
	}
	if err1 != nil || err2 != nil || m[3] != m[5] && m[3] != "" {
		return bad()
	}
	if low.Cmp(high) > 0 {
		return Bound{}, fmt.Errorf("bound %q: the first number is larger than the second", s)
	}
	op := "between"
	if m[1] != "" {
		op = "not between"
	}
	return Bound{Op: op, Low: low, High: high, Percent: m[5] == "%"}, nil
}

// errTooLarge says that a whole number has too many digits.
var errTooLarge = fmt.Errorf("the number is too large: want at most %s", groupDigits(sentinel.Int(math.MaxInt64)))

const blanks = " \t\n\f\r"

var ungroup = strings.NewReplacer("_", "", ",", "")

// parsePlainNumber reads 1_000_000, 1,000 and 1.5. It refuses NaN and infinity.
func parsePlainNumber(s string) (sentinel.Number, error) {
	plain := ungroup.Replace(s)
	n, err := sentinel.ParseNumber(plain)
	switch digits := strings.TrimLeft(plain, "+-"); {
	case err != nil && digits != "" && strings.Trim(digits, "0123456789") == "":
		return n, errTooLarge
	case err != nil:
		return n, err
	}
	if !n.Finite() {
		return n, strconv.ErrSyntax
	}
	return n, nil
}

// Set reports whether there is a condition.
func (b Bound) Set() bool { return b.Op != "" }

// Holds reports whether n meets the condition. n must be finite.
func (b Bound) Holds(n sentinel.Number) bool {
	low := n.Cmp(b.Low)
	switch b.Op {
	case ">":
		return low > 0
	case ">=":
		return low >= 0
	case "<":
		return low < 0
	case "<=":
		return low <= 0
	case "=":
		return low == 0
	case "!=":
		return low != 0
	case "between":
		return low >= 0 && n.Cmp(b.High) <= 0
	case "not between":
		return low < 0 || n.Cmp(b.High) > 0
	}
	return false
}

// hides reports whether n reads like a number of the condition and is another one.
func (b Bound) hides(n sentinel.Number) bool {
	between := b.Op == "between" || b.Op == "not between"
	return alike(n, b.Low) || between && alike(n, b.High)
}

var opposite = map[string]string{">": "<=", ">=": "<", "<": ">=", "<=": ">", "=": "!=", "!=": "=",
	"between": "not between", "not between": "between"}

// Not returns the opposite condition.
func (b Bound) Not() Bound {
	b.Op = opposite[b.Op]
	return b
}

// String writes the condition back.
func (b Bound) String() string {
	unit := ""
	if b.Percent {
		unit = "%"
	}
	switch b.Op {
	case "":
		return ""
	case "between", "not between":
		return fmt.Sprintf("%s %s and %s%s", b.Op, groupDigits(b.Low), groupDigits(b.High), unit)
	}
	return fmt.Sprintf("%s %s%s", b.Op, groupDigits(b.Low), unit)
}

// UnmarshalText reads a condition.
func (b *Bound) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBound(string(text))
	return err
}

// apart formats two numbers for people. Different numbers are written with all their
// digits if they would read the same.
func apart(a, b sentinel.Number) (string, string) {
	if alike(a, b) {
		return everyDigit(a), everyDigit(b)
	}
	return groupDigits(a), groupDigits(b)
}

// everyDigit writes a number with all its digits. Only very large and small ones have an
// exponent.
func everyDigit(n sentinel.Number) string {
	text := n.String()
	if v := n.Float64(); strings.Contains(text, "e") && math.Abs(v) >= 1e-6 && math.Abs(v) < 1e21 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return text
}

// alike reports whether different numbers read the same.
func alike(a, b sentinel.Number) bool {
	return a.Cmp(b) != 0 && ungroup.Replace(groupDigits(a)) == ungroup.Replace(groupDigits(b))
}

// groupDigits formats a number with commas: 1,234,567.
func groupDigits(n sentinel.Number) string {
	v, ok := n.Int64()
	if !ok {
		if n.Absent() {
			return "no value"
		}
		return strconv.FormatFloat(n.Float64(), 'g', 6, 64)
	}
	s := strconv.FormatInt(v, 10)
	start := 0
	if v < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
