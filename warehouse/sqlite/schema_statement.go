package sqlite

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// SchemaStatement implements warehouse.SchemaWriter. The engine alters little: most changes
// copy a table, which takes several statements.
func (d Dialect) SchemaStatement(c *warehouse.SchemaChange) string {
	if c.Have.Kind != warehouse.BaseTable {
		return ""
	}
	switch c.Kind {
	case sentinel.ColumnAdded, sentinel.ColumnRemoved:
		if c.HaveColumn == nil && c.WantColumn != nil {
			return addColumn(c)
		}
	case sentinel.ColumnRenamed:
		if c.HaveColumn != nil && c.WantColumn != nil {
			return c.Alter() + "RENAME COLUMN " + c.Name(c.HaveColumn.Name) + " TO " + c.Name(c.WantColumn.Name)
		}
	case sentinel.IndexAdded, sentinel.IndexRemoved, sentinel.UniqueChanged:
		return index(c)
	case sentinel.TriggerChanged:
		have := c.Have.Detail(warehouse.TriggerPart, c.Object, "definition").Value
		want := c.Want.Detail(warehouse.TriggerPart, c.Object, "definition").Value
		switch {
		case want == "":
			return "DROP TRIGGER " + c.Qualified(c.Have.Schema, c.Object)
		case have == "":
			return want
		}
	}
	return ""
}

// addColumn adds a column, which must not be computed into the file. A table with rows
// refuses one that is NOT NULL without a default.
func addColumn(c *warehouse.SchemaChange) string {
	want := c.WantColumn
	fact := func(name string) string { return c.Want.Detail(warehouse.ColumnPart, want.Name, name).Value }
	text := want.Type.Native
	if collation := fact("collation"); collation != "" {
		text += " COLLATE " + c.Name(collation)
	}
	switch {
	case c.Want.PrimaryKey != nil && slices.Contains(c.Want.PrimaryKey.Columns, want.Name):
		return ""
	case want.Generated != "" && (fact("kept") != "virtual" || fact("expression") == ""):
		return ""
	case want.Generated != "":
		text += " GENERATED ALWAYS AS (" + fact("expression") + ") VIRTUAL"
	case want.Default != "" && !warehouse.ConstantExpression(want.Default):
		return ""
	case want.Default != "":
		text += " DEFAULT " + want.Default
	}
	return warehouse.AddColumnStatement(c.Table(), c.Name(want.Name), strings.TrimSpace(text), want.Nullable)
}

// index drops or creates an index. That of a constraint belongs to the table.
func index(c *warehouse.SchemaChange) string {
	have, want := c.Have.IndexNamed(c.Object), c.Want.IndexNamed(c.Object)
	switch {
	case strings.HasPrefix(c.Object, "sqlite_autoindex_") || c.Object == "rowid":
	case have != nil && want == nil:
		return "DROP INDEX " + c.Qualified(c.Have.Schema, c.Object)
	case have == nil && want != nil && want.Definition != "":
		create := "CREATE INDEX "
		if want.Unique {
			create = "CREATE UNIQUE INDEX "
		}
		return create + c.Qualified(c.Have.Schema, want.Name) + " ON " + c.Name(c.Have.Name) + " " + want.Definition
	}
	return ""
}
