package dbt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/importers"
)

// TestVersionsOfAManifest holds that each version of a model is a table of its own.
func TestVersionsOfAManifest(t *testing.T) {
	t.Parallel()
	model := func(version any, alias string) object {
		return object{"resource_type": "model", "name": "dim", "schema": "s", "alias": alias, "version": version,
			"latest_version": 2, "config": object{}}
	}
	test := func(on, to string) object {
		return object{"resource_type": "test", "name": "x", "column_name": "c", "attached_node": on, "config": object{},
			"test_metadata": object{"name": "relationships", "kwargs": object{"to": to, "field": "id", "model": "x"}}}
	}
	data, err := json.Marshal(object{"nodes": object{
		"model.p.dim.v1": model(1, "dim_v1"), "model.p.dim.v2": model(2, ""), "model.p.dim.v3": model("3", "dim_next"),
		"model.p.facts": object{"resource_type": "model", "name": "facts", "schema": "s", "alias": "facts"},
		"test.p.a":      test("model.p.dim.v1", "ref('facts')"),
		"test.p.b":      test("model.p.dim.v2", "ref('facts')"),
		"test.p.c":      test("model.p.facts", "ref('dim', v=1)"),
		"test.p.d":      test("model.p.facts", "ref('dim')"),
		"test.p.e":      test("model.p.facts", "ref('dim', version='3')"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, got := imported(t, "", importers.File{Name: "target/manifest.json", Data: data})
	for _, want := range []string{`table: "w.s.dim_v1"`, `table: "w.s.dim_v2"`, `to: "w.s.dim_v1"`, `to: "w.s.dim_v2"`,
		`to: "w.s.dim_next"`} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	if len(got.Left) > 0 {
		t.Errorf("left: %v", got.Left)
	}
}

// TestVersionsOfFilesAreLeft holds that a file does not say which table a version is.
func TestVersionsOfFilesAreLeft(t *testing.T) {
	t.Parallel()
	const versions = "{name: dim, columns: [{name: a, tests: [unique]}], versions: [{v: 1, tests: [own]}, {v: 2}]}"
	for _, text := range []string{
		"models: [" + versions + "]",
		"models: [{name: t, columns: [{name: c, tests: [relationships: {to: \"ref('dim', v=2)\", field: id}]}]}]",
	} {
		if _, got := imported(t, "", file(text)); len(got.Datasets) != 0 || len(got.Left) != 1 {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// TestSettingsOfFolders holds that settings of tests in dbt_project.yml are never silent.
func TestSettingsOfFolders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings, own string
		taken         int
		remarks       int
	}{
		{"{+where: a > 1}", "", 0, 1},
		{"{shop: {+enabled: false}}", "", 0, 0},
		{"{shop: {+enabled: true}}", "", 1, 0},
		{"{shop: {mart: {+where: a > 1}}}", "", 0, 1},
		{"{shop: {mart: {+where: a > 1}}}", "where: b > 1", 1, 1},
		{"{shop: {staging: {+where: a > 1}}}", "", 1, 1},
		{"{other_package: {+enabled: false}}", "", 1, 1},
		{"{shop: {+warn_if: '> 3'}}", "", 1, 1},
		{"{shop: {mart: {+severity: warn}}}", "", 1, 1},
		{"{shop: {+severity: warn, +store_failures: true}}", "", 1, 0},
		{"{shop: {+enabled: false, mart: {+enabled: true}}}", "", 1, 0},
		{"{shop: {+enabled: true, mart: {+enabled: false}}}", "", 0, 0},
		{"{shop: {+enabled: false, other: {mart: {+enabled: true}}}}", "", 0, 0},
		{"{shop: {+enabled: \"{{ var('x') }}\"}}", "", 0, 1},
	} {
		for _, key := range []string{"tests", "data_tests"} {
			project := importers.File{Name: "dbt_project.yml", Data: []byte("name: shop\n" + key + ": " + c.settings + "\n")}
			models := importers.File{Name: "models/mart/s.yml", Data: []byte(
				"models: [{name: t, columns: [{name: c, tests: [not_null: {config: {" + c.own + "}}]}]}]")}
			_, got := imported(t, "", project, models)
			if len(got.Datasets) != c.taken || len(got.Left) != 1-c.taken || len(got.Remarks) != c.remarks {
				t.Errorf("%s: %s %s: %+v", key, c.settings, c.own, got)
			}
		}
	}
}

const projectMacros = `{# of the shop #}
{% test twice(model, column_name, other, most=3) %}
{{ config(severity = 'error') }}
select * from {{ model }} m join {{ other }} o on m.{{ column_name }} = o.{{column_name}} where n > {{ most }}
{% endtest %}
{%- macro test_each(model, sources=[]) -%}
{%- for s in sources %}
select 1 from {{ s }} where a <= (select max(a) from {{ model }})
{% if not loop.last %} union all {% endif %}
{% endfor -%}
{%- endmacro -%}
{% test complex(model) %} {% if model %} select 1 {% endif %} {% endtest %}
{% test sets(model) %} {%- set n = 1 -%} select {{ n }} {% endtest %}
{% test warns(model) %} {{ config(severity='warn') }} select 1 {% endtest %}
{% test refers(model, word='x') %} select '{{ word }}' from {{ ref("o") }} where d > {{ var('from') }} {% endtest %}
`

// TestMacrosOfTheProject holds what becomes of tests that the project defines: the statement that
// dbt sends, or nothing where their Jinja is more than parameters.
func TestMacrosOfTheProject(t *testing.T) {
	t.Parallel()
	project := importers.File{Name: "dbt_project.yml", Data: []byte("name: shop\nvars: {from: 2020}\n")}
	macros := importers.File{Name: "macros/tests.sql", Data: []byte(projectMacros)}
	for test, want := range map[string]string{
		"twice: {other: ref('o')}":                          `query: "select * from s.t m join s.o o on m.c = o.c where n > 3", name: "twice(c)"}`,
		"twice: {other: \"{{ ref('o') }}\", most: 5}":       "where n > 5",
		"each: {sources: [ref('o'), \"source('a', 'b')\"]}": "select 1 from s.o where a <= (select max(a) from s.t)\n",
		"each: {sources: [ref('o')]}":                       `query: "select 1 from s.o where a <= (select max(a) from s.t)", name`,
		"refers":                                            `query: "select 'x' from s.o where d > 2020"`,
		"refers: {word: y, config: {error_if: '> 3'}}":      `query: "select 'y' from s.o where d > 2020", name: "refers(c)", warn: "> 0", fail: "> 3"}`,
		"twice: {most: 5}":                                  "",
		"each":                                              "", "complex": "", "sets": "", "warns": "", "unknown": "",
		"refers: {config: {where: a > 1}}": "",
		"refers: {word: [a]}":              "", "refers: {word: true}": "", "refers: {word: \"{{ x() }}\"}": "",
	} {
		out, got := imported(t, "s", project, macros, file("models: [{name: t, columns: [{name: c, tests: [{"+test+"}]}]}]"))
		if want != "" && !strings.Contains(strings.ReplaceAll(out, "              ", ""), want) || want == "" && len(got.Left) != 1 {
			t.Errorf("%s: want %s in\n%s", test, want, out)
		}
	}
	for text, want := range map[string]string{
		"select * from {{ ref('t') }} -- it's {{ var('from') }}\nwhere a < 0": "select * from s.t -- it's 2020\nwhere a < 0\n",
		"{{ config(severity='error') }} select * from {{ source('a', 'b') }}": `failed_rows: {query: "select * from a.b", name: "one"}`,
		"{{ config(severity='warn') }} select * from {{ ref('t') }}":          "",
		"select 1": "",
		"select * from {{ ref('t') }} {% if true %}{% endif %}": "",
	} {
		one := importers.File{Name: "tests/one.sql", Data: []byte(text)}
		model := importers.File{Name: "/home/tests/shop/models/tests/t.sql", Data: []byte("select * from {{ ref('t') }}")}
		out, got := imported(t, "s", project, one, model)
		if want != "" && !strings.Contains(strings.ReplaceAll(out, "              ", ""), want) || want == "" && len(got.Left) != 1 {
			t.Errorf("%s: want %s in\n%s", text, want, out)
		}
	}
	other := importers.File{Name: "tests/generic/refers.sql", Data: []byte("{% test refers(model, word) %} select 2 {% endtest %}")}
	if _, got := imported(t, "s", macros, other, file("models: [{name: t, tests: [refers]}]")); len(got.Left) != 1 {
		t.Errorf("of two macros of one name one was taken: %+v", got)
	}
}

// TestMacrosOfTheProjectComeFirst holds that a macro of the project takes the place of dbt's test of
// its name, and that the severity in it comes before the default of the project.
func TestMacrosOfTheProjectComeFirst(t *testing.T) {
	t.Parallel()
	project := importers.File{Name: "dbt_project.yml", Data: []byte("name: shop\ntests: {shop: {+severity: warn}}\n")}
	macros := importers.File{Name: "macros/tests.sql", Data: []byte(`
{% test unique(model, column_name) %} select 1 from {{ model }} where {{ column_name }} < 0 {% endtest %}
{% test accepted_range(model) %} {% if model %} select 1 {% endif %} {% endtest %}
{% test strict(model) %} {{ config(severity='error') }} select 2 {% endtest %}
`)}
	for test, want := range map[string]string{
		"unique":                             `failed_rows: {query: "select 1 from s.t where c < 0", name: "unique(c)", warn: "> 0"}`,
		"accepted_range: {min_value: 0}":     "",
		"not_null":                           `missing: {column: "c", warn: "> 0"}`,
		"strict":                             `failed_rows: {query: "select 2", name: "strict(c)"}`,
		"strict: {config: {severity: warn}}": `failed_rows: {query: "select 2", name: "strict(c)", warn: "> 0"}`,
		"dbt_utils.accepted_range: {min_value: 0}": `invalid: {column: "c", min: "0", warn: "> 0"}`,
	} {
		out, got := imported(t, "s", project, macros, file("models: [{name: t, columns: [{name: c, tests: [{"+test+"}]}]}]"))
		if want != "" && !strings.Contains(out, want) || want == "" && len(got.Left) != 1 {
			t.Errorf("%s: want %s in\n%s", test, want, out)
		}
	}
	one := importers.File{Name: "tests/one.sql", Data: []byte("{{ config(severity='error') }} select * from {{ source('a', 'b') }}")}
	if out, _ := imported(t, "s", project, one); !strings.Contains(out, `failed_rows: {query: "select * from a.b", name: "one"}`) {
		t.Errorf("the severity of a file:\n%s", out)
	}
}
