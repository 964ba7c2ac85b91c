package postgres

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ReadValue implements warehouse.ValueReader. The text of a value depends on settings of
// the session, which both kinds of sessions set. That of bytes does not.
func (Dialect) ReadValue(column string, t warehouse.Type) []string {
	if t.Family == warehouse.Binary {
		return []string{"pg_catalog.encode(" + column + ", 'hex')"}
	}
	return []string{"(" + column + ")::text"}
}

// DecodeValue implements warehouse.ValueReader.
func (Dialect) DecodeValue(cells []warehouse.Cell, t warehouse.Type) (warehouse.Value, error) {
	if t.Family == warehouse.Binary && !cells[0].Null {
		b, err := hex.DecodeString(cells[0].Text)
		return warehouse.Value{Kind: warehouse.BytesValue, Text: string(b)}, err
	}
	return warehouse.StandardValue(cells[0], t)
}

// BindValue implements warehouse.WriteDialect.
func (Dialect) BindValue(v warehouse.Value, _ warehouse.Type) (any, error) {
	switch v.Kind {
	case warehouse.NullValue:
		return nil, nil
	case warehouse.BooleanValue:
		return v.Text == "true", nil
	case warehouse.BytesValue:
		return []byte(v.Text), nil
	case warehouse.InstantValue:
		text, before := strings.CutSuffix(v.Text, " BC")
		if strings.HasSuffix(text, "infinity") {
			return text, nil
		}
		if text += "+00"; before {
			text += " BC"
		}
		return text, nil
	}
	switch {
	case !utf8.ValidString(v.Text):
		return nil, errors.New("the text is not UTF-8")
	case strings.ContainsRune(v.Text, 0):
		return nil, errors.New("the text has a zero character, which PostgreSQL does not store")
	}
	return v.Text, nil
}
