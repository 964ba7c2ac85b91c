package differential_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// seenKind says what a value is for the comparison, which reads tables by itself: none of the
// code that it judges is used.
type seenKind string

const (
	seenNull    seenKind = "NULL"
	seenNumber  seenKind = "number"
	seenFloat   seenKind = "float"
	seenFloat32 seenKind = "float32"
	seenBoolean seenKind = "boolean"
	seenText    seenKind = "text"  // in hexadecimal
	seenBytes   seenKind = "bytes" // in hexadecimal
	seenTime    seenKind = "time"
	seenInstant seenKind = "instant"
	seenJSON    seenKind = "json"
	seenNative  seenKind = "native"
	seenStored  seenKind = "stored" // the storage class, a colon, and the value
	seenMoment  seenKind = "moment" // a time as a file spells it
	seenNowhere seenKind = "none"   // what no table can hold: it must be refused
)

// seenValue is a value of a table as it was read.
type seenValue struct {
	kind seenKind
	text string
}

// row is a row of a table as it was read: the id, the time, and the columns.
type row []seenValue

// textValue is a text.
func textValue(text string) seenValue { return seenValue{seenText, hex.EncodeToString([]byte(text))} }

func readPostgres(column string, t drawnType) string {
	switch t.seen {
	case seenText:
		return "encode(convert_to(" + column + "::text, 'UTF8'), 'hex')"
	case seenBytes:
		return "encode(" + column + ", 'hex')"
	case seenInstant:
		return "(" + column + " AT TIME ZONE 'UTC')::text"
	}
	return column + "::text"
}

func readMySQL(column string, t drawnType) string {
	switch {
	case t.seen == seenText:
		return "lower(hex(convert(" + column + " USING utf8mb4)))"
	case t.seen == seenBytes:
		return "lower(hex(" + column + "))"
	case t.seen == seenFloat, t.seen == seenFloat32:
		return "cast(cast(" + column + " AS double) AS char)"
	case t.seen == seenText && t.sql == "uuid":
		return "lower(hex(convert(cast(" + column + " AS char) USING utf8mb4)))"
	case strings.HasPrefix(t.sql, "bit"):
		return "cast(" + column + " + 0 AS char)"
	}
	return "cast(" + column + " AS char)"
}

func readSQLite(column string, _ drawnType) string {
	return strings.ReplaceAll(`typeof(@) || ':' || CASE WHEN typeof(@) IN ('text', 'blob') THEN lower(hex(@))
		ELSE quote(@) END`, "@", column)
}

// decodeSeen returns the value of a text that an expression of drawnEngine.read gave.
func decodeSeen(text *string, kind seenKind) seenValue {
	if text == nil {
		return seenValue{kind: seenNull}
	}
	if kind != seenStored {
		return seenValue{kind, *text}
	}
	class, value, _ := strings.Cut(*text, ":")
	if class == "null" {
		return seenValue{kind: seenNull}
	}
	return seenValue{map[string]seenKind{
		"integer": seenNumber, "real": seenFloat, "text": seenText, "blob": seenBytes,
	}[class], value}
}

// same reports whether a table's value is the one of its source. stored says that the
// table's engine has classes in place of types.
func same(source, table seenValue) bool {
	a, b := source, table
	switch {
	case a.kind == seenNowhere:
		return false
	case a.kind == b.kind:
		return sameKind(a, b)
	}
	switch {
	case a.kind == seenMoment && b.kind == seenText:
		return sameMoment(a.text, unhex(b.text))
	case a.kind == seenMoment:
		return sameMoment(a.text, b.text)
	case a.kind == seenNull || b.kind == seenNull:
		return false
	case isFloat(a) && isFloat(b):
		return sameFloat(a, b)
	case a.kind == seenBoolean && b.kind == seenNumber, a.kind == seenNumber && b.kind == seenBoolean:
		return truth(a) == truth(b)
	case isNumber(a) && isNumber(b):
		return sameNumber(shortest(a), shortest(b))
	case a.kind == seenText && b.kind != seenBytes:
		return sameAsText(unhex(a.text), b)
	case b.kind == seenText && a.kind != seenBytes:
		return sameAsText(unhex(b.text), a)
	}
	return false
}

func sameKind(a, b seenValue) bool {
	switch a.kind {
	case seenNumber:
		return sameNumber(a.text, b.text)
	case seenFloat, seenFloat32:
		return sameFloat(a, b)
	case seenTime, seenInstant:
		return withoutZeros(a.text) == withoutZeros(b.text)
	case seenJSON:
		return sameJSON(a.text, b.text)
	}
	return a.text == b.text
}

// sameAsText compares a text with a value of a type.
func sameAsText(text string, v seenValue) bool {
	switch v.kind {
	case seenTime, seenInstant:
		return sameMoment(text, v.text)
	case seenJSON:
		return sameJSON(text, v.text)
	case seenBoolean:
		return slices.Contains(truths[v.text], strings.ToLower(text))
	case seenNumber:
		return sameNumber(text, v.text) || slices.Contains(truths[truthNames[v.text]], strings.ToLower(text))
	case seenFloat, seenFloat32:
		bits := map[seenKind]int{seenFloat: 64, seenFloat32: 32}[v.kind]
		f, err := strconv.ParseFloat(text, bits)
		return err == nil && (f == floatOf(v) || math.IsNaN(f) && math.IsNaN(floatOf(v)))
	}
	return text == v.text
}

// truths are the spellings of booleans in files.
var (
	truths     = map[string][]string{"true": {"true", "t", "1"}, "false": {"false", "f", "0"}}
	truthNames = map[string]string{"1": "true", "0": "false"}
)

// sameMoment compares times in any of their spellings.
func sameMoment(a, b string) bool {
	if withoutZeros(a) == withoutZeros(b) {
		return true
	}
	x, err1 := seenAt(a)
	y, err2 := seenAt(b)
	return err1 == nil && err2 == nil && x.Equal(y)
}

func isFloat(v seenValue) bool  { return v.kind == seenFloat || v.kind == seenFloat32 }
func isNumber(v seenValue) bool { return v.kind == seenNumber || isFloat(v) }

func truth(v seenValue) string {
	return map[string]string{"true": "1", "false": "0"}[v.text] + map[bool]string{true: v.text}[v.kind == seenNumber]
}

// floatOf returns the float of a value. A float of 32 bits is printed shorter than one of
// 64 that is the same.
func floatOf(v seenValue) float64 {
	bits := 64
	if v.kind == seenFloat32 {
		bits = 32
	}
	f, err := strconv.ParseFloat(v.text, bits)
	if err != nil && !math.IsInf(f, 0) { // SQLite prints an infinity as 9.0e+999
		panic(err)
	}
	return f
}

func sameFloat(a, b seenValue) bool {
	x, y := floatOf(a), floatOf(b)
	return math.IsNaN(x) && math.IsNaN(y) || math.Float64bits(x) == math.Float64bits(y)
}

// shortest is the decimal that a number stands for.
func shortest(v seenValue) string {
	if isFloat(v) && math.IsInf(floatOf(v), 0) {
		return map[bool]string{true: "Infinity", false: "-Infinity"}[floatOf(v) > 0]
	}
	if isFloat(v) {
		return strconv.FormatFloat(floatOf(v), 'g', -1, 64)
	}
	return v.text
}

func sameNumber(a, b string) bool {
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	if !ok1 || !ok2 {
		return a == b
	}
	return x.Cmp(y) == 0
}

var fraction = regexp.MustCompile(`(\.\d*?)0+( BC|[+-][\d:]+)?$`)

// withoutZeros cuts zeros at the end of a fraction of seconds.
func withoutZeros(text string) string {
	text = fraction.ReplaceAllString(text, "$1$2")
	return strings.TrimSuffix(strings.Replace(text, ". BC", " BC", 1), ".")
}

func seenAt(text string) (at time.Time, err error) {
	for _, form := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02",
		"15:04:05"} {
		for _, zone := range []string{"", "Z07:00", "Z07"} {
			if at, err = time.Parse(form+zone, text); err == nil {
				return at, nil
			}
		}
	}
	return at, err
}

func unhex(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sameJSON compares JSON values. Numbers compare by value. A text with a name twice in an
// object equals only itself.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := decodeJSON(a)
	y, ok2 := decodeJSON(b)
	return ok1 && ok2 && reflect.DeepEqual(x, y) && strings.Count(a, ":") == strings.Count(b, ":")
}

func decodeJSON(text string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	return plainJSON(v), true
}

// plainJSON replaces the numbers of a decoded value by their shortest fractions.
func plainJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.RatString()
		}
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainJSON(v[k])
		}
	}
	return v
}

// inside returns the rows of the window, and outside the others.
func inside(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !isInside(r) })
}

func outside(rows []row) []row { return slices.DeleteFunc(slices.Clone(rows), isInside) }

func isInside(r row) bool { return len(strings.Split(r[0].text, ".")[0]) > 1 } // two digits

// compareRows returns the first difference of two sets of rows in the order of their ids; "" if
// there is none. Rows with the same id may stand in any order.
func compareRows(want, have []row) string {
	if len(want) != len(have) {
		return fmt.Sprintf("%d rows, want %d", len(have), len(want))
	}
	left := slices.Clone(have)
	for _, one := range want {
		at := slices.IndexFunc(left, func(other row) bool { return differingColumn(one, other) < 0 })
		if at < 0 {
			return explainRow(one, left)
		}
		left = slices.Delete(left, at, at+1)
	}
	return ""
}

// differingColumn returns the first column in which a row of a table is not the one of the
// source; -1 if there is none.
func differingColumn(source, table row) int {
	for i, v := range source {
		if !same(v, table[i]) {
			return i
		}
	}
	return -1
}

// explainRow says how a row differs from the one with its id.
func explainRow(want row, have []row) string {
	for _, other := range have {
		if j := differingColumn(want, other); sameNumber(want[0].text, other[0].text) {
			return fmt.Sprintf("row %s, column %d: %s %.80s, want %s %.80s", want[0].text, j, other[j].kind, other[j].text,
				want[j].kind, want[j].text)
		}
	}
	return fmt.Sprintf("no row %s", want[0].text)
}
