// Package rowvalues compares rows across engines by their values. It has the canonical
// encoding of a value, digests of sets of rows, and the rules by which the values of one
// column are carried to another. Begin with [AppendCanonical] and [NewPair].
package rowvalues

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// AppendCanonical appends the canonical encoding of a value: its kind, its length, and a
// text that is the same for all spellings of the value. No two different values share an
// encoding, and none is the beginning of another.
func AppendCanonical(b []byte, v warehouse.Value) []byte {
	text := v.Text
	switch v.Kind {
	case warehouse.NumberValue:
		if plain, err := PlainNumber(text); err == nil {
			text = plain
		}
	case warehouse.JSONValue:
		text = canonicalJSON(text)
	}
	b = append(b, kindTags[v.Kind])
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// kindTags distinguish the kinds in an encoding. They are part of stored checkpoints, so
// they must not change.
var kindTags = map[warehouse.ValueKind]byte{
	warehouse.NullValue: '0', warehouse.BooleanValue: 'b', warehouse.NumberValue: 'n', warehouse.FloatValue: 'f',
	warehouse.TextValue: 't', warehouse.BytesValue: 'x', warehouse.DateValue: 'd', warehouse.TimeValue: 'c',
	warehouse.TimestampValue: 's', warehouse.InstantValue: 'i', warehouse.JSONValue: 'j', warehouse.NativeValue: 'o',
}

// isSpecial reports whether a number is none with digits.
func isSpecial(text string) bool { return text == "NaN" || text == "Infinity" || text == "-Infinity" }

// errNoNumber is the error of a text that is no decimal number.
var errNoNumber = errors.New("no decimal number")

// largestExponent bounds the digits that an exponent can stand for.
const largestExponent = 20000

// PlainNumber writes a decimal number without an exponent, a plus sign, and zeros that
// say nothing. The special numbers stay as they are.
func PlainNumber(text string) (string, error) {
	if isSpecial(text) {
		return text, nil
	}
	sign := ""
	rest := text
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		sign, rest = strings.TrimPrefix(rest[:1], "+"), rest[1:]
	}
	exponent := 0
	if mantissa, power, found := strings.Cut(strings.ToLower(rest), "e"); found {
		n, err := strconv.Atoi(power)
		if err != nil || n > largestExponent || n < -largestExponent {
			return "", errNoNumber
		}
		rest, exponent = mantissa, n
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", errNoNumber
	}
	whole, fraction = shiftPoint(whole, fraction, exponent)
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	switch {
	case whole+fraction == "":
		return "0", nil
	case whole == "":
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole, nil
}

// shiftPoint moves the point of a number to the right; to the left if n is negative.
func shiftPoint(whole, fraction string, n int) (string, string) {
	if n >= 0 {
		fraction += strings.Repeat("0", max(0, n-len(fraction)))
		return whole + fraction[:n], fraction[n:]
	}
	whole = strings.Repeat("0", max(0, -n-len(whole))) + whole
	return whole[:len(whole)+n], whole[len(whole)+n:] + fraction
}

// significant counts the digits of a number between its first and its last that is not 0.
// A text that is no number has none.
func significant(text string) int {
	plain, err := PlainNumber(text)
	if err != nil || isSpecial(plain) {
		return 0
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(plain, "-"), ".")
	return len(strings.Trim(whole+fraction, "0"))
}

// canonicalJSON writes a JSON value with sorted names, without spaces, and with plain
// numbers. A text that is no JSON, or has a name twice in one object, stays as it is.
func canonicalJSON(text string) string {
	if !json.Valid([]byte(text)) { // it bounds the depth too
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var b bytes.Buffer
	if err := writeJSON(&b, d); err != nil {
		return text
	}
	const unreadable = "\ufffd" // stands for an escape that is no character
	if strings.Contains(b.String(), unreadable) && !strings.Contains(text, unreadable) {
		return text
	}
	return b.String()
}

var errDoubledName = errors.New("a name stands in an object twice")

// writeJSON writes the next value of d in canonical form.
func writeJSON(b *bytes.Buffer, d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return writeObject(b, d)
		}
		return writeArray(b, d)
	case json.Number:
		plain, err := PlainNumber(v.String())
		if err != nil {
			return err
		}
		b.WriteString(plain)
		return nil
	default:
		text, err := json.Marshal(v)
		b.Write(text)
		return err
	}
}

func writeArray(b *bytes.Buffer, d *json.Decoder) error {
	b.WriteByte('[')
	for d.More() {
		if err := writeJSON(b, d); err != nil {
			return err
		}
		b.WriteByte(',')
	}
	b.WriteByte(']')
	_, err := d.Token()
	return err
}

func writeObject(b *bytes.Buffer, d *json.Decoder) error {
	members := map[string]string{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		if _, twice := members[key]; twice {
			return errDoubledName
		}
		var member bytes.Buffer
		if err := writeJSON(&member, d); err != nil {
			return err
		}
		members[key] = member.String()
	}
	b.WriteByte('{')
	for _, name := range slices.Sorted(maps.Keys(members)) {
		text, err := json.Marshal(name)
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteString(":" + members[name] + ",")
	}
	b.WriteByte('}')
	_, err := d.Token()
	return err
}
