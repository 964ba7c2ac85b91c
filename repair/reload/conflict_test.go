package reload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestRowsThatExchangeAUniqueValue: two rows that give a unique value to each other cannot be
// updated one after the other. Both merges refuse that and name the key, and nothing changes. A
// reload that deletes first puts them in place.
func TestRowsThatExchangeAUniqueValue(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		columns := " (id integer NOT NULL PRIMARY KEY, code integer NOT NULL UNIQUE, at " + b.Instant + " NOT NULL)"
		const rows = " VALUES (1, 10, '2026-03-11 01:00:00'), (2, 20, '2026-03-11 02:00:00'), (3, 30, '2026-03-11 03:00:00')"
		b.Exec("CREATE TABLE orders"+columns, "CREATE TABLE staging"+columns, "INSERT INTO orders"+rows,
			"INSERT INTO staging"+strings.NewReplacer("1, 10", "1, 20", "2, 20", "2, 10").Replace(rows))
		before, want := b.Rows("orders"), b.Rows("staging")
		const says = "2 rows get a value of the unique key (code) that another row of the table gives up"
		keys := &reload.Keys{}
		run, err := newKeysRun(b, keys, b.Target(), compared(b, b, nil))
		b.Must(err, keys.Stage(t.Context(), run))
		if err := keys.Apply(t.Context(), run); err == nil || !strings.Contains(err.Error(), says) || b.Rows("orders") != before {
			t.Errorf("reload_keys: %v", err)
		}
		merge := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "merge"}
		run = b.NewRun(merge, b.Target())
		run.Repair.ID = "r2"
		b.Must(merge.Stage(t.Context(), run))
		if err := merge.Apply(t.Context(), run); err == nil || !strings.Contains(err.Error(), says) || b.Rows("orders") != before {
			t.Errorf("merge: %v", err)
		}
		replace := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "delete_insert"}
		run = b.NewRun(replace, b.Target())
		run.Repair.ID = "r3"
		b.Must(replace.Stage(t.Context(), run), replace.Apply(t.Context(), run))
		if got := b.Rows("orders"); got != want {
			t.Errorf("delete_insert: the table holds\n%s\nwant\n%s", got, want)
		}
	})
}

// TestRowsThatTakeAUniqueValue: a row that is inserted may take a value that an updated row gives
// up. So a conflict with the row of another session is worth another try.
func TestRowsThatTakeAUniqueValue(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	columns := " (id integer NOT NULL PRIMARY KEY, code integer NOT NULL UNIQUE, at " + b.Instant + " NOT NULL)"
	b.Exec("CREATE TABLE orders"+columns, "CREATE TABLE staging"+columns,
		"INSERT INTO orders VALUES (1, 10, '2026-03-11 01:00:00'), (2, 20, '2026-03-11 02:00:00')",
		"INSERT INTO staging VALUES (1, 11, '2026-03-11 01:00:00'), (2, 20, '2026-03-11 02:00:00'), "+
			"(3, 10, '2026-03-11 03:00:00'), (5, 55, '2026-03-11 05:00:00')")
	a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: "merge"}
	run := b.NewRun(a, b.Target())
	b.Must(a.Stage(t.Context(), run))
	run.Control = repairtest.Control{OnFailpoint: func(place string) {
		if place == "before_merge_inserts" {
			b.Exec("INSERT INTO orders VALUES (9, 55, '2026-03-11 09:00:00')")
		}
	}}
	var transient *repair.TransientError
	if err := a.Apply(t.Context(), run); !errors.As(err, &transient) {
		t.Errorf("beside another session: %v", err)
	}
	b.Exec("DELETE FROM orders WHERE id = 9")
	run.Control = repairtest.Control{}
	b.Must(a.Apply(t.Context(), run))
	if got, want := b.Rows("orders"), b.Rows("staging"); got != want {
		t.Errorf("the table holds\n%s\nwant\n%s", got, want)
	}
}

// TestUniqueKeysOfOtherKinds: a key of the first characters, and one that takes NULL for equal
// to NULL, forbid rows whose columns differ, or are NULL. The error names the key, and nothing
// changes.
func TestUniqueKeysOfOtherKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ engine, index, staged string }{
		"first characters": {"mysql", "CREATE UNIQUE INDEX by_code ON orders (code(3))", "'abcX'), (102, 'abcY'"},
		"nulls":            {"postgres", "CREATE UNIQUE INDEX by_code ON orders (code) NULLS NOT DISTINCT", "NULL), (102, NULL"},
		"an expression":    {"postgres", "CREATE UNIQUE INDEX by_code ON orders (lower(code))", "'a'), (102, 'A'"},
		"some rows":        {"sqlite", "CREATE UNIQUE INDEX by_code ON orders (code) WHERE code > 'a'", "'b'), (102, 'b'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, c.engine)
			const columns = " (id integer NOT NULL PRIMARY KEY, code varchar(20))"
			b.Exec("CREATE TABLE orders"+columns, "CREATE TABLE staging"+columns, c.index,
				"INSERT INTO orders VALUES (1, 'one'), (2, 'two')",
				"INSERT INTO staging VALUES (1, 'one'), (2, 'two'), (101, "+c.staged+")")
			before := b.Rows("orders")
			a := &reload.Keys{}
			run, err := newKeysRun(b, a, b.Target(), compared(b, b, nil))
			if err == nil {
				err = a.Stage(t.Context(), run)
			}
			if err == nil {
				err = a.Apply(t.Context(), run)
			}
			if err == nil || !strings.Contains(err.Error(), "code") || b.Rows("orders") != before {
				t.Errorf("%v\n%s", err, b.Rows("orders"))
			}
		})
	}
}

// TestNegativeZero: an engine that has no -0 refuses one of another engine by the column and
// the row, and nothing changes. All others keep it.
func TestNegativeZero(t *testing.T) {
	t.Parallel()
	for _, engine := range repairtest.Engines {
		for _, source := range []string{"postgres", "mysql"} {
			t.Run(engine+" from "+source, func(t *testing.T) {
				t.Parallel()
				b, from := repairtest.New(t, engine), repairtest.New(t, source)
				const columns = " (id integer NOT NULL PRIMARY KEY, v double precision)"
				b.Exec("CREATE TABLE orders" + columns)
				from.Exec("CREATE TABLE staging"+columns, "INSERT INTO staging VALUES (1, -0e0), (2, 1.5)",
					"UPDATE staging SET v = -v WHERE id = 1 AND v = 0")
				a := &reload.Keys{}
				why := compared(b, from, nil)
				run, err := newKeysRun(b, a, across(b, from), why)
				if err == nil {
					err = a.Stage(t.Context(), run)
				}
				if err == nil {
					err = a.Apply(t.Context(), run)
				}
				if engine != "postgres" && source == "postgres" {
					const says = "different in v, such as in the row with id = 1: the table's type stores these values as others"
					if err == nil || !strings.Contains(err.Error(), says) || b.Rows("orders") != "" {
						t.Errorf("%v\n%s", err, b.Rows("orders"))
					}
					return
				}
				b.Must(err)
				if got, want := b.Rows("orders"), from.Rows("staging"); got != want {
					t.Errorf("the table holds\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}
