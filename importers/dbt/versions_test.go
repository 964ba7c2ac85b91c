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
		{"{shop: {+enabled: false}}", "", 0, 1},
		{"{shop: {+enabled: true}}", "", 1, 0},
		{"{shop: {mart: {+where: a > 1}}}", "", 0, 1},
		{"{shop: {mart: {+where: a > 1}}}", "where: b > 1", 1, 1},
		{"{shop: {staging: {+where: a > 1}}}", "", 1, 1},
		{"{other_package: {+enabled: false}}", "", 1, 1},
		{"{shop: {+warn_if: '> 3'}}", "", 1, 1},
		{"{shop: {mart: {+severity: warn}}}", "", 1, 1},
		{"{shop: {+severity: warn, +store_failures: true}}", "", 1, 0},
		{"{shop: {+enabled: false, mart: {+enabled: true}}}", "", 1, 1},
		{"{shop: {+enabled: true, mart: {+enabled: false}}}", "", 0, 1},
		{"{shop: {+enabled: false, other: {mart: {+enabled: true}}}}", "", 0, 1},
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
