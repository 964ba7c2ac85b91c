package sentinel

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unique"
)

// Number is one measured value: absent (SQL NULL), an exact 64-bit integer, a float, or
// a decimal that no float holds. Counts above 2^53 keep every digit. The zero value is
// absent, so "no value" differs from 0. Number works as a map key, but compare values with
// [Number.Cmp]: Int(1) and Float(1) are equal in value and different as Go values.
type Number struct {
	bits uint64
	kind numberKind
	text unique.Handle[string] // of a decimal, whose nearest float is in bits
}

type numberKind uint8

const (
	absent numberKind = iota
	integer
	floating
	decimal
)

// Int returns an exact integer.
func Int(v int64) Number { return Number{bits: uint64(v), kind: integer} }

// Float returns a float. It keeps NaN and infinities, because databases can hold
// them. [Number.Finite] reports whether a number is one of those.
func Float(v float64) Number { return Number{bits: math.Float64bits(v), kind: floating} }

// Absent reports whether there is no value (SQL NULL, or nothing was queried).
func (n Number) Absent() bool { return n.kind == absent }

// Int64 returns the exact integer; ok is false for floats, decimals and absent values.
func (n Number) Int64() (v int64, ok bool) { return int64(n.bits), n.kind == integer }

// Float64 returns the nearest float; NaN when absent.
func (n Number) Float64() float64 {
	switch n.kind {
	case integer:
		return float64(int64(n.bits))
	case floating, decimal:
		return math.Float64frombits(n.bits)
	}
	return math.NaN()
}

// Finite reports whether the number is present and neither NaN nor infinite. Only
// such a number can be compared with a bound.
func (n Number) Finite() bool {
	f := n.Float64()
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

// Cmp compares by value and returns -1, 0 or +1. The comparison is exact, also
// between large integers, decimals and floats. It returns 0 if a number is not finite.
func (n Number) Cmp(m Number) int {
	if !n.Finite() || !m.Finite() {
		return 0
	}
	if a, ok := n.Int64(); ok {
		if b, ok := m.Int64(); ok {
			return cmp.Compare(a, b)
		}
	}
	return n.Rat().Cmp(m.Rat())
}

// Rat returns the exact value; nil if the number is not finite. A float with a fraction is
// the shortest decimal that reads as it, which engines and people write for it.
func (n Number) Rat() *big.Rat {
	if !n.Finite() {
		return nil
	}
	if v, ok := n.Int64(); ok {
		return new(big.Rat).SetInt64(v)
	}
	f := n.Float64()
	if n.kind == floating && f == math.Trunc(f) {
		return new(big.Rat).SetFloat64(f)
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("sentinel: a finite number is no decimal: " + n.String())
	}
	return r
}

// String formats the number with all its digits; "null" when absent.
func (n Number) String() string {
	switch n.kind {
	case integer:
		return strconv.FormatInt(int64(n.bits), 10)
	case floating:
		return strconv.FormatFloat(n.Float64(), 'g', -1, 64)
	case decimal:
		return n.text.Value()
	}
	return "null"
}

// ParseNumber reads what [Number.String] wrote, and any decimal an engine
// prints. An integer beyond 64 bits becomes an error, never a rounded float.
func ParseNumber(s string) (Number, error) {
	s = strings.TrimSpace(s)
	if s == "null" || s == "" {
		return Number{}, nil
	}
	if strings.Trim(s, "+-0123456789") == "" {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return Number{}, fmt.Errorf("number %q does not fit in 64 bits", Clip(s))
		}
		return Int(v), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Number{}, fmt.Errorf("number %q: not a decimal number", Clip(s))
	}
	return exactly(s, f), nil
}

// exactly returns the number that a text with a fraction or an exponent says, whose
// nearest float is f. A whole number with an exponent is a float: engines write only those
// so.
func exactly(s string, f float64) Number {
	n := Float(f)
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	if !n.Finite() || strings.ContainsAny(s, "xXpP_") || scientific && f == math.Trunc(f) && f != 0 {
		return n
	}
	if !scientific {
		if isShortest(s, f) {
			return n
		}
	} else if e, err := strconv.Atoi(exponent); err != nil || e < -longestExponent {
		return n
	}
	said, ok := new(big.Rat).SetString(s)
	if !ok || said.Cmp(n.Rat()) == 0 {
		return n
	}
	text := strings.TrimPrefix(s, "+")
	if !scientific && strings.Contains(mantissa, ".") {
		text = withoutZeros(text)
	}
	return Number{bits: math.Float64bits(f), kind: decimal, text: unique.Make(text)}
}

// isShortest reports whether a text with a fraction is the shortest decimal that reads as f,
// which is the usual case, such as a time with microseconds.
func isShortest(s string, f float64) bool {
	if f == math.Trunc(f) && math.Abs(f) > maxExactFloat {
		return false
	}
	var shortest [32]byte
	return withoutZeros(strings.TrimPrefix(s, "+")) == string(strconv.AppendFloat(shortest[:0], f, 'f', -1, 64))
}

// withoutZeros cuts the zeros at the end of a fraction.
func withoutZeros(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// longestExponent is the largest number of places of a decimal that is kept exactly. It is
// that of PostgreSQL's numeric.
const longestExponent = 16383

const maxExactFloat = 1 << 53

// MarshalJSON writes a JSON number. Integers beyond ±2^53, decimals that no float holds and
// floats that are not finite become strings, because most JSON readers round or reject
// them. An absent number becomes null.
func (n Number) MarshalJSON() ([]byte, error) {
	if n.Absent() {
		return []byte("null"), nil
	}
	v, isInt := n.Int64()
	if isInt && (v > maxExactFloat || v < -maxExactFloat) || n.kind == decimal || !n.Finite() {
		return json.Marshal(n.String())
	}
	return []byte(n.String()), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *Number) UnmarshalJSON(b []byte) error {
	v, err := ParseNumber(strings.Trim(string(b), `"`))
	*n = v
	return err
}
