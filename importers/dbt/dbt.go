// Package dbt reads the tests, contracts and freshness of a dbt project: from the files that
// describe models and sources, or from target/manifest.json, in which no Jinja is left.
//
// Begin with test.go, which says what a test is, then core.go and packages.go, which say what
// the tests of dbt and of its packages become.
package dbt

import (
	"bytes"
	"cmp"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

func init() { importers.Register("dbt", read) }

func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// project is what is known of a dbt project.
type project struct {
	out       importers.Imported
	options   importers.Options
	relations map[string]*relation  // by "ref NAME" and "source SOURCE.NAME"
	vars      map[string]string     // of dbt_project.yml
	lists     map[string]*yaml.Node // those of its variables that are lists
	severity  string                // default of the tests, of dbt_project.yml
	macros    map[string]*macro     // generic tests of the project, by name
	singular  []importers.File      // its tests that are statements
	tests     []*test
	folders   []folderSetting
	layouts   []layout
	manifest  bool // tests come from a manifest, in which names are resolved
}

// relation is a model, seed, snapshot or source table.
type relation struct {
	name   string // as dbt calls it: orders, or raw.orders of a source
	schema string // "": that of the target
	table  string
	why    string // why the table is not known; "" if it is
	off    bool   // disabled in dbt
	// timestamp is the column by which Elementary reads time.
	timestamp string
	tags      []string
	// elementary holds the settings of Elementary's tests.
	elementary *yaml.Node
	at         importers.Place
}

// named returns the table's name. The schema of the target is added when it is written.
func (r *relation) named() string { return importers.TableName(r.schema, r.table) }

func read(files []importers.File, o importers.Options) (importers.Imported, error) {
	p := &project{options: o, relations: map[string]*relation{}, vars: map[string]string{}, lists: map[string]*yaml.Node{},
		macros: map[string]*macro{}}
	if err := p.readProjects(files); err != nil {
		return p.out, err
	}
	var schemas []document
	for _, f := range files {
		if isProject(f) {
			continue
		}
		if filepath.Ext(f.Name) == ".json" && bytes.Contains(f.Data, []byte(`"nodes"`)) {
			if err := p.readManifest(f); err != nil {
				return p.out, err
			}
			continue
		}
		if filepath.Ext(f.Name) == ".sql" {
			p.readSQL(f)
			continue
		}
		roots, err := importers.Parse(f)
		if err != nil {
			return p.out, err
		}
		for _, root := range roots {
			schemas = append(schemas, document{f, root})
		}
	}
	for _, d := range schemas {
		p.register(d)
	}
	for _, d := range schemas {
		p.readSchema(d)
	}
	for _, f := range p.singular {
		p.takeSingular(f)
	}
	p.remarkFolders()
	for _, t := range p.tests {
		p.take(t)
	}
	tagged := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(p.relations)) { // a model and its latest version are one table
		if r := p.relations[key]; !tagged[r.named()] {
			tagged[r.named()] = true
			p.out.Tag(r.at, r.named(), r.tags)
		}
	}
	return p.out, nil
}

// isProject reports whether a file is a dbt_project.yml.
func isProject(f importers.File) bool {
	return strings.HasPrefix(filepath.Base(f.Name), "dbt_project.")
}

// readProjects reads what the other files must be read with.
func (p *project) readProjects(files []importers.File) error {
	for _, f := range files {
		if !isProject(f) {
			continue
		}
		roots, err := importers.Parse(f)
		if err != nil {
			return err
		}
		for _, root := range roots {
			p.layouts = append(p.layouts, readLayout(f, root))
			p.readProject(f, root)
		}
	}
	return nil
}

// readProject reads the variables and the severity of tests of dbt_project.yml.
func (p *project) readProject(f importers.File, root *yaml.Node) {
	name := importers.Word(importers.Under(root, "name"))
	for _, level := range []*yaml.Node{importers.Under(root, "vars"), importers.Under(root, "vars", name)} {
		for _, v := range importers.Pairs(level) {
			switch v.Value.Kind {
			case yaml.ScalarNode:
				p.vars[v.Name] = v.Value.Value
			case yaml.SequenceNode:
				p.lists[v.Name] = v.Value
			}
		}
	}
	for _, key := range []string{"tests", "data_tests"} {
		p.readFolder(folder{file: f, project: name, path: key}, importers.Under(root, key))
		for _, level := range []*yaml.Node{importers.Under(root, key), importers.Under(root, key, name)} {
			for _, word := range []string{"+severity", "severity"} {
				if s := importers.Word(importers.Under(level, word)); s != "" {
					p.severity = s
				}
			}
		}
	}
}

var (
	callOfVar = pattern(`\{\{\s*var\(\s*['"](\w+)['"]\s*(?:,\s*['"]?([^'")]*)['"]?\s*)?\)\s*\}\}`)
	callOfEnv = pattern(`\{\{\s*env_var\(\s*['"](\w+)['"]\s*(?:,\s*['"]([^'"]*)['"]\s*)?\)\s*\}\}`)
	callOfRef = pattern(`^(?:\{\{)?\s*ref\(\s*(?:['"][\w.-]+['"]\s*,\s*)?['"]([\w.-]+)['"](?:\s*,\s*v(?:ersion)?\s*=\s*['"]?([\w.-]+)['"]?)?\s*\)\s*(?:\}\})?$`)
	callOfSrc = pattern(`^(?:\{\{)?\s*source\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)\s*(?:\}\})?$`)
	refInside = pattern(`\{\{\s*((?:ref|source)\([^{}]*\))\s*\}\}`)
)

// plain replaces variables of the project, defaults of those of the environment, and references to
// tables, in a text.
func (p *project) plain(text string) string {
	text = callOfEnv().ReplaceAllStringFunc(text, func(call string) string {
		return cmp.Or(callOfEnv().FindStringSubmatch(call)[2], call)
	})
	text = callOfVar().ReplaceAllStringFunc(text, func(call string) string {
		m := callOfVar().FindStringSubmatch(call)
		if v, known := p.vars[m[1]]; known {
			return v
		}
		if m[2] != "" {
			return m[2]
		}
		return call
	})
	return refInside().ReplaceAllStringFunc(text, func(call string) string {
		if r := p.find(refInside().FindStringSubmatch(call)[1]); r != nil && r.why == "" {
			return importers.OtherTable(r.named())
		}
		return call
	})
}

// listOf returns the list that a node is or names: a variable of the project.
func (p *project) listOf(n *yaml.Node) *yaml.Node {
	if m := callOfVar().FindStringSubmatch(importers.Word(n)); m != nil && m[0] == strings.TrimSpace(importers.Word(n)) {
		if list := p.lists[m[1]]; list != nil {
			return list
		}
	}
	return n
}

// find returns the relation of ref('x') or source('a', 'b'). A model of another file that was
// not given has its own name in the schema of the target. nil: the text is no reference.
func (p *project) find(text string) *relation {
	text = strings.TrimSpace(text)
	if m := callOfRef().FindStringSubmatch(text); m != nil {
		if r := p.relations[versionOf(m[1], m[2])]; r != nil {
			return r
		}
		if m[2] != "" {
			return &relation{name: m[1], table: m[1], why: m[1] + hasVersions}
		}
		return &relation{name: m[1], table: m[1]}
	}
	if m := callOfSrc().FindStringSubmatch(text); m != nil {
		if r := p.relations["source "+m[1]+"."+m[2]]; r != nil {
			return r
		}
		return &relation{name: m[1] + "." + m[2], schema: m[1], table: m[2]}
	}
	return nil
}

// versionOf returns the reference to a version of a model; "" is the latest one.
func versionOf(name, version string) string {
	if version == "" {
		return "ref " + name
	}
	return "ref " + name + " v" + version
}

const hasVersions = " has versions, each with a table of its own: run `dbt compile` and import target/manifest.json"

// hasJinja reports whether a template is left in a text.
func hasJinja(text string) bool {
	text = strings.ReplaceAll(text, "{{table", "")
	return strings.Contains(text, "{{") || strings.Contains(text, "{%")
}

const compileFirst = "it holds Jinja: run `dbt compile` and import target/manifest.json"
