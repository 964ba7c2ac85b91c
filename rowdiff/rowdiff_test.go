package rowdiff_test

import (
	"cmp"
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
		for seed := range uint64(6) {
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

// TestFewStatements finds eight differences in a table that is too large to be read, by at most
// four statements a side, and the equal table by one.
func TestFewStatements(t *testing.T) {
	t.Parallel()
	onEveryPair(t, func(t *testing.T, sides [2]*engine) {
		const rows = 20_000
		for at, e := range sides {
			e.Exec(t, "CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, n integer)", "CREATE TABLE digits (d integer)",
				"INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
				fmt.Sprintf("INSERT INTO t SELECT v, v FROM ("+
					"SELECT 10000 * a.d + 1000 * b.d + 100 * c.d + 10 * d.d + e.d AS v FROM digits a, digits b, digits c, digits d, digits e WHERE a.d < %d) x", rows/10_000))
			if at == 1 {
				e.Exec(t, "DELETE FROM t WHERE id IN (0, 5000, 19999)", "INSERT INTO t VALUES (-9000000000000000000, 1)",
					"UPDATE t SET n = -1 WHERE id IN (77, 10077, 15000, 19998)")
			}
		}
		for _, key := range [][]string{{"id"}, {"id", "n"}} {
			config := rowdiff.Config{Dialects: [2]warehouse.Dialect{sides[0].db.Dialect, sides[1].db.Dialect}, Key: len(key),
				UTC: true, Most: 100, Name: 100}
			for s, e := range sides {
				config.Columns[s] = e.columns("t", append(slices.Clone(key), []string{"id", "n"}[len(key):]...)...)
			}
			of, err := rowdiff.New(config)
			if err != nil {
				t.Fatal(err)
			}
			found, levels, err := compare(t, of, sides, [2]string{"t", "t"})
			want := [3]int64{1, 3, 4}
			if len(key) == 2 { // a changed row has another key
				want = [3]int64{5, 7, 0}
			}
			if err != nil || [3]int64{found.Missing, found.Extra, found.Changed} != want || levels > 4 {
				t.Errorf("%v: %+v, %d statements a side, %v", key, found, levels, err)
			}
			config.Columns[1], config.Dialects[1] = config.Columns[0], config.Dialects[0]
			if of, err = rowdiff.New(config); err != nil {
				t.Fatal(err)
			}
			if found, levels, err = compare(t, of, [2]*engine{sides[0], sides[0]}, [2]string{"t", "t"}); err != nil ||
				found.Differences() != 0 || levels != 1 {
				t.Errorf("%v, equal: %+v, %d statements a side, %v", key, found, levels, err)
			}
		}
	})
}

// TestSpecialNumbers compares numbers that not every engine has.
func TestSpecialNumbers(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "postgres")
	e.Exec(t, "CREATE TABLE t (id bigint, f float8, r real, d numeric)",
		"CREATE TABLE u (id bigint, f float8, r real, d numeric)",
		"INSERT INTO t VALUES (1, 'NaN', 'NaN', 'NaN'), (2, 'Infinity', '-Infinity', 1.50), (3, 'NaN', NULL, 0.1), "+
			"(4, 0.1, 0.1, 1e30), (5, 5e-324, 1e-45, 1e-30)",
		"INSERT INTO u VALUES (1, 'NaN', 'NaN', 'NaN'), (2, 'Infinity', '-Infinity', 1.5), (3, NULL, 'NaN', 0.10), "+
			"(4, 0.1, 0.1, 1e30), (5, 5e-324, 1e-45, 2e-30)")
	columns := []string{"id", "f", "r", "d"}
	of, err := rowdiff.New(rowdiff.Config{
		Dialects: [2]warehouse.Dialect{e.db.Dialect, e.db.Dialect}, Key: 1, Most: 10, Name: 10,
		Columns: [2][]warehouse.Column{e.columns("t", columns...), e.columns("u", columns...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := compare(t, of, [2]*engine{e, e}, [2]string{"t", "u"})
	if err != nil || found.Changed != 2 || !slices.Equal(found.ChangedIn, []int64{0, 1, 1, 1}) {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestZerosAreEqual: a zero with a sign equals one without on every two engines, and is read
// although its hash is another.
func TestZerosAreEqual(t *testing.T) {
	t.Parallel()
	onEveryPair(t, func(t *testing.T, sides [2]*engine) {
		double := map[string]string{"postgres": "double precision"}
		for at, e := range sides {
			zero := []string{"-1e-200 * 1e-200", "0.0"}[at]
			if e.name == "postgres" && at == 0 {
				zero = "'-0'"
			}
			e.Exec(t, "CREATE TABLE t (id bigint, f "+cmp.Or(double[e.name], "double")+")",
				fmt.Sprintf("INSERT INTO t VALUES (1, %s), (2, 1.5), (3, %d), (4, %s)", zero, at, zero))
		}
		of, err := rowdiff.New(rowdiff.Config{
			Dialects: [2]warehouse.Dialect{sides[0].db.Dialect, sides[1].db.Dialect}, Key: 1, Most: 10, Name: 10,
			Columns: [2][]warehouse.Column{sides[0].columns("t", "id", "f"), sides[1].columns("t", "id", "f")},
		})
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := compare(t, of, sides, [2]string{"t", "t"})
		if err != nil || found.Differences() != 1 || found.Changed != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// TestRefusedTypes: values of which none of one column can be one of the other are not
// compared.
func TestRefusedTypes(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "postgres")
	e.Exec(t, "CREATE TABLE t (id bigint, a timestamp, b bytea, c date, d boolean, e json)",
		"CREATE TABLE u (id bigint, a timestamptz, b text, c timestamp, d integer, e jsonb)")
	for _, name := range []string{"a", "b", "c", "d"} {
		_, err := rowdiff.New(rowdiff.Config{Dialects: [2]warehouse.Dialect{e.db.Dialect, e.db.Dialect}, Key: 1, Most: 10,
			Columns: [2][]warehouse.Column{e.columns("t", "id", name), e.columns("u", "id", name)}})
		if err == nil || !strings.Contains(err.Error(), "column "+name+" is ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
