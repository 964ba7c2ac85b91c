package reload_test

import (
	"errors"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// addedDependents are migrations that run while a plan waits. Each adds to orders what would
// delete rows of kids, or write rows of kids, when rows of orders are replaced.
var addedDependents = map[string]map[string][]string{
	"cascade": {
		"postgres": {"ALTER TABLE kids ADD FOREIGN KEY (o) REFERENCES orders ON DELETE CASCADE"},
		"mysql":    {"ALTER TABLE kids ADD FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE"},
		"sqlite": {"DROP TABLE kids", "CREATE TABLE kids (id integer PRIMARY KEY, " +
			"o integer REFERENCES orders ON DELETE CASCADE)", "INSERT INTO kids VALUES (1, 101)"},
	},
	"trigger": {
		"postgres": {"CREATE FUNCTION drop_kids() RETURNS trigger LANGUAGE plpgsql AS " +
			"'BEGIN DELETE FROM kids WHERE o = OLD.id; RETURN OLD; END'",
			"CREATE TRIGGER added AFTER DELETE OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION drop_kids()"},
		"mysql":  {"CREATE TRIGGER added AFTER DELETE ON orders FOR EACH ROW DELETE FROM kids WHERE o = OLD.id"},
		"sqlite": {"CREATE TRIGGER added AFTER DELETE ON orders BEGIN DELETE FROM kids WHERE o = OLD.id; END"},
	},
}

const makeKids = "CREATE TABLE kids (id integer PRIMARY KEY, o integer)"

// TestDependentsAddedAfterApproval adds them before staging, before the exchange, and within
// its transaction before the first statement. The repair ends as changed.
func TestDependentsAddedAfterApproval(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for name, migration := range addedDependents {
			for _, method := range []string{"delete_insert", "merge"} {
				for _, when := range []string{"before_stage", "before_apply", "before_apply_keeps"} {
					if b.Engine == "sqlite" && when == "before_apply_keeps" {
						continue // its transaction has locked the database
					}
					b.CreateOrders()
					b.Exec(makeKids, "INSERT INTO kids VALUES (1, 101)")
					a := b.ReloadFromStaging()
					a.Method = method
					err := runWithMigration(b, a, when, migration[b.Engine])
					checkChanged(t, b, name+" "+method+" "+when, err)
					b.Exec("DROP TABLE kids", "DROP TABLE orders", "DROP TABLE staging")
					if err == nil {
						return // its ledger would answer for the next
					}
					if b.Engine == "postgres" {
						b.Exec("DROP FUNCTION IF EXISTS drop_kids")
					}
				}
			}
		}
	})
}

// TestDependentsAddedBeforeSwap does the same for swaps. Detaching a partition fires no trigger,
// and no engine detaches one that a foreign key refers to.
func TestDependentsAddedBeforeSwap(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql"} {
		for _, when := range []string{"before_stage", "before_apply"} {
			b := repairtest.New(t, engine)
			partitioned(b)
			b.Exec(makeKids, "INSERT INTO kids VALUES (1, 2)")
			a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: "swap"}
			err := runWithMigration(b, a, when, addedDependents["trigger"][engine])
			checkChanged(t, b, engine+" swap "+when, err)
		}
	}
}

// TestDependentsAddedBeforeRollback: a rollback replaces rows too, and is refused.
func TestDependentsAddedBeforeRollback(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for name, migration := range addedDependents {
			b.CreateOrders()
			b.Exec(makeKids, "INSERT INTO kids VALUES (1, 101)")
			a := b.ReloadFromStaging()
			run := b.NewRun(a, b.Target())
			run.Repair.ID, run.Repair.Key = name, name
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			b.Exec(migration[b.Engine]...)
			var refused *repair.RefusedError
			if err := a.Rollback(t.Context(), run); !errors.As(err, &refused) || b.Rows("kids") != "1|101|\n" {
				t.Errorf("%s: %v, and kids holds %q", name, err, b.Rows("kids"))
			}
			b.Exec("DROP TABLE kids", "DROP TABLE orders", "DROP TABLE staging")
		}
	})
}

// runWithMigration plans, stages and applies, and runs the migration at a failpoint.
func runWithMigration(b *repairtest.Fixture, a *reload.Partition, when string, migration []string) error {
	run := b.NewRun(a, b.Target())
	run.Control = repairtest.Control{OnFailpoint: func(place string) {
		if place == when {
			b.Exec(migration...)
		}
	}}
	if err := a.Stage(b.T.Context(), run); err != nil {
		return err
	}
	return a.Apply(b.T.Context(), run)
}

func checkChanged(t *testing.T, b *repairtest.Fixture, name string, err error) {
	t.Helper()
	var changed *repair.ChangedError
	if kids := b.Rows("kids"); !errors.As(err, &changed) || len(kids) == 0 {
		t.Errorf("%s: %v, and kids holds %q", name, err, kids)
	}
}
