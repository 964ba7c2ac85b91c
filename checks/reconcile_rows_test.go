package checks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// reconcileBench has the tables t here and u on another engine, with 3 rows missing, 1 extra
// and 2 changed in t.
func reconcileBench(t *testing.T, here, there string) (*bench, *sentinel.Table) {
	t.Helper()
	b, other := newBench(t, here, warehouse.Config{}), newBench(t, there, warehouse.Config{})
	rows := func(changed map[int]string, left ...int) string {
		var out []string
		for i := range 60 {
			value, ok := changed[i]
			if !ok {
				value = fmt.Sprintf("'value %d'", i)
			}
			skip := false
			for _, l := range left {
				skip = skip || l == i
			}
			if !skip {
				out = append(out, fmt.Sprintf("(%d, %s, '2026-11-%02d 10:00:00')", i, value, 1+i%28))
			}
		}
		return strings.Join(out, ", ")
	}
	table := "(id bigint, word varchar(20), at %s)"
	b.exec("CREATE TABLE t "+fmt.Sprintf(table, b.plain()),
		"INSERT INTO t VALUES "+rows(map[int]string{7: "'VALUE 7'", 8: "NULL"}, 1, 2, 59))
	other.exec("CREATE TABLE u "+fmt.Sprintf(table, other.plain()), "INSERT INTO u VALUES "+rows(nil, 30))
	b.env.Warehouse = func(name string) (*warehouse.DB, error) {
		if name == "other" {
			return other.db, nil
		}
		return b.db, nil
	}
	return b, &sentinel.Table{Warehouse: "other", Schema: other.schema, Name: "u"}
}

// TestReconcileRows compares the rows of tables on every two engines.
func TestReconcileRows(t *testing.T) {
	t.Parallel()
	for _, here := range warehouse.Dialects() {
		for _, there := range warehouse.Dialects() {
			t.Run(here+" and "+there, func(t *testing.T) {
				t.Parallel()
				b, with := reconcileBench(t, here, there)
				byID := func(set func(c *checks.Reconcile)) *checks.Reconcile {
					c := &checks.Reconcile{With: with, ByRows: checks.ByRows{Key: []string{"id"}}}
					set(c)
					return c
				}
				what := "3 missing, 1 extra, 2 changed (word) in 59 rows"
				r := b.want("t", byID(func(*checks.Reconcile) {}), sentinel.Fail, what)
				got := map[string]string{}
				for _, o := range r.Observations {
					got[o.Metric] = o.Value.String()
				}
				want := map[string]string{"row_count": "57", "difference": "-2", "examined_rows": "59", "failed_rows": "6",
					"rows_missing": "3", "rows_extra": "1", "rows_changed": "2"}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("observed %v, want %v", got, want)
				}
				b.want("t", byID(func(c *checks.Reconcile) { c.Severity = "warn" }), sentinel.Warn, what)
				b.want("t", byID(func(c *checks.Reconcile) { c.Fail = bound(t, "> 6") }), sentinel.Pass, what)
				b.want("t", byID(func(c *checks.Reconcile) { c.Fail = bound(t, "> 10%") }), sentinel.Fail, what)
				b.want("t", byID(func(c *checks.Reconcile) { c.Warn = bound(t, "> 10.2%") }), sentinel.Pass, what)
				b.want("t", byID(func(c *checks.Reconcile) { c.Where = "id BETWEEN 3 AND 29" }), sentinel.Fail,
					"2 changed (word) in 27 rows")
				b.want("t", byID(func(c *checks.Reconcile) { c.Where = "id BETWEEN 31 AND 58" }), sentinel.Pass,
					"no difference in 28 rows")
				b.want("t", byID(func(c *checks.Reconcile) { c.Columns = []string{"at"} }), sentinel.Fail,
					"3 missing, 1 extra in 59 rows")
				b.want("t", byID(func(c *checks.Reconcile) { c.Key = []string{"id", "at"} }), sentinel.Fail, what)
				b.want("t", byID(func(c *checks.Reconcile) { c.Where = "id < 0" }), sentinel.Pass, "no difference in 0 rows")
			})
		}
	}
}

// TestReconcileRowsRefused covers keys that are none, and columns that cannot be compared.
func TestReconcileRowsRefused(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(
			"CREATE TABLE t (id bigint, k bigint, only_here bigint, word varchar(20))",
			"CREATE TABLE u (id bigint, k bigint, word varchar(20))",
			"INSERT INTO t VALUES (1, 1, 1, 'a'), (2, 1, 1, 'b'), (3, NULL, 1, 'c')",
			"INSERT INTO u VALUES (1, 1, 'a'), (2, 1, 'x'), (3, 3, 'c')",
		)
		with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "u"}
		check := func(where string, columns []string, key ...string) *checks.Reconcile {
			return &checks.Reconcile{With: with, ByRows: checks.ByRows{Key: key, Columns: columns},
				Options: checks.Options{Where: where}}
		}
		b.want("t", check("", nil, "id"), sentinel.Error, "only one of the tables has some columns (only_here)")
		b.want("t", check("", []string{"word"}, "id"), sentinel.Fail, "1 changed (word) in 3 rows")
		b.want("t", check("", []string{"word"}, "k"), sentinel.Error, "the key (k) is NULL in 1 rows")
		b.want("t", check("id < 3", []string{"word"}, "k"), sentinel.Error, "the key (k) is no key")
		b.want("t", check("id < 2", []string{"word"}, "k"), sentinel.Pass, "no difference in 1 rows")
		b.want("t", check("", []string{"words"}, "id"), sentinel.Error, "words")
		b.want("t", check("nothing = 1", []string{"word"}, "id"), sentinel.Error, "nothing")
	})
}

// TestReconcileManyDifferences holds the result against the number of parts that are followed.
func TestReconcileManyDifferences(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		var here, there []string
		for i := range 300 {
			here = append(here, fmt.Sprintf("(%d, 'a')", i))
			there = append(there, fmt.Sprintf("(%d, 'b')", i))
		}
		b.exec(
			"CREATE TABLE t (id bigint, word varchar(20))", "INSERT INTO t VALUES "+strings.Join(here, ", "),
			"CREATE TABLE u (id bigint, word varchar(20))", "INSERT INTO u VALUES "+strings.Join(there, ", "),
		)
		with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "u"}
		check := func(fail string) *checks.Reconcile {
			return &checks.Reconcile{With: with, ByRows: checks.ByRows{Key: []string{"id"}, MaxDifferences: 10,
				Fail: bound(t, fail)}}
		}
		r := b.want("t", check("> 20"), sentinel.Fail, "rows differ, of those that were read ")
		if !strings.HasPrefix(r.Message, "between ") || !strings.Contains(r.Message, "in 300 rows") {
			t.Errorf("%s", r.Message)
		}
		b.want("t", check("> 350"), sentinel.Error, "raise `max_differences`")
		b.want("t", check("> 1000"), sentinel.Pass, "between ")
		b.exec("DELETE FROM t")
		b.want("t", check("> 299"), sentinel.Fail, "300 missing in 300 rows")
	})
}

// TestReconcileSamples names rows that differ where columns are listed, and nowhere else.
func TestReconcileSamples(t *testing.T) {
	t.Parallel()
	for _, name := range warehouse.Dialects() {
		b, with := reconcileBench(t, name, name)
		check := &checks.Reconcile{With: with, ByRows: checks.ByRows{Key: []string{"id"}},
			Options: checks.Options{Samples: &checks.Samples{Columns: []string{"keys", "word"}, Limit: 100,
				Keep: checks.Duration(1e12), Mask: map[string]string{"word": "length"}}}}
		job := b.job("t", check)
		for _, r := range checks.Run(t.Context(), b.env, "w", []checks.Job{job})[0].Results {
			if text := fmt.Sprint(r); strings.Contains(text, "alue 7") || strings.Contains(text, "VALUE") {
				t.Errorf("the result has a value: %s", text)
			}
		}
		samples := checks.TakeSamples(t.Context(), b.env, "w", []checks.Job{job}, []byte("key"))
		if len(samples) != 1 || samples[0].Note != "" {
			t.Fatalf("%+v", samples)
		}
		got := map[string]bool{}
		for _, line := range samples[0].Lines() {
			got[line] = true
		}
		want := []string{
			"difference = missing, id = 1, word = 7 (length)", "difference = missing, id = 59, word = 8 (length)",
			"difference = extra, id = 30, word = 8 (length)", "difference = changed here, id = 8, word = NULL (length)",
			"difference = changed there, id = 8, word = 7 (length)",
		}
		for _, line := range want {
			if !got[line] {
				t.Errorf("%s: no line %q in %q", name, line, samples[0].Lines())
			}
		}
		if len(got) != 8 {
			t.Errorf("%s: %q", name, samples[0].Lines())
		}
	}
}
