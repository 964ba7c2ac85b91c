package sqlite

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ReadValue implements warehouse.ValueReader. The type belongs to the value: the first
// expression is its storage class. The sign hides the declared type from the driver, which
// would read texts as times and numbers as booleans by it.
func (Dialect) ReadValue(column string, _ warehouse.Type) []string {
	return []string{"typeof(" + column + ")", "+" + column}
}

// DecodeValue implements warehouse.ValueReader. The kind is that of the storage class.
func (Dialect) DecodeValue(cells []warehouse.Cell, _ warehouse.Type) (warehouse.Value, error) {
	text := cells[1].Text
	switch class := cells[0].Text; class {
	case "null":
		return warehouse.Value{}, nil
	case "integer":
		return warehouse.Value{Kind: warehouse.NumberValue, Text: text}, nil
	case "real":
		f, err := strconv.ParseFloat(text, 64)
		return warehouse.Value{Kind: warehouse.FloatValue, Text: warehouse.FloatText(f)}, err
	case "text":
		return warehouse.Value{Kind: warehouse.TextValue, Text: text}, nil
	case "blob":
		return warehouse.Value{Kind: warehouse.BytesValue, Text: text}, nil
	default:
		return warehouse.Value{}, fmt.Errorf("unknown storage class %q", class)
	}
}

// BindValue implements warehouse.WriteDialect. SQLite has only the kinds of DecodeValue.
func (Dialect) BindValue(v warehouse.Value, _ warehouse.Type) (any, error) {
	switch v.Kind {
	case warehouse.NullValue:
		return nil, nil
	case warehouse.NumberValue:
		return strconv.ParseInt(v.Text, 10, 64)
	case warehouse.FloatValue:
		f, err := strconv.ParseFloat(v.Text, 64)
		if math.IsNaN(f) {
			return nil, errors.New("SQLite stores NaN as NULL")
		}
		return f, err
	case warehouse.BytesValue:
		return append([]byte{}, v.Text...), nil
	case warehouse.TextValue:
		return v.Text, nil
	}
	return nil, fmt.Errorf("SQLite has no %s", v.Kind)
}
