package gx_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/gx"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// imported returns the configuration that one expectation of a suite becomes. It must load.
func imported(t *testing.T, expectation, table string) (string, importers.Imported) {
	t.Helper()
	suite := `{"expectation_suite_name": "s", "expectations": [` + "\n" + expectation + "]}"
	files := []importers.File{{Name: "s.json", Data: []byte(suite)}}
	got, err := importers.Import("gx", files, importers.Options{Schema: "s", Table: table})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", "s", "DSN")
	dsn := func(string) (string, bool) { return "sqlite:x.db", true }
	if len(got.Datasets) > 0 {
		if _, err := config.Parse("f.yaml", []byte(out), dsn); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return out, got
}

func TestEachExpectationBecomesItsCheck(t *testing.T) {
	t.Parallel()
	for expectation, want := range map[string]string{
		`{"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "c", "mostly": 0.95}}`:                                                         `missing: {column: "c", fail: "> 5%"}`,
		`{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "c"}, "severity": "warning"}`:                                                                `duplicate: {column: "c", warn: "> 0"}`,
		`{"type": "expect_column_values_to_be_between", "kwargs": {"column": "c", "min_value": 1, "strict_min": true}}`:                                                  `invalid: {column: "c", min: "1", exclusive: true}`,
		`{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "c", "value_set": ["a", null, 1]}}`:                                                          `invalid: {column: "c", valid_values: ["a", "1"]}`,
		`{"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "c", "value": 3}}`:                                                                        `invalid: {column: "c", length: 3}`,
		`{"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}}`:                                                                        `duplicate: {columns: ["a", "b"], include_null: true, where: "NOT (a IS NULL AND b IS NULL)"}`,
		`{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1, "max_value": 9}}`:                                                                   `row_count: {fail: "not between 1 and 9"}`,
		`{"type": "expect_table_row_count_to_equal_other_table", "kwargs": {"other_table_name": "o"}}`:                                                                   `reconcile: {with: "w.s.o"}`,
		`{"type": "expect_column_to_exist", "kwargs": {"column": "c"}}`:                                                                                                  `schema: {columns: {c: null}, extra: ignore}`,
		`{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "c", "row_condition": "col(\"a\") == \"x'y\"", "condition_parser": "great_expectations"}}`: `missing: {column: "c", where: "a = 'x''y'"}`,
		`{"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE a > 1"}}`:                                              `failed_rows: {query: "SELECT * FROM s.t WHERE a > 1", name: "unexpected_rows_expectation"}`,
	} {
		out, _ := imported(t, expectation, "t")
		if !strings.Contains(out, "- "+want+"\n") {
			t.Errorf("%s: want %s in\n%s", expectation, want, out)
		}
	}
}

// TestNothingIsDropped imports expectations that have no check. Each is named with its line.
func TestNothingIsDropped(t *testing.T) {
	t.Parallel()
	for _, expectation := range []string{
		`{"type": "expect_column_value_z_scores_to_be_less_than", "kwargs": {"column": "c", "threshold": 3}}`,
		`{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "c", "value_set": {"$PARAMETER": "x"}}}`,
		`{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "c", "row_condition": "a > 1", "condition_parser": "pandas"}}`,
		`{"type": "expect_column_values_to_not_be_null", "kwargs": {}}`,
		`{"type": "expect_column_values_to_be_between", "kwargs": {"column": "c", "surprise": 1}}`,
	} {
		_, got := imported(t, expectation, "t")
		if len(got.Datasets) != 0 || len(got.Left) != 1 || got.Left[0].At.Line != 2 {
			t.Errorf("%s: %+v", expectation, got)
		}
	}
	if _, got := imported(t, `{"type": "expect_column_to_exist", "kwargs": {"column": "c"}}`, ""); len(got.Left) != 1 {
		t.Errorf("without a table: %+v", got)
	}
}
