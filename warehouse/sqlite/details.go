package sqlite

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// addDetail adds a fact unless it is empty.
func addDetail(t *warehouse.Table, part warehouse.Part, name, fact, value string) {
	if value != "" {
		t.Details = append(t.Details, warehouse.Detail{Part: part, Name: name, Fact: fact, Value: value})
	}
}

// readDeclared adds the facts of a table that only the text of its CREATE TABLE has.
func readDeclared(t *warehouse.Table, sql string) declaration {
	d := readDeclaration(sql)
	addDetail(t, warehouse.TablePart, "", "row options", d.options)
	for name, c := range d.columns {
		if c.collation != "binary" {
			addDetail(t, warehouse.ColumnPart, name, "collation", c.collation)
		}
		if c.expression != "" {
			kept := "virtual"
			if c.stored {
				kept = "stored"
			}
			addDetail(t, warehouse.ColumnPart, name, "expression", c.expression)
			addDetail(t, warehouse.ColumnPart, name, "kept", kept)
		}
	}
	for i, c := range d.checks {
		name := c.name
		if name == "" {
			name = fmt.Sprintf("check_%d", i)
		}
		addDetail(t, warehouse.CheckPart, name, "definition", c.text)
	}
	for i, when := range d.foreignKeys { // SQLite counts them from the last one
		addDetail(t, warehouse.ForeignKeyPart, fmt.Sprintf("fk_%d", len(d.foreignKeys)-1-i), "deferrable", when)
	}
	return d
}

// readIndexDetails adds the order and the collation of a column of an index, where they are
// not those of the column.
func readIndexDetails(t *warehouse.Table, d declaration, r []warehouse.Cell) {
	column, collation := r[5].Text, strings.ToLower(r[8].Text)
	of := d.columns[column].collation
	if of == "" {
		of = "binary"
	}
	if !r[8].Null && collation != of {
		addDetail(t, warehouse.IndexPart, r[1].Text, "collation of "+column, column+" collate "+collation)
	}
	if r[7].Text == "1" && r[6].Null {
		addDetail(t, warehouse.IndexPart, r[1].Text, "order of "+column, column+" desc")
	}
}
