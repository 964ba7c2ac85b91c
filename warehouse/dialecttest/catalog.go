package dialecttest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// family makes the tables that the tests of the catalog read.
func (b *fixtureDB) family() {
	b.t.Helper()
	types := b.suite.Types
	onDelete := " ON DELETE CASCADE"
	if b.suite.NoCascade {
		onDelete = ""
	}
	b.exec(
		"CREATE TABLE [parent] ([id] "+types.Integer+" NOT NULL PRIMARY KEY, [code] "+types.Text+
			" NOT NULL, UNIQUE ([code]))",
		"CREATE TABLE [child] ([id] "+types.Integer+" NOT NULL PRIMARY KEY, [parent_id] "+types.Integer+
			", [amount] "+types.Decimal+" DEFAULT 5, [at] "+types.Zoned+
			", FOREIGN KEY ([parent_id]) REFERENCES [parent] ([id])"+onDelete+")",
		"CREATE INDEX [child_at] ON [child] ([at])",
		"CREATE VIEW [seen] AS SELECT [id] FROM [child] WHERE [amount] > 1",
		"CREATE TABLE [empty_one] ([id] "+types.Integer+")")
}

func (s suite) catalogFacts(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.family()
	child := b.table("child")
	amount := child.Column("amount")
	decimal := amount != nil && amount.Type.Family == warehouse.Decimal &&
		amount.Type.Precision == 12 && amount.Type.Scale == 2 && strings.HasPrefix(amount.Default, "5")
	if child.Kind != warehouse.BaseTable || len(child.Columns) != 4 || !decimal {
		t.Errorf("child: %+v", child)
	}
	for i, c := range child.Columns {
		if c.Position != i+1 {
			t.Errorf("column %d has the position %d: call Table.Sort", i, c.Position)
		}
	}
	if child.PrimaryKey == nil || !slices.Equal(child.PrimaryKey.Columns, []string{"id"}) || child.Column("id").Nullable {
		t.Errorf("the primary key of child: %+v", child.PrimaryKey)
	}
	if !child.LeadsIndex("at") || child.LeadsIndex("amount") {
		t.Errorf("the indexes of child: %+v", child.Indexes)
	}
	if len(child.ForeignKeys) != 1 || child.ForeignKeys[0].References != b.name("parent") ||
		!slices.Equal(child.ForeignKeys[0].RefColumns, []string{"id"}) {
		t.Errorf("foreign keys: %+v", child.ForeignKeys)
	}
	if got := child.ForeignKeys; len(got) == 1 && (got[0].OnDelete == "cascade") == s.NoCascade {
		t.Errorf("the foreign key on delete: %q", got[0].OnDelete)
	}
	if parent := b.table("parent"); len(parent.Unique) != 1 || !slices.Equal(parent.Unique[0].Columns, []string{"code"}) {
		t.Errorf("unique keys: %+v", parent.Unique)
	}
	s.scopedFacts(t, b, child)
}

// scopedFacts reads parts of the catalog: single tables, after an earlier catalog, all
// tables, and none.
func (s suite) scopedFacts(t *testing.T, b *fixtureDB, child *warehouse.Table) {
	if v := b.table("seen"); v.Kind != warehouse.View || !strings.Contains(v.Definition, "amount") {
		t.Errorf("view: %+v", v)
	}
	c := b.read(warehouse.Scope{
		Facts:  warehouse.AllFacts,
		Tables: []warehouse.TableName{b.name("child"), b.name("nowhere")},
	})
	if len(c.Tables) != 1 || c.DefaultSchema != b.Schema() || c.Standby || c.AsOf.IsZero() {
		t.Errorf("%d tables in scope, default schema %q, standby %t, as of %v",
			len(c.Tables), c.DefaultSchema, c.Standby, c.AsOf)
	}
	again := b.read(warehouse.Scope{
		Facts:    warehouse.AllFacts,
		Tables:   []warehouse.TableName{b.name("child"), b.name("nowhere")},
		Previous: c,
	})
	if len(again.Tables) != 1 || !reflect.DeepEqual(again.Tables[b.name("child")].Columns, child.Columns) {
		t.Errorf("read after a previous catalog: %+v", again.Tables)
	}
	ours := 0
	for name := range b.read(warehouse.Scope{Facts: warehouse.Columns}).Tables { // the server may have other databases
		if name.Schema == b.Schema() {
			ours++
		}
	}
	if ours != 4 {
		t.Errorf("the whole catalog has %d tables of this schema, want 4", ours)
	}
	if none := b.read(warehouse.Scope{Facts: warehouse.Columns, Tables: []warehouse.TableName{}}); len(none.Tables) != 0 {
		t.Errorf("no table was asked for, %d were read", len(none.Tables))
	}
}

// someColumns: the types of named columns come without the fact Columns.
func (s suite) someColumns(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.family()
	some := b.read(warehouse.Scope{
		Facts:       warehouse.Indexes,
		Tables:      []warehouse.TableName{b.name("child")},
		ColumnNames: []string{"at", "nowhere"},
	})
	child := some.Tables[b.name("child")]
	if child == nil || some.Facts&warehouse.Columns != 0 || child.Column("nowhere") != nil || child.Column("at") == nil {
		t.Fatalf("some columns of child: %+v", child)
	}
	if s.ReadsNamedColumnsOnly && len(child.Columns) != 1 {
		t.Errorf("one column was asked for, %d were read", len(child.Columns))
	}
	want := b.table("child").Column("at").Type
	if !reflect.DeepEqual(child.Column("at").Type, want) || !child.LeadsIndex("at") {
		t.Errorf("the column at: %+v, want %+v; indexes %+v", child.Column("at").Type, want, child.Indexes)
	}
}

func (s suite) partitions(t *testing.T) {
	if s.Partitioned == nil {
		return // nothing to hold: the engine has none
	}
	b := s.open(t, warehouse.Config{})
	b.Exec(t, s.Partitioned...)
	b.exec("INSERT INTO [parts] VALUES (1, '2026-11-01 10:00:00'), (2, '2026-11-02 10:00:00')")
	p := b.table("parts")
	if p.Kind != warehouse.PartitionedTable || p.PartitionBy != "range" || !slices.Equal(p.PartitionKey, []string{"at"}) {
		t.Fatalf("parts: %+v", p)
	}
	if len(p.Partitions) != 2 {
		t.Fatalf("%d partitions, want 2", len(p.Partitions))
	}
	last := p.Partitions[1]
	if !last.IsRange || !strings.HasPrefix(last.From, "2026-11-02") || !strings.HasPrefix(last.To, "2026-11-03") {
		t.Errorf("the last partition: %+v", last)
	}
}
