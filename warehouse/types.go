package warehouse

import (
	"strconv"
	"strings"
)

// SplitType takes a type as an engine prints it apart: name, the numbers in
// parentheses, and what follows them. Without parentheses all is name.
func SplitType(native string) (name string, numbers TypeNumbers, suffix string) {
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

// TypeNumbers are the numbers in a type's parentheses, such as 12 and 2 of
// numeric(12,2).
type TypeNumbers []int

// At returns number i, from 0; 0 where there is none.
func (n TypeNumbers) At(i int) int {
	if i < len(n) {
		return n[i]
	}
	return 0
}

// standardTypes are the types of [StandardType] by name.
var standardTypes = map[string]Type{
	"boolean":           {Family: Boolean},
	"smallint":          {Family: Integer, Bits: 16},
	"integer":           {Family: Integer, Bits: 32},
	"bigint":            {Family: Integer, Bits: 64},
	"real":              {Family: FloatType, Bits: 32},
	"double precision":  {Family: FloatType, Bits: 64},
	"numeric":           {Family: Decimal},
	"character varying": {Family: Text},
	"text":              {Family: Text},
	"character":         {Family: FixedText},
	"bytea":             {Family: Binary},
	"date":              {Family: Date},
	"time":              {Family: Time},
	"timestamp":         {Family: Timestamp},
	"interval":          {Family: Interval},
	"uuid":              {Family: UUID},
	"json":              {Family: JSON},
	"jsonb":             {Family: JSON},
	"bit varying":       {Family: Other},
}

// StandardType reads a type by the names of the SQL standard, such as "character
// varying(20)", and the common names uuid, json, jsonb, text, bytea and T[]. A name
// it does not know has the family Other.
func StandardType(native string) Type {
	if elem, ok := strings.CutSuffix(native, "[]"); ok {
		e := StandardType(elem)
		return Type{Native: native, Family: Array, Element: &e}
	}
	name, numbers, suffix := SplitType(native)
	if i := strings.Index(name, " with"); i >= 0 { // without a precision the suffix is part of the name
		name, suffix = name[:i], name[i+1:]
	}
	t, ok := standardTypes[name]
	if strings.HasPrefix(name, "interval") {
		t, ok = standardTypes["interval"], true
	}
	if !ok {
		return Type{Native: native, Family: Other}
	}
	t.Native = native
	switch t.Family {
	case Text, FixedText, Other:
		t.Length = numbers.At(0)
	case Decimal:
		t.Precision, t.Scale = numbers.At(0), numbers.At(1)
	case Interval:
		t.Precision = 7
		if len(numbers) > 0 {
			t.Precision = numbers[0] + 1
		}
	case Timestamp, Time:
		t.Zoned = strings.HasPrefix(suffix, "with time zone")
		t.Precision = 7
		if len(numbers) > 0 {
			t.Precision = numbers[0] + 1
		}
	}
	return t
}

// aliases are common names of standard types.
var aliases = map[string]string{
	"varchar":     "character varying",
	"char":        "character",
	"int":         "integer",
	"int4":        "integer",
	"int8":        "bigint",
	"int2":        "smallint",
	"decimal":     "numeric",
	"float":       "double precision",
	"double":      "double precision",
	"float8":      "double precision",
	"float4":      "real",
	"bool":        "boolean",
	"string":      "text",
	"timestamptz": "timestamp with time zone",
	"datetime":    "timestamp without time zone",
	"timestamp":   "timestamp without time zone",
}

// SpellType writes a declared type in lower case, and with single spaces. Labels in quotes
// stay.
func SpellType(declared string) string {
	parts := strings.Split(declared, "'")
	for i := 0; i < len(parts); i += 2 {
		text := strings.Join(strings.Fields(strings.ToLower(parts[i])), " ")
		for _, sign := range []string{"(", ")", ",", "["} {
			text = strings.ReplaceAll(text, " "+sign, sign)
		}
		text = strings.NewReplacer("( ", "(", ", ", ",").Replace(text)
		parts[i] = text
	}
	return strings.Join(parts, "'")
}

// OwnType reads a declared type in the spellings of a dialect. ok is false for a type that
// the dialect does not have, or if it does not list its spellings. The dialect may be nil.
func OwnType(d Dialect, declared string) (t Type, ok bool) {
	s, speller := d.(TypeSpeller)
	if !speller {
		return Type{}, false
	}
	return s.OwnType(declared)
}

// ParseType reads a type as people declare it, in any engine's words.
func ParseType(declared string) Type {
	name, rest, sized := strings.Cut(strings.ToLower(strings.TrimSpace(declared)), "(")
	if full, ok := aliases[strings.TrimSpace(name)]; ok {
		name = full
	}
	if sized {
		name += "(" + rest
	}
	t := StandardType(name)
	for _, n := range Dialects() {
		if t.Family != Other {
			break
		}
		if d, ok := registered(n).(TypeParser); ok {
			t = d.ParseType(SpellType(declared))
		}
	}
	t.Native = declared
	return t
}
