package reload_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// obstacle is something on orders, and what a reload of it is told.
type obstacle struct {
	do     []string
	method string // "" is delete_insert
	class  sentinel.RepairClass
	why    string
}

const quiet = "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END'"

// obstacles are, by engine, what may lie on a table.
var obstacles = map[string][]obstacle{
	"postgres": {
		{[]string{"CREATE TABLE child (extra text) INHERITS (orders)"}, "", sentinel.ClassRefused, "child inherits from it"},
		{[]string{"CREATE TABLE parent (id integer NOT NULL)", "ALTER TABLE orders INHERIT parent"}, "", sentinel.ClassAuto, ""},
		{[]string{"CREATE TABLE audit (id integer)", "CREATE RULE r AS ON DELETE TO orders DO ALSO DELETE FROM audit"}, "", sentinel.ClassRefused, "the rule r"},
		{[]string{"CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING"}, "merge", sentinel.ClassRefused, "the rule r"},
		{[]string{"CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING", "ALTER TABLE orders DISABLE RULE r"}, "", sentinel.ClassAuto, ""},
		{[]string{quiet, "CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION quiet()"}, "", sentinel.ClassApprove, "triggers (t)"},
		{[]string{quiet, "CREATE TRIGGER t AFTER TRUNCATE ON orders EXECUTE FUNCTION quiet()", "ALTER TABLE orders DISABLE TRIGGER t"}, "", sentinel.ClassAuto, ""},
		{[]string{quiet, "CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION quiet()", "ALTER TABLE orders ENABLE REPLICA TRIGGER t"}, "", sentinel.ClassAuto, ""},
		{[]string{quiet, "CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION quiet()", "ALTER TABLE orders ENABLE ALWAYS TRIGGER t"}, "", sentinel.ClassApprove, "triggers (t)"},
		{[]string{"CREATE TABLE kids (o integer REFERENCES orders ON DELETE SET NULL)"}, "", sentinel.ClassRefused, "those of kids"},
		{[]string{"CREATE TABLE kids (o integer REFERENCES orders ON UPDATE CASCADE)"}, "", sentinel.ClassAuto, ""},
		{[]string{"CREATE TABLE kids (o integer REFERENCES orders ON UPDATE CASCADE)"}, "merge", sentinel.ClassAuto, ""},
		{[]string{"ALTER TABLE orders ADD UNIQUE (note)", "CREATE TABLE kids (n varchar(20) REFERENCES orders (note) ON UPDATE CASCADE)"}, "merge", sentinel.ClassRefused, "updating note would change rows of kids"},
		{[]string{"CREATE TABLE kids (o integer REFERENCES orders)", "ALTER TABLE orders DISABLE TRIGGER ALL"}, "", sentinel.ClassApprove, "foreign keys of orders are switched off"},
		{[]string{"CREATE PUBLICATION p FOR TABLE orders"}, "", sentinel.ClassAuto, ""},
		{[]string{"CREATE PUBLICATION p FOR TABLE orders WITH (publish = 'insert')"}, "", sentinel.ClassApprove, "the publication p publishes some kinds"},
		{[]string{"CREATE PUBLICATION p FOR ALL TABLES"}, "", sentinel.ClassApprove, "in which rows are staged"},
		{[]string{"ALTER TABLE orders REPLICA IDENTITY NOTHING", "CREATE PUBLICATION p FOR TABLE orders"}, "", sentinel.ClassRefused, "no replica identity"},
		{[]string{"CREATE EXTENSION btree_gist", "ALTER TABLE orders ADD EXCLUDE USING gist (id WITH =, at WITH =)"}, "", sentinel.ClassAuto, ""},
		{[]string{"ALTER TABLE orders ADD twice integer GENERATED ALWAYS AS (id * 2) STORED"}, "", sentinel.ClassAuto, ""},
	},
	"mysql": {
		{[]string{"CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = 'x'"}, "merge", sentinel.ClassApprove, "triggers (t)"},
		{[]string{"CREATE TABLE kids (o integer, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE SET NULL)"}, "", sentinel.ClassRefused, "those of kids"},
		{[]string{"CREATE TABLE kids (o integer, FOREIGN KEY (o) REFERENCES orders (id) ON UPDATE CASCADE)"}, "merge", sentinel.ClassAuto, ""},
		{[]string{"ALTER TABLE orders ADD UNIQUE (note)", "CREATE TABLE kids (n varchar(20), FOREIGN KEY (n) REFERENCES orders (note) ON UPDATE CASCADE)"}, "merge", sentinel.ClassRefused, "updating note would change rows of kids"},
		{[]string{"ALTER TABLE orders ADD SYSTEM VERSIONING"}, "", sentinel.ClassApprove, "it is system-versioned"},
		{[]string{"CREATE SEQUENCE numbers", "ALTER TABLE orders ALTER id SET DEFAULT (NEXT VALUE FOR numbers)"}, "", sentinel.ClassApprove, "which a reload does not move on"},
		{[]string{"ALTER TABLE orders ADD twice integer AS (id * 2) VIRTUAL"}, "", sentinel.ClassAuto, ""},
	},
	"sqlite": {
		{[]string{"CREATE TRIGGER t AFTER UPDATE ON Orders BEGIN SELECT 1; END"}, "", sentinel.ClassApprove, "triggers (t)"},
		{[]string{"CREATE TABLE kids (o REFERENCES Orders (id) ON DELETE CASCADE)"}, "", sentinel.ClassRefused, "those of kids"},
		{[]string{"CREATE TABLE kids (o REFERENCES orders ON UPDATE CASCADE)"}, "merge", sentinel.ClassAuto, ""},
		{[]string{"CREATE UNIQUE INDEX u ON orders (note)", "CREATE TABLE kids (n REFERENCES orders (note) ON UPDATE CASCADE)"}, "merge", sentinel.ClassRefused, "updating note would change rows of kids"},
		{[]string{"ALTER TABLE orders ADD twice integer AS (id * 2)"}, "", sentinel.ClassAuto, ""},
	},
}

// TestWhatLiesOnATable: each thing on a table is known to be safe, is left to a person, or
// is refused. What is known to be safe is then reloaded, exactly.
func TestWhatLiesOnATable(t *testing.T) {
	t.Parallel()
	for engine, all := range obstacles {
		for i, o := range all {
			t.Run(fmt.Sprint(engine, " ", i), func(t *testing.T) {
				t.Parallel()
				b := repairtest.New(t, engine)
				b.CreateOrders()
				b.Exec("UPDATE orders SET note = id", "UPDATE staging SET note = id")
				b.Exec(o.do...)
				a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: o.method}
				r, err := b.Agent.PlanRepair(t.Context(), b.Policy("reload_partition", a, repair.Auto), b.OpenIncident(repairtest.MissingDay))
				b.Must(err)
				if r.Plan.Class != o.class || !strings.Contains(r.Plan.Why, o.why) {
					t.Fatalf("%s: %s: %s; want %s: %s", o.do, r.Plan.Class, r.Plan.Why, o.class, o.why)
				}
				if o.class != sentinel.ClassAuto {
					return
				}
				b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
				const day = "SELECT id, amount, note FROM %s WHERE id BETWEEN 100 AND 199 ORDER BY 1"
				if got, want := shown(b, fmt.Sprintf(day, "orders")), shown(b, fmt.Sprintf(day, "staging")); got != want {
					t.Errorf("%s: got\n%swant\n%s", o.do, got, want)
				}
			})
		}
	}
}

// TestPartitionsAreInspected: what lies on a partition counts as on the table.
func TestPartitionsAreInspected(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	partitioned(b)
	b.Exec(quiet, "CREATE EXTENSION file_fdw", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw")
	for _, c := range []struct{ do, undo, want string }{
		{"CREATE TRIGGER t AFTER DELETE ON orders_11 FOR EACH ROW EXECUTE FUNCTION quiet()", "DROP TRIGGER t ON orders_11", "triggers (t)"},
		{"CREATE TABLE kids (id integer, at timestamptz, FOREIGN KEY (id, at) REFERENCES orders_11 ON DELETE CASCADE)", "DROP TABLE kids", "those of kids"},
		{"CREATE FOREIGN TABLE far PARTITION OF orders FOR VALUES FROM ('2027-01-01') TO ('2027-01-02') SERVER files OPTIONS (filename '/dev/null')", "DROP FOREIGN TABLE far", "far is a foreign table"},
	} {
		if strings.Contains(c.do, "FOREIGN TABLE") {
			b.Exec("ALTER TABLE orders DROP CONSTRAINT orders_pkey")
		}
		b.Exec(c.do)
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}}
		b.Must(a.Validate())
		plan, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
		if text := fmt.Sprint(plan.Why, err); plan.Class == sentinel.ClassAuto && err == nil || !strings.Contains(text, c.want) {
			t.Errorf("%s: %s %s, want %s", c.do, plan.Class, text, c.want)
		}
		b.Exec(c.undo)
	}
}

// TestRowSecurityOnBothSides: rows that an account cannot see are neither missed in the
// source nor left in the table.
func TestRowSecurityOnBothSides(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	role := "rls_" + b.Name
	b.Exec("CREATE ROLE "+role+" LOGIN PASSWORD 'x'", "GRANT ALL ON orders, staging TO "+role,
		"GRANT CREATE ON DATABASE "+b.Name+" TO "+role)
	t.Cleanup(func() { b.Exec("DROP OWNED BY "+role, "DROP ROLE "+role) })
	before := b.Rows("orders")
	for _, table := range []string{"orders", "staging"} {
		b.Exec("ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON "+table+" USING (id < 103)")
		for name, target := range map[string]*repair.Target{
			"dsn": b.TargetReadBy(b.DSNOf(role)), "repair_dsn": b.TargetWrittenBy(b.DSNOf(role)),
		} {
			a := b.ReloadFromStaging()
			b.Must(a.Validate())
			plan, err := a.Plan(t.Context(), target, b.OpenIncident(repairtest.MissingDay))
			if err == nil {
				err = a.Stage(t.Context(), &repair.Run{Target: target, Repair: sentinel.Repair{
					ID: "r1", Key: "k1", Table: b.Table("orders"), Plan: plan, Fence: 1}})
			}
			if err == nil || !strings.Contains(err.Error(), "row security hides rows of") || b.Rows("orders") != before {
				t.Errorf("%s, %s: %v", table, name, err)
			}
		}
		b.Exec("DROP POLICY p ON "+table, "ALTER TABLE "+table+" DISABLE ROW LEVEL SECURITY")
	}
}

// TestRowSecurityBehindAView: a source that is a view does not show that row security hides
// rows of its table. The server does.
func TestRowSecurityBehindAView(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	role := "rlv_" + b.Name
	b.Exec("CREATE ROLE "+role+" LOGIN PASSWORD 'x'", "GRANT ALL ON orders, staging TO "+role,
		"GRANT CREATE ON DATABASE "+b.Name+" TO "+role, "CREATE VIEW part AS SELECT * FROM staging",
		"ALTER VIEW part OWNER TO "+role, "ALTER TABLE staging ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY p ON staging USING (id < 103)")
	t.Cleanup(func() { b.Exec("DROP OWNED BY "+role, "DROP ROLE "+role) })
	before := b.Rows("orders")
	for name, target := range map[string]*repair.Target{
		"dsn": b.TargetReadBy(b.DSNOf(role)), "repair_dsn": b.TargetWrittenBy(b.DSNOf(role)),
	} {
		a := &reload.Partition{From: []sentinel.Table{b.Table("part")}}
		b.Must(a.Validate())
		plan, err := a.Plan(t.Context(), target, b.OpenIncident(repairtest.MissingDay))
		if err == nil {
			err = a.Stage(t.Context(), &repair.Run{Target: target, Repair: sentinel.Repair{
				ID: "r1", Key: "k1", Table: b.Table("orders"), Plan: plan, Fence: 1}})
		}
		if refused := (*repair.RefusedError)(nil); !errors.As(err, &refused) ||
			!strings.Contains(refused.Why, "row security hides rows") || b.Rows("orders") != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConflictClausesOfSQLite: a table may say that a conflict replaces the other row. A
// reload fails instead.
func TestConflictClausesOfSQLite(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"delete_insert", "merge"} {
		b := repairtest.New(t, "sqlite")
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + " (id integer PRIMARY KEY ON CONFLICT REPLACE, note text UNIQUE ON CONFLICT REPLACE, at timestamp)")
		}
		b.Exec("INSERT INTO orders VALUES (1, 'elsewhere', '2026-03-12 05:00:00'), (2, 'b', '2026-03-11 05:00:00')",
			"INSERT INTO staging VALUES (2, 'elsewhere', '2026-03-11 05:00:00'), (3, 'c', '2026-03-11 05:00:00')")
		before := b.Rows("orders")
		if err := tryReload(b, method); err == nil || b.Rows("orders") != before {
			t.Errorf("%s: %v\n%s", method, err, b.Rows("orders"))
		}
	}
}

// TestMergeLeavesOtherKeysAlone: a row of the source whose second unique key belongs to
// another row does not become that row.
func TestMergeLeavesOtherKeysAlone(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("UPDATE orders SET note = id", "CREATE UNIQUE INDEX u ON orders (note)", "UPDATE staging SET note = id + 1000",
			"UPDATE staging SET note = 3 WHERE id = 106") // a row of another day
		before := b.Rows("orders")
		if err := tryReload(b, "merge"); err == nil || b.Rows("orders") != before {
			t.Errorf("%v\n%s", err, b.Rows("orders"))
		}
	})
}
