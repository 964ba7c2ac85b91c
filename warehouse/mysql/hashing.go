package mysql

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// HashText implements warehouse.RowHasher. All texts are bytes, so that no collations mix.
func (Dialect) HashText(column string, t warehouse.Type, form warehouse.HashForm) (string, error) {
	text := "CAST(" + column + " AS BINARY)"
	switch form.Kind {
	case warehouse.HashNumber:
		if t.Zerofill {
			text = "CAST((" + column + " + 0) AS BINARY)"
		}
		if t.Family == warehouse.Decimal && t.Scale > 0 {
			text = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM " + text + "))"
		}
		return text, nil
	case warehouse.HashFloat:
		return floatText("CAST((" + column + " * 1e0) AS BINARY)"), nil
	case warehouse.HashText:
		return lengthAndText(column, t), nil
	case warehouse.HashBytes:
		return "CAST(LOWER(HEX(" + column + ")) AS BINARY)", nil
	case warehouse.HashTime:
		if t.Precision > 1 {
			text = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM " + text + "))"
		}
		return text, nil
	}
	return "", fmt.Errorf("%s is not hashed as %s", t.Native, form.Kind)
}

func lengthAndText(column string, t warehouse.Type) string {
	switch {
	case isBit(t):
		column = "(" + column + " + 0)"
	case isGeometry(t):
		column = "HEX(" + column + ")"
	}
	text := characters(column)
	if t.Family == warehouse.FixedText {
		text = "TRIM(TRAILING ' ' FROM " + text + ")" // sql_mode may fill them up
	}
	return "CONCAT(CHAR_LENGTH(" + text + "), ':', CAST(" + text + " AS BINARY))"
}

// floatText takes the text of a float apart: 1.5e20, 0.00015, -150.
func floatText(text string) string {
	number := "SUBSTRING_INDEX(" + text + ", 'e', 1)"
	whole := "TRIM(LEADING '0' FROM TRIM(LEADING '-' FROM SUBSTRING_INDEX(" + number + ", '.', 1)))"
	fraction := "IF(LOCATE('.', " + number + ") > 0, SUBSTRING_INDEX(" + number + ", '.', -1), '')"
	exponent := "IF(LOCATE('e', " + text + ") > 0, CAST(SUBSTRING_INDEX(" + text + ", 'e', -1) AS SIGNED), 0)"
	return "CONCAT(IF(LOCATE('-', " + text + ") = 1, '-', ''), TRIM(BOTH '0' FROM CONCAT(" + whole + ", " + fraction +
		")), 'e', " + exponent + " + IF(" + whole + " <> '', LENGTH(" + whole + "), CAST(LENGTH(TRIM(LEADING '0' FROM " +
		fraction + ")) AS SIGNED) - LENGTH(" + fraction + ")))"
}

// Hash implements warehouse.RowHasher. The text of a row that is larger than
// max_allowed_packet is NULL. A random number in its place says that the row has to be read.
func (Dialect) Hash(texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = "COALESCE(" + text + ", '~'), ','"
	}
	return "COALESCE(CAST(CONV(RIGHT(MD5(CONCAT(" + strings.Join(parts, ", ") + ")), 15), 16, 10) AS UNSIGNED), " +
		"CAST(RAND() * 1e15 AS UNSIGNED))"
}

// SumHashes implements warehouse.RowHasher. The sum of integers is a decimal.
func (Dialect) SumHashes(hash string) string { return "sum(" + hash + ")" }

// DivideKey implements warehouse.KeyDivider. A shift makes an integer one without a sign.
func (Dialect) DivideKey(key, shift string) string {
	return "IF(" + key + " < 0, -1 - CAST((-1 - CAST(" + key + " AS SIGNED)) >> " + shift + " AS SIGNED), CAST(" + key +
		" >> " + shift + " AS SIGNED))"
}

// BitsBetween implements warehouse.KeyDivider.
func (d Dialect) BitsBetween(low, high string) string {
	return "LENGTH(TRIM(LEADING '0' FROM BIN(" + d.DivideKey(high, "1") + " - " + d.DivideKey(low, "1") + "))) + 1"
}
