package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// typeSynonyms are the names that the catalog prints, by other names of the same types.
var typeSynonyms = map[string]string{
	"int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
	"float4": "real", "float8": "double precision", "decimal": "numeric", "dec": "numeric",
	"varchar": "character varying", "char varying": "character varying", "nchar varying": "character varying",
	"national character varying": "character varying", "national char varying": "character varying",
	"char": "character", "bpchar": "character", "nchar": "character", "national character": "character",
	"national char": "character", "varbit": "bit varying",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
	"time": "time without time zone", "timetz": "time with time zone",
}

// arrayEnd is how a declaration says that a type is an array. The number of dimensions and
// elements is no part of the type.
var arrayEnd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\[\d*\]| array)+$`) })

// OwnType implements warehouse.TypeSpeller.
func (d Dialect) OwnType(declared string) (warehouse.Type, bool) {
	native, ok := printedType(warehouse.SpellType(declared))
	if !ok {
		return warehouse.Type{}, false
	}
	return warehouse.StandardType(native), true
}

// printedType returns a type as format_type prints it. It is false for one that the server
// does not bring along.
func printedType(spelled string) (native string, ok bool) {
	spelled = strings.TrimPrefix(spelled, "pg_catalog.")
	if end := arrayEnd().FindString(spelled); end != "" {
		native, ok = printedType(strings.TrimSuffix(spelled, end))
		return strings.TrimSuffix(native, "[]") + "[]", ok
	}
	if element, array := strings.CutPrefix(spelled, "_"); array {
		native, ok = printedType(element)
		if !strings.Contains(element, "(") { // the catalog's name of an array has no sizes
			native, _, _ = strings.Cut(native, "(1)")
		}
		return native + "[]", ok
	}
	name, rest, sized := strings.Cut(spelled, "(")
	name = strings.TrimSpace(name)
	numbers, suffix, _ := strings.Cut(rest, ")")
	if sized {
		numbers = "(" + numbers + ")"
	}
	suffix = strings.TrimSpace(suffix)
	if before, zone, found := strings.Cut(name, " with"); found {
		name, suffix = before, "with"+zone
	}
	switch name {
	case "float":
		_, digits, _ := warehouse.SplitType(spelled)
		if sized && digits.At(0) <= 24 {
			return "real", true
		}
		return "double precision", true
	case "numeric", "decimal", "dec":
		if sized && !strings.Contains(numbers, ",") {
			numbers = strings.TrimSuffix(numbers, ")") + ",0)"
		}
	case "char", "character", "nchar", "national character", "national char", "bit":
		if !sized && suffix == "" {
			numbers = "(1)"
		}
	case "bpchar":
		if !sized {
			return name, true
		}
	case "interval":
		return strings.TrimSpace(spelled), true
	}
	return zonedName(name, numbers, suffix)
}

// zonedName puts a type together. The precision stands before the zone.
func zonedName(name, numbers, suffix string) (native string, ok bool) {
	full, synonym := typeSynonyms[name]
	if !synonym {
		full = name
	}
	if name == "timestamp" || name == "time" {
		full = name + " " + "without time zone"
		switch suffix {
		case "with time zone", "without time zone":
			full, suffix = name+" "+suffix, ""
		}
	}
	head, zone, zoned := strings.Cut(full, " with")
	names, _ := Dialect{}.TypeNames()
	known := synonym || warehouse.StandardType(full).Family != warehouse.Other || slices.Contains(names, full)
	switch {
	case !known || suffix != "":
		return "", false
	case zoned:
		return fmt.Sprintf("%s%s with%s", head, numbers, zone), true
	}
	return full + numbers, true
}
