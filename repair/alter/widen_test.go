package alter_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestWidenKeepsEveryAttribute holds that MODIFY repeats what the column has besides its
// type: a server takes away what it is not told.
func TestWidenKeepsEveryAttribute(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "mysql")
	b.CreateOrders()
	b.Exec("ALTER TABLE orders MODIFY note varchar(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'it''s' INVISIBLE "+
		"COMMENT 'a ''note''' CHECK (note <> 'y')", "ALTER TABLE staging MODIFY note varchar(30)")
	r := b.RunRepair(b.Policy("alter_table", &alter.Table{}, repair.Auto), b.OpenIncident("type_widened:note"))
	if r.State != sentinel.AwaitingApproval {
		t.Fatalf("%s: %s", r.State, r.Message)
	}
	column := func() (c warehouse.Column, checks string) {
		table, err := repair.ReadTable(t.Context(), b.Target().Read, b.Table("orders"))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range table.Details {
			checks += d.Name + " " + d.Fact + " " + d.Value + "; "
		}
		return *table.Column("note"), checks
	}
	was, had := column()
	b.Exec(r.Plan.Steps[0].Do[0])
	is, has := column()
	if was.Type = is.Type; is.Type.Length != 30 || had != has || was.Default != is.Default || was.Comment != is.Comment ||
		was.Collation != is.Collation || was.Nullable != is.Nullable {
		t.Errorf("%s\nwas %+v %s\nis  %+v %s", r.Plan.Steps[0].Do[0], was, had, is, has)
	}
}
