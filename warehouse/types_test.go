package warehouse

import (
	"slices"
	"testing"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		read   func(string) Type
		native string
		want   Type
	}{
		{pgType, "integer", Type{Family: Integer, Bits: 32}},
		{pgType, "bigint", Type{Family: Integer, Bits: 64}},
		{pgType, "character varying", Type{Family: Text}},
		{pgType, "character varying(20)", Type{Family: Text, Length: 20}},
		{pgType, "character(3)", Type{Family: FixedText, Length: 3}},
		{pgType, "numeric", Type{Family: Decimal}},
		{pgType, "numeric(12,2)", Type{Family: Decimal, Precision: 12, Scale: 2}},
		{pgType, "timestamp without time zone", Type{Family: Timestamp, Precision: 7}},
		{pgType, "timestamp(3) with time zone", Type{Family: Timestamp, Precision: 4, Zoned: true}},
		{pgType, "time without time zone", Type{Family: Time, Precision: 7}},
		{pgType, "double precision", Type{Family: FloatType, Bits: 64}},
		{pgType, "jsonb", Type{Family: JSON}},
		{pgType, "uuid", Type{Family: UUID}},
		{pgType, "tsvector", Type{Family: Other}},
		{pgType, "boolean", Type{Family: Boolean}},
		{mysqlType, "int(10) unsigned", Type{Family: Integer, Bits: 32, Unsigned: true}},
		{mysqlType, "int unsigned", Type{Family: Integer, Bits: 32, Unsigned: true}},
		{mysqlType, "tinyint(1)", Type{Family: Integer, Bits: 8}},
		{mysqlType, "bigint(20)", Type{Family: Integer, Bits: 64}},
		{mysqlType, "decimal(10,3)", Type{Family: Decimal, Precision: 10, Scale: 3}},
		{mysqlType, "varchar(50)", Type{Family: Text, Length: 50}},
		{mysqlType, "datetime(6)", Type{Family: Timestamp, Precision: 7}},
		{mysqlType, "timestamp", Type{Family: Timestamp, Precision: 1, Zoned: true}},
		{mysqlType, "enum('a','b''c')", Type{Family: Enum, Values: []string{"a", "b'c"}}},
		{mysqlType, "longtext", Type{Family: Text}},
		{mysqlType, "point", Type{Family: Other}},
		{sqliteType, "INTEGER", Type{Family: Integer, Bits: 64}},
		{sqliteType, "VARCHAR(30)", Type{Family: Text, Length: 30}},
		{sqliteType, "NUMERIC(12,2)", Type{Family: Decimal, Precision: 12, Scale: 2}},
		{sqliteType, "TIMESTAMP", Type{Family: Timestamp, Precision: 7, Zoned: true}},
		{sqliteType, "", Type{Family: Binary}},
		{ParseType, "varchar(20)", Type{Family: Text, Length: 20}},
		{ParseType, "TIMESTAMPTZ", Type{Family: Timestamp, Precision: 7, Zoned: true}},
		{ParseType, "int", Type{Family: Integer, Bits: 32}},
		{ParseType, "mediumtext", Type{Family: Text, Length: 1<<24 - 1}},
	} {
		got := c.read(c.native)
		if got.Native == "" && c.native != "" {
			t.Errorf("%s: the engine's own words are lost", c.native)
		}
		got.Native = ""
		if !slices.Equal(got.Values, c.want.Values) {
			t.Errorf("%s: labels %q, want %q", c.native, got.Values, c.want.Values)
		}
		got.Values, c.want.Values = nil, nil
		if got.Family != c.want.Family || got.Length != c.want.Length || got.Precision != c.want.Precision || got.Scale != c.want.Scale ||
			got.Bits != c.want.Bits || got.Unsigned != c.want.Unsigned || got.Zoned != c.want.Zoned {
			t.Errorf("%s: %+v, want %+v", c.native, got, c.want)
		}
	}
	if a := pgType("integer[]"); a.Family != Array || a.Element == nil || a.Element.Family != Integer {
		t.Errorf("array: %+v", a)
	}
}
