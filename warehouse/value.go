package warehouse

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Value is one value as repairs carry it from one table to another. Kind says what it is,
// whatever type of column holds it.
type Value struct {
	Kind ValueKind
	Text string // its form depends on Kind
}

// ValueKind says what a value is.
type ValueKind string

// The kinds of values, with the form of [Value.Text].
const (
	NullValue      ValueKind = ""          // empty
	BooleanValue   ValueKind = "boolean"   // true or false
	NumberValue    ValueKind = "number"    // exact: digits with a point, NaN, Infinity or -Infinity
	FloatValue     ValueKind = "float"     // as FloatText writes it
	TextValue      ValueKind = "text"      // the text
	BytesValue     ValueKind = "bytes"     // the bytes themselves
	DateValue      ValueKind = "date"      // 2026-03-11
	TimeValue      ValueKind = "time"      // 01:02:03.4, perhaps with an offset
	TimestampValue ValueKind = "timestamp" // 2026-03-11 01:02:03.4, what a clock showed
	InstantValue   ValueKind = "instant"   // 2026-03-11 01:02:03.4 in UTC
	JSONValue      ValueKind = "json"      // the JSON text
	NativeValue    ValueKind = "native"    // the engine's own text
)

// Null reports whether the value is NULL.
func (v Value) Null() bool { return v.Kind == NullValue }

// ValueReader is a dialect whose values are read without losing anything. Without it a
// table can only be reloaded from columns whose text is the whole value.
type ValueReader interface {
	// ReadValue returns the expressions of a SELECT list from which DecodeValue makes the
	// values of a column. column is quoted.
	ReadValue(column string, t Type) []string
	// DecodeValue returns the value of what ReadValue's expressions answered.
	DecodeValue(cells []Cell, t Type) (Value, error)
}

// ReadValue returns the expressions that read a column of a dialect; see [ValueReader].
func ReadValue(d Dialect, column string, t Type) []string {
	if r, ok := d.(ValueReader); ok {
		return r.ReadValue(column, t)
	}
	return []string{column}
}

// DecodeValue returns the value that a dialect answered; see [ValueReader].
func DecodeValue(d Dialect, cells []Cell, t Type) (Value, error) {
	switch r, ok := d.(ValueReader); {
	case ok:
		return r.DecodeValue(cells, t)
	case t.Family == Binary && !cells[0].Null:
		return Value{}, fmt.Errorf("bytes of %s are not read", d.Name())
	}
	return StandardValue(cells[0], t)
}

// StandardValue reads a cell in the form that most engines write a type. The cell of a
// binary type has the bytes themselves.
func StandardValue(cell Cell, t Type) (Value, error) {
	if cell.Null {
		return Value{}, nil
	}
	text := cell.Text
	switch t.Family {
	case Boolean:
		return booleanValue(text)
	case Integer, Decimal:
		return Value{NumberValue, text}, nil
	case FloatType:
		return floatValue(text, t.Bits)
	case Text, Enum:
		return Value{TextValue, text}, nil
	case FixedText: // the engine fills the value up with blanks
		return Value{TextValue, strings.TrimRight(text, " ")}, nil
	case UUID:
		return Value{TextValue, strings.ToLower(text)}, nil
	case Binary:
		return Value{BytesValue, text}, nil
	case Date:
		return Value{DateValue, text}, nil
	case Time:
		return Value{TimeValue, trimFraction(text)}, nil
	case Timestamp:
		if !t.Zoned {
			return Value{TimestampValue, trimFraction(text)}, nil
		}
		return instantValue(text)
	case JSON:
		return Value{JSONValue, text}, nil
	}
	return Value{NativeValue, text}, nil
}

func booleanValue(text string) (Value, error) {
	switch text {
	case "t", "true", "1":
		return Value{BooleanValue, "true"}, nil
	case "f", "false", "0":
		return Value{BooleanValue, "false"}, nil
	}
	return Value{}, fmt.Errorf("%q is no boolean", text)
}

// floatValue reads the text of a float of 32 or 64 bits.
func floatValue(text string, bits int) (Value, error) {
	if bits != 32 {
		bits = 64
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return Value{}, fmt.Errorf("%q is no floating-point number", text)
	}
	return Value{FloatValue, FloatText(f)}, nil
}

// FloatText writes a float so that it reads back as the same: the shortest such decimal,
// NaN, Infinity or -Infinity.
func FloatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// instantValue reads a timestamp with a zone, which a session in UTC writes in UTC.
func instantValue(text string) (Value, error) {
	text, era := cutEra(text)
	for _, utc := range []string{"+00:00", "+00", "Z"} {
		text = strings.TrimSuffix(text, utc)
	}
	if i := strings.LastIndexAny(text, "+-"); i > len("2006-01-02") {
		return Value{}, fmt.Errorf("%q is not in UTC, which the session's time zone should be", text)
	}
	return Value{InstantValue, trimFraction(text) + era}, nil
}

// cutEra cuts the mark of the years before Christ.
func cutEra(text string) (rest, era string) {
	if rest, ok := strings.CutSuffix(text, " BC"); ok {
		return rest, " BC"
	}
	return text, ""
}

// trimFraction removes the zeros at the end of a fraction of seconds, which say how many
// digits the type has and nothing about the value.
func trimFraction(text string) string {
	text, era := cutEra(text)
	point := strings.IndexByte(text, '.')
	if point < 0 {
		return text + era
	}
	end := point + 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return strings.TrimRight(strings.TrimRight(text[:end], "0"), ".") + text[end:] + era
}
