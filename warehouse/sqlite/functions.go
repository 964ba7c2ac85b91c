package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"unicode/utf8"

	"modernc.org/sqlite"
)

func init() { sqlite.MustRegisterDeterministicScalarFunction("char_length", 1, charLength) }

// charLength counts the characters of a text. The engine's own length() does the same, but
// other engines count bytes by that name. A query with char_length() means the same
// everywhere.
func charLength(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []byte:
		return int64(len(v)), nil
	case int64:
		return int64(len(strconv.FormatInt(v, 10))), nil
	}
	return nil, fmt.Errorf("char_length() takes a text, not %T", args[0])
}
