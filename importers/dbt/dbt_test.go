package dbt_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/dbt"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// imported returns the configuration that files become, which must load.
func imported(t *testing.T, schema string, files ...importers.File) (string, importers.Imported) {
	t.Helper()
	got, err := importers.Import("dbt", files, importers.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", schema, "DSN")
	dsn := func(string) (string, bool) { return "sqlite:x.db", true }
	if len(got.Datasets) > 0 {
		if _, err := config.Parse("f.yaml", []byte(out), dsn); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return out, got
}

func file(text string) importers.File {
	return importers.File{Name: "models/s.yml", Data: []byte(text)}
}

// TestEachTestBecomesItsCheck holds what the tests of a column become.
func TestEachTestBecomesItsCheck(t *testing.T) {
	t.Parallel()
	for test, want := range map[string]string{
		"not_null":                              `missing: {column: "c"}`,
		"not_null: {config: {severity: warn}}":  `missing: {column: "c", warn: "> 0"}`,
		"not_null: {config: {error_if: '>10'}}": `missing: {column: "c", warn: "> 0", fail: "> 10"}`,
		"not_null: {config: {severity: warn, warn_if: '!=0', where: 'a > 1'}}":                       `missing: {column: "c", where: "a > 1", warn: "> 0"}`,
		"accepted_values: {values: [a, 'b  c', null]}":                                               `invalid: {column: "c", valid_values: ["a", "b  c"]}`,
		"dbt_utils.accepted_range: {min_value: 0, inclusive: false}":                                 `invalid: {column: "c", min: "0", exclusive: true}`,
		"dbt_utils.accepted_range: {max_value: other}":                                               `invalid: {column: "c", max: "other"}`,
		"dbt_utils.accepted_range: {max_value: current_date}":                                        `failed_rows: {expression: "NOT c <= current_date"}`,
		"dbt_utils.not_null_proportion: {at_least: 0.95}":                                            `missing: {column: "c", fail: "> 5%"}`,
		"dbt_utils.not_null_proportion: {at_least: 0.95, at_most: 0.999}":                            `missing: {column: "c", fail: "not between 0.1% and 5%"}`,
		"dbt_utils.at_least_one":                                                                     `missing: {column: "c", on_empty: fail, fail: ">= 100%"}`,
		"dbt_utils.not_empty_string":                                                                 `invalid: {column: "c", pattern: "[^ ]"}`,
		"dbt_utils.expression_is_true: {expression: '> 0'}":                                          `failed_rows: {expression: "NOT (c > 0)"}`,
		"dbt_utils.recency: {field: at, datepart: day, interval: 3}":                                 `freshness: {column: "at", fail: 3d}`,
		`dbt_expectations.expect_column_values_to_match_regex: {regex: '^\\d$'}`:                     `invalid: {column: "c", pattern: "^\\d$$"}`,
		"dbt_expectations.expect_column_value_lengths_to_be_between: {max_value: 9, strictly: true}": `invalid: {column: "c", max_length: 8}`,
		"dbt_expectations.expect_table_row_count_to_be_between: {min_value: 1}":                      `row_count: {fail: "< 1"}`,
		"dbt_expectations.expect_column_median_to_be_between: {min_value: 1}":                        `aggregate: {name: "dbt_expectations.expect_column_median_to_be_between(c)", expression: "percentile_cont(0.5) WITHIN GROUP (ORDER BY c)", fail: "< 1"}`,
		"dbt_utils.equal_rowcount: {compare_model: ref('other')}":                                    `reconcile: {with: "w.s.other"}`,
		"elementary.volume_anomalies: {timestamp_column: at}":                                        `row_count: {bucket: day, column: "at", anomaly: {}}`,
	} {
		out, _ := imported(t, "s", file("models: [{name: t, columns: [{name: c, tests: [{"+test+"}]}]}]"))
		if !strings.Contains(out, "- "+want+"\n") {
			t.Errorf("%s: want %s in\n%s", test, want, out)
		}
	}
}

// TestNothingIsDropped imports tests that have no check. Each is named with its place.
func TestNothingIsDropped(t *testing.T) {
	t.Parallel()
	for _, test := range []string{
		"unheard_of", "my_package.macro: {a: 1}", "not_null: {config: {where: \"a > '{{ something() }}'\"}}",
		"accepted_values: {values: [\"{{ x }}\"]}", "relationships: {to: \"{{ y() }}\", field: id}",
		"not_null: {config: {enabled: false}}", "not_null: {config: {fail_calc: sum(n)}}", "not_null: {surprise: 1}",
		"dbt_expectations.expect_column_values_to_be_within_n_stdevs: {sigma_threshold: 3}",
		"dbt_utils.recency: {field: at, datepart: month, interval: 1}", "elementary.json_schema: {type: object}",
		"dbt_expectations.expect_column_values_to_match_regex: {regex: '(?!a)'}",
	} {
		_, got := imported(t, "s", file("models: [{name: t, columns: [{name: c, tests: [{"+test+"}]}]}]"))
		if len(got.Datasets) != 0 || len(got.Left) != 1 || got.Left[0].At.Line != 1 || got.Left[0].Why == "" {
			t.Errorf("%s: %+v", test, got)
		}
	}
}

func TestDisabledSourcesAreNotImported(t *testing.T) {
	t.Parallel()
	const freshness = "loaded_at_field: at, freshness: {error_after: {count: 1, period: day}}"
	for text, want := range map[string]int{
		"sources: [{name: s, " + freshness + ", tables: [{name: a, config: {enabled: false}}, {name: b}]}]":               1,
		"sources: [{name: s, " + freshness + ", config: {enabled: false}, tables: [{name: a}, {name: b}]}]":               0,
		"sources: [{name: s, " + freshness + ", config: {enabled: false}, tables: [{name: a, config: {enabled: true}}]}]": 1,
	} {
		if _, got := imported(t, "", file(text)); len(got.Datasets) != want {
			t.Errorf("%s: %d datasets, want %d", text, len(got.Datasets), want)
		}
	}
}

// TestVariablesOfTheProject holds that var() is read from dbt_project.yml, with its severity.
func TestVariablesOfTheProject(t *testing.T) {
	t.Parallel()
	project := importers.File{Name: "p/dbt_project.yml", Data: []byte(
		"name: shop\nvars: {shop: {year: 2020}}\ntests: {shop: {+severity: warn}}\n")}
	out, _ := imported(t, "s", project, file(
		"models: [{name: t, columns: [{name: c, tests: [{not_null: {where: \"y > {{ var('year') }}\"}}]}]}]"))
	if want := `missing: {column: "c", where: "y > 2020", warn: "> 0"}`; !strings.Contains(out, want) {
		t.Errorf("want %s in\n%s", want, out)
	}
}

// TestListsOfTheProject holds that a variable may be a list, and that a value is what it means
// between the quotes of dbt's statement.
func TestListsOfTheProject(t *testing.T) {
	t.Parallel()
	project := importers.File{Name: "p/dbt_project.yml", Data: []byte(
		"name: shop\nvars: {words: [\"a\", \"it''s\", 'it\\''s'], one: x}\n")}
	for values, want := range map[string]string{
		`"{{ var('words') }}"`:                    `["a", "it's", "it's"]`,
		`["{{ var('one') }}", y]`:                 `["x", "y"]`,
		`["it''s"], quote: false`:                 `["it''s"]`,
		`"{{ var('unknown', ['a']) }}"`:           "",
		`["{{ var('words') }}"]`:                  "",
		`"{{ var('words') + var('one') }}"`:       "",
		`"{{ var('words') }} {{ var('words') }}"`: "",
	} {
		out, got := imported(t, "s", project, file(
			"models: [{name: t, columns: [{name: c, tests: [{accepted_values: {values: "+values+"}}]}]}]"))
		if want != "" && !strings.Contains(out, `invalid: {column: "c", valid_values: `+want+"}") || want == "" && len(got.Left) != 1 {
			t.Errorf("%s: want %s in\n%s", values, want, out)
		}
	}
}

// TestContract holds what the columns and constraints of an enforced contract become.
func TestContract(t *testing.T) {
	t.Parallel()
	const text = `models:
  - name: dim
    config: {contract: {enforced: true}}
    constraints: [{type: primary_key, columns: [id]}, {type: other}]
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null}]}
      - {name: at, data_type: float64}
`
	out, _ := imported(t, "s", file(text))
	for _, want := range []string{
		`schema: {columns: {id: "integer", at: null}, extra: fail, type_widened: fail}`, `- missing: {column: "id"}`,
		"data_type of at: unknown type", "other(): a constraint of this type is not known",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	if n := strings.Count(out, `missing: {column: "id"}`); n != 1 {
		t.Errorf("not_null and primary_key are %d checks of missing values, want 1:\n%s", n, out)
	}
}

const manifest = `{"metadata": {}, "nodes": {
 "model.shop.orders": {"resource_type": "model", "name": "orders", "schema": "mart", "alias": "orders_v2", "original_file_path": "models/o.yml", "config": {}},
 "test.shop.n": {"resource_type": "test", "name": "not_null_orders_id", "column_name": "id", "attached_node": "model.shop.orders",
  "original_file_path": "models/o.yml", "config": {"severity": "ERROR", "enabled": true},
  "test_metadata": {"name": "not_null", "kwargs": {"column_name": "id", "model": "{{ get_where_subquery(ref('orders')) }}"}}},
 "test.shop.own": {"resource_type": "test", "name": "own_orders", "attached_node": "model.shop.orders", "original_file_path": "models/o.yml",
  "config": {"severity": "warn", "fail_calc": "count(*)"}, "test_metadata": {"name": "own", "kwargs": {"model": "x", "n": 3}},
  "compiled_code": "select *\nfrom mart.orders_v2 -- all\nwhere n > 3;"},
 "test.shop.one": {"resource_type": "test", "name": "singular", "depends_on": {"nodes": ["model.shop.orders"]}, "config": {},
  "original_file_path": "tests/singular.sql", "compiled_code": "select 1 from mart.orders_v2 where a < 0"},
 "test.shop.raw": {"resource_type": "test", "name": "raw", "depends_on": {"nodes": ["model.shop.orders"]}, "config": {},
  "original_file_path": "tests/raw.sql"}
}, "sources": {
 "source.shop.raw.o": {"resource_type": "source", "source_name": "raw", "name": "o", "schema": "raw", "identifier": "o_1",
  "original_file_path": "models/s.yml", "loaded_at_field": "at", "config": {},
  "freshness": {"warn_after": {"count": 12, "period": "hour"}, "error_after": {"count": null, "period": null}, "filter": null}}
}, "unit_tests": {"unit_test.shop.u": {}}}`

// TestManifest reads tests with resolved names, and takes the statements of what is not known.
func TestManifest(t *testing.T) {
	t.Parallel()
	out, got := imported(t, "", importers.File{Name: "target/manifest.json", Data: []byte(manifest)})
	for _, want := range []string{
		`- table: "w.mart.orders_v2"`, `- missing: {column: "id"}`, `- table: "w.raw.o_1"`, `- freshness: {column: "at", warn: 12h}`,
		"query: |-\n              select *\n              from mart.orders_v2 -- all\n              where n > 3\n",
		`failed_rows: {query: "select 1 from mart.orders_v2 where a < 0", name: "singular"}`,
		"tests/raw.sql: orders: raw: the macro is not known", "unit_test.shop.u",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	if len(got.Left) != 2 {
		t.Errorf("left: %v", got.Left)
	}
}

// TestDescriptionsAreNoTests imports columns with and without tests.
func TestDescriptionsAreNoTests(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]int{
		"{name: id, description: a number}": 1, "{name: id, tests: [not_null]}": 2, "{name: id, data_tests: [not_null]}": 2,
	} {
		_, got := imported(t, "", file("sources:\n- name: raw\n  loaded_at_field: at\n  freshness: {warn_after: {count: 1, period: day}}\n"+
			"  tables:\n  - name: orders\n    columns: ["+column+"]\n"))
		if n := len(got.Datasets[0].Checks); n != want || len(got.Left) > 0 {
			t.Errorf("%s: %d checks, want %d, left %v", column, n, want, got.Left)
		}
	}
}

// The tags of a model, and of a source and its table, are those of the datasets.
func TestTagsOfModels(t *testing.T) {
	t.Parallel()
	out, _ := imported(t, "mart", file(`
models:
  - {name: orders, tags: pii, config: {tags: [finance]}, columns: [{name: c, tests: [not_null]}]}
  - {name: plain, columns: [{name: c, tests: [not_null]}]}
sources:
  - {name: raw, tags: [landing], tables: [{name: events, tags: [daily], columns: [{name: c, tests: [unique]}]}]}
`))
	for _, want := range []string{`tags: ["finance", "pii"]`, `tags: ["daily", "landing"]`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if strings.Count(out, "tags:") != 2 {
		t.Errorf("got\n%s", out)
	}
}
