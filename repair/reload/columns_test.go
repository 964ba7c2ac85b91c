package reload_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestColumnsThatAreLeftOut are kept by a merge, in all rows that were there, and come
// back with a rollback. Other methods refuse to leave columns out.
func TestColumnsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		changed := b.Timestamp + " DEFAULT NULL"
		if b.Engine == "mysql" {
			changed = "timestamp(6) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(6)"
		}
		for _, table := range []string{"orders", "staging"} {
			b.Exec("ALTER TABLE "+table+" ADD COLUMN precious varchar(20) DEFAULT 'none'", "ALTER TABLE "+table+" ADD COLUMN changed "+changed)
		}
		if b.Engine == "postgres" { // no UPDATE can set it, and a rollback restores it
			b.Exec("ALTER TABLE orders ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY")
		}
		b.Exec("UPDATE orders SET precious = id, changed = '2026-03-13 01:02:03'", "UPDATE staging SET precious = 'of the source'",
			"DELETE FROM staging WHERE id = 104")
		before := b.Rows("orders")
		a := &reload.Partition{
			From: []sentinel.Table{b.Table("staging")}, Method: "merge", Columns: []string{"at", "id", "amount", "note"},
		}
		run := b.NewRun(a, b.Target())
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		got := shown(b, "SELECT id, amount, note, precious, changed IS NULL FROM orders WHERE id >= 100 AND id < 200 ORDER BY id")
		got = strings.NewReplacer("|false|", "|0|", "|true|", "|1|").Replace(got)
		if want := "100|0|new|100|0|\n101|10|new|101|0|\n102|20|new|102|0|\n103|30|new|103|0|\n" +
			"105|50|new|none|1|\n106|60|new|none|1|\n107|70|new|none|1|\n"; got != want {
			t.Errorf("merged\n%swant\n%s", got, want)
		}
		if got := shown(b, "SELECT count(*) FROM orders WHERE changed <> '2026-03-13 01:02:03'"); got != "0|\n" {
			t.Errorf("the time of a change moved in %s rows", got)
		}
		b.Must(a.Rollback(t.Context(), run))
		if got := b.Rows("orders"); got != before {
			t.Errorf("taken back\n%swant\n%s", got, before)
		}
	})
}

// TestColumnsAreAllOrRefused: the plan says which columns are missing, and why.
func TestColumnsAreAllOrRefused(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		kept := map[string]string{"postgres": "STORED"}[b.Engine]
		b.Exec("ALTER TABLE orders ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) " + kept)
		if b.Engine == "postgres" {
			b.Exec("ALTER TABLE orders ADD number integer GENERATED ALWAYS AS IDENTITY")
		}
		for _, c := range []struct {
			method, columns, newerBy, want string
		}{
			{"delete_insert", "id at amount", "", "would wipe what rows hold in note"},
			{"swap", "id at amount", "", "would wipe what rows hold in note"},
			{"merge", "at amount", "", "id has to be among them, because it is part of the key"},
			{"delete_insert", "at amount note", "", "id has to be among them, because it is part of the key"},
			{"merge", "id amount", "", "at has to be among them"},
			{"merge", "id at twice", "", "twice is computed by the table"},
			{"merge", "id at nothing", "", "there is no column nothing"},
			{"merge", "id at number", "", "number numbers the rows"},
			{"merge", "id at amount", "note", "newer_by: note has to be among the columns that are loaded"},
			{"delete_insert", "", "twice", "newer_by: twice has to be among the columns that are loaded"},
		} {
			a := &reload.Partition{
				From: []sentinel.Table{b.Table("staging")}, Method: c.method, Columns: strings.Fields(c.columns),
				NewerBy: c.newerBy,
			}
			b.Must(a.Validate())
			_, err := a.Plan(t.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
			if strings.Contains(c.columns, "number") && b.Engine != "postgres" {
				c.want = "there is no column number"
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %s: %v, want %s", c.method, c.columns, err, c.want)
			}
		}
	})
}

// TestSessionsWithoutForeignKeysAreRefused: an account whose sessions check no foreign
// keys would leave rows that refer to nothing.
func TestSessionsWithoutForeignKeysAreRefused(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$")
	if err := tryReload(b, "delete_insert"); err == nil || !strings.Contains(err.Error(), "session_replication_role = replica") {
		t.Errorf("%v", err)
	}
}

// TestReferencesAreEnforced: rows that others refer to are not deleted, on any engine.
func TestReferencesAreEnforced(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"RESTRICT", "NO ACTION"} {
		repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
			b.CreateOrders()
			b.Exec("CREATE TABLE kids (o integer, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE "+action+")",
				"INSERT INTO kids VALUES (102)", "DELETE FROM staging WHERE id = 102")
			before := b.Rows("orders")
			for _, method := range []string{"delete_insert", "merge"} {
				if err := tryReload(b, method); err == nil || b.Rows("orders") != before {
					t.Errorf("%s: %v\n%s", method, err, b.Rows("orders"))
				}
			}
		})
	}
}
