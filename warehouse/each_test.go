package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// taken is what a statement's Each was handed in its last try.
type taken struct {
	tries int
	rows  []string
	row   func() error // called with every row
}

func (k *taken) each() func([]warehouse.Cell) error {
	k.tries++
	k.rows = nil
	return func(row []warehouse.Cell) error {
		text := ""
		for _, c := range row {
			text += fmt.Sprintf("%q %t;", c.Text, c.Null)
		}
		k.rows = append(k.rows, text)
		if k.row != nil {
			return k.row()
		}
		return nil
	}
}

// TestRowsAreHandedOverAsTheyArrive: the same rows as without Each, those that
// refuse one fail alone and at once, and the connection goes on.
func TestRowsAreHandedOverAsTheyArrive(t *testing.T) {
	t.Parallel()
	onEvery(t, func(t *testing.T, f *fixture) {
		f.exec("CREATE TABLE r (id integer, word "+f.text+")", "INSERT INTO r VALUES (1, 'a'), (2, NULL), (3, ''), (4, 'a'), (5, 'ü')")
		const all = "SELECT id, word FROM r ORDER BY id"
		var connections atomic.Int32
		traced := make(chan int, 100)
		db := f.connect(f.url, warehouse.Config{MaxConnections: 1, Meter: &warehouse.Meter{
			Connected: func() { connections.Add(1) },
			Trace: func(context.Context, string) func(int, error) {
				return func(rows int, _ error) { traced <- rows }
			},
		}})
		sorry := errors.New("not this one")
		whole, first, none, gone := &taken{}, &taken{}, &taken{}, &taken{}
		refusing := &taken{}
		refusing.row = func() error {
			if len(refusing.rows) == 3 {
				return sorry
			}
			return nil
		}
		first.row = func() error { return sorry }
		statements := []warehouse.Statement{
			{SQL: all}, {SQL: all, Each: whole.each}, {SQL: all, Each: refusing.each}, {SQL: all}, {SQL: "SELECT id FROM missing_table", Each: gone.each},
			{SQL: all, Each: first.each}, {SQL: "SELECT id FROM r WHERE id > 9", Each: none.each}, {SQL: all},
		}
		for range 2 { // the second time on what the first has left
			rows, errs := make([]warehouse.Rows, len(statements)), make([]error, len(statements))
			db.Run(t.Context(), statements, func(i int, r warehouse.Rows, err error) { rows[i], errs[i] = r, err })
			for i, st := range statements {
				want := error(nil)
				switch i {
				case 2, 5:
					want = sorry
				case 4:
					if warehouse.KindOf(errs[i]) != warehouse.MissingTable {
						t.Errorf("the missing table: %v", errs[i])
					}
					continue
				}
				if !errors.Is(errs[i], want) || (st.Each == nil) != (len(rows[i]) == 5) || st.Each != nil && rows[i] != nil {
					t.Errorf("statement %d: %d rows, %v", i, len(rows[i]), errs[i])
				}
			}
			kept := &taken{}
			for _, row := range rows[0] {
				if err := kept.each()(row); err != nil {
					t.Fatal(err)
				}
				if len(whole.rows) == 0 || whole.rows[0] != kept.rows[0] {
					t.Fatalf("handed over %q, want %q next", whole.rows, kept.rows[0])
				}
				whole.rows = whole.rows[1:]
			}
			if len(whole.rows) > 0 || len(refusing.rows) != 3 || len(first.rows) != 1 || len(none.rows) != 0 || len(gone.rows) != 0 {
				t.Errorf("handed over: %d too many, %d, %d, %d, %d", len(whole.rows), len(refusing.rows), len(first.rows), len(none.rows), len(gone.rows))
			}
		}
		if whole.tries != 2 || refusing.tries != 2 || first.tries != 2 || none.tries != 2 {
			t.Errorf("%d, %d, %d, %d tries of 2 statements", whole.tries, refusing.tries, first.tries, none.tries)
		}
		if n := connections.Load(); f.name != "sqlite" && n != 1 {
			t.Errorf("%d connections", n)
		}
		close(traced)
		var counts []int
		for n := range traced {
			counts = append(counts, n)
		}
		slices.Sort(counts)
		if got := fmt.Sprint(counts); got != "[0 0 0 0 1 1 3 3 5 5 5 5 5 5 5 5]" {
			t.Errorf("traces tell of rows: %s", got)
		}
	})
}

// TestASecondTryBeginsAnew breaks a kept connection while rows are handed over:
// the statement is sent again, to the same server or to a standby, and no row of
// the first try is left among those of the second.
func TestASecondTryBeginsAnew(t *testing.T) {
	t.Parallel()
	const rows = 20_000 // of 1,000 characters: more than the network keeps
	many := fmt.Sprintf("SELECT a.id, repeat('x', 1000) FROM h a, h b, h c LIMIT %d", rows)
	for engine, dsn := range map[string]func(testing.TB) string{"postgres": testenv.Postgres, "mysql": testenv.MySQL} {
		for _, elsewhere := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", engine, elsewhere), func(t *testing.T) {
				t.Parallel()
				direct := dsn(t)
				driver := map[string]string{"postgres": "pgx", "mysql": "mysql"}[engine]
				testenv.Exec(t, driver, direct, "CREATE TABLE h (id integer)")
				for range 100 {
					testenv.Exec(t, driver, direct, "INSERT INTO h VALUES (7)")
				}
				proxy, through := between(t, engine, direct)
				t.Cleanup(proxy.Stop)
				cfg := warehouse.Config{Name: "w", Dialect: engine, DSN: sentinel.Secret(through), Now: time.Now, MaxConnections: 1}
				if elsewhere {
					cfg.StandbyDSN = []sentinel.Secret{sentinel.Secret(direct)}
				}
				db, err := warehouse.Open(cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				answered(t, db, true)
				k := &taken{}
				k.row = func() error {
					if k.tries > 1 || len(k.rows) != 10 {
						return nil
					}
					proxy.Stop()
					if elsewhere {
						return nil
					}
					return proxy.Start()
				}
				db.Run(t.Context(), []warehouse.Statement{{SQL: many, Each: k.each}}, func(_ int, r warehouse.Rows, failed error) { err = failed })
				if err != nil || k.tries != 2 || len(k.rows) != rows || (db.Place() == "standby 1") != elsewhere {
					t.Errorf("%d rows in try %d at %q, want %d in the second: %v", len(k.rows), k.tries, db.Place(), rows, err)
				}
			})
		}
	}
}
