package mysql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// geometries are the types whose values are bytes, although their family is Other.
var geometries = []string{"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
	"multipolygon", "geometrycollection", "vector"}

// isGeometry reports whether a type's values travel as the server's own bytes.
func isGeometry(t warehouse.Type) bool {
	name, _, _ := warehouse.SplitType(t.Native)
	return slices.Contains(geometries, name)
}

func isBit(t warehouse.Type) bool {
	name, _, _ := warehouse.SplitType(t.Native)
	return name == "bit"
}

// ReadValue implements warehouse.ValueReader. As text a FLOAT has six digits; as a DOUBLE
// it has all. A BIT is a number in the form of bytes.
func (Dialect) ReadValue(column string, t warehouse.Type) []string {
	switch {
	case t.Family == warehouse.FloatType && t.Bits == 32:
		return []string{"(" + column + " * 1e0)"}
	case isBit(t):
		return []string{"(" + column + " + 0)"}
	}
	return []string{column}
}

// DecodeValue implements warehouse.ValueReader.
func (Dialect) DecodeValue(cells []warehouse.Cell, t warehouse.Type) (warehouse.Value, error) {
	switch {
	case cells[0].Null:
	case t.Family == warehouse.FloatType:
		t.Bits = 64
	case isBit(t):
		return warehouse.Value{Kind: warehouse.NumberValue, Text: cells[0].Text}, nil
	case isGeometry(t):
		return warehouse.Value{Kind: warehouse.BytesValue, Text: cells[0].Text}, nil
	}
	return warehouse.StandardValue(cells[0], t)
}

// BindValue implements warehouse.WriteDialect.
func (Dialect) BindValue(v warehouse.Value, t warehouse.Type) (any, error) {
	switch v.Kind {
	case warehouse.NullValue:
		return nil, nil
	case warehouse.BytesValue:
		return []byte(v.Text), nil
	case warehouse.FloatValue:
		return bindFloat(v.Text)
	case warehouse.NumberValue:
		if isBit(t) {
			return strconv.ParseUint(v.Text, 10, 64)
		}
		if strings.HasSuffix(v.Text, "Infinity") || v.Text == "NaN" {
			return nil, fmt.Errorf("MySQL and MariaDB have no number %s", v.Text)
		}
	case warehouse.DateValue, warehouse.TimestampValue, warehouse.InstantValue:
		if len(v.Text) < 10 || v.Text[4] != '-' || strings.HasSuffix(v.Text, " BC") {
			return nil, fmt.Errorf("MySQL and MariaDB have no time %s", v.Text)
		}
	}
	if !utf8.ValidString(v.Text) {
		return nil, errors.New("the text is not UTF-8")
	}
	return v.Text, nil
}

func bindFloat(text string) (any, error) {
	if text == "NaN" || strings.HasSuffix(text, "Infinity") {
		return nil, fmt.Errorf("MySQL and MariaDB have no number %s", text)
	}
	return strconv.ParseFloat(text, 64)
}
