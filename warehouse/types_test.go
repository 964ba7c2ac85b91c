package warehouse_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestStandardTypes(t *testing.T) {
	t.Parallel()
	dialecttest.CheckTypes(t, warehouse.StandardType, map[string]warehouse.Type{
		"integer":                     warehouse.Type{Family: warehouse.Integer, Bits: 32},
		"bigint":                      warehouse.Type{Family: warehouse.Integer, Bits: 64},
		"character varying":           warehouse.Type{Family: warehouse.Text},
		"character varying(20)":       warehouse.Type{Family: warehouse.Text, Length: 20},
		"character(3)":                warehouse.Type{Family: warehouse.FixedText, Length: 3},
		"numeric":                     warehouse.Type{Family: warehouse.Decimal},
		"numeric(12,2)":               warehouse.Type{Family: warehouse.Decimal, Precision: 12, Scale: 2},
		"timestamp without time zone": warehouse.Type{Family: warehouse.Timestamp, Precision: 7},
		"timestamp(3) with time zone": warehouse.Type{Family: warehouse.Timestamp, Precision: 4, Zoned: true},
		"time without time zone":      warehouse.Type{Family: warehouse.Time, Precision: 7},
		"double precision":            warehouse.Type{Family: warehouse.FloatType, Bits: 64},
		"jsonb":                       warehouse.Type{Family: warehouse.JSON},
		"uuid":                        warehouse.Type{Family: warehouse.UUID},
		"tsvector":                    warehouse.Type{Family: warehouse.Other},
		"boolean":                     warehouse.Type{Family: warehouse.Boolean},
		"integer[]": warehouse.Type{
			Family:  warehouse.Array,
			Element: &warehouse.Type{Native: "integer", Family: warehouse.Integer, Bits: 32},
		},
	})
}

func TestDeclaredTypes(t *testing.T) {
	t.Parallel()
	dialecttest.CheckTypes(t, warehouse.ParseType, map[string]warehouse.Type{
		"varchar(20)": warehouse.Type{Family: warehouse.Text, Length: 20},
		"TIMESTAMPTZ": warehouse.Type{Family: warehouse.Timestamp, Precision: 7, Zoned: true},
		"int":         warehouse.Type{Family: warehouse.Integer, Bits: 32},
		"mediumtext":  warehouse.Type{Family: warehouse.Text, Length: 1<<24 - 1},
	})
}
