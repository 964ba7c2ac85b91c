package odcs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Contract is a contract as its tables and checks.
type Contract struct {
	Version     string
	VersionLine int
	// Tables are the objects, by schema.table. A column is nullable unless it is required.
	Tables map[string]*warehouse.Table
	importers.Imported
}

// Load reads one contract. Its error says that it cannot be read.
func Load(f importers.File) (Contract, error) {
	out := Contract{Tables: map[string]*warehouse.Table{}}
	roots, err := importers.Parse(f)
	if err != nil {
		return out, err
	}
	root := roots[0]
	if version := importers.Word(importers.Under(root, "apiVersion")); !strings.HasPrefix(version, "v3.") {
		return out, fmt.Errorf("%s: apiVersion is %q: want v3.0 or v3.1 of ODCS", f.Name, version)
	}
	if at := importers.Under(root, "version"); at != nil {
		out.Version, out.VersionLine = importers.Word(at), at.Line
	}
	c := &contract{file: f, tables: map[string]string{}}
	c.read(root)
	for _, o := range importers.Items(importers.Under(root, "schema")) {
		t := &warehouse.Table{TableName: warehouse.TableName{Name: c.tableOf(o)}}
		for _, n := range importers.Items(importers.Under(o, "properties")) {
			native := cmp.Or(importers.Word(importers.Under(n, "physicalType")), importers.Word(importers.Under(n, "logicalType")))
			column := warehouse.Column{Name: cmp.Or(importers.Word(importers.Under(n, "physicalName")),
				importers.Word(importers.Under(n, "name"))), Type: warehouse.ParseType(native), Position: len(t.Columns) + 1}
			column.Nullable = !isTrue(n, "required") && !isTrue(n, "primaryKey")
			t.Columns = append(t.Columns, column)
		}
		out.Tables[t.Name] = t
	}
	out.Imported, err = importers.Import("odcs", []importers.File{f}, importers.Options{})
	return out, err
}
