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

// TestQuantilesAreThoseOfTheStatement holds that a median lies between two values, and that
// another quantile is a value of the column.
func TestQuantilesAreThoseOfTheStatement(t *testing.T) {
	t.Parallel()
	for one, want := range map[string]string{
		expectation("expect_column_median_to_be_between", `"column": "c", "min_value": 1`): "percentile_cont(0.5) WITHIN",
		expectation("expect_column_quantile_values_to_be_between",
			`"column": "c", "quantile_ranges": {"quantiles": [0.9], "value_ranges": [[1, 2]]}`): "function: percentile, percentile: 0.9",
	} {
		if out, _ := imported(t, one, "t"); !strings.Contains(out, want) {
			t.Errorf("%s: want %s in\n%s", one, want, out)
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

// expectation writes an expectation with its arguments as JSON.
func expectation(name, kwargs string) string {
	return `{"type": "` + name + `", "kwargs": {` + kwargs + `}}`
}

// TestConditionsThatAreObjects reads row_condition as version 1 writes it.
func TestConditionsThatAreObjects(t *testing.T) {
	t.Parallel()
	comparison := func(column, operator, parameter string) string {
		return `{"type": "comparison", "column": {"name": "` + column + `"}, "operator": "` + operator + `", "parameter": ` +
			parameter + `}`
	}
	null := `{"type": "nullity", "column": {"name": "a"}, "is_null": `
	for condition, want := range map[string]string{
		comparison("status", "==", `"paid"`):    "status = 'paid'",
		comparison("order", "!=", `"it's"`):     `\"order\" <> 'it''s'`,
		comparison("n", ">=", "-1.5"):           "n >= -1.5",
		comparison("n", "IN", "[1, 2]"):         "n IN (1, 2)",
		comparison("s", "NOT_IN", `["a", "b"]`): "s NOT IN ('a', 'b')",
		null + "true}":                          "a IS NULL",
		null + "false}":                         "a IS NOT NULL",
		`{"type": "and", "conditions": [` + null + `true}, ` + comparison("n", "<", "1") + `]}`: "(a IS NULL) AND (n < 1)",
		`{"type": "or", "conditions": [` + null + `true}, ` + comparison("n", "<=", "1") + `]}`: "(a IS NULL) OR (n <= 1)",
	} {
		one := expectation("expect_column_values_to_not_be_null", `"column": "c", "row_condition": `+condition)
		out, _ := imported(t, one, "t")
		if want := `missing: {column: "c", where: "` + want + `"}`; !strings.Contains(out, want) {
			t.Errorf("%s: want %s in\n%s", condition, want, out)
		}
	}
	for _, condition := range []string{
		`{}`, `[]`, `{"type": "pass_through", "pass_through_filter": "a > 1"}`, `{"type": "and", "conditions": []}`,
		comparison("", "==", "1"), comparison("a", "~", "1"), comparison("a", "==", "null"), comparison("a", "IN", "1"),
		comparison("a", "==", `{"$PARAMETER": "x"}`), comparison("a", "IN", "[null]"), null + `"maybe"}`,
		`{"type": "or", "conditions": [` + null + `true}, {"type": "other"}]}`,
		`{"type": "nullity", "column": {"name": "a"}, "is_null": true, "surprise": 1}`,
	} {
		one := expectation("expect_column_values_to_not_be_null", `"column": "c", "row_condition": `+condition)
		if _, got := imported(t, one, "t"); len(got.Datasets) != 0 || len(got.Left) != 1 {
			t.Errorf("%s: %+v", condition, got)
		}
	}
}

// TestRowsWithNull holds which rows with NULL are judged by expectations about several columns.
func TestRowsWithNull(t *testing.T) {
	t.Parallel()
	const equal, greater = "expect_column_pair_values_to_be_equal", "expect_column_pair_values_a_to_be_greater_than_b"
	const within = "expect_select_column_values_to_be_unique_within_record"
	const pair, list = `"column_A": "a", "column_B": "b"`, `"column_list": ["a", "b"]`
	const notEqual = `expression: "NOT (a = b) OR a IS NULL OR b IS NULL"`
	const same = `expression: "a = b OR a IS NULL AND b IS NULL"`
	for one, want := range map[string]string{
		expectation(equal, pair): notEqual + `, where: "NOT (a IS NULL AND b IS NULL)"`,
		expectation(equal, pair+`, "ignore_row_if": "both_values_are_missing"`): notEqual + `, where: "NOT (a IS NULL AND b IS NULL)"`,
		expectation(equal, pair+`, "ignore_row_if": "either_value_is_missing"`): notEqual + `, where: "a IS NOT NULL AND b IS NOT NULL"`,
		expectation(equal, pair+`, "ignore_row_if": "neither"`):                 notEqual + `}`,
		expectation(greater, pair): `expression: "NOT (a > b)", where: "NOT (a IS NULL AND b IS NULL)"`,
		expectation(within, list):  same + `, where: "NOT (a IS NULL AND b IS NULL)"`,
		expectation(within, list+`, "ignore_row_if": "any_value_is_missing"`): same + `, where: "NOT (a IS NULL OR b IS NULL)"`,
		expectation(within, list+`, "ignore_row_if": "never"`):                same + `}`,
	} {
		if out, _ := imported(t, one, "t"); !strings.Contains(out, want) {
			t.Errorf("%s: want %s in\n%s", one, want, out)
		}
	}
	for _, one := range []string{expectation(equal, pair+`, "ignore_row_if": "odd"`),
		expectation(within, list+`, "ignore_row_if": "odd"`)} {
		if _, got := imported(t, one, "t"); len(got.Datasets) != 0 || len(got.Left) != 1 {
			t.Errorf("%s: %+v", one, got)
		}
	}
}
