package sqlite

import (
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	dialecttest.CheckTypes(t, parseType, map[string]warehouse.Type{
		"INTEGER":       warehouse.Type{Unenforced: true, Family: warehouse.Integer, Bits: 64},
		"VARCHAR(30)":   warehouse.Type{Unenforced: true, Family: warehouse.Text, Length: 30},
		"NUMERIC(12,2)": warehouse.Type{Unenforced: true, Family: warehouse.Decimal, Precision: 12, Scale: 2},
		"TIMESTAMP":     warehouse.Type{Unenforced: true, Family: warehouse.Timestamp, Precision: 7, Zoned: true},
		"":              warehouse.Type{Unenforced: true, Family: warehouse.Binary},
	})
}
