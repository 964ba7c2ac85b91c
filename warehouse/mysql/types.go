package mysql

import (
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// families are the types by name.
var families = map[string]warehouse.Type{
	"tinyint":    {Family: warehouse.Integer, Bits: 8},
	"smallint":   {Family: warehouse.Integer, Bits: 16},
	"mediumint":  {Family: warehouse.Integer, Bits: 24},
	"int":        {Family: warehouse.Integer, Bits: 32},
	"bigint":     {Family: warehouse.Integer, Bits: 64},
	"float":      {Family: warehouse.FloatType, Bits: 32},
	"double":     {Family: warehouse.FloatType, Bits: 64},
	"decimal":    {Family: warehouse.Decimal},
	"varchar":    {Family: warehouse.Text},
	"char":       {Family: warehouse.FixedText},
	"tinytext":   {Family: warehouse.Text, Length: 255},
	"text":       {Family: warehouse.Text, Length: 65535},
	"mediumtext": {Family: warehouse.Text, Length: 1<<24 - 1},
	"longtext":   {Family: warehouse.Text},
	"binary":     {Family: warehouse.Binary, Padded: true},
	"varbinary":  {Family: warehouse.Binary},
	"tinyblob":   {Family: warehouse.Binary, Length: 255},
	"blob":       {Family: warehouse.Binary, Length: 65535},
	"mediumblob": {Family: warehouse.Binary, Length: 1<<24 - 1},
	"longblob":   {Family: warehouse.Binary},
	"date":       {Family: warehouse.Date},
	"time":       {Family: warehouse.Time},
	"datetime":   {Family: warehouse.Timestamp},
	"timestamp":  {Family: warehouse.Timestamp, Zoned: true},
	"json":       {Family: warehouse.JSON},
	"uuid":       {Family: warehouse.UUID},
	"bit":        {Family: warehouse.Other},
}

// parseType reads information_schema's COLUMN_TYPE.
func parseType(native string) warehouse.Type {
	for _, labelled := range []string{"enum(", "set("} {
		if body, ok := strings.CutPrefix(native, labelled); ok {
			t := warehouse.Type{Native: native, Family: warehouse.Enum, Values: quotedList(strings.TrimSuffix(body, ")"))}
			if labelled == "set(" {
				t.Family = warehouse.Other
			}
			return t
		}
	}
	name, numbers, suffix := warehouse.SplitType(native)
	name, more, _ := strings.Cut(name, " ")
	t, ok := families[name]
	if !ok {
		return warehouse.Type{Native: native, Family: warehouse.Other}
	}
	t.Native = native
	t.Unsigned = strings.Contains(suffix+" "+more, "unsigned")
	t.Zerofill = strings.Contains(suffix+" "+more, "zerofill")
	switch t.Family {
	case warehouse.Integer:
		// MariaDB prints a display width that MySQL 8 dropped: it is not part of the type.
		t.Native = name + strings.TrimRight(" "+strings.TrimSpace(suffix+" "+more), " ")
		if native == "tinyint(1)" {
			t.Native = native
		}
	case warehouse.Text, warehouse.FixedText, warehouse.Binary, warehouse.Other:
		if len(numbers) > 0 {
			t.Length = numbers[0]
		}
	case warehouse.Decimal, warehouse.FloatType:
		t.Precision, t.Scale = numbers.At(0), numbers.At(1)
	case warehouse.Timestamp, warehouse.Time:
		t.Precision = numbers.At(0) + 1
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

// ParseType implements warehouse.TypeParser.
func (Dialect) ParseType(declared string) warehouse.Type { return parseType(declared) }

// otherTypes are the types that have the family Other.
var otherTypes = []string{
	"bit", "year", "set", "enum", "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
	"multipolygon", "geometrycollection", "inet4", "inet6", "vector", "xmltype",
}

// TypeNames implements warehouse.TypeLister. Users cannot add types.
func (Dialect) TypeNames() (names []string, open bool) {
	return append(slices.Collect(maps.Keys(families)), otherTypes...), false
}
