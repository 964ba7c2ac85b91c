// Package odcs reads data contracts of the Open Data Contract Standard, version 3.
// https://bitol-io.github.io/open-data-contract-standard
package odcs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { importers.Register("odcs", read) }

// contract is a contract that is being read.
type contract struct {
	file   importers.File
	out    importers.Imported
	schema string // of the server; "" if it names none
	tables map[string]string
}

func read(files []importers.File, _ importers.Options) (importers.Imported, error) {
	var all importers.Imported
	for _, f := range files {
		roots, err := importers.Parse(f)
		if err != nil {
			return all, err
		}
		for _, root := range roots {
			c := &contract{file: f, tables: map[string]string{}}
			c.read(root)
			all.Datasets = append(all.Datasets, c.out.Datasets...)
			all.Taken = append(all.Taken, c.out.Taken...)
			all.Left = append(all.Left, c.out.Left...)
			all.Remarks = append(all.Remarks, c.out.Remarks...)
		}
	}
	return all, nil
}

func (c *contract) read(root *yaml.Node) {
	if version := importers.Word(importers.Under(root, "apiVersion")); !strings.HasPrefix(version, "v3.") {
		c.out.Leave(c.file.At(root), "the file", "apiVersion is "+strconv.Quote(version)+": want v3.0 or v3.1 of ODCS")
		return
	}
	for _, server := range importers.Items(importers.Under(root, "servers")) {
		c.schema = cmp.Or(c.schema, importers.Word(importers.Under(server, "schema")))
	}
	objects := importers.Items(importers.Under(root, "schema"))
	for _, o := range objects {
		c.tables[importers.Word(importers.Under(o, "name"))] = c.tableOf(o)
	}
	for _, o := range objects {
		c.object(o)
	}
	c.levels(root)
	for _, o := range objects {
		tags := slices.Concat(importers.Words(importers.Under(root, "tags")), importers.Words(importers.Under(o, "tags")))
		c.out.Tag(c.file.At(o), c.tableOf(o), tags)
	}
}

// tableOf returns the table of an object. A physical name may hold its schema.
func (c *contract) tableOf(o *yaml.Node) string {
	name := cmp.Or(importers.Word(importers.Under(o, "physicalName")), importers.Word(importers.Under(o, "name")))
	if parts := strings.Split(name, "."); len(parts) == 2 {
		return importers.TableName(parts[0], parts[1])
	}
	return importers.TableName(c.schema, name)
}

// property is one column.
type property struct {
	name  string
	node  *yaml.Node
	table string
}

func (c *contract) object(o *yaml.Node) {
	table := c.tableOf(o)
	var declared importers.Fields
	var keys []property
	for _, n := range importers.Items(importers.Under(o, "properties")) {
		p := property{node: n, table: table}
		p.name = cmp.Or(importers.Word(importers.Under(n, "physicalName")), importers.Word(importers.Under(n, "name")))
		native := importers.Word(importers.Under(n, "physicalType"))
		if wrong, sure := warehouse.CheckType(nil, native); sure && native != "" {
			c.out.Leave(c.file.At(n), table+": physicalType of "+p.name, wrong)
			native = ""
		}
		if native == "" {
			declared = append(declared, importers.Field{Name: p.name, Value: importers.Plain("null")})
		} else {
			declared.Set(p.name, native)
		}
		if isTrue(n, "primaryKey") {
			keys = append(keys, p)
		}
		c.column(p)
	}
	if len(declared) > 0 {
		check := importers.Check{Kind: "schema"}
		check.Keys.Set("columns", declared)
		check.Keys.Set("extra", importers.Plain("ignore"))
		check.Keys.Set("type_widened", importers.Plain("fail"))
		c.out.Take(c.file.At(o), table, "properties", check)
	}
	c.primaryKey(table, keys)
	for _, q := range importers.Items(importers.Under(o, "quality")) {
		c.quality(table, "", q)
	}
	for _, r := range importers.Items(importers.Under(o, "relationships")) {
		c.relationship(table, importers.Words(importers.Under(r, "from")), r)
	}
}

func isTrue(n *yaml.Node, key string) bool {
	return strings.EqualFold(importers.Word(importers.Under(n, key)), "true")
}

// column reads what a property says of its values.
func (c *contract) column(p property) {
	at := c.file.At(p.node)
	of := func(kind string) importers.Check {
		check := importers.Check{Kind: kind}
		check.Keys.Set("column", p.name)
		return check
	}
	if isTrue(p.node, "required") {
		c.out.Take(at, p.table, "required("+p.name+")", of("missing"))
	}
	if isTrue(p.node, "unique") {
		c.out.Take(at, p.table, "unique("+p.name+")", of("duplicate"))
	}
	c.options(p, of("invalid"))
	for _, q := range importers.Items(importers.Under(p.node, "quality")) {
		c.quality(p.table, p.name, q)
	}
	for _, r := range importers.Items(importers.Under(p.node, "relationships")) {
		c.relationship(p.table, []string{p.name}, r)
	}
	for _, key := range []string{"properties", "items"} {
		if at := importers.Under(p.node, key); at != nil {
			c.out.Leave(c.file.At(at), p.table+": "+key+" of "+p.name, "values inside of a column are not looked at")
		}
	}
}

// primaryKey reads the columns of the primary key: none is missing, and together they differ.
func (c *contract) primaryKey(table string, keys []property) {
	if len(keys) == 0 {
		return
	}
	slices.SortStableFunc(keys, func(a, b property) int { return position(a.node) - position(b.node) })
	var names []string
	var checks []importers.Check
	for _, p := range keys {
		names = append(names, p.name)
		check := importers.Check{Kind: "missing"}
		check.Keys.Set("column", p.name)
		checks = append(checks, check)
	}
	check := importers.Check{Kind: "duplicate"}
	if len(names) == 1 {
		check.Keys.Set("column", names[0])
	} else {
		check.Keys.Set("columns", names)
	}
	c.out.Take(c.file.At(keys[0].node), table, "primaryKey("+strings.Join(names, ", ")+")", append(checks, check)...)
}

func position(n *yaml.Node) int {
	i, err := strconv.Atoi(importers.Word(importers.Under(n, "primaryKeyPosition")))
	if err != nil {
		return 0
	}
	return i
}

// relationship reads a foreign key: `to` names columns as object.property.
func (c *contract) relationship(table string, from []string, n *yaml.Node) {
	at, what := c.file.At(n), "relationship("+strings.Join(from, ", ")+")"
	var names []string
	other := ""
	for _, text := range importers.Words(importers.Under(n, "to")) {
		i := strings.LastIndexAny(text, "./")
		if i < 0 || other != "" && other != text[:i] {
			c.out.Leave(at, table+": "+what, "want `to` as object.property: "+text)
			return
		}
		other, names = text[:i], append(names, text[i+1:])
	}
	for i, name := range from {
		from[i] = name[strings.LastIndex(name, ".")+1:]
	}
	if other == "" || len(names) != len(from) {
		c.out.Leave(at, table+": "+what, "`from` and `to` name different numbers of columns")
		return
	}
	target := cmp.Or(c.tables[other], importers.TableName(c.schema, other))
	c.out.Take(at, table, what, importers.Reference(from, target, names))
}
