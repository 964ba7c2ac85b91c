package rowvalues

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Carry returns the value that the table's column must hold for a value of the source. It
// returns an error for a value that the column cannot hold, or would hold as another.
func (p Pair) Carry(v warehouse.Value) (warehouse.Value, error) {
	switch {
	case v.Null() || bothUnenforced(p.From, p.To):
		return v, nil
	case p.To.Unenforced && v.Kind == warehouse.BytesValue && unmarkedText(p.From, p.To):
		return toText(v, warehouse.Type{Family: warehouse.Text})
	case p.To.Unenforced && p.From.Family != FileText:
		return toStored(v, p.To)
	case p.From.Unenforced && !suitsClass(v, p.To.Family):
		return unsuited(v, "a value of the table's "+p.To.Native)
	case p.To.Unenforced && slices.Contains(spelled, p.To.Family):
		return v, nil
	}
	carried, err := p.toType(v)
	if err == nil && p.To.Unenforced {
		return toStored(carried, p.To)
	}
	return carried, err
}

// unmarkedText reports whether bytes of a file are texts: old writers do not mark them.
func unmarkedText(from, to Side) bool { return fromFile(from, to) && slices.Contains(texts, to.Family) }

// spelled are the types whose values an engine without enforced types keeps as they are
// spelled.
var spelled = families{warehouse.Text, warehouse.UUID, warehouse.JSON}

// suitsClass reports whether a value with a storage class of its own can be of a type.
func suitsClass(v warehouse.Value, f warehouse.Family) bool {
	switch f {
	case warehouse.Boolean, warehouse.Integer:
		return v.Kind == warehouse.NumberValue
	case warehouse.Decimal, warehouse.FloatType:
		return v.Kind == warehouse.NumberValue || v.Kind == warehouse.FloatValue
	case warehouse.Binary:
		return v.Kind == warehouse.BytesValue
	}
	return v.Kind == warehouse.TextValue
}

// toType returns a value as one of the table's type.
func (p Pair) toType(v warehouse.Value) (warehouse.Value, error) {
	t := p.To.Type
	switch t.Family {
	case warehouse.Boolean:
		return toBoolean(v)
	case warehouse.Integer:
		return toInteger(v, t)
	case warehouse.Decimal:
		return toDecimal(v, t)
	case warehouse.FloatType:
		return toFloat(v, t)
	case warehouse.Text, warehouse.FixedText, warehouse.Enum:
		return toText(v, t)
	case warehouse.Binary:
		if typeless(p.To) {
			return v, nil
		}
		return toBytes(v, t)
	case warehouse.Date:
		return toDate(v)
	case warehouse.Time:
		return toTime(v, t)
	case warehouse.Timestamp:
		return toTimestamp(v, p.To)
	case warehouse.UUID:
		return toUUID(v)
	case warehouse.JSON:
		return toJSON(v)
	}
	if v.Kind == warehouse.TextValue { // of a file, in the engine's own words
		v.Kind = warehouse.NativeValue
	}
	return v, nil
}

// unsuited is the error of a value of a kind that a type has no place for.
func unsuited(v warehouse.Value, want string) (warehouse.Value, error) {
	return v, fmt.Errorf("%s (%s) is not %s", Shown(v), v.Kind, want)
}

// Shown is a value for a message.
func Shown(v warehouse.Value) string {
	const most = 40
	text := v.Text
	switch {
	case v.Kind == warehouse.BytesValue:
		text = fmt.Sprintf("%x", v.Text[:min(len(v.Text), most)])
	case (v.Kind == warehouse.NumberValue || v.Kind == warehouse.FloatValue) && len(text) <= most:
		return text
	}
	if runes := []rune(strings.ToValidUTF8(text, "?")); len(runes) > most {
		return fmt.Sprintf("%q...", string(runes[:most]))
	}
	return fmt.Sprintf("%q", text)
}

func toBoolean(v warehouse.Value) (warehouse.Value, error) {
	switch text := strings.ToLower(v.Text); v.Kind {
	case warehouse.BooleanValue:
		return v, nil
	case warehouse.NumberValue, warehouse.TextValue:
		if slices.Contains([]string{"1", "true", "t"}, text) {
			return warehouse.Value{Kind: warehouse.BooleanValue, Text: "true"}, nil
		}
		if slices.Contains([]string{"0", "false", "f"}, text) {
			return warehouse.Value{Kind: warehouse.BooleanValue, Text: "false"}, nil
		}
	}
	return unsuited(v, "a boolean")
}

func toInteger(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	text := v.Text
	switch v.Kind {
	case warehouse.BooleanValue:
		text = booleanNumber(text)
	case warehouse.NumberValue:
	case warehouse.TextValue:
		if n, ok := booleanAsNumber[strings.ToLower(text)]; ok && (t.Unenforced || toTinyint1(Side{}, Side{Type: t})) {
			text = n
		}
	default:
		return unsuited(v, "a whole number")
	}
	plain, err := PlainNumber(text)
	if err != nil {
		return unsuited(v, "a whole number")
	}
	n, whole := new(big.Int).SetString(plain, 10)
	if !whole {
		return v, fmt.Errorf("%s is no whole number, and the table's %s holds no other", Shown(v), t.Native)
	}
	if low, high := integerRange(t); n.Cmp(low) < 0 || n.Cmp(high) > 0 {
		return v, fmt.Errorf("%s is outside of the range of the table's %s", Shown(v), t.Native)
	}
	return warehouse.Value{Kind: warehouse.NumberValue, Text: plain}, nil
}

func booleanNumber(text string) string {
	if text == "true" {
		return "1"
	}
	return "0"
}

// booleanAsNumber maps the booleans of files to numbers.
var booleanAsNumber = map[string]string{"true": "1", "false": "0"}

func toDecimal(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	switch v.Kind {
	case warehouse.FloatValue: // of SQLite, which has no decimals
		if significant(v.Text) > 15 {
			return v, fmt.Errorf("%s is a floating-point number, which stands for no decimal", Shown(v))
		}
	case warehouse.NumberValue, warehouse.TextValue:
	default:
		return unsuited(v, "a decimal")
	}
	if v.Kind != warehouse.TextValue && isSpecial(v.Text) {
		return warehouse.Value{Kind: warehouse.NumberValue, Text: v.Text}, nil
	}
	plain, err := PlainNumber(v.Text)
	if err != nil {
		return unsuited(v, "a decimal")
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(plain, "-"), ".")
	zeros := max(0, -t.Scale)
	if t.Precision > 0 && whole != "0" && len(whole)-len(strings.TrimRight(whole, "0")) < zeros {
		return v, fmt.Errorf("%s does not end in %d zeros, and the table's %s rounds to them", Shown(v), zeros, t.Native)
	}
	if t.Precision > 0 && len(fraction) > max(0, t.Scale) {
		return v, fmt.Errorf("%s has %d digits after the point, and the table's %s holds %d", Shown(v), len(fraction),
			t.Native, t.Scale)
	}
	if t.Precision > 0 && whole != "0" && len(whole) > t.Precision-t.Scale {
		return v, fmt.Errorf("%s has %d digits before the point, and the table's %s holds %d", Shown(v), len(whole),
			t.Native, t.Precision-t.Scale)
	}
	if v.Kind == warehouse.NumberValue {
		return v, nil // as it is written: PostgreSQL keeps zeros at the end
	}
	return warehouse.Value{Kind: warehouse.NumberValue, Text: plain}, nil
}

func toFloat(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	text := v.Text
	switch v.Kind {
	case warehouse.FloatValue:
	case warehouse.NumberValue:
		if significant(text) > 15 {
			return v, fmt.Errorf("%s has more digits than a floating-point number holds", Shown(v))
		}
	case warehouse.TextValue:
		if significant(text) > 17 {
			return v, fmt.Errorf("%s has more digits than a floating-point number holds", Shown(v))
		}
	default:
		return unsuited(v, "a number")
	}
	bits := 64
	if v.Kind == warehouse.TextValue && t.Bits == 32 {
		bits = 32
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return unsuited(v, "a number")
	}
	if t.Bits == 32 && !isNaN(f) && float64(float32(f)) != f {
		return v, fmt.Errorf("%s has more digits than the table's %s holds", Shown(v), t.Native)
	}
	return warehouse.Value{Kind: warehouse.FloatValue, Text: warehouse.FloatText(f)}, nil
}

func isNaN(f float64) bool { return f != f }

func toText(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	switch v.Kind {
	case warehouse.TextValue, warehouse.JSONValue:
	case warehouse.BytesValue: // of a file that does not mark texts
		if !utf8.ValidString(v.Text) {
			return v, fmt.Errorf("%s is not UTF-8", Shown(v))
		}
	default:
		return unsuited(v, "a text")
	}
	v.Kind = warehouse.TextValue
	switch {
	case t.Family == warehouse.Enum && !slices.Contains(t.Values, v.Text):
		return v, fmt.Errorf("%s is none of the labels of the table's %s", Shown(v), t.Native)
	case t.Family != warehouse.Enum && t.Length > 0 && utf8.RuneCountInString(v.Text) > t.Length:
		return v, fmt.Errorf("%s has %d characters, and the table's %s holds %d", Shown(v),
			utf8.RuneCountInString(v.Text), t.Native, t.Length)
	case t.Family == warehouse.FixedText && strings.HasSuffix(v.Text, " "):
		return v, fmt.Errorf("%s ends in blanks, which the table's %s does not keep", Shown(v), t.Native)
	}
	return v, nil
}

func toBytes(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	switch n := len(v.Text); {
	case v.Kind != warehouse.BytesValue:
		return unsuited(v, "bytes")
	case t.Length > 0 && n > t.Length:
		return v, fmt.Errorf("%s has %d bytes, and the table's %s holds %d", Shown(v), n, t.Native, t.Length)
	case t.Padded && n != max(1, t.Length):
		return v, fmt.Errorf("%s has %d bytes, and the table's %s would fill them up", Shown(v), n, t.Native)
	}
	return v, nil
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func toUUID(v warehouse.Value) (warehouse.Value, error) {
	if v.Kind != warehouse.TextValue || !uuidForm.MatchString(v.Text) {
		return unsuited(v, "a UUID in lower case with hyphens")
	}
	return v, nil
}

func toJSON(v warehouse.Value) (warehouse.Value, error) {
	if v.Kind != warehouse.JSONValue && v.Kind != warehouse.TextValue || !json.Valid([]byte(v.Text)) {
		return unsuited(v, "JSON")
	}
	return warehouse.Value{Kind: warehouse.JSONValue, Text: v.Text}, nil
}

// toStored returns a value in the storage class in which a column without enforced types
// keeps it.
func toStored(v warehouse.Value, to Side) (warehouse.Value, error) {
	switch v.Kind {
	case warehouse.BooleanValue:
		return warehouse.Value{Kind: warehouse.NumberValue, Text: booleanNumber(v.Text)}, nil
	case warehouse.NumberValue:
		return storedNumber(v, to)
	case warehouse.FloatValue:
		if v.Text == "NaN" {
			return v, errors.New("NaN would be stored as NULL")
		}
		return v, nil
	case warehouse.DateValue, warehouse.TimestampValue, warehouse.InstantValue:
		if len(v.Text) < 10 || v.Text[4] != '-' || strings.HasSuffix(v.Text, " BC") {
			return v, fmt.Errorf("%s is outside of the years 0 to 9999", Shown(v))
		}
	case warehouse.NativeValue:
		return unsuited(v, "a value that the table's engine has")
	case warehouse.BytesValue:
		return v, nil
	}
	return warehouse.Value{Kind: warehouse.TextValue, Text: v.Text}, nil
}

// storedNumber returns a number as the integer, the float or the text that the column's
// affinity makes of it.
func storedNumber(v warehouse.Value, to Side) (warehouse.Value, error) {
	if slices.Contains(texts, to.Family) {
		return warehouse.Value{Kind: warehouse.TextValue, Text: v.Text}, nil
	}
	plain, err := PlainNumber(v.Text)
	if err != nil {
		return v, fmt.Errorf("%s is no number that the table's engine has", Shown(v))
	}
	if _, err := strconv.ParseInt(plain, 10, 64); err == nil && to.Family != warehouse.FloatType {
		return warehouse.Value{Kind: warehouse.NumberValue, Text: plain}, nil
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || significant(plain) > 15 {
		return v, fmt.Errorf("%s has more digits than a number of the table's engine holds", Shown(v))
	}
	return warehouse.Value{Kind: warehouse.FloatValue, Text: warehouse.FloatText(f)}, nil
}
