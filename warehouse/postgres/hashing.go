package postgres

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// HashText implements warehouse.RowHasher.
func (Dialect) HashText(column string, t warehouse.Type, form warehouse.HashForm) (string, error) {
	text := "(" + column + ")::text"
	switch form.Kind {
	case warehouse.HashNumber:
		return numberText(column, text, t), nil
	case warehouse.HashFloat:
		return floatText("(" + column + ")::float8::text"), nil
	case warehouse.HashText:
		return "char_length(" + text + ") || ':' || " + text, nil
	case warehouse.HashBytes:
		return "encode(" + column + ", 'hex')", nil
	case warehouse.HashTime:
		if t.Family == warehouse.Timestamp && t.Zoned {
			return "(" + column + " AT TIME ZONE 'UTC')::text", nil
		}
		return text, nil
	}
	return "", fmt.Errorf("%s is not hashed as %s", t.Native, form.Kind)
}

// numberText writes a number without zeros at the end. A numeric without a scale may have
// a point or not.
func numberText(column, text string, t warehouse.Type) string {
	short := "rtrim(rtrim(" + text + ", '0'), '.')"
	switch {
	case t.Family == warehouse.Boolean:
		return "CASE WHEN " + column + " THEN '1' WHEN NOT " + column + " THEN '0' END"
	case t.Family != warehouse.Decimal, t.Precision > 0 && t.Scale <= 0:
		return text
	case t.Precision > 0:
		return short
	}
	return "CASE WHEN strpos(" + text + ", '.') > 0 THEN " + short + " ELSE " + text + " END"
}

// floatText takes the text of a float apart: 1.5e+20, 0.00015, -150, NaN.
func floatText(text string) string {
	number := "split_part(" + text + ", 'e', 1)"
	whole := "ltrim(split_part(" + number + ", '.', 1), '-0')"
	fraction := "split_part(" + number + ", '.', 2)"
	return "CASE WHEN " + text + " LIKE '-%' THEN '-' ELSE '' END || " +
		"btrim(" + whole + " || " + fraction + ", '0') || 'e' || " +
		"(coalesce(nullif(split_part(" + text + ", 'e', 2), '')::int, 0) + CASE WHEN " + whole + " <> '' THEN char_length(" +
		whole + ") ELSE char_length(ltrim(" + fraction + ", '0')) - char_length(" + fraction + ") END)"
}

// Hash implements warehouse.RowHasher. The server's own encoding may be another than UTF-8.
func (Dialect) Hash(texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = "coalesce(" + text + ", '~')"
	}
	row := strings.Join(parts, " || ',' || ") + " || ','"
	return "('x' || right(md5(convert_to(" + row + ", 'UTF8')), 15))::bit(60)::bigint"
}

// SumHashes implements warehouse.RowHasher. The sum of bigints is a numeric.
func (Dialect) SumHashes(hash string) string { return "sum(" + hash + ")" }

// DivideKey implements warehouse.KeyDivider.
func (Dialect) DivideKey(key, shift string) string {
	return "((" + key + ")::bigint >> (" + shift + ")::int)"
}

// BitsBetween implements warehouse.KeyDivider.
func (Dialect) BitsBetween(low, high string) string {
	half := func(key string) string { return "((" + key + ")::bigint >> 1)" }
	return "char_length(ltrim(((" + half(high) + " - " + half(low) + ")::bit(64))::text, '0')) + 1"
}
