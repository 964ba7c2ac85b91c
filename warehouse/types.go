package warehouse

import (
	"strconv"
	"strings"
)

// splitType takes a type as an engine prints it apart: name, the numbers in
// parentheses, and what follows them. Without parentheses all is name.
func splitType(native string) (name string, numbers []int, suffix string) {
	name, rest, _ := strings.Cut(strings.ToLower(native), "(")
	inside, suffix, _ := strings.Cut(rest, ")")
	for n := range strings.SplitSeq(inside, ",") {
		if n == "" {
			continue // no number, and no error to be made for it
		}
		if v, err := strconv.Atoi(strings.TrimSpace(n)); err == nil {
			numbers = append(numbers, v)
		}
	}
	return strings.TrimSpace(name), numbers, strings.TrimSpace(suffix)
}

func number(numbers []int, i int) int {
	if i < len(numbers) {
		return numbers[i]
	}
	return 0
}

var pgFamilies = map[string]Type{
	"boolean": {Family: Boolean}, "smallint": {Family: Integer, Bits: 16}, "integer": {Family: Integer, Bits: 32},
	"bigint": {Family: Integer, Bits: 64}, "real": {Family: FloatType, Bits: 32}, "double precision": {Family: FloatType, Bits: 64},
	"numeric": {Family: Decimal}, "character varying": {Family: Text}, "text": {Family: Text}, "character": {Family: FixedText},
	"bytea": {Family: Binary}, "date": {Family: Date}, "time": {Family: Time}, "timestamp": {Family: Timestamp},
	"interval": {Family: Interval}, "uuid": {Family: UUID}, "json": {Family: JSON}, "jsonb": {Family: JSON},
}

// pgType reads a type as format_type prints it.
func pgType(native string) Type {
	if elem, ok := strings.CutSuffix(native, "[]"); ok {
		e := pgType(elem)
		return Type{Native: native, Family: Array, Element: &e}
	}
	name, numbers, suffix := splitType(native)
	if i := strings.Index(name, " with"); i >= 0 { // without a precision the suffix is part of the name
		name, suffix = name[:i], name[i+1:]
	}
	t, ok := pgFamilies[name]
	if !ok {
		return Type{Native: native, Family: Other}
	}
	t.Native = native
	switch t.Family {
	case Text, FixedText:
		t.Length = number(numbers, 0)
	case Decimal:
		t.Precision, t.Scale = number(numbers, 0), number(numbers, 1)
	case Timestamp, Time:
		t.Zoned = strings.HasPrefix(suffix, "with time zone")
		t.Precision = 7
		if len(numbers) > 0 {
			t.Precision = numbers[0] + 1
		}
	}
	return t
}

var mysqlFamilies = map[string]Type{
	"tinyint": {Family: Integer, Bits: 8}, "smallint": {Family: Integer, Bits: 16}, "mediumint": {Family: Integer, Bits: 24},
	"int": {Family: Integer, Bits: 32}, "bigint": {Family: Integer, Bits: 64}, "float": {Family: FloatType, Bits: 32},
	"double": {Family: FloatType, Bits: 64}, "decimal": {Family: Decimal}, "varchar": {Family: Text}, "char": {Family: FixedText},
	"tinytext": {Family: Text, Length: 255}, "text": {Family: Text, Length: 65535}, "mediumtext": {Family: Text, Length: 1<<24 - 1}, "longtext": {Family: Text},
	"binary": {Family: Binary}, "varbinary": {Family: Binary}, "tinyblob": {Family: Binary, Length: 255}, "blob": {Family: Binary, Length: 65535},
	"mediumblob": {Family: Binary, Length: 1<<24 - 1}, "longblob": {Family: Binary}, "date": {Family: Date}, "time": {Family: Time},
	"datetime": {Family: Timestamp}, "timestamp": {Family: Timestamp, Zoned: true}, "json": {Family: JSON}, "uuid": {Family: UUID},
}

// mysqlType reads information_schema's COLUMN_TYPE.
func mysqlType(native string) Type {
	for _, labelled := range []string{"enum(", "set("} {
		if body, ok := strings.CutPrefix(native, labelled); ok {
			t := Type{Native: native, Family: Enum, Values: quotedList(strings.TrimSuffix(body, ")"))}
			if labelled == "set(" {
				t.Family = Other
			}
			return t
		}
	}
	name, numbers, suffix := splitType(native)
	name, more, _ := strings.Cut(name, " ")
	t, ok := mysqlFamilies[name]
	if !ok {
		return Type{Native: native, Family: Other}
	}
	t.Native = native
	switch t.Family {
	case Integer:
		t.Unsigned = strings.Contains(suffix+" "+more, "unsigned")
		// MariaDB prints a display width that MySQL 8 dropped: it is not part of the type.
		t.Native = name + strings.TrimRight(" "+strings.TrimSpace(suffix+" "+more), " ")
		if native == "tinyint(1)" {
			t.Native = native
		}
	case Text, FixedText, Binary:
		if len(numbers) > 0 {
			t.Length = numbers[0]
		}
	case Decimal:
		t.Precision, t.Scale = number(numbers, 0), number(numbers, 1)
		t.Unsigned = strings.Contains(suffix, "unsigned")
	case Timestamp, Time:
		t.Precision = number(numbers, 0) + 1
	}
	return t
}

// quotedList reads 'a','b”c' into its labels.
func quotedList(s string) []string {
	var out []string
	var b strings.Builder
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			if inside {
				b.WriteByte(s[i])
			}
		case inside && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case inside:
			out = append(out, b.String())
			b.Reset()
			inside = false
		default:
			inside = true
		}
	}
	return out
}

// sqliteType reads a declared type by SQLite's affinity rules, with the common
// date and decimal names kept apart since people compare them across engines.
func sqliteType(native string) Type {
	name, numbers, _ := splitType(native)
	t := Type{Native: native, Family: Other}
	switch {
	case name == "boolean" || name == "bool":
		t.Family = Boolean
	case strings.Contains(name, "int"):
		t.Family, t.Bits = Integer, 64
	case strings.Contains(name, "char") || strings.Contains(name, "clob") || strings.Contains(name, "text"):
		t.Family, t.Length = Text, number(numbers, 0)
	case name == "" || strings.Contains(name, "blob"):
		t.Family = Binary
	case strings.Contains(name, "real") || strings.Contains(name, "floa") || strings.Contains(name, "doub"):
		t.Family, t.Bits = FloatType, 64
	case name == "numeric" || name == "decimal":
		t.Family, t.Precision, t.Scale = Decimal, number(numbers, 0), number(numbers, 1)
	case name == "date":
		t.Family = Date
	case name == "timestamp" || name == "datetime" || name == "timestamptz":
		// SQLite's date functions read texts without a zone as UTC.
		t.Family, t.Zoned, t.Precision = Timestamp, true, 7
	case name == "json":
		t.Family = JSON
	}
	return t
}

// ParseType reads a type as people declare it, in any engine's words.
func ParseType(declared string) Type {
	name, rest, sized := strings.Cut(strings.ToLower(strings.TrimSpace(declared)), "(")
	aliases := map[string]string{
		"varchar": "character varying", "char": "character", "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint",
		"decimal": "numeric", "float": "double precision", "double": "double precision", "float8": "double precision", "float4": "real",
		"bool": "boolean", "string": "text", "timestamptz": "timestamp with time zone", "datetime": "timestamp without time zone",
		"timestamp": "timestamp without time zone",
	}
	if full, ok := aliases[strings.TrimSpace(name)]; ok {
		name = full
	}
	if sized {
		name += "(" + rest
	}
	t := pgType(name)
	if t.Family == Other {
		if m := mysqlType(strings.ToLower(declared)); m.Family != Other {
			t = m
		}
	}
	t.Native = declared
	return t
}
