package reload_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestLostRowsNeedAPerson: rows that only the table has are not deleted unasked, by any
// method. A person sees their number and keys, and approves this number. A rejected plan
// is not made again.
func TestLostRowsNeedAPerson(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"delete_insert", "merge"} {
		repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
			b.CreateOrders()
			b.Exec("INSERT INTO orders VALUES (150, 1, 'only here', '2026-03-11 09:00:00'), (151, 1, 'only here', '2026-03-11 10:00:00')")
			before := b.Rows("orders")
			a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: method}
			p := b.Policy("reload_partition", a, repair.Auto)
			r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
			b.WantState(r, sentinel.AwaitingApproval, "2 rows of the table are not in the source, or newer than there (id 150; id 151); "+
				"5 rows differ from the source's with the same key, and get its values (id 100; id 101; id 102; id 103; id 104), and max_lost is 0")
			if got := b.Rows("orders"); got != before || r.Plan.Lost != 2 || !slices.Equal(r.Plan.LostKeys, []string{"id 150", "id 151"}) {
				t.Errorf("%d, %v\n%s", r.Plan.Lost, r.Plan.LostKeys, got)
			}
			ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
			if _, err := ann.Reject(t.Context(), r.ID, "no"); err != nil {
				t.Fatal(err)
			}
			if again, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay)); err != nil || again != nil {
				t.Errorf("rejected, and planned again: %+v, %v", again, err)
			}
			other := b.OpenIncident(repairtest.MissingDay)
			other.Incident.ID = "another"
			r = b.RunRepair(p, other)
			b.Exec("INSERT INTO orders VALUES (152, 1, 'only here', '2026-03-11 11:00:00')") // one more than was approved
			_, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0)
			b.Must(err)
			r = b.AdvanceRepair(r.ID)
			b.WantState(r, sentinel.AwaitingApproval, "3 rows of the table")
			_, err = ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0)
			b.Must(err)
			b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
			if got := b.Rows("orders"); strings.Contains(got, "only here") || strings.Count(got, "new") != 8 {
				t.Errorf("the table holds\n%s", got)
			}
		})
	}
}

// TestNewerRowsCountAsLost: a row that has a later date or timestamp than the source's is
// newer, and so is one that has one where the source has none.
func TestNewerRowsCountAsLost(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		const columns = " (id integer PRIMARY KEY, v integer, paid date, at "
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + columns + b.Instant + " NOT NULL, changed " + b.Timestamp + ")")
		}
		b.Exec("INSERT INTO orders VALUES (1, 1, '2026-03-12', '2026-03-11 05:00:00', '2026-03-12 01:00:00'), "+
			"(4, 4, NULL, '2026-03-11 09:00:00', NULL), (5, 5, NULL, '2026-03-11 05:00:00', NULL), "+
			"(2, 2, '2026-03-12', '2026-03-11 05:00:00', NULL), (3, 3, NULL, '2026-03-11 05:00:00', '2026-03-11 01:00:00')",
			"INSERT INTO staging VALUES (1, 7, '2026-03-12', '2026-03-11 05:00:00', '2026-03-12 00:59:59'), "+
				"(4, 7, NULL, '2026-03-11 02:00:00', NULL), (5, 7, NULL, '2026-03-11 05:00:01', NULL), "+
				"(2, 7, NULL, '2026-03-11 05:00:00', NULL), (3, 7, '2026-03-11', '2026-03-11 05:00:00', '2026-03-11 01:00:00')")
		for _, c := range []struct{ newerBy, keys string }{
			{"", "id 1 id 2 id 4"}, {"at", "id 4"}, {"changed", "id 1"}, {"v", ""},
		} {
			a := b.ReloadFromStaging()
			a.NewerBy = c.newerBy
			run := b.NewRun(a, b.Target())
			run.MayLose = 0
			var lost *repair.LostError
			if err := a.Stage(t.Context(), run); errors.As(err, &lost) != (c.keys != "") || lost != nil && strings.Join(lost.Keys, " ") != c.keys {
				t.Errorf("newer_by %q: %v, want %s", c.newerBy, err, c.keys)
			}
		}
	})
}

// TestUndatedRowsCountAsNewer: where newer_by says which rows are newer, one without a value
// there, and with other values than the source's, may be. One that is the same is not.
func TestUndatedRowsCountAsNewer(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + " (id integer NOT NULL PRIMARY KEY, note varchar(20), at " + b.Instant +
				" NOT NULL, changed " + b.Instant + " NULL)")
		}
		const day = "'2026-03-11 01:00:00'"
		b.Exec("INSERT INTO orders VALUES (1, 'corrected', "+day+", NULL), (2, 'same', "+day+", NULL), (3, 'old', "+day+", "+day+")",
			"INSERT INTO staging VALUES (1, 'first', "+day+", NULL), (2, 'same', "+day+", NULL), (3, 'new', "+day+", "+day+")")
		before := b.Rows("orders")
		a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", NewerBy: "changed"}
		p := b.Policy("reload_partition", a, repair.Auto)
		r := b.RunRepair(p, b.OpenIncident(repairtest.MissingDay))
		if b.WantState(r, sentinel.AwaitingApproval, "1 rows of the table are not in the source, or newer than there"); b.Rows("orders") != before {
			t.Errorf("the table holds\n%s", b.Rows("orders"))
		}
		p.MaxLost = 1
		other := b.OpenIncident(repairtest.MissingDay)
		other.Incident.ID = "another"
		ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
		if _, err := ann.Reject(t.Context(), r.ID, "no"); err != nil {
			t.Fatal(err)
		}
		b.WantState(b.RunRepair(p, other), sentinel.RepairSucceeded, "")
	})
}

// TestLostRowsWithoutKey counts rows that are not in the source just as they are, each as
// often as it stands there.
func TestLostRowsWithoutKey(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + " (v integer, at " + b.Instant + " NOT NULL)")
		}
		b.Exec("INSERT INTO orders VALUES (1, '2026-03-11 05:00:00'), (1, '2026-03-11 05:00:00'), (NULL, '2026-03-11 05:00:00')",
			"INSERT INTO staging VALUES (1, '2026-03-11 05:00:00'), (NULL, '2026-03-11 05:00:00'), (2, '2026-03-11 05:00:00')")
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		run.MayLose = 0
		var lost *repair.LostError
		if err := a.Stage(t.Context(), run); !errors.As(err, &lost) || lost.Rows != 1 {
			t.Errorf("%v, want 1 row", err)
		}
		b.Exec("INSERT INTO staging VALUES (1, '2026-03-11 05:00:00')")
		run.Repair.ID, run.Repair.Key = "r2", "k2"
		b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
	})
}

// TestLostRowsOfAnyType: without a key, rows that differ only in a value that cannot be
// compared, or that compares as equal, are counted too.
func TestLostRowsOfAnyType(t *testing.T) {
	t.Parallel()
	types := map[string][][3]string{ // type, the table's value, the source's
		"postgres": {
			{"json", `'{"a": 1}'`, `'{"a": 2}'`}, {"jsonb", `'{"a": 1}'`, `'{"a": 2}'`}, {"xml", "'<a/>'", "'<b/>'"},
			{"point", "'(1,2)'", "'(1,3)'"}, {"interval", "'1 day'", "'24 hours'"}, {"numeric", "1.0", "1.00"},
		},
		"mysql": {
			{"json", `'{"a": 1}'`, `'{"a": 2}'`}, {"point", "POINT(1, 2)", "POINT(1, 3)"}, {"bit(8)", "b'1'", "b'11'"},
			{"varchar(9)", "'Ann'", "'ann'"}, {"varchar(9)", "'ann'", "'ann '"}, {"blob", "x'00'", "x'0000'"},
			{"float", "16777215", "16777214"},
		},
		"sqlite": {
			{"json", `'{"a": 1}'`, `'{"a": 2}'`}, {"", "1", "'1'"}, {"text COLLATE NOCASE", "'Ann'", "'ann'"}, {"blob", "x'61'", "'a'"},
		},
	}
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for i, c := range types[b.Engine] {
			b.Exec("DROP TABLE IF EXISTS orders", "DROP TABLE IF EXISTS staging")
			for table, value := range map[string]string{"orders": c[1], "staging": c[2]} {
				b.Exec("CREATE TABLE "+table+" (v "+c[0]+", at "+b.Instant+" NOT NULL)", "INSERT INTO "+table+" VALUES ("+value+
					", '2026-03-11 05:00:00'), (NULL, '2026-03-11 05:00:00'), ("+c[1]+", '2026-03-11 06:00:00')")
			}
			a := b.ReloadFromStaging()
			run := b.NewRun(a, b.Target())
			run.MayLose, run.Repair.ID, run.Repair.Key = 0, fmt.Sprint("r", i), fmt.Sprint("k", i)
			var lost *repair.LostError
			if err := a.Stage(t.Context(), run); !errors.As(err, &lost) || lost.Rows != 1 {
				t.Errorf("%s %s, and %s in the source: %v, want 1 row", c[0], c[1], c[2], err)
			}
		}
	})
}

// TestOverwrittenRowsAreShown: who is asked about lost rows also sees how many rows with the
// same key differ, however they differ, and some of their keys.
func TestOverwrittenRowsAreShown(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("DELETE FROM staging WHERE id > 104", "DELETE FROM staging WHERE id = 101",
			"UPDATE staging SET amount = (id - 100), note = 'old' WHERE id <> 100",
			"UPDATE staging SET amount = 0, note = 'Old' WHERE id = 100",
			"UPDATE staging SET note = NULL WHERE id = 104")
		zero := 0.0
		a := b.ReloadFromStaging()
		a.MinRatio = &zero
		r := b.RunRepair(b.Policy("reload_partition", a, repair.Auto), b.OpenIncident(repairtest.MissingDay))
		b.WantState(r, sentinel.AwaitingApproval, "1 rows of the table are not in the source, or newer than there (id 101); "+
			"2 rows differ from the source's with the same key, and get its values (id 100; id 104), and max_lost is 0")
		if p := r.Plan; p.Overwritten != 2 || !slices.Equal(p.OverwrittenKeys, []string{"id 100", "id 104"}) {
			t.Errorf("%d, %v", p.Overwritten, p.OverwrittenKeys)
		}
		ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
		_, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0)
		b.Must(err)
		b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
	})
}
