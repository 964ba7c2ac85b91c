package dbt

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// macro is a generic test of the project: its parameters, and the SQL of its rows as a template.
type macro struct {
	parameters []parameter
	body       string
	twice      bool // several files define it, each in its own way
}

// parameter is a parameter of a macro. Its default is as it is written; "" if it has none.
type parameter struct{ name, or string }

var (
	// The groups are the name, the parameters and the body.
	testBlock = pattern(
		`(?s)\{%-?\s*(?:test\s+|macro\s+test_)(\w+)\s*\((.*?)\)\s*-?%\}(.*?)\{%-?\s*end(?:test|macro)\s*-?%\}`,
	)
	comment   = pattern(`(?s)\{#.*?#\}`)
	errorOnly = pattern(`\{\{-?\s*config\(\s*severity\s*=\s*['"]error['"]\s*,?\s*\)\s*-?\}\}`)
	loop      = pattern(`(?s)\{%-?\s*for\s+(\w+)\s+in\s+(\w+)\s*-?%\}(.*?)\{%-?\s*endfor\s*-?%\}`)
	notLast   = pattern(`(?s)\{%-?\s*if\s+not\s+loop\.last\s*-?%\}(.*?)\{%-?\s*endif\s*-?%\}`)
	printed   = pattern(`\{\{-?\s*(.*?)\s*-?\}\}`)
	anyMacro  = pattern(`\{%-?\s*(?:macro|test|materialization)\s`)
	argument  = pattern(`^(\w+)(?:\s*=\s*(.+))?$`)
	scalar    = pattern(`^(?:-?\d+(?:\.\d+)?|'([^'\\]*)'|"([^"\\]*)")$`)
)

// readSQL reads the generic tests that a file of SQL defines, or the singular test that it is.
func (p *project) readSQL(f importers.File) {
	text := comment().ReplaceAllString(string(f.Data), "")
	found := testBlock().FindAllStringSubmatch(text, -1)
	if found == nil && p.inTests(f.Name) && !anyMacro().MatchString(text) {
		p.singular = append(p.singular, importers.File{Name: f.Name, Data: []byte(text)})
	}
	for _, m := range found {
		one := &macro{body: m[3]}
		for _, text := range splitArguments(m[2]) {
			if arg := argument().FindStringSubmatch(text); arg != nil {
				one.parameters = append(one.parameters, parameter{arg[1], strings.TrimSpace(arg[2])})
			}
		}
		if other := p.macros[m[1]]; other != nil {
			one.twice = other.twice || other.body != one.body
		}
		p.macros[m[1]] = one
	}
}

// splitArguments divides a list at its commas, but for those within brackets.
func splitArguments(text string) (out []string) {
	depth, from := 0, 0
	for i, r := range text {
		switch r {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(text[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}

// statement returns the statement of a test that the project defines itself; "" if it holds more
// of Jinja than parameters, tables, variables and loops over a parameter.
func (p *project) statement(t *test) string {
	m := p.macros[t.name]
	if m == nil || m.twice || t.conf.where != "" || m.has("table") {
		return ""
	}
	known := true
	if errorOnly().MatchString(m.body) && !t.setsSeverity {
		t.conf.severity = "error"
	}
	body := errorOnly().ReplaceAllString(m.body, "")
	body = loop().ReplaceAllStringFunc(body, func(text string) string {
		part := loop().FindStringSubmatch(text)
		items := importers.Items(p.listOf(importers.Under(t.args, part[2])))
		known = known && len(items) > 0 && m.has(part[2])
		var out strings.Builder
		for i, item := range items {
			one := notLast().ReplaceAllString(part[3], "$1")
			if i == len(items)-1 {
				one = notLast().ReplaceAllString(part[3], "")
			}
			value, ok := p.asText(item)
			known = known && ok
			out.WriteString(regexp.MustCompile(`\{\{-?\s*`+part[1]+`\s*-?\}\}`).ReplaceAllLiteralString(one, value))
		}
		return out.String()
	})
	body = printed().ReplaceAllStringFunc(body, func(text string) string {
		if strings.HasPrefix(text, "{{table ") { // a table of the loop
			return text
		}
		value, ok := p.print(t, m, printed().FindStringSubmatch(text)[1])
		if known = known && ok; !ok {
			return text
		}
		return value
	})
	if !known || strings.Contains(body, "{%") {
		return ""
	}
	return strings.TrimSpace(body)
}

// takeSingular takes over a test that is a file with a statement: that of the first table in it.
func (p *project) takeSingular(f importers.File) {
	text := errorOnly().ReplaceAllString(string(f.Data), "")
	name := strings.TrimSuffix(path.Base(filepath.ToSlash(f.Name)), ".sql")
	t := &test{name: name, at: importers.Place{File: f.Name}, singular: true}
	for _, m := range printed().FindAllStringSubmatch(text, -1) {
		if t.on == nil {
			t.on = p.find(m[1])
		}
	}
	if t.on == nil {
		p.out.Leave(t.at, "singular test: "+name, "it names no table by ref() or source()")
		return
	}
	t.conf.severity = p.severity
	if errorOnly().Match(f.Data) {
		t.conf.severity = "error"
	}
	if text = strings.TrimSpace(p.plain(text)); !hasJinja(text) {
		t.compiled = text
	}
	p.tests = append(p.tests, t)
}

func (m *macro) has(name string) bool {
	for _, one := range m.parameters {
		if one.name == name {
			return true
		}
	}
	return false
}

// print returns what an expression prints: a parameter, a table or a variable.
func (p *project) print(t *test, m *macro, expression string) (text string, ok bool) {
	switch {
	case expression == "model":
		return importers.From(""), true
	case expression == "column_name" && m.has(expression):
		return t.column, t.column != ""
	}
	for _, one := range m.parameters {
		switch n := importers.Under(t.args, one.name); {
		case one.name != expression:
		case n != nil:
			return p.asText(n)
		case scalar().MatchString(one.or):
			return strings.Trim(one.or, `'"`), true
		default:
			return "", false
		}
	}
	return p.asText(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "{{ " + expression + " }}"})
}

// asText returns a value as Jinja prints it: a table for a reference.
func (p *project) asText(n *yaml.Node) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!bool" || importers.IsNull(n) {
		return "", false
	}
	if r := p.find(n.Value); r != nil {
		return importers.OtherTable(r.named()), r.why == ""
	}
	text = p.plain(n.Value)
	return text, !hasJinja(text)
}
