package dbt

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// test is one data test of a relation.
type test struct {
	name   string // not_null, dbt_utils.accepted_range
	column string // "" for a test of the relation
	args   *yaml.Node
	on     *relation
	at     importers.Place
	conf   testConfig
	// setsSeverity means that the severity is not the default of the project.
	setsSeverity bool
	// compiled is the statement that dbt sends; "" if it is not known.
	compiled string
	where    string // of conf, without Jinja
	singular bool   // it is a file with a statement
	own      bool   // a manifest says that its macro is one of the project
}

// testConfig is what every test may have.
type testConfig struct {
	severity, warnIf, errorIf, where, limit, failCalc, storeFailures, enabled string
}

// ignored are arguments that do not change what a test judges.
var ignored = []string{
	"name", "config", "arguments", "description", "meta", "tags", "test_name", "column_name", "model", "quote_columns",
	"additional_select_columns", "severity", "warn_if", "error_if", "where", "limit", "fail_calc", "store_failures",
	"store_failures_as", "enabled", "group", "docs", "schema", "database", "alias", "is_raw",
}

// kind is how a test is taken over.
type kind struct {
	// checks returns what the test becomes, or why it is left.
	checks func(p *project, t *test) (out []importers.Check, why string)
	args   string // the arguments that are understood, separated by blanks
}

// take takes over one test, or leaves it.
func (p *project) take(t *test) {
	what := t.on.name + ": " + t.said()
	out, why := p.checksOf(t)
	if why == "" {
		out, why = t.severe(out)
	}
	if why != "" {
		p.out.Leave(t.at, what, why)
		return
	}
	if t.conf.limit != "" {
		p.out.Remark(t.at, what, "all bad rows are counted, also beyond its limit")
	}
	for i := range out {
		if slices.ContainsFunc(out[i].Keys, func(f importers.Field) bool { return f.Name == "query" }) {
			out[i].Keys.Set("name", t.said())
		}
	}
	p.out.Take(t.at, t.on.named(), t.said(), out...)
}

// said names a test with its column: unique(id).
func (t *test) said() string {
	name := t.name
	if own := importers.Word(importers.Under(t.args, "name")); own != "" && t.name == "" {
		name = own
	}
	if t.column != "" {
		return name + "(" + t.column + ")"
	}
	return name
}

// checksOf returns what a test becomes, or why it is left.
func (p *project) checksOf(t *test) ([]importers.Check, string) {
	t.where = p.plain(t.conf.where)
	k, name := kindOf(t.name)
	if t.own || p.macros[t.name] != nil { // dbt takes a macro of the project before its own
		k = kind{}
	}
	if k.checks == nil && t.compiled == "" && !t.singular {
		t.compiled = p.statement(t)
	}
	switch {
	case strings.EqualFold(t.conf.enabled, "false"):
		return nil, "it is disabled in dbt"
	case t.on.off:
		return nil, t.on.name + " is disabled in dbt"
	case t.on.why != "":
		return nil, t.on.why
	case p.ofFolder(t) != "":
		return nil, p.ofFolder(t)
	case hasJinja(t.conf.enabled) && !p.manifest:
		return nil, "enabled: " + compileFirst
	case hasJinja(t.where):
		return t.ofCompiled("where: " + compileFirst)
	case k.checks == nil:
		switch {
		case t.singular:
			return t.ofCompiled(compileFirst)
		case p.macros[t.name] != nil:
			return t.ofCompiled("its macro has more Jinja than parameters: run `dbt compile` and import target/manifest.json")
		}
		return t.ofCompiled("the macro is not known: run `dbt compile` and import target/manifest.json")
	case !t.countsRows() && t.conf.failCalc != ownCalc[name]:
		return t.ofCompiled("fail_calc is a statement over the rows: run `dbt compile` and import target/manifest.json")
	}
	for _, a := range importers.Pairs(t.args) {
		if !slices.Contains(ignored, a.Name) && !slices.Contains(strings.Fields(k.args), a.Name) {
			return t.ofCompiled("its argument " + a.Name + " is not known")
		}
		if slices.Contains(strings.Fields(k.args), a.Name) && hasJinja(p.plain(a.Value.Value)) &&
			p.find(a.Value.Value) == nil && p.listOf(a.Value) == a.Value {
			return t.ofCompiled(a.Name + ": " + compileFirst)
		}
	}
	out, why := k.checks(p, t)
	if why != "" {
		return t.ofCompiled(why)
	}
	if name != t.name && why == "" {
		p.out.Remark(t.at, t.on.name+": "+t.said(), "taken as "+name+": a macro of the project may do something else")
	}
	return out, why
}

// countsRows reports whether the failures of a test are the rows of its statement.
func (t *test) countsRows() bool { return t.conf.failCalc == "" || t.conf.failCalc == "count(*)" }

// ofCompiled takes the statement that dbt sends. why is the reason if there is none.
func (t *test) ofCompiled(why string) ([]importers.Check, string) {
	text := strings.TrimRight(strings.TrimSpace(t.compiled), ";")
	if text == "" {
		return nil, why
	}
	if calc := t.conf.failCalc; !t.countsRows() {
		c := importers.Check{Kind: "sql", Fail: "!= 0"}
		c.Keys.Set("query", "SELECT "+calc+" FROM (\n"+text+"\n) failures")
		c.Keys.Set("on_null", importers.Plain("error"))
		return []importers.Check{c}, ""
	}
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("query", text)
	return []importers.Check{c}, ""
}

// word returns an argument without Jinja of variables and references.
func (p *project) word(t *test, name string) string {
	return p.plain(importers.Word(importers.Under(t.args, name)))
}

// words returns an argument that is a list.
func (t *test) words(name string) []string { return importers.Words(importers.Under(t.args, name)) }

// is reports whether an argument is true.
func (t *test) is(name string) bool {
	return strings.EqualFold(importers.Word(importers.Under(t.args, name)), "true")
}

// check begins a check of the test's column, and of the rows of its where.
func (t *test) check(kind string) importers.Check {
	c := importers.Check{Kind: kind}
	c.Keys.Set("column", strings.Trim(t.column, "\"`"))
	return c
}

// wanted returns why a test without a column is left.
func (t *test) wanted() string {
	if t.column == "" {
		return "it names no column"
	}
	if !importers.IsColumn(t.column) {
		return "its column is an expression: " + t.column
	}
	return ""
}

// rows adds the where of a test, and ends its check.
func (t *test) rows(c importers.Check, more ...string) ([]importers.Check, string) {
	c.Keys.Set("where", importers.And(append([]string{t.where}, more...)...))
	return []importers.Check{c}, ""
}

// query returns a check of the rows that a statement returns.
func query(text string) ([]importers.Check, string) {
	c := importers.Check{Kind: "failed_rows"}
	c.Keys.Set("query", text)
	return []importers.Check{c}, ""
}
