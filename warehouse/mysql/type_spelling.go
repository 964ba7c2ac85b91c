package mysql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// typeSynonyms are the names that the catalog prints, by other names of the same types.
var typeSynonyms = map[string]string{
	"integer": "int", "int1": "tinyint", "int2": "smallint", "int3": "mediumint", "middleint": "mediumint", "int4": "int",
	"int8": "bigint", "bool": "tinyint(1)", "boolean": "tinyint(1)", "serial": "bigint unsigned",
	"dec": "decimal", "fixed": "decimal", "numeric": "decimal",
	"double precision": "double", "real": "double", "float8": "double", "float4": "float",
	"character": "char", "national char": "char", "national character": "char", "nchar": "char",
	"character varying": "varchar", "char varying": "varchar", "varcharacter": "varchar", "nvarchar": "varchar",
	"national varchar": "varchar", "national character varying": "varchar", "national char varying": "varchar",
	"national varcharacter": "varchar", "nchar varchar": "varchar", "nchar varying": "varchar", "nchar varcharacter": "varchar",
	"long": "mediumtext", "long varchar": "mediumtext", "long varbinary": "mediumblob", "geomcollection": "geometrycollection",
}

// byteTypes are what the types of texts become with the word BYTE.
var byteTypes = map[string]string{
	"char": "binary", "varchar": "varbinary", "tinytext": "tinyblob", "text": "blob", "mediumtext": "mediumblob",
	"longtext": "longblob",
}

// defaultSizes are the sizes of types that are declared without one.
var defaultSizes = map[string]string{
	"decimal": "10,0", "char": "1", "binary": "1", "bit": "1",
}

// OwnType implements warehouse.TypeSpeller.
func (Dialect) OwnType(declared string) (warehouse.Type, bool) {
	native, ok := printedType(warehouse.SpellType(declared))
	if !ok {
		return warehouse.Type{}, false
	}
	return parseType(native), true
}

// printedType returns a type as the catalog prints it, without a display width.
func printedType(spelled string) (native string, ok bool) {
	head, rest, sized := strings.Cut(spelled, "(")
	numbers, suffix := rest, ""
	if end := strings.LastIndex(rest, ")"); sized && end >= 0 {
		numbers, suffix = rest[:end], rest[end+1:]
	}
	name, attributes := typeWords(head + " " + suffix)
	if full, synonym := typeSynonyms[name]; synonym {
		if strings.ContainsAny(full, "( ") {
			return full, !sized && len(attributes) == 0
		}
		name = full
	}
	if byteName := byteTypes[name]; byteName != "" && slices.Contains(attributes, "byte") {
		name, attributes = byteName, nil
	}
	t, known := families[name]
	switch {
	case !known && !slices.Contains(otherTypes, name), slices.Contains(attributes, "byte"):
		return "", false
	case name == "year", t.Family == warehouse.Integer && (numbers != "1" || name != "tinyint"):
		sized, numbers = false, ""
	case t.Family == warehouse.FloatType && sized && !strings.Contains(numbers, ","):
		digits, err := strconv.Atoi(numbers)
		if err != nil || digits > 53 {
			return "", false
		}
		if digits > 24 {
			name = "double"
		}
		sized = false
	case name == "decimal" && sized && !strings.Contains(numbers, ","):
		numbers += ",0"
	case t.Family == warehouse.Timestamp || t.Family == warehouse.Time:
		sized = sized && numbers != "0"
	}
	if size := defaultSizes[name]; size != "" && !sized {
		sized, numbers = true, size
	}
	if sized {
		name += "(" + numbers + ")"
	}
	if slices.Contains(attributes, "zerofill") {
		attributes = []string{"unsigned", "zerofill"}
	}
	return strings.Join(append([]string{name}, attributes...), " "), true
}

// typeWords divides the words of a type into its name and its attributes.
func typeWords(text string) (name string, attributes []string) {
	var words []string
	for _, w := range strings.Fields(text) {
		switch {
		case len(words) > 0 && (w == "unsigned" || w == "zerofill" || w == "byte"):
			attributes = append(attributes, w)
		case len(words) > 0 && w == "signed": // the default
		default:
			words = append(words, w)
		}
	}
	return strings.Join(words, " "), attributes
}
