package rowdiff_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// engine is one engine with an empty database.
type engine struct {
	testenv.Database
	tb   testing.TB
	name string
	db   *warehouse.DB
}

func newEngine(tb testing.TB, name string) *engine {
	tb.Helper()
	e := &engine{Database: testenv.NewDatabase(tb, name), tb: tb, name: name}
	db, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: name, DSN: sentinel.NewSecret(e.Warehouse),
		Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	e.db = db
	return e
}

// columns returns columns of a table as the catalog describes them.
func (e *engine) columns(table string, names ...string) (out []warehouse.Column) {
	e.tb.Helper()
	name := warehouse.TableName{Schema: e.Schema, Name: table}
	c, err := e.db.Catalog(e.tb.Context(), warehouse.Scope{Facts: warehouse.Columns, Tables: []warehouse.TableName{name}})
	if err != nil {
		e.tb.Fatal(err)
	}
	for _, n := range names {
		column := c.Tables[name].Column(n)
		if column == nil {
			e.tb.Fatalf("%s has no column %s", table, n)
		}
		out = append(out, *column)
	}
	return out
}

// source is a whole table, or a part of it.
type source struct {
	name  warehouse.TableName
	where string
}

func (s source) From(d warehouse.Dialect, _ *[]any) (string, error) {
	return warehouse.QuoteTable(d, s.name)
}

func (s source) Where(warehouse.Dialect, *[]any) (conditions []string, err error) {
	if s.where != "" {
		conditions = []string{s.where}
	}
	return conditions, nil
}

// compare runs a comparison of two tables, and returns the number of statements a side.
func compare(tb testing.TB, of *rowdiff.Comparison, sides [2]*engine, tables [2]string) (*rowdiff.Result, int, error) {
	tb.Helper()
	var answers []rowdiff.Answer
	for {
		step, result, err := of.Next(answers)
		if err != nil || step == nil {
			return result, len(answers), err
		}
		var answer rowdiff.Answer
		for s, e := range sides {
			st, err := of.Statement(rowdiff.Side(s), *step, source{name: warehouse.TableName{Schema: e.Schema, Name: tables[s]}})
			if err != nil {
				tb.Fatal(err)
			}
			e.db.Run(tb.Context(), []warehouse.Statement{st}, func(_ int, rows warehouse.Rows, failed error) {
				if failed != nil {
					tb.Fatalf("%s: %v\n%s", e.name, failed, st.SQL)
				}
				answer[s] = rows
			})
		}
		answers = append(answers, answer)
	}
}

// onEveryPair runs a test for every engine with every other one.
func onEveryPair(t *testing.T, do func(t *testing.T, sides [2]*engine)) {
	t.Helper()
	for _, here := range warehouse.Dialects() {
		for _, there := range warehouse.Dialects() {
			t.Run(here+" and "+there, func(t *testing.T) {
				t.Parallel()
				do(t, [2]*engine{newEngine(t, here), newEngine(t, there)})
			})
		}
	}
}

// TestOracle compares drawn tables with planted differences. The oracle is a loop over the
// rows before they become SQL.
func TestOracle(t *testing.T) {
	t.Parallel()
	onEveryPair(t, func(t *testing.T, sides [2]*engine) {
		for seed := range uint64(10) {
			s := drawScene(seed, sides)
			s.create(sides)
			names := append(slices.Clone(s.key), s.others()...)
			of, err := rowdiff.New(rowdiff.Config{
				Dialects: [2]warehouse.Dialect{sides[0].db.Dialect, sides[1].db.Dialect},
				Columns:  [2][]warehouse.Column{sides[0].columns(s.table, names...), sides[1].columns(s.table, names...)},
				Key:      len(s.key), UTC: true, Most: 1000, Name: 1000, Few: s.few, Parts: s.parts,
			})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			found, levels, err := compare(t, of, sides, [2]string{s.table, s.table})
			if err != nil {
				t.Fatalf("seed %d, key %v: %v", seed, s.key, err)
			}
			if got, want := describe(found, slices.Index(names, "n")), s.differences(); !slices.Equal(got, want) {
				t.Errorf("seed %d, key %v, %d levels:\ngot  %s\nwant %s", seed, s.key, levels, strings.Join(got, ", "),
					strings.Join(want, ", "))
			}
			if len(s.differences()) == 0 && levels != 1 {
				t.Errorf("seed %d: %d statements a side for equal tables: equal values have different texts", seed, levels)
			}
			if found.Rows != [2]int64{int64(len(s.rows[0])), int64(len(s.rows[1]))} {
				t.Errorf("seed %d: %v rows", seed, found.Rows)
			}
		}
	})
}

// describe writes the rows that were found, by the number in their column n.
func describe(r *rowdiff.Result, n int) (out []string) {
	for _, row := range r.Named {
		values := row.Values[0]
		if values == nil {
			values = row.Values[1]
		}
		out = append(out, fmt.Sprintf("%s %s", row.Kind, values[n].Text))
	}
	slices.Sort(out)
	return out
}
