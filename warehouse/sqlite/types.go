package sqlite

import (
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// parseType reads a declared type by SQLite's affinity rules, with the common
// date and decimal names kept apart since people compare them across engines.
func parseType(native string) warehouse.Type {
	name, numbers, _ := warehouse.SplitType(native)
	t := warehouse.Type{Native: native, Family: warehouse.Other, Unenforced: true}
	switch {
	case name == "boolean" || name == "bool":
		t.Family = warehouse.Boolean
	case strings.Contains(name, "int"):
		t.Family, t.Bits = warehouse.Integer, 64
	case strings.Contains(name, "char") || strings.Contains(name, "clob") || strings.Contains(name, "text"):
		t.Family, t.Length = warehouse.Text, numbers.At(0)
	case name == "" || strings.Contains(name, "blob"):
		t.Family = warehouse.Binary
	case strings.Contains(name, "real") || strings.Contains(name, "floa") || strings.Contains(name, "doub"):
		t.Family, t.Bits = warehouse.FloatType, 64
	case name == "numeric" || name == "decimal":
		t.Family, t.Precision, t.Scale = warehouse.Decimal, numbers.At(0), numbers.At(1)
	case name == "date":
		t.Family = warehouse.Date
	case name == "timestamp" || name == "datetime" || name == "timestamptz":
		// SQLite's date functions read texts without a zone as UTC.
		t.Family, t.Zoned, t.Precision = warehouse.Timestamp, true, 7
	case name == "json":
		t.Family = warehouse.JSON
	case name == "time":
		t.Family = warehouse.Time
	case name == "uuid":
		t.Family = warehouse.UUID
	}
	return t
}

// TypeNames implements warehouse.TypeLister. SQLite takes every name.
func (Dialect) TypeNames() (names []string, open bool) {
	return []string{
		"int", "integer", "tinyint", "smallint", "mediumint", "bigint", "unsigned big int", "int2", "int8", "int64", "int32",
		"character", "varchar", "varying character", "nchar", "native character", "nvarchar", "varchar2", "text", "clob",
		"blob", "real", "double", "double precision", "float", "numeric", "number", "decimal", "boolean", "date", "datetime",
		"timestamp", "time", "json", "uuid", "any",
	}, true
}
