package config_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

// TestImportedQueriesAskTheTableThatIsNamed holds that a generated query is about the
// dataset's own table, whatever its schema and its name are.
func TestImportedQueriesAskTheTableThatIsNamed(t *testing.T) {
	t.Parallel()
	metrics := []string{
		"duplicate_count(a) = 0", "avg(a) > 0", "min(a) > 0", "max(a) > 0", "sum(a) > 0", "missing_percent(a) < 1%",
	}
	for table, want := range map[string]string{
		"orders":      " FROM mart.orders",
		"other.lines": " FROM other.lines",
		"Order":       ` FROM mart.\"Order\"`,
		"order":       ` FROM mart.\"order\"`,
		"a-b":         ` FROM mart.\"a-b\"`,
	} {
		file := "checks for " + table + ":\n"
		for _, m := range metrics {
			file += "  - " + m + "\n"
		}
		got, err := config.Import("soda", "checks.yml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if text := got.YAML("w", "mart", "DSN"); strings.Count(text, want) != len(metrics) || strings.Contains(text, "{{") {
			t.Errorf("%s: want %d times %q:\n%s", table, len(metrics), want, text)
		}
	}
}

func TestImportKeepsSeverities(t *testing.T) {
	t.Parallel()
	for side, want := range map[string]bool{"warn": true, "fail": false} {
		file := "checks for t:\n  - schema:\n      " + side + ":\n        when required column missing: [a]\n"
		got, err := config.Import("soda", "checks.yml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if text := got.YAML("w", "", "DSN"); strings.Contains(text, "column_removed: warn") != want {
			t.Errorf("%s:\n%s", side, text)
		}
	}
}

func TestDisabledSourcesAreNotImported(t *testing.T) {
	t.Parallel()
	const freshness = "loaded_at_field: at, freshness: {error_after: {count: 1, period: day}}"
	for file, want := range map[string]int{
		"sources: [{name: s, " + freshness + ", tables: [{name: a, config: {enabled: false}}, {name: b}]}]":               1,
		"sources: [{name: s, " + freshness + ", config: {enabled: false}, tables: [{name: a}, {name: b}]}]":               0,
		"sources: [{name: s, " + freshness + ", config: {enabled: false}, tables: [{name: a, config: {enabled: true}}]}]": 1,
	} {
		got, err := config.Import("dbt", "sources.yml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Datasets) != want {
			t.Errorf("%s: %d datasets, want %d", file, len(got.Datasets), want)
		}
	}
}

// TestImportedChecksOfOneKindLoad imports several checks of one kind about one table.
func TestImportedChecksOfOneKindLoad(t *testing.T) {
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
	got, err := config.Import("soda", "checks.yml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	text := got.YAML("w", "s", "DSN")
	c, err := config.Parse("f.yaml", []byte(text), env("DSN=sqlite:x.db"))
	if err != nil || len(c.Datasets[0].Checks) != 7 {
		t.Fatalf("%v, want 7 checks that load:\n%s", err, text)
	}
	for _, want := range []string{
		`id: "t/row_count < 3"`, `f NOT IN (TRUE, 'false', '1')`, `{"b": "double precision"}`,
		`column a: unknown type "float64": did you mean "double precision"?`, "schema: nothing of it could be taken over",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
}

// TestDescriptionsAreNoTests imports columns of dbt with and without tests.
func TestDescriptionsAreNoTests(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]bool{
		"{name: id, description: a number}":  false,
		"{name: id, tests: [unique]}":        true,
		"{name: id, data_tests: [not_null]}": true,
	} {
		file := "sources:\n- name: raw\n  loaded_at_field: at\n  freshness: {warn_after: {count: 1, period: day}}\n" +
			"  tables:\n  - name: orders\n    columns: [" + column + "]\n"
		got, err := config.Import("dbt", "s.yml", []byte(file))
		if err != nil || len(got.Datasets) != 1 || strings.Contains(strings.Join(got.Left, " "), "tests") != want {
			t.Errorf("%s: %v, %+v", column, err, got)
		}
	}
}
