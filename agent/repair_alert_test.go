package agent

import (
	"slices"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

// TestAlertsNameTables holds that the labels of metrics and of notifications lead back to
// their table, whatever its name is, and never to another one.
func TestAlertsNameTables(t *testing.T) {
	t.Parallel()
	table := func(schema, name string) sentinel.Table {
		return sentinel.Table{Warehouse: "shop", Schema: schema, Name: name}
	}
	tables := []sentinel.Table{
		table("public", "orders"), table("public", "Orders"), table("public", "a.b"), table("public", "100%"),
		table("public", `"quoted"`), table("public", "two words"), table("private", "Customers"),
		{Warehouse: "other", Schema: "public", Name: "orders"}, table("x", "y.z"), table("x.y", "z"),
	}
	for _, one := range tables {
		for _, label := range []string{exporters.DatasetLabel(one), one.String()} {
			want := []sentinel.Table{one}
			if label == "x.y.z" { // no label of metrics tells the two apart
				want = tables[len(tables)-2:]
			}
			if got := labelledTables(tables, one.Warehouse, label); !slices.Equal(got, want) {
				t.Errorf("%s in %s: %v, want %v", label, one.Warehouse, got, want)
			}
		}
	}
	for _, c := range []struct {
		warehouse, dataset string
		want               []sentinel.Table
	}{
		{"shop", "customers", tables[6:7]}, // as in a configuration
		{"shop", "private.CUSTOMERS", tables[6:7]},
		{"", "shop.private.customers", tables[6:7]},
		{"shop", `"Orders"`, tables[1:2]},
		{"shop", `public."a.b"`, tables[2:3]},
		{"shop", "public.*", nil},
		{"shop", "", nil},
		{"other", "shop.public.customers", nil},
		{"", "", nil},
	} {
		if got := labelledTables(tables, c.warehouse, c.dataset); !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: %v, want %v", c.dataset, c.warehouse, got, c.want)
		}
	}
}
