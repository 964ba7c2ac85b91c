package mysql

import (
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	dialecttest.CheckTypes(t, parseType, map[string]warehouse.Type{
		"int(10) unsigned": warehouse.Type{Family: warehouse.Integer, Bits: 32, Unsigned: true},
		"int unsigned":     warehouse.Type{Family: warehouse.Integer, Bits: 32, Unsigned: true},
		"tinyint(1)":       warehouse.Type{Family: warehouse.Integer, Bits: 8},
		"bigint(20)":       warehouse.Type{Family: warehouse.Integer, Bits: 64},
		"decimal(10,3)":    warehouse.Type{Family: warehouse.Decimal, Precision: 10, Scale: 3},
		"varchar(50)":      warehouse.Type{Family: warehouse.Text, Length: 50},
		"datetime(6)":      warehouse.Type{Family: warehouse.Timestamp, Precision: 7},
		"timestamp":        warehouse.Type{Family: warehouse.Timestamp, Precision: 1, Zoned: true},
		"enum('a','b''c')": warehouse.Type{Family: warehouse.Enum, Values: []string{"a", "b'c"}},
		"longtext":         warehouse.Type{Family: warehouse.Text},
		"point":            warehouse.Type{Family: warehouse.Other},
	})
}
