package soda_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/soda"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// imported returns the configuration that a file becomes, which must load.
func imported(t *testing.T, text, schema string) (string, importers.Imported) {
	t.Helper()
	files := []importers.File{{Name: "checks.yml", Data: []byte(text)}}
	got, err := importers.Import("soda", files, importers.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", schema, "DSN")
	dsn := func(string) (string, bool) { return "sqlite:x.db", true }
	if len(got.Datasets) == 0 {
		return out, got
	}
	if _, err := config.Parse("f.yaml", []byte(out), dsn); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out, got
}

// TestQueriesAskTheTableThatIsNamed holds that a generated query is about the dataset's own
// table, whatever its schema and its name are.
func TestQueriesAskTheTableThatIsNamed(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{
		"orders":      " FROM mart.orders",
		"other.lines": " FROM other.lines",
		"Order":       ` FROM mart.\"Order\"`,
		"order":       ` FROM mart.\"order\"`,
		"a-b":         ` FROM mart.\"a-b\"`,
	} {
		out, _ := imported(t, "checks for "+table+":\n  - duplicate_percent(a) < 3%\n", "mart")
		if !strings.Contains(out, want) || strings.Contains(out, "{{") {
			t.Errorf("%s: want %q:\n%s", table, want, out)
		}
	}
}

func TestSeveritiesAreKept(t *testing.T) {
	t.Parallel()
	for side, want := range map[string]bool{"warn": true, "fail": false} {
		out, _ := imported(t, "checks for t:\n  - schema:\n      "+side+":\n        when required column missing: [a]\n", "s")
		if strings.Contains(out, "column_removed: warn") != want {
			t.Errorf("%s:\n%s", side, out)
		}
	}
}

// TestChecksOfOneKindLoad imports several checks of one kind about one table.
func TestChecksOfOneKindLoad(t *testing.T) {
	t.Parallel()
	const file = `checks for t:
  - row_count > 0
  - row_count < 3
  - row_count < 9
  - row_count > 0
  - freshness(a) < 1d
  - freshness(b) < 1d
  - invalid_count(f) = 0:
      valid values: [true, "false", 1]
  - schema:
      fail:
        when wrong column type: {a: float64, b: double precision}
  - schema:
      fail:
        when wrong column type: {c: int64}
`
	out, got := imported(t, file, "s")
	if n := len(got.Datasets[0].Checks); n != 7 {
		t.Errorf("%d checks, want 7:\n%s", n, out)
	}
	for _, want := range []string{
		`id: "t/row_count < 3"`, `valid_values: ["true", "false", "1"]`, `{b: "double precision"}`,
		`column a: unknown type "float64": did you mean "double precision"?`, "schema: nothing of it could be taken over",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
}

// TestEachLineBecomesItsCheck holds what a line of SodaCL becomes.
func TestEachLineBecomesItsCheck(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"missing_count(a) = 0":                                       `missing: {column: "a", fail: "> 0"}`,
		"missing_percent(a) < 5":                                     `missing: {column: "a", fail: ">= 5%"}`,
		"missing_count(a) < 5: {missing values: [N/A, ' ']}":         `missing: {column: "a", values: ["N/A", " "], fail: ">= 5"}`,
		"invalid_percent(a) < 1 %: {valid min: 0}":                   `invalid: {column: "a", min: 0, of: rows, fail: ">= 1%"}`,
		"invalid_count(a) = 0: {valid regex: '^\\d+$'}":              `invalid: {column: "a", pattern: "^\\d+$$", fail: "> 0"}`,
		"failed rows: {fail condition: a > 1}":                       `failed_rows: {expression: "a > 1"}`,
		"failed rows: {fail query: select 1 from x, warn: when > 3}": `failed_rows: {query: "select 1 from x", warn: "> 3"}`,
		"row_count same as b":                                        `reconcile: {with: "w.s.b"}`,
		"change percent for row_count < 50":                          `row_count: {change: {against: previous, fail: ">= 50%"}}`,
		"anomaly detection for row_count":                            `row_count: {anomaly: {}}`,
		"row_count: {warn: when < 10, fail: when = 0}":               `row_count: {warn: "< 10", fail: "= 0"}`,
	} {
		out, _ := imported(t, "checks for t:\n  - "+line+"\n", "s")
		if !strings.Contains(out, "- "+want+"\n") {
			t.Errorf("%s: want %s in\n%s", line, want, out)
		}
	}
}

// TestNothingIsDropped imports constructs that have no check. Each is named with its line.
func TestNothingIsDropped(t *testing.T) {
	t.Parallel()
	lines := []string{
		"distribution_difference(x) > 0.05: {method: ks}", "group by: {query: select 1}", "change for row_count < 50",
		"valid_count(x) > 0: {valid values: [1]}", "missing_count(x) = 0: {missing regex: a}",
		"invalid_count(x) = 0: {valid format: money}", "invalid_count(x) = 0: {valid regex: '(?=a)'}",
		"row_count same as b in other", "freshness(x) using NOW < 1d", "avg(x)", "something else",
	}
	for _, line := range lines {
		_, got := imported(t, "checks for t:\n  - "+line+"\n", "s")
		if len(got.Datasets) != 0 || len(got.Left) != 1 || got.Left[0].At.Line != 2 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestContractOfVersion4(t *testing.T) {
	t.Parallel()
	const file = `dataset: pg/shop/public/orders
filter: a > 0
columns:
  - name: id
    data_type: integer
    checks:
      - missing:
      - duplicate: {threshold: {level: warn}}
  - name: status
    data_type: varchar
    missing_values: [N/A]
    checks:
      - missing: {threshold: {metric: percent, must_be_less_than: 5}}
      - invalid: {valid_values: [new, paid]}
      - aggregate: {function: avg_length, threshold: {must_be_between: {greater_than: 1, less_than: 9}}}
checks:
  - schema: {allow_extra_columns: true}
  - row_count:
  - freshness: {column: at, threshold: {unit: day, must_be_less_than: 2}}
  - failed_rows: {expression: a > b, threshold: {must_be_less_than: 3}}
  - failed_rows: {keys_query: select 1}
`
	out, got := imported(t, file, "")
	for _, want := range []string{
		`- table: "w.public.orders"`, `missing: {column: "id", where: "a > 0", fail: "> 0"}`,
		`missing: {column: "status", values: ["N/A"], where: "a > 0", fail: ">= 5%"}`,
		`valid_values: ["new", "paid"], where: "(a > 0) AND (status NOT IN ('N/A'))"`,
		`schema: {columns: {id: "integer", status: "varchar"}, extra: ignore}`,
		`row_count: {where: "a > 0", fail: "<= 0"}`, `freshness: {column: "at", where: "a > 0", fail: 2d}`,
		`failed_rows: {expression: "a > b", where: "a > 0", fail: ">= 3"}`,
		"aggregate(status): a range without its ends", "keys_query is not taken over",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	if len(got.Left) != 2 {
		t.Errorf("left: %v", got.Left)
	}
}

// TestContractKeysAreReadOrRefused imports checks of version 4 with keys that change what they
// judge, and with thresholds of several conditions.
func TestContractKeysAreReadOrRefused(t *testing.T) {
	t.Parallel()
	for text, taken := range map[string]bool{
		"missing_values: [x], checks: [missing: {}]":                                                                       true,
		"valid_values: [x], checks: [missing: {}]":                                                                         true,
		"missing_pattern: x, checks: [missing: {}]":                                                                        false,
		"checks: [missing: {valid_values: [x]}]":                                                                           false,
		"valid_values: [x], checks: [duplicate: {}]":                                                                       false,
		"missing_values: [x], checks: [duplicate: {}]":                                                                     true,
		"valid_max_length: 3, checks: [invalid: {}]":                                                                       true,
		"valid_shape: 3, checks: [invalid: {valid_values: [x]}]":                                                           false,
		"invalid_shape: 3, checks: [invalid: {valid_values: [x]}]":                                                         false,
		"checks: [invalid: {valid_min: 1, valid_reference_data: {dataset: a/b/c/d, column: e}}]":                           false,
		"checks: [invalid: {valid_reference_data: {dataset: a/b/c/d, column: e}}]":                                         true,
		"invalid_values: [1], checks: [aggregate: {function: avg, threshold: {must_be: 1}}]":                               false,
		"checks: [aggregate: {function: avg, threshold: {must_be: 1}}]":                                                    true,
		"checks: [aggregate: {function: avg, threshold: {must_be_greater_than: 1, must_be_less_than: 9}}]":                 false,
		"checks: [missing: {threshold: {must_be: 1, must_be_between: {greater_than_or_equal: 1, less_than_or_equal: 2}}}]": false,
	} {
		_, got := imported(t, "dataset: a/b/s/t\ncolumns: [{name: a, "+text+"}]\n", "")
		if (len(got.Datasets) == 1) != taken || (len(got.Left) == 0) != taken {
			t.Errorf("%s: taken %t, want %t, left %v", text, !taken, taken, got.Left)
		}
	}
}

// TestBlocksAreTakenExactly imports blocks whose rows or values are said elsewhere in the file.
func TestBlocksAreTakenExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ datasets, left int }{
		"checks for t [daily]:\n- row_count > 0\n- avg(a) > 1\n":                                                             {0, 2},
		"checks for t [daily]:\n- row_count > 0\nfilter t [daily]: {where: a > 1}\n":                                         {1, 0},
		"checks for t [daily]:\n- row_count > 0\nfilter u [daily]: {where: a > 1}\n":                                         {0, 1},
		"configurations for t: {missing values for a: [x]}\nchecks for t:\n- missing_count(a) = 0\n":                         {0, 2},
		"configurations for t: {valid min for \"b\": 1}\nchecks for t:\n- duplicate_count(a, b) = 0\n":                       {0, 2},
		"configurations for t: {missing values for a: [x]}\nchecks for t:\n- missing_count(b) = 0\n":                         {1, 1},
		"configurations for u: {missing values for a: [x]}\nchecks for t:\n- missing_count(a) = 0\n":                         {1, 1},
		"configurations for u: {missing values for a: [x]}\nfor each dataset T:\n  datasets: [u%]\n  checks: [avg(a) > 1]\n": {0, 2},
	} {
		_, got := imported(t, text, "s")
		if len(got.Datasets) != want.datasets || len(got.Left) != want.left {
			t.Errorf("%s: want %v: %+v", text, want, got)
		}
	}
}

// TestPatternsKeepTheirExcludes imports a pattern twice. Blocks that leave out the same tables
// are joined, others are left.
func TestPatternsKeepTheirExcludes(t *testing.T) {
	t.Parallel()
	block := func(exclude, checks string) string {
		return "for each dataset T" + checks[:3] + ":\n  datasets: [include fact_%, " + exclude + "]\n  checks: [" + checks + "]\n"
	}
	for text, want := range map[string]struct{ checks, left int }{
		block("exclude fact_a", "row_count > 0, avg(n) > 1") + block("exclude fact_b", "max(n) > 1, min(n) > 1"):      {2, 2},
		block("exclude fact_a, exclude fact_b", "avg(n) > 1") + block("exclude fact_b, exclude fact_a", "max(n) > 1"): {2, 0},
		block("exclude fact_a", "avg(n) > 1") + "checks for fact_%:\n- row_count > 0\n":                               {1, 1},
	} {
		out, got := imported(t, text, "s")
		if len(got.Datasets) != 1 || len(got.Datasets[0].Checks) != want.checks || len(got.Left) != want.left {
			t.Errorf("%s: want %v, left %v:\n%s", text, want, got.Left, out)
		}
	}
}

// TestReconciliations holds what becomes of comparisons with another table.
func TestReconciliations(t *testing.T) {
	t.Parallel()
	const head = "reconciliation r:\n  datasets:\n    source: {dataset: src}\n    target: {dataset: dst}\n  checks:\n  - "
	for line, want := range map[string]string{
		"rows diff = 0:\n      key columns: [id]": `reconcile: {with: w.s.src, key: [id], fail: > 0}`,
		"rows diff < 5:\n      source key columns: [a, b]\n      target key columns: [a, b]\n      source columns: [c]\n" +
			"      target columns: [c]": `reconcile: {with: w.s.src, key: [a, b], columns: [c], fail: >= 5}`,
		"row_count diff = 0": "reconcile: {with: w.s.src}",
	} {
		out, got := imported(t, head+line+"\n", "s")
		plain := strings.ReplaceAll(out, `"`, "")
		if !strings.Contains(plain, want) || !strings.Contains(plain, "w.s.dst") || len(got.Left) > 0 {
			t.Errorf("%s: want %s, left %v:\n%s", line, want, got.Left, out)
		}
	}
	for _, line := range []string{
		"rows diff = 0", "rows diff = 0:\n      source key columns: [a]\n      target key columns: [b]", "row_count diff < 5",
		"avg(a) diff = 0",
	} {
		if out, got := imported(t, head+line+"\n", "s"); len(got.Left) != 1 {
			t.Errorf("%s: left %v:\n%s", line, got.Left, out)
		}
	}
	across := strings.Replace(head, "dataset: src", "dataset: src, datasource: other", 1)
	if _, got := imported(t, across+"rows diff = 0:\n      key columns: [id]\n", "s"); len(got.Left) != 1 {
		t.Errorf("another data source: left %v", got.Left)
	}
}
