package dbt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/importers"
)

// object is a value of a manifest.
type object = map[string]any

// manifestOf returns a manifest of one model with one test, whose config holds the defaults
// that dbt writes into every manifest.
func manifestOf(t *testing.T, name string, args, config object, compiled string) importers.File {
	t.Helper()
	all := object{"severity": "ERROR", "warn_if": "!= 0", "error_if": "!= 0", "fail_calc": "count(*)", "enabled": true,
		"limit": nil, "where": nil, "store_failures": nil}
	for key, value := range config {
		all[key] = value
	}
	namespace, short, found := strings.Cut(name, ".")
	if !found {
		namespace, short = "", name
	}
	if args == nil {
		args = object{}
	}
	args["model"] = "{{ get_where_subquery(ref('t')) }}"
	data, err := json.Marshal(object{"nodes": object{
		"model.p.t": object{"resource_type": "model", "name": "t", "schema": "s", "alias": "t", "config": object{}},
		"test.p.x": object{"resource_type": "test", "name": "x", "column_name": "c", "attached_node": "model.p.t",
			"original_file_path": "models/t.yml", "config": all, "compiled_code": compiled,
			"test_metadata": object{"name": short, "namespace": namespace, "kwargs": args}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return importers.File{Name: "target/manifest.json", Data: data}
}

// TestDefaultsOfAManifestAreNoConditions imports tests of each shape with the conditions that
// dbt writes into every test.
func TestDefaultsOfAManifestAreNoConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args object
		want string
	}{
		{"not_null", nil, `missing: {column: "c"}`},
		{"unique", nil, `duplicate: {column: "c"}`},
		{"accepted_values", object{"values": []string{"a"}}, `invalid: {column: "c", valid_values: ["a"]}`},
		{"dbt_utils.recency", object{"field": "at", "datepart": "day", "interval": 3}, `freshness: {column: "at", fail: 3d}`},
		{"dbt_utils.not_null_proportion", object{"at_least": 0.95}, `missing: {column: "c", fail: "> 5%"}`},
		{"dbt_utils.at_least_one", nil, `missing: {column: "c", on_empty: fail, fail: ">= 100%"}`},
		{"dbt_utils.equal_rowcount", object{"compare_model": "{{ ref('o') }}"}, `reconcile: {with: "w.o"}`},
		{"dbt_expectations.expect_table_row_count_to_be_between", object{"min_value": 1}, `row_count: {fail: "< 1"}`},
		{"dbt_expectations.expect_column_max_to_be_between", object{"min_value": 1},
			`aggregate: {column: "c", function: max, fail: "< 1"}`},
		{"dbt_expectations.expect_column_values_to_be_in_set", object{"value_set": []string{"a"}}, `missing: {column: "c"}`},
		{"elementary.volume_anomalies", object{"timestamp_column": "at"},
			`row_count: {bucket: day, column: "at", anomaly: {}}`},
		{"elementary.column_anomalies", object{"column_anomalies": []string{"null_count"}},
			`missing: {column: "c", anomaly: {}}`},
		{"elementary.schema_changes", nil, `schema`},
	} {
		out, got := imported(t, "", manifestOf(t, c.name, c.args, nil, "select 1"))
		if !strings.Contains(out, "- "+c.want+"\n") || len(got.Left) > 0 {
			t.Errorf("%s: want %s in\n%s", c.name, c.want, out)
		}
	}
}

// TestConditionsCountWhatDbtCounts holds what becomes of warn_if and error_if: a condition on
// the check if it counts what dbt does, else one on the compiled statement.
func TestConditionsCountWhatDbtCounts(t *testing.T) {
	t.Parallel()
	sum := object{"fail_calc": "sum(n)"}
	for _, c := range []struct {
		name string
		args object
		conf object
		want string
	}{
		{"unique", nil, object{"severity": "warn", "warn_if": ">10"}, `duplicate: {column: "c", count: keys, warn: "> 10"}`},
		{"unique", nil, object{"error_if": ">10"}, `duplicate: {column: "c", count: keys, warn: "> 0", fail: "> 10"}`},
		{"unique", nil, object{"warn_if": ">10"}, `duplicate: {column: "c"}`},
		{"not_null", nil, object{"severity": "warn", "error_if": ">10"}, `missing: {column: "c", warn: "> 0"}`},
		{"not_null", nil, object{"warn_if": "> 10", "error_if": "> 2000"}, `missing: {column: "c", warn: "> 10", fail: "> 2000"}`},
		{"not_null", nil, object{"warn_if": "= 0"}, `missing: {column: "c", warn: "= 0", fail: "> 0"}`},
		{"accepted_values", object{"values": []string{"a"}}, object{"error_if": ">10"},
			`failed_rows: {query: "select 1", name: "accepted_values(c)", warn: "> 0", fail: "> 10"}`},
		{"elementary.volume_anomalies", nil, object{"error_if": ">10"},
			`failed_rows: {query: "select 1", name: "elementary.volume_anomalies(c)", warn: "> 0", fail: "> 10"}`},
		{"dbt_utils.recency", object{"field": "at", "datepart": "day", "interval": 3}, object{"error_if": ">10"},
			`failed_rows: {query: "select 1", name: "dbt_utils.recency(c)", warn: "> 0", fail: "> 10"}`},
		{"own", nil, sum, `fail: "!= 0"`},
		{"own", nil, sum, `on_null: error`},
		{"own", nil, object{"fail_calc": "sum(n)", "severity": "warn", "warn_if": "> 0"}, `warn: "> 0"`},
		{"dbt_utils.equal_rowcount", object{"compare_model": "{{ ref('o') }}"},
			object{"fail_calc": "sum(coalesce(diff_count, 0))"}, `reconcile: {with: "w.o"}`},
	} {
		out, got := imported(t, "", manifestOf(t, c.name, c.args, c.conf, "select 1"))
		if !strings.Contains(out, c.want) || len(got.Left) > 0 {
			t.Errorf("%s %v: want %s in\n%s", c.name, c.conf, c.want, out)
		}
	}
	_, got := imported(t, "", manifestOf(t, "accepted_values", object{"values": []string{"a"}}, object{"error_if": ">10"}, ""))
	if len(got.Datasets) != 0 || len(got.Left) != 1 {
		t.Errorf("a count of values without a statement: %+v", got)
	}
}
