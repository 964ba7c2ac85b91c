package rowvalues

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// HashText writes a value as the statements of a [warehouse.RowHasher] do. It is empty for
// NULL.
func HashText(v warehouse.Value) string {
	switch v.Kind {
	case warehouse.NullValue:
		return ""
	case warehouse.BooleanValue:
		return booleanNumber(v.Text)
	case warehouse.NumberValue:
		if plain, err := PlainNumber(v.Text); err == nil {
			return plain
		}
		return v.Text
	case warehouse.FloatValue:
		return floatHashText(v.Text)
	case warehouse.BytesValue:
		return hex.EncodeToString([]byte(v.Text))
	case warehouse.DateValue, warehouse.TimeValue, warehouse.TimestampValue, warehouse.InstantValue:
		return v.Text
	}
	return fmt.Sprintf("%d:%s", utf8.RuneCountInString(v.Text), v.Text)
}

// floatHashText takes the text of a float apart as [warehouse.HashFloat] says.
func floatHashText(text string) string {
	sign := ""
	if rest, minus := strings.CutPrefix(text, "-"); minus {
		sign, text = "-", rest
	}
	number, power, _ := strings.Cut(text, "e")
	exponent := 0
	if power != "" {
		if _, err := fmt.Sscan(power, &exponent); err != nil {
			return sign + text
		}
	}
	whole, fraction, _ := strings.Cut(number, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole != "" {
		exponent += len(whole)
	} else {
		exponent -= len(fraction) - len(strings.TrimLeft(fraction, "0"))
	}
	return fmt.Sprintf("%s%se%d", sign, strings.Trim(whole+fraction, "0"), exponent)
}
