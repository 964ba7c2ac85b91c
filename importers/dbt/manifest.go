package dbt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// manifest is what is read of target/manifest.json. Its values are without Jinja after
// `dbt compile`.
type manifest struct {
	Nodes     map[string]node            `json:"nodes"`
	Sources   map[string]node            `json:"sources"`
	Disabled  map[string][]node          `json:"disabled"`
	UnitTests map[string]json.RawMessage `json:"unit_tests"`
}

// node is a model, seed, snapshot, source or test.
type node struct {
	Name         string         `json:"name"`
	SourceName   string         `json:"source_name"`
	ResourceType string         `json:"resource_type"`
	Version      any            `json:"version"` // of a model: a number or a text
	Latest       any            `json:"latest_version"`
	Schema       string         `json:"schema"`
	Alias        string         `json:"alias"`
	Identifier   string         `json:"identifier"`
	File         string         `json:"original_file_path"`
	Tags         []string       `json:"tags"`
	Config       map[string]any `json:"config"`
	Meta         map[string]any `json:"meta"`
	TestMetadata *struct {
		Name      string         `json:"name"`
		Namespace string         `json:"namespace"`
		Kwargs    map[string]any `json:"kwargs"`
	} `json:"test_metadata"`
	ColumnName    string `json:"column_name"`
	AttachedNode  string `json:"attached_node"`
	CompiledCode  string `json:"compiled_code"`
	CompiledSQL   string `json:"compiled_sql"`
	LoadedAtField string `json:"loaded_at_field"`
	LoadedAtQuery string `json:"loaded_at_query"`
	Freshness     any    `json:"freshness"`
	Columns       map[string]struct {
		Name        string `json:"name"`
		DataType    string `json:"data_type"`
		Constraints []any  `json:"constraints"`
	} `json:"columns"`
	Constraints []any `json:"constraints"`
	DependsOn   struct {
		Nodes  []string `json:"nodes"`
		Macros []string `json:"macros"`
	} `json:"depends_on"`
}

func (p *project) readManifest(f importers.File) error {
	var m manifest
	if err := json.Unmarshal(f.Data, &m); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	p.manifest = true
	tables := map[string]*relation{}
	for _, nodes := range []map[string]node{m.Nodes, m.Sources} {
		for id, n := range nodes {
			if r := n.relation(); r != nil {
				tables[id] = r
				p.relations[n.reference()] = r
				if n.version() != "" && n.version() == fmt.Sprint(n.Latest) {
					p.relations["ref "+n.Name] = r
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.Nodes)) {
		n := m.Nodes[id]
		switch {
		case n.ResourceType == "test":
			p.manifestTest(n, tables)
		case tables[id] != nil:
			p.manifestContract(n, tables[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.Sources)) {
		p.manifestFreshness(m.Sources[id], tables[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.UnitTests)) {
		p.out.Leave(importers.Place{File: f.Name}, id, "it tests the code of a model, not its rows")
	}
	for _, id := range slices.Sorted(maps.Keys(m.Disabled)) {
		p.out.Leave(importers.Place{File: f.Name}, id, "it is disabled in dbt")
	}
	return nil
}

// relation returns the table of a node; nil if it has none.
func (n node) relation() *relation {
	r := &relation{name: n.Name, schema: n.Schema, table: n.Alias, at: importers.Place{File: n.File}}
	switch n.ResourceType {
	case "model", "seed", "snapshot":
	case "source":
		r.name, r.table = n.SourceName+"."+n.Name, n.Identifier
	default:
		return nil
	}
	if r.table == "" {
		r.table = n.Name
		if n.version() != "" {
			r.table += "_v" + strings.ReplaceAll(n.version(), ".", "_")
		}
	}
	if n.version() != "" {
		r.name += ".v" + n.version()
	}
	if n.Config["materialized"] == "ephemeral" {
		r.why = "the model is ephemeral: it has no table"
	}
	r.look(toNode(map[string]any{"config": n.Config, "meta": n.Meta, "tags": n.Tags}))
	return r
}

// reference is how tests name the node.
func (n node) reference() string {
	if n.ResourceType == "source" {
		return "source " + n.SourceName + "." + n.Name
	}
	return versionOf(n.Name, n.version())
}

// version returns the version of a model; "" if it has none.
func (n node) version() string {
	if n.Version == nil {
		return ""
	}
	return fmt.Sprint(n.Version)
}

// toNode writes a value as YAML, which the readers of files understand.
func toNode(value any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return nil
	}
	return &n
}

// manifestTest reads a generic or singular test.
func (p *project) manifestTest(n node, tables map[string]*relation) {
	t := &test{name: n.Name, column: n.ColumnName, at: importers.Place{File: n.File}, compiled: n.CompiledCode}
	if t.compiled == "" {
		t.compiled = n.CompiledSQL
	}
	if m := n.TestMetadata; m != nil {
		if t.name = m.Name; m.Namespace != "" {
			t.name = m.Namespace + "." + m.Name
		}
		t.args = toNode(m.Kwargs)
		t.own = m.Namespace == "" && slices.ContainsFunc(n.DependsOn.Macros, func(id string) bool {
			return strings.HasSuffix(id, ".test_"+m.Name) && !strings.HasPrefix(id, "macro.dbt.")
		})
		if text, is := m.Kwargs["model"].(string); is && n.AttachedNode == "" {
			if found := refInside().FindStringSubmatch(text); found != nil {
				t.on = p.find(found[1])
			} else if at := modelIn().FindStringSubmatch(text); at != nil {
				t.on = p.find(at[1])
			}
		}
	}
	if t.on == nil {
		t.on = tables[n.AttachedNode]
	}
	for _, id := range n.DependsOn.Nodes {
		if t.on == nil {
			t.on = tables[id]
		}
	}
	if t.on == nil {
		p.out.Leave(t.at, t.name, "the manifest does not say of which table it is")
		return
	}
	t.configure(toNode(n.Config), p.severity)
	if n.TestMetadata == nil {
		t.args = nil
	}
	p.tests = append(p.tests, t)
}

// modelIn finds the reference in {{ get_where_subquery(ref('orders')) }}.
var modelIn = pattern(`((?:ref|source)\([^()]*\))`)

// manifestContract reads the contract of a model.
func (p *project) manifestContract(n node, r *relation) {
	columns := []any{}
	for _, key := range slices.Sorted(maps.Keys(n.Columns)) {
		c := n.Columns[key]
		one := map[string]any{"name": c.Name, "data_type": c.DataType, "constraints": c.Constraints}
		columns = append(columns, one)
	}
	root := toNode(map[string]any{"config": n.Config, "columns": columns, "constraints": n.Constraints})
	p.readContract(document{file: importers.File{Name: n.File}}, root, r)
}

func (p *project) manifestFreshness(n node, r *relation) {
	f := freshness{limits: toNode(n.Freshness), column: n.LoadedAtField, query: n.LoadedAtQuery}
	if n.Freshness == nil || period(f.limits, "warn_after")+period(f.limits, "error_after") == 0 {
		return
	}
	if enabled, is := n.Config["enabled"].(bool); is && !enabled {
		p.out.Leave(r.at, r.name, "it is disabled in dbt")
		return
	}
	p.freshness(importers.Place{File: strings.TrimSpace(n.File)}, r, f)
}
