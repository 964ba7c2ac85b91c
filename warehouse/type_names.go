package warehouse

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/settings"
)

// TypeLister is a dialect that names its types.
type TypeLister interface {
	// TypeNames returns the names of the types that have the family Other, or that no other
	// engine has, in lower case. open is true where users can add types of their own.
	TypeNames() (names []string, open bool)
}

// foreignTypes are names of other systems, with the name that was probably meant.
var foreignTypes = map[string]string{
	"int64": "bigint", "int32": "integer", "int16": "smallint", "long": "bigint", "uint64": "bigint unsigned",
	"uint32": "int unsigned", "float64": "double precision", "float32": "real", "number": "numeric", "str": "text",
	"nvarchar": "varchar", "varchar2": "varchar", "nchar": "char", "clob": "text", "datetime2": "timestamp",
	"datetimeoffset": "timestamp with time zone", "timestamp_ntz": "timestamp", "timestamp_tz": "timestamptz",
	"serial": "integer", "bigserial": "bigint", "smallserial": "smallint", "unsigned int": "int unsigned",
	"unsigned bigint": "bigint unsigned",
}

// sizes is the form of the numbers of a type: (20), (12,2).
var sizes = regexp.MustCompile(`^\(\s*\d+\s*(,\s*-?\d+\s*)?\)$`)

// constraints follow a type in a statement that creates a table, and are not part of it.
var constraints = regexp.MustCompile(`\s(not null|null|primary key|unique|default|auto_increment|references|check)\b`)

// CheckType returns what is wrong with a declared type; "" for nothing. sure is true where no
// column of the dialect can have the type. The dialect may be nil.
func CheckType(d Dialect, declared string) (wrong string, sure bool) {
	text := strings.ToLower(strings.TrimSpace(declared))
	switch {
	case text == "":
		return "", false
	case strings.Count(text, "(") != strings.Count(text, ")"):
		const message = `type %q: its parentheses do not match: put a type with a comma in quotes, as in "numeric(12,2)"`
		return fmt.Sprintf(message, declared), true
	}
	if found := constraints.FindString(text); found != "" {
		const message = "type %q: want the type without%s: what may be NULL is told by `nullable:`"
		return fmt.Sprintf(message, declared, strings.ToUpper(found)), true
	}
	name, _, _ := strings.Cut(strings.TrimRight(text, "[]"), "(")
	name = strings.TrimSpace(name)
	t := ParseType(declared)
	if t.Family == Array {
		t = *t.Element
	}
	own, open := typeNames(d)
	_, spelled := OwnType(d, declared)
	switch {
	case spelled && strings.HasSuffix(text, "]"): // of an array
		return "", false
	case t.Family == Timestamp || t.Family == Time:
		return checkZone(declared, text)
	case t.Family != Other:
		return checkSizes(declared, text, t)
	case spelled || slices.Contains(own, name) || slices.Contains(own, text):
		return "", false
	}
	if meant, ok := foreignTypes[name]; ok {
		return fmt.Sprintf("unknown type %q: did you mean %q?", declared, meant), true
	}
	known := slices.Concat(own, slices.Collect(maps.Keys(standardTypes)), slices.Collect(maps.Keys(aliases)))
	slices.Sort(known)
	known = slices.Compact(known)
	near, ok := settings.Near(name, known)
	switch {
	case open && strings.ContainsAny(text, `."`):
		return "", false // a name in a schema is one of a user's own
	case ok:
		return fmt.Sprintf("unknown type %q: did you mean %q?", declared, near), !open
	case !open || strings.Contains(name, " "):
		return settings.UnknownWord("type", declared, known), true
	}
	return "", false
}

// typeNames returns the names of a dialect's types. A dialect without a list accepts any name.
func typeNames(d Dialect) (names []string, open bool) {
	if l, ok := d.(TypeLister); ok {
		return l.TypeNames()
	}
	return nil, true
}

// checkZone refuses a zone that is not written as engines write it.
func checkZone(declared, text string) (wrong string, sure bool) {
	at := strings.Index(text, "with")
	if at < 0 || text[at:] == "with time zone" || text[at:] == "without time zone" {
		return "", false
	}
	return fmt.Sprintf("unknown type %q: did you mean %q?", declared, strings.TrimSpace(text[:at])+" with time zone"), true
}

// checkSizes refuses numbers of a type that no engine takes.
func checkSizes(declared, text string, t Type) (wrong string, sure bool) {
	begin, end := strings.Index(text, "("), strings.Index(text, ")")
	sized := t.Family == Text || t.Family == FixedText || t.Family == Decimal
	if !sized || begin < 0 || end < begin || sizes.MatchString(text[begin:end+1]) {
		return "", false
	}
	return fmt.Sprintf("type %q: want numbers in its parentheses, such as varchar(20) or numeric(12,2)", declared), true
}
