package reload

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// keyPart is the value of a column of a key. JSON would not keep all texts.
type keyPart struct {
	Kind  warehouse.ValueKind
	Bytes []byte
}

// newKeyPart returns the part of a key for a value of the source.
func newKeyPart(v warehouse.Value, t warehouse.Type) keyPart {
	// MySQL orders its enum('b','a') by position, and compares it with a text as a text.
	if t.Family == warehouse.Enum && strings.HasPrefix(t.Native, "enum(") {
		v = warehouse.Value{Kind: warehouse.NumberValue, Text: strconv.Itoa(slices.Index(t.Values, v.Text) + 1)}
	}
	return keyPart{v.Kind, []byte(v.Text)}
}

// keyParts returns the key of a row of the source.
func (c *carrier) keyParts(row []warehouse.Value) []keyPart {
	parts := make([]keyPart, len(c.key))
	for i, at := range c.key {
		parts[i] = newKeyPart(row[at], c.pairs[at].From.Type)
	}
	return parts
}

// argument returns the argument that the column is compared with. It is of the class of
// the value: an engine without types for columns would sort another class elsewhere.
func (k keyPart) argument() any {
	text := string(k.Bytes)
	switch k.Kind {
	case warehouse.BytesValue:
		return k.Bytes
	case warehouse.NumberValue:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case warehouse.FloatValue:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case warehouse.BooleanValue:
		return text == "true"
	}
	return text
}

// checkKeyFilled refuses a source with rows that have no value in a column of the key. An
// engine that sorts NULL last would leave them out.
func (window windowQuery) checkKeyFilled(ctx context.Context, db *warehouse.DB) error {
	for _, k := range window.Key {
		quoted, err := window.dialect.Quote(k)
		if err != nil {
			return &repair.RefusedError{Why: err.Error()}
		}
		n, err := window.countAnd(ctx, db, " AND "+quoted+" IS NULL")
		if err != nil {
			return err
		}
		if n > 0 {
			return repair.Refuse(keyIsNull, k)
		}
	}
	return nil
}

// checkKeyOnce refuses a source with rows of one key. Batches that begin after the last key of
// the batch before leave some of them out.
func (window windowQuery) checkKeyOnce(ctx context.Context, db *warehouse.DB) error {
	if len(window.Key) == 0 {
		return nil
	}
	key, err := quoteList(window.dialect, window.Key)
	if err != nil {
		return err
	}
	table, err := warehouse.QuoteTable(window.dialect, window.table)
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := window.where(1)
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{Args: args, SQL: "SELECT count(*) FROM (SELECT 1 AS one FROM " +
		table + " WHERE " + where + " GROUP BY " + key + " HAVING count(*) > 1) twice"})
	if err != nil {
		return repair.Transient(fmt.Errorf("counting the keys of %s: %w", table, err))
	}
	if n := rows[0][0].Text; n != "0" {
		return repair.Refuse(keyTwice, n, strings.Join(window.Key, ", "))
	}
	return nil
}

// keyTwice is the reason to refuse a source, for a number of values and the columns of a key.
const keyTwice = "%s values of the key (%s) stand more than once in the source"

// keyIsNull is the reason to refuse a source, for a column of the key.
const keyIsNull = "%s of the key is NULL in a row of the source: rows without a key cannot be told apart"
