package sqlite

import (
	"fmt"
	"slices"
	"strconv"
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
	addDetail(t, warehouse.TablePart, "", warehouse.VirtualTableFact, d.virtual)
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
		if c.onNull != "" {
			addDetail(t, warehouse.ColumnPart, name, warehouse.OnConflictFact, "not null on conflict "+c.onNull)
		}
		if c.autoincrement {
			addDetail(t, warehouse.ColumnPart, name, warehouse.AutoincrementFact, "autoincrement")
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

// readConflicts adds to keys what happens to rows that break them. A key is found by its
// columns.
func readConflicts(t *warehouse.Table, d declaration) {
	for _, k := range d.conflicts {
		same := func(columns []string) bool { return slices.EqualFunc(columns, k.columns, strings.EqualFold) }
		value := "on conflict " + k.then
		if k.primary {
			addDetail(t, warehouse.PrimaryKeyPart, "", warehouse.OnConflictFact, value)
			continue
		}
		i := slices.IndexFunc(t.Indexes, func(ix warehouse.Index) bool {
			return strings.HasPrefix(ix.Name, "sqlite_autoindex_") && same(ix.Columns)
		})
		if i >= 0 {
			addDetail(t, warehouse.IndexPart, t.Indexes[i].Name, warehouse.OnConflictFact, value)
		}
	}
}

// readImplied adds to the foreign keys that name no columns the primary keys that they mean.
// The rows are those of all columns.
func readImplied(c *warehouse.Catalog, rows warehouse.Rows) {
	keys := map[string]map[string]string{}
	for _, r := range rows {
		if r[6].Text == "0" {
			continue
		}
		table := strings.ToLower(r[0].Text)
		if keys[table] == nil {
			keys[table] = map[string]string{}
		}
		keys[table][r[6].Text] = r[2].Text
	}
	for _, t := range c.Tables {
		for _, k := range t.ForeignKeys {
			key := keys[strings.ToLower(k.References.Name)]
			var columns []string
			for n := 1; n <= len(key); n++ {
				columns = append(columns, key[strconv.Itoa(n)])
			}
			if slices.Contains(k.RefColumns, "") && len(columns) == len(k.Columns) {
				t.Details = append(t.Details, warehouse.Detail{Part: warehouse.ForeignKeyPart, Name: k.Name,
					Fact: warehouse.ImpliedFact, Stored: strings.Join(columns, ",")})
			}
		}
	}
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
