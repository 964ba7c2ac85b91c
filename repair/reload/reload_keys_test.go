package reload_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// comparedRows compares the rows of orders as a check does.
type comparedRows struct {
	b     *repairtest.Fixture
	from  *repairtest.Fixture
	check *checks.Reconcile
}

func (c comparedRows) With() sentinel.Table { return *c.check.With }

func (c comparedRows) CompareRows(ctx context.Context, most int) (*rowdiff.Comparison, *rowdiff.Result, error) {
	env := checks.Env{Clock: repairtest.Clock, Warehouse: func(name string) (*warehouse.DB, error) {
		if name == "src" {
			return c.from.Read, nil
		}
		return c.b.Read, nil
	}}
	job := checks.Job{Table: c.b.Table("orders"), Location: time.UTC, Tick: repairtest.Clock(),
		Checks: []checks.Check{c.check}}
	return checks.CompareRows(ctx, env, job, most)
}

// compared returns the trigger of a check that compares orders with the table staging of
// another fixture. change may change the check.
func compared(b, from *repairtest.Fixture, change func(c *checks.Reconcile)) repair.Trigger {
	b.T.Helper()
	with := sentinel.Table{Warehouse: "w", Schema: from.Schema, Name: "staging"}
	if from != b {
		with.Warehouse = "src"
	}
	c := &checks.Reconcile{With: &with, ByRows: checks.ByRows{Key: []string{"id"}}}
	if change != nil {
		change(c)
	}
	b.Must(c.Validate())
	why := b.OpenIncident("")
	why.Rows = comparedRows{b, from, c}
	return why
}

// newKeysRun plans a repair.
func newKeysRun(b *repairtest.Fixture, a *reload.Keys, target *repair.Target, why repair.Trigger) (*repair.Run, error) {
	b.T.Helper()
	b.Must(a.Validate())
	plan, err := a.Plan(b.T.Context(), target, why)
	return &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("orders"), Plan: plan,
		Fence: 1, Attempts: 1}, MayLose: 1000}, err
}

// keyedTables are drawn tables: the columns of a row by its key.
type keyedTables struct {
	orders, staging map[string][]string
	draw            *rand.Rand
}

// words are texts that collations take for equal, and such that need quotes.
var words = []string{"", "a", "A", "a ", "ä", "paid", "PAID", "it's", "NULL"}

func (k *keyedTables) row(key string) []string {
	amount := fmt.Sprintf("%d.%02d", k.draw.IntN(100), k.draw.IntN(100))
	return []string{key, amount, words[k.draw.IntN(len(words))], fmt.Sprintf("2026-03-%02d 01:02:03", 10+k.draw.IntN(3))}
}

func drawKeyed(seed uint64) *keyedTables {
	k := &keyedTables{orders: map[string][]string{}, staging: map[string][]string{}, draw: rand.New(rand.NewPCG(seed, 5))}
	for i := range 40 {
		key := fmt.Sprint(i*7 - 20)
		row := k.row(key)
		k.orders[key], k.staging[key] = row, row
		switch k.draw.IntN(10) {
		case 0:
			delete(k.orders, key)
		case 1:
			delete(k.staging, key)
		case 2:
			changed := slices.Clone(row)
			changed[2] = words[k.draw.IntN(len(words))]
			k.orders[key] = changed
		}
	}
	return k
}

// create makes orders, which has a column of its own, and staging.
func (k *keyedTables) create(b, from *repairtest.Fixture) {
	text := map[string]string{"mysql": "varchar(20) CHARACTER SET utf8mb4"}
	columns := func(f *repairtest.Fixture) string {
		word := text[f.Engine]
		if word == "" {
			word = "varchar(20)"
		}
		return "(id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note " + word + ", at " + f.Timestamp
	}
	values := func(rows map[string][]string, more string) string {
		var out []string
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			r := rows[key]
			note := strings.ReplaceAll(r[2], "'", "''")
			if note = "'" + note + "'"; r[2] == "NULL" {
				note = "NULL"
			}
			out = append(out, fmt.Sprintf("(%s, %s, %s, '%s'%s)", r[0], r[1], note, r[3], strings.ReplaceAll(more, "KEY", r[0])))
		}
		return strings.Join(out, ", ")
	}
	b.Exec("CREATE TABLE orders "+columns(b)+", precious varchar(20))",
		"INSERT INTO orders VALUES "+values(k.orders, ", 'precious KEY'"))
	from.Exec("CREATE TABLE staging "+columns(from)+")", "INSERT INTO staging VALUES "+values(k.staging, ""))
}

// want is what orders must hold after the repair: the rows of staging, and of the others only
// the column that is not loaded.
func (k *keyedTables) want() string {
	var lines []string
	for key, r := range k.staging {
		precious := ""
		if _, was := k.orders[key]; was {
			precious = "precious " + key
		}
		note := r[2]
		if note == "NULL" {
			note = "<null>"
		}
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%s|", r[0], note, r[3], precious))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// held is what orders holds, in the same form.
func held(b *repairtest.Fixture) string {
	text := repairtest.Query(b.T, b.Driver, b.Owner,
		"SELECT id, coalesce(note, '<null>'), at, coalesce(precious, '') FROM orders")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.NewReplacer("T", " ", "Z", "").Replace(lines[i])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestReloadKeys draws tables on every two engines. After the repair the table has the rows of
// the source under the keys that differ, and everything else is as it was. After the rollback
// it is as before.
func TestReloadKeys(t *testing.T) {
	t.Parallel()
	for i, engine := range repairtest.Engines {
		for j, source := range repairtest.Engines {
			t.Run(engine+" from "+source, func(t *testing.T) {
				t.Parallel()
				b, from := repairtest.New(t, engine), repairtest.New(t, source)
				for seed := uint64(10*i + j); seed < 100; seed += 50 {
					b.Exec("DROP TABLE IF EXISTS orders")
					from.Exec("DROP TABLE IF EXISTS staging")
					k := drawKeyed(seed)
					k.create(b, from)
					before := b.Rows("orders")
					a := &reload.Keys{}
					why := compared(b, from, func(c *checks.Reconcile) { c.Columns = []string{"amount", "note", "at"} })
					run, err := newKeysRun(b, a, across(b, from), why)
					run.Repair.ID = fmt.Sprintf("r%d", seed)
					b.Must(err, a.Stage(t.Context(), run))
					staged, err := a.Staged(t.Context(), run)
					b.Must(err)
					if staged == nil || staged.Rows == nil {
						t.Error("nothing is staged for the proof")
					}
					b.Must(a.Apply(t.Context(), run))
					if got, want := held(b), k.want(); got != want {
						t.Errorf("seed %d: the table holds\n%s\nwant\n%s", seed, got, want)
					}
					if _, found, err := why.Rows.CompareRows(t.Context(), 10); err != nil || found.Differences() != 0 {
						t.Errorf("seed %d: %v rows differ afterwards, %v", seed, found, err)
					}
					b.Must(a.Rollback(t.Context(), run))
					if now := b.Rows("orders"); now != before {
						t.Errorf("seed %d: after the rollback\n%s\nwant\n%s", seed, now, before)
					}
				}
			})
		}
	}
}

// TestReloadKeysPlan: the plan names the rows, and nothing is planned for equal tables or for
// more rows than max_rows.
func TestReloadKeysPlan(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("DELETE FROM staging", "INSERT INTO staging SELECT * FROM orders WHERE id <> 101",
			"UPDATE staging SET note = 'new' WHERE id = 102", "DELETE FROM orders WHERE id IN (103, 104)")
		why := compared(b, b, nil)
		run, err := newKeysRun(b, &reload.Keys{}, b.Target(), why)
		b.Must(err)
		plan := run.Repair.Plan
		want := []string{"insert id = 103", "insert id = 104", "delete id = 101", "update id = 102: note"}
		for _, line := range want {
			if !slices.Contains(plan.Steps[0].Do, line) {
				t.Errorf("no line %q in %q", line, plan.Steps[0].Do)
			}
		}
		if plan.Class != sentinel.ClassAuto && plan.Why == "" || plan.Rows != 5 {
			t.Errorf("%s %s, %d rows: %s", plan.Class, plan.Why, plan.Rows, plan.Summary)
		}
		var refused *repair.RefusedError
		if _, err := newKeysRun(b, &reload.Keys{MaxRows: 3}, b.Target(), why); !errors.As(err, &refused) {
			t.Errorf("4 rows with max_rows 3: %v", err)
		}
		b.Exec("DELETE FROM staging", "INSERT INTO staging SELECT * FROM orders")
		if _, err := newKeysRun(b, &reload.Keys{}, b.Target(), why); !errors.Is(err, repair.ErrNothing) {
			t.Errorf("equal tables: %v", err)
		}
		if (&reload.Keys{}).Applies(b.OpenIncident("other")) {
			t.Error("applies to a check that compares no rows")
		}
	})
}

// TestReloadKeysFromAnEmptySource: a source without any row, or without one that is compared,
// does not empty the table.
func TestReloadKeysFromAnEmptySource(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		all := compared(b, b, nil)
		some := compared(b, b, func(c *checks.Reconcile) { c.Where = "id < 200" })
		for _, emptied := range []string{"DELETE FROM staging WHERE id < 200", "DELETE FROM staging"} {
			b.Exec(emptied)
			var refused *repair.RefusedError
			_, err := newKeysRun(b, &reload.Keys{}, b.Target(), some)
			if !errors.As(err, &refused) || !strings.Contains(refused.Why, "no rows that the check compares") {
				t.Errorf("%s: %v", emptied, err)
			}
		}
		if _, err := newKeysRun(b, &reload.Keys{}, b.Target(), all); !errors.As(err, new(*repair.RefusedError)) {
			t.Errorf("%v", err)
		}
		b.Exec("DELETE FROM orders")
		if _, err := newKeysRun(b, &reload.Keys{}, b.Target(), all); !errors.Is(err, repair.ErrNothing) {
			t.Errorf("both are empty: %v", err)
		}
	})
}

// TestReloadKeysInsertsWholeRows: a missing row is not inserted without columns that the source
// has, unless `columns` of the repair leaves them out. Changed and extra rows need no others.
func TestReloadKeysInsertsWholeRows(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		const columns = " (id integer NOT NULL PRIMARY KEY, amount integer, note varchar(20), kept varchar(20)"
		b.Exec("CREATE TABLE orders"+columns+", mine varchar(20))", "CREATE TABLE staging"+columns+")",
			"INSERT INTO staging VALUES (1, 1, 'a', 'x'), (2, 2, 'b', 'x'), (3, 3, 'c', 'x')",
			"INSERT INTO orders SELECT id, 0, note, kept, 'm' FROM staging WHERE id < 3", "INSERT INTO orders (id) VALUES (9)")
		why := compared(b, b, func(c *checks.Reconcile) { c.Columns = []string{"amount"} })
		var refused *repair.RefusedError
		_, err := newKeysRun(b, &reload.Keys{}, b.Target(), why)
		if !errors.As(err, &refused) || !strings.Contains(refused.Why, "without note, kept: list the columns") {
			t.Errorf("%v", err)
		}
		before := b.Rows("orders")
		for want, a := range map[string]*reload.Keys{
			"3|3||||":   {Columns: []string{"amount"}},
			"3|3|c|x||": {Columns: []string{"amount", "note", "kept"}},
		} {
			run, err := newKeysRun(b, a, b.Target(), why)
			run.Repair.ID = fmt.Sprint("r", len(a.Columns))
			b.Must(err, a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			if got := b.Rows("orders"); !strings.Contains(got, want) {
				t.Errorf("%v: the table holds\n%s\nwant %s", a.Columns, got, want)
			}
			b.Must(a.Rollback(t.Context(), run))
			if now := b.Rows("orders"); now != before {
				t.Errorf("after the rollback\n%s", now)
			}
		}
		b.Exec("DELETE FROM staging WHERE id = 3")
		run, err := newKeysRun(b, &reload.Keys{}, b.Target(), why)
		if err != nil || !slices.Contains(run.Repair.Plan.Steps[0].Do, "update id = 1: amount") {
			t.Errorf("no row is missing: %q, %v", run.Repair.Plan.Steps, err)
		}
	})
}

// TestReloadKeysLosesNothing: rows that the source does not have, or has older, need a person.
// Rows that change meanwhile end the repair, and nothing is changed.
func TestReloadKeysLosesNothing(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("DELETE FROM staging", "INSERT INTO staging SELECT * FROM orders WHERE id <> 101",
			"UPDATE orders SET at = '2026-03-12 03:00:00' WHERE id = 102", "DELETE FROM orders WHERE id = 103")
		a := &reload.Keys{}
		run, err := newKeysRun(b, a, b.Target(), compared(b, b, nil))
		b.Must(err)
		before := b.Rows("orders")
		run.MayLose = 0
		var lost *repair.LostError
		if err := a.Stage(t.Context(), run); !errors.As(err, &lost) || lost.Rows != 2 {
			t.Errorf("%v", err)
		}
		run.MayLose = 2
		b.Must(a.Stage(t.Context(), run))
		b.Exec("UPDATE orders SET note = 'mine' WHERE id = 102")
		var changed *repair.ChangedError
		if err := a.Apply(t.Context(), run); !errors.As(err, &changed) {
			t.Errorf("a row was changed meanwhile: %v", err)
		}
		b.Exec("UPDATE orders SET note = 'old' WHERE id = 102")
		if b.Rows("orders") != before {
			t.Errorf("%s", b.Rows("orders"))
		}
		b.Exec("UPDATE orders SET note = 'mine' WHERE id = 104") // no named row
		b.Must(a.Apply(t.Context(), run))
		if after := b.Rows("orders"); strings.Contains(after, "101|") || !strings.Contains(after, "103|") ||
			!strings.Contains(after, "mine") {
			t.Errorf("%s", after)
		}
	})
}

// TestReloadKeysStopped stops the repair at every other of its failpoints. The table then is as it was
// or as it should be, and the next try ends the repair.
func TestReloadKeysStopped(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for stop, passed := 1, true; passed; stop += 2 {
			b.Exec("DROP TABLE IF EXISTS orders", "DROP TABLE IF EXISTS staging")
			k := drawKeyed(3)
			k.create(b, b)
			before, want := held(b), k.want()
			why := compared(b, b, func(c *checks.Reconcile) { c.Columns = []string{"amount", "note", "at"} })
			a := &reload.Keys{}
			run, err := newKeysRun(b, a, b.Target(), why)
			b.Must(err)
			run.Repair.ID, run.Repair.Key = fmt.Sprintf("r%d", stop), fmt.Sprintf("k%d", stop)
			ctx, cancel := context.WithCancel(t.Context())
			points, at := 0, ""
			run.Control = repairtest.Control{OnFailpoint: func(place string) {
				if points++; points == stop {
					at = place
					cancel()
				}
			}}
			if err = a.Stage(ctx, run); err == nil {
				err = a.Apply(ctx, run)
			}
			cancel()
			passed = points >= stop
			if now := held(b); now != before && now != want {
				t.Errorf("stopped at %s (%v), the table holds\n%s", at, err, now)
			}
			run.Control, run.Resumed = nil, true
			run.Repair.Fence, run.Repair.Attempts = 2, 2
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			if now := held(b); now != want {
				t.Errorf("after a stop at %s the table holds\n%s\nwant\n%s", at, now, want)
			}
		}
	})
}

// TestReloadKeysOfTexts: keys are compared by their characters. Where the table takes two of
// them for one, nothing is changed.
func TestReloadKeysOfTexts(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		from := repairtest.New(t, "postgres")
		b.Exec("CREATE TABLE orders (id varchar(20) NOT NULL, n integer NOT NULL, note varchar(20), PRIMARY KEY (id, n))",
			"INSERT INTO orders VALUES ('A', 1, 'upper'), ('b', 1, 'old'), ('b', 2, 'same'), ('it''s', 3, 'extra')")
		from.Exec("CREATE TABLE staging (id text, n bigint, note text)",
			"INSERT INTO staging VALUES ('A', 1, 'upper'), ('b', 1, 'new'), ('b', 2, 'same'), ('', 0, 'missing')")
		text := func() string {
			return repairtest.Query(t, b.Driver, b.Owner, "SELECT * FROM orders ORDER BY id, n")
		}
		byKey := func(c *checks.Reconcile) { c.Key = []string{"id", "n"} }
		a := &reload.Keys{}
		run, err := newKeysRun(b, a, across(b, from), compared(b, from, byKey))
		b.Must(err, a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		const fixed = "|0|missing|\nA|1|upper|\nb|1|new|\nb|2|same|\n"
		if got := text(); got != fixed {
			t.Errorf("got\n%s\nwant\n%s", got, fixed)
		}
		from.Exec("INSERT INTO staging VALUES ('a', 1, 'lower')")
		run, err = newKeysRun(b, a, across(b, from), compared(b, from, byKey))
		run.Repair.ID, run.Repair.Key = "r2", "k2"
		b.Must(err)
		if err = a.Stage(t.Context(), run); err == nil {
			err = a.Apply(t.Context(), run)
		}
		switch got := text(); {
		case err == nil && !strings.Contains(got, "A|1|upper|\n") || err == nil && !strings.Contains(got, "a|1|lower|\n"):
			t.Errorf("applied, and the table holds\n%s", got)
		case err != nil && got != fixed:
			t.Errorf("%v, and the table holds\n%s", err, got)
		case err != nil && !errors.As(err, new(*repair.RefusedError)):
			t.Errorf("not refused: %v", err)
		}
	})
}

// TestReloadManyKeys: the condition on thousands of keys is one that every engine takes.
func TestReloadManyKeys(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.Exec("CREATE TABLE orders (id varchar(20) NOT NULL PRIMARY KEY, note varchar(20))",
			"CREATE TABLE staging (id varchar(20) NOT NULL PRIMARY KEY, note varchar(20))")
		var rows []string
		for i := range 1300 {
			rows = append(rows, fmt.Sprintf("('%d', 'new')", i))
		}
		b.Exec("INSERT INTO staging VALUES "+strings.Join(rows, ", "),
			"INSERT INTO orders SELECT id, 'old' FROM staging WHERE id < '2'")
		a := &reload.Keys{MaxRows: 5000}
		why := compared(b, b, func(c *checks.Reconcile) { c.MaxDifferences = 5000 })
		run, err := newKeysRun(b, a, b.Target(), why)
		run.MayLose = 5000
		b.Must(err, a.Stage(t.Context(), run), a.Apply(t.Context(), run))
		if got := b.Rows("orders"); got != b.Rows("staging") {
			t.Errorf("%d of %d rows", strings.Count(got, "new"), 1300)
		}
	})
}
