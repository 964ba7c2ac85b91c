package differential_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// drawnType is a type of a column, with values as literals of SQL. The first one fits most
// other types of its kind. The others are those that are lost most easily.
type drawnType struct {
	sql    string
	seen   seenKind
	values []string
}

// meant names what the values of the type are, so that a counterpart can be drawn.
func (t drawnType) meant() string {
	name, _, _ := strings.Cut(strings.Split(t.sql, "(")[0], " ")
	switch name {
	case "date", "boolean", "json", "uuid":
		return name
	case "time", "timetz", "timestamptz":
		return name
	case "timestamp", "datetime":
		if t.seen == seenInstant {
			return "timestamptz"
		}
		return "timestamp"
	case "jsonb":
		return "json"
	case "", "any":
		return "text"
	case "inet4", "inet6", "inet", "cidr":
		return "inet"
	}
	if t.seen != seenStored {
		return strings.TrimSuffix(string(t.seen), "32")
	}
	return sqliteMeanings[name]
}

// sqliteMeanings are the kinds of the types of SQLite, whose values have classes of their own.
var sqliteMeanings = map[string]string{
	"real": "float", "double": "float", "text": "text", "varchar": "text", "clob": "text", "blob": "bytes",
	"integer": "number", "int": "number", "bigint": "number", "numeric": "number", "decimal": "number",
}

// counterpart draws a type for a column whose values come from another type: mostly one of the
// same kind, as pairs of other kinds are refused.
func counterpart(r *rand.Rand, of drawnType, types []drawnType) drawnType {
	if r.IntN(14) > 0 {
		near := slices.DeleteFunc(slices.Clone(types), func(t drawnType) bool { return t.meant() != of.meant() })
		if len(near) > 0 {
			return pick(r, near)
		}
	}
	return pick(r, types)
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// chance is true once in n times.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// pool draws which values of a type a table has. One may fit where all do not.
func (t drawnType) pool(r *rand.Rand, fits bool) []string {
	switch {
	case fits && chance(r, 2):
		return t.values[:1]
	case fits:
		one := r.IntN(len(t.values))
		return t.values[one : one+1]
	}
	return t.values
}

// allBytes is every byte once, in hexadecimal.
func allBytes() string {
	var b strings.Builder
	for i := range 256 {
		fmt.Fprintf(&b, "%02x", i)
	}
	return b.String()
}
