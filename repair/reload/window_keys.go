package reload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// namedKey is the key of a row that is loaded, as each of the tables stores it. It is empty
// for a table whose types cannot hold it.
type namedKey struct {
	Table, Source []keyPart
}

// keyCondition is the condition that a row has one of the named keys, with its parameters
// from number n on. Texts are compared by their characters too: a collation may take another
// row's key for equal.
func (window windowQuery) keyCondition(n int) (string, []any, error) {
	w := &keyWriter{windowQuery: window, next: n}
	names, err := quoteAll(window.dialect, window.Key)
	if err != nil {
		return "", nil, err
	}
	var rows []string
	for _, key := range window.Keys {
		parts := key.Table
		if window.source {
			parts = key.Source
		}
		if len(parts) != len(names) {
			continue
		}
		same := make([]string, len(names))
		for i, name := range names {
			if same[i], err = w.equal(window.alias+name, window.keyTypes()[i], parts[i]); err != nil {
				return "", nil, err
			}
		}
		rows = append(rows, strings.Join(same, " AND "))
	}
	if len(rows) == 0 {
		return "1 = 0", nil, nil
	}
	return anyOf(rows), warehouse.Bind(window.dialect, w.args), nil
}

// mostNamedValues is how many parameters the condition of the named keys may have. A statement
// may have it three times, and SQLite takes 32,766.
const mostNamedValues = 10_000

// anyOf joins conditions by OR, in halves: SQLite takes no expression that is nested deeper
// than 1,000.
func anyOf(conditions []string) string {
	if len(conditions) == 1 {
		return "(" + conditions[0] + ")"
	}
	half := len(conditions) / 2
	return "(" + anyOf(conditions[:half]) + " OR " + anyOf(conditions[half:]) + ")"
}

// keyTypes are the types of the key's columns in the table that the window is of.
func (window windowQuery) keyTypes() []warehouse.Type {
	if window.source {
		return window.SourceKeyTypes
	}
	types := make([]warehouse.Type, len(window.Key))
	for i, name := range window.Key {
		types[i] = window.WholeTypes[slices.Index(window.Whole, name)]
	}
	return types
}

// keyWriter writes a condition with parameters.
type keyWriter struct {
	windowQuery
	next int
	args []any
}

// equal compares a column of the key with a value.
func (w *keyWriter) equal(column string, t warehouse.Type, v keyPart) (string, error) {
	arg := v.argument()
	if text, isText := arg.(string); isText && v.Kind == warehouse.NumberValue {
		if strings.Trim(text, "-.0123456789") != "" {
			return "", fmt.Errorf("a key is %s, which is no decimal number", text)
		}
		return column + " = " + text, nil // an engine would compare a bound text as a float
	}
	condition := column + " = " + w.bind(arg)
	tester, exact := w.dialect.(warehouse.ValueTester)
	if v.Kind == warehouse.TextValue && t.IsText() && exact {
		condition += " AND " + tester.Exact(column, t) + " = " + w.bind(arg)
	}
	return condition, nil
}

func (w *keyWriter) bind(arg any) string {
	if n, is := arg.(int64); is {
		return strconv.FormatInt(n, 10)
	}
	w.args = append(w.args, arg)
	w.next++
	return w.dialect.Param(w.next - 1)
}
