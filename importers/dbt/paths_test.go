package dbt_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/importers"
)

// TestPathsOfTheProject holds that folders are those of the project, and not of the path to it: where
// a file is a test, and which settings of folders are about it.
func TestPathsOfTheProject(t *testing.T) {
	t.Parallel()
	const sql = "select * from {{ ref('t') }}"
	for _, c := range []struct {
		project, paths, file string
		taken                bool
	}{
		{"dbt_project.yml", "", "tests/one.sql", true},
		{"dbt_project.yml", "", "tests/sub/one.sql", true},
		{"dbt_project.yml", "", "models/tests/one.sql", false},
		{"dbt_project.yml", "", "tests/fixtures/one.sql", false},
		{"dbt_project.yml", "", "shop/tests/one.sql", false},
		{"/home/tests/shop/dbt_project.yml", "", "/home/tests/shop/other/one.sql", false},
		{"/home/models/shop/dbt_project.yml", "", "/home/models/shop/tests/one.sql", true},
		{"shop/dbt_project.yml", "test-paths: [data/quality]", "shop/data/quality/one.sql", true},
		{"shop/dbt_project.yml", "test-paths: [data/quality]", "shop/tests/one.sql", false},
		{"shop/dbt_project.yml", "test-paths: [tests/models]", "shop/tests/models/one.sql", true},
	} {
		project := importers.File{Name: c.project, Data: []byte("name: shop\n" + c.paths + "\n")}
		_, got := imported(t, "s", importers.File{Name: c.file, Data: []byte(sql)}, project)
		if taken := len(got.Datasets) == 1; taken != c.taken {
			t.Errorf("%+v: taken %v", c, taken)
		}
	}
	for _, c := range []struct {
		project, paths, file string
		taken                bool
	}{
		{"dbt_project.yml", "", "models/mart/s.yml", false},
		{"dbt_project.yml", "", "models/models/mart/s.yml", true},
		{"dbt_project.yml", "", "models/staging/s.yml", true},
		{"/home/models/mart/dbt_project.yml", "", "/home/models/mart/models/s.yml", true},
		{"/home/models/mart/dbt_project.yml", "", "/home/models/mart/models/mart/s.yml", false},
		{"shop/dbt_project.yml", "model-paths: [sql/models]", "shop/sql/models/mart/s.yml", false},
		{"shop/dbt_project.yml", "model-paths: [sql]", "shop/sql/models/mart/s.yml", true},
		{"shop/dbt_project.yml", "model-paths: [sql]", "shop/models/mart/s.yml", false}, // no path of the project: not known
	} {
		project := importers.File{Name: c.project, Data: []byte("name: shop\ntests: {shop: {mart: {+where: a > 1}}}\n" + c.paths + "\n")}
		models := importers.File{Name: c.file, Data: []byte("models: [{name: t, columns: [{name: c, tests: [not_null]}]}]")}
		_, got := imported(t, "", project, models)
		if taken := len(got.Datasets) == 1; taken != c.taken || len(got.Left)+len(got.Datasets) != 1 {
			t.Errorf("%+v: taken %v, %+v", c, taken, got.Left)
		}
	}
}

// TestVariablesOfTheEnvironment holds that a default of env_var() is taken, and that a variable
// without one is named.
func TestVariablesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const source = `sources: [{name: raw, schema: "{{ env_var('RAW_SCHEMA'DEFAULT) }}", tables: [{name: t, columns: [{name: c, tests: [not_null]}]}]}]`
	out, got := imported(t, "s", file(strings.ReplaceAll(source, "DEFAULT", ", 'landing'")))
	if len(got.Left) != 0 || !strings.Contains(out, "table: \"w.landing.t\"\n") {
		t.Errorf("%+v\n%s", got.Left, out)
	}
	_, got = imported(t, "s", file(strings.ReplaceAll(source, "DEFAULT", "")))
	if len(got.Left) != 1 || !strings.Contains(got.Left[0].Why, "the environment variable RAW_SCHEMA is in the name, and has no default") {
		t.Errorf("%+v", got.Left)
	}
}

// TestStepsOfDates holds that the steps of sequential values may be intervals.
func TestStepsOfDates(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"{interval: 2, datepart: week}":    "NOT (this = previous + INTERVAL '14' DAY)",
		"{datepart: quarter}":              "NOT (this = previous + INTERVAL '3' MONTH)",
		"{interval: 2}":                    "NOT (this = previous + 2)",
		"{interval: 2, datepart: century}": "",
		"{interval: n, datepart: day}":     "",
	} {
		out, got := imported(t, "s", file("models: [{name: t, columns: [{name: c, tests: [{dbt_utils.sequential_values: "+step+"}]}]}]"))
		if want != "" && !strings.Contains(out, want) || want == "" && len(got.Left) != 1 {
			t.Errorf("%s: want %s in\n%s", step, want, out)
		}
	}
}
