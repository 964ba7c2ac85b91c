package dbt

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// document is one document of a file that describes models and sources.
type document struct {
	file importers.File
	root *yaml.Node
}

// resources are the keys of what has tests and a table of its own.
var resources = []string{"models", "seeds", "snapshots"}

// register notes the tables of a document, so that references to them are resolved.
func (p *project) register(d document) {
	for _, key := range resources {
		for _, n := range importers.Items(importers.Under(d.root, key)) {
			if name := importers.Word(importers.Under(n, "name")); name != "" {
				p.relations["ref "+name] = p.model(d, n, name)
			}
		}
	}
	for _, src := range importers.Items(importers.Under(d.root, "sources")) {
		name := importers.Word(importers.Under(src, "name"))
		for _, t := range importers.Items(importers.Under(src, "tables")) {
			r := p.sourceTable(d, src, t)
			p.relations["source "+name+"."+importers.Word(importers.Under(t, "name"))] = r
		}
	}
}

// setting returns a setting that stands under `config:` or beside the name.
func setting(n *yaml.Node, key string) *yaml.Node {
	for _, key := range []string{key, "+" + key} {
		if v := importers.Under(n, "config", key); v != nil {
			return v
		}
	}
	return importers.Under(n, key)
}

// model returns the table of a model, seed or snapshot. A schema of its own stands behind
// that of the target, as dbt does it without a macro generate_schema_name of the project.
func (p *project) model(d document, n *yaml.Node, name string) *relation {
	r := &relation{name: name, at: d.file.At(n)}
	r.table = cmp.Or(p.plain(importers.Word(setting(n, "alias"))), name)
	r.off = strings.EqualFold(importers.Word(setting(n, "enabled")), "false")
	if custom := p.plain(importers.Word(importers.Under(n, "config", "schema"))); custom != "" {
		if r.schema = custom; p.options.Schema != "" {
			r.schema = p.options.Schema + "_" + custom
		}
		if !r.off && hasRules(n) {
			p.out.Remark(r.at, name, "its schema is "+r.schema+" unless the project has a macro generate_schema_name")
		}
	}
	r.look(n)
	if importers.Under(n, "versions") != nil {
		r.why = name + hasVersions
	}
	return r
}

// hasRules reports whether a model has tests or a contract.
func hasRules(n *yaml.Node) bool {
	if testsOf(n) != nil || importers.Under(n, "config", "contract") != nil {
		return true
	}
	for _, c := range importers.Items(importers.Under(n, "columns")) {
		if testsOf(c) != nil {
			return true
		}
	}
	return false
}

// testsOf returns the tests of a model or column; nil if it has none.
func testsOf(n *yaml.Node) (out []*yaml.Node) {
	for _, key := range []string{"tests", "data_tests"} {
		out = append(out, importers.Items(importers.Under(n, key))...)
	}
	return out
}

func (p *project) sourceTable(d document, src, t *yaml.Node) *relation {
	name := importers.Word(importers.Under(src, "name"))
	r := &relation{at: d.file.At(t)}
	r.name = name + "." + importers.Word(importers.Under(t, "name"))
	r.schema = cmp.Or(p.plain(importers.Word(importers.Under(src, "schema"))), name)
	r.table = cmp.Or(p.plain(importers.Word(importers.Under(t, "identifier"))), importers.Word(importers.Under(t, "name")))
	switch enabled := cmp.Or(importers.Word(setting(t, "enabled")), importers.Word(setting(src, "enabled"))); {
	case strings.EqualFold(enabled, "false"):
		r.off = true
	case hasJinja(enabled):
		r.why = "enabled: " + compileFirst
	}
	r.look(src)
	r.look(t)
	return r
}

// look reads what the tests of a relation must know, and whether its name holds Jinja.
func (r *relation) look(n *yaml.Node) {
	for _, key := range []string{r.schema, r.table} {
		if m := callOfEnv().FindStringSubmatch(key); m != nil {
			r.why = "the environment variable " + m[1] + " is in the name, and has no default: write the name, or run " +
				"`dbt compile` and import target/manifest.json"
		} else if hasJinja(key) {
			r.why = key + ": the name is Jinja, a template: write the name, or run `dbt compile` and import " +
				"target/manifest.json"
		}
	}
	for _, at := range []*yaml.Node{importers.Under(n, "tags"), importers.Under(n, "config", "tags"), importers.Under(n, "config", "+tags")} {
		r.tags = append(r.tags, importers.Words(at)...)
	}
	for _, at := range []*yaml.Node{
		importers.Under(n, "config", "elementary"), importers.Under(n, "meta", "elementary"),
		importers.Under(n, "config", "meta", "elementary"),
	} {
		if at != nil {
			r.elementary = at
			r.timestamp = cmp.Or(importers.Word(importers.Under(at, "timestamp_column")), r.timestamp)
		}
	}
}

// without are the keys of a file that hold no rule of a table.
var without = []string{
	"version", "sources", "models", "seeds", "snapshots", "exposures", "metrics", "semantic_models", "macros", "groups",
	"saved_queries", "analyses", "anchors", "functions", "data_tests", "tests",
}

// readSchema reads the tests, contracts and freshness of a document.
func (p *project) readSchema(d document) {
	for _, f := range importers.Pairs(d.root) {
		switch {
		case f.Name == "unit_tests":
			for _, n := range importers.Items(f.Value) {
				p.out.Leave(d.file.At(n), "unit test "+importers.Word(importers.Under(n, "name")),
					"it tests the code of a model, not its rows")
			}
		case !contains(without, f.Name):
			p.out.Leave(d.file.At(f.Key), f.Name, "not known")
		}
	}
	for _, key := range resources {
		for _, n := range importers.Items(importers.Under(d.root, key)) {
			r := p.relations["ref "+importers.Word(importers.Under(n, "name"))]
			switch {
			case importers.Under(n, "versions") != nil:
				p.out.Leave(d.file.At(n), importers.Word(importers.Under(n, "name")), "it"+hasVersions)
			case r != nil:
				p.readTests(d, n, r)
				p.readContract(d, n, r)
			}
		}
	}
	for _, src := range importers.Items(importers.Under(d.root, "sources")) {
		name := importers.Word(importers.Under(src, "name"))
		for _, t := range importers.Items(importers.Under(src, "tables")) {
			r := p.relations["source "+name+"."+importers.Word(importers.Under(t, "name"))]
			p.readTests(d, t, r)
			p.readFreshness(d, src, t, r)
		}
	}
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// readTests reads the tests of a relation and of its columns.
func (p *project) readTests(d document, n *yaml.Node, r *relation) {
	for _, t := range testsOf(n) {
		p.readTest(d, t, r, "")
	}
	for _, c := range importers.Items(importers.Under(n, "columns")) {
		for _, t := range testsOf(c) {
			p.readTest(d, t, r, importers.Word(importers.Under(c, "name")))
		}
	}
}

// readTest reads one test: a name, a name with its arguments below it, or arguments with
// `test_name`.
func (p *project) readTest(d document, n *yaml.Node, r *relation, column string) {
	t := &test{on: r, column: column, at: d.file.At(n)}
	pairs := importers.Pairs(n)
	config := importers.Under(n, "config")
	switch {
	case n.Kind == yaml.ScalarNode:
		t.name = n.Value
	case importers.Under(n, "test_name") != nil:
		t.name, t.args = importers.Word(importers.Under(n, "test_name")), n
	case len(pairs) > 0:
		t.name, t.args = pairs[0].Name, pairs[0].Value
	}
	if t.name == "" {
		p.out.Leave(t.at, r.name, "a test without a name")
		return
	}
	t.configure(config, p.severity)
	p.tests = append(p.tests, t)
}

// configure reads the arguments and the configuration of a test. Newer versions of dbt keep
// arguments below `arguments`.
func (t *test) configure(beside *yaml.Node, severity string) {
	if nested := importers.Under(t.args, "arguments"); nested != nil {
		all := &yaml.Node{Kind: yaml.MappingNode, Line: t.args.Line}
		for _, n := range []*yaml.Node{t.args, nested} {
			for _, f := range importers.Pairs(n) {
				all.Content = append(all.Content, f.Key, f.Value)
			}
		}
		t.args = all
	}
	t.column = cmp.Or(t.column, importers.Word(importers.Under(t.args, "column_name")))
	for _, level := range []*yaml.Node{t.args, importers.Under(t.args, "config"), beside} {
		t.conf.over(level)
	}
	t.setsSeverity = t.conf.severity != ""
	t.conf.severity = cmp.Or(t.conf.severity, severity)
}

// over takes the settings that a mapping has.
func (c *testConfig) over(n *yaml.Node) {
	for _, f := range importers.Pairs(n) {
		word := importers.Word(f.Value)
		to, known := map[string]*string{
			"severity": &c.severity, "warn_if": &c.warnIf, "error_if": &c.errorIf, "where": &c.where, "limit": &c.limit,
			"fail_calc": &c.failCalc, "store_failures": &c.storeFailures, "enabled": &c.enabled,
		}[strings.TrimPrefix(f.Name, "+")]
		if known && word != "" {
			*to = word
		}
	}
}
