package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// SchemaStatement implements warehouse.SchemaWriter.
func (d Dialect) SchemaStatement(c *warehouse.SchemaChange) string {
	kind := c.Have.Kind
	switch {
	case c.Kind == sentinel.ViewChanged:
		return replaceView(c)
	case c.Kind == sentinel.ViewOptionsChanged:
		return viewOptions(c)
	case c.Kind == sentinel.CommentChanged:
		return setComment(c)
	case c.Kind == sentinel.ColumnRenamed && c.HaveColumn != nil && c.WantColumn != nil:
		return renameColumn(c)
	case kind != warehouse.BaseTable && kind != warehouse.PartitionedTable:
		return ""
	case c.OfColumn:
		return columnStatement(c)
	}
	switch c.Kind {
	case sentinel.PrimaryKeyChanged:
		return primaryKey(c)
	case sentinel.UniqueChanged:
		return uniqueKey(c)
	case sentinel.ForeignKeyChanged:
		return constraint(c, c.Have.ForeignKeyNamed(c.Object) != nil, foreignKey(c))
	case sentinel.CheckChanged:
		return constraint(c, definition(c.Have, warehouse.CheckPart, c.Object) != "", checkOf(c))
	case sentinel.ExclusionChanged:
		return constraint(c, definition(c.Have, warehouse.ExclusionPart, c.Object) != "",
			definition(c.Want, warehouse.ExclusionPart, c.Object))
	case sentinel.IndexAdded, sentinel.IndexRemoved:
		return index(c)
	case sentinel.TriggerChanged:
		return trigger(c)
	case sentinel.RowSecurityChanged:
		return rowSecurity(c)
	case sentinel.InheritanceChanged:
		return inherit(c)
	case sentinel.StorageChanged:
		if persistence(c.Have) == "unlogged" && persistence(c.Want) == "" {
			return c.Alter() + "SET LOGGED"
		}
	}
	return ""
}

func persistence(t *warehouse.Table) string {
	return t.Detail(warehouse.TablePart, "", "persistence").Value
}

// relationWords are the kinds of relations as statements name them.
var relationWords = map[warehouse.TableKind]string{
	warehouse.BaseTable: "TABLE", warehouse.PartitionedTable: "TABLE", warehouse.View: "VIEW",
	warehouse.MaterializedView: "MATERIALIZED VIEW", warehouse.ForeignTable: "FOREIGN TABLE",
}

func renameColumn(c *warehouse.SchemaChange) string {
	return "ALTER " + relationWords[c.Have.Kind] + " " + c.Table() + " RENAME COLUMN " + c.Name(c.HaveColumn.Name) +
		" TO " + c.Name(c.WantColumn.Name)
}

func setComment(c *warehouse.SchemaChange) string {
	if c.OfColumn && c.HaveColumn != nil && c.WantColumn != nil {
		return "COMMENT ON COLUMN " + c.Table() + "." + c.Name(c.HaveColumn.Name) + " IS " + commentText(c.WantColumn.Comment)
	}
	if c.OfColumn {
		return ""
	}
	return "COMMENT ON " + relationWords[c.Have.Kind] + " " + c.Table() + " IS " + commentText(c.Want.Comment)
}

// commentText quotes a comment; NULL takes it away.
func commentText(text string) string {
	if text == "" {
		return "NULL"
	}
	return strings.TrimSpace(literal(text))
}

func columnStatement(c *warehouse.SchemaChange) string {
	have, want := c.HaveColumn, c.WantColumn
	switch {
	case want == nil:
		return "" // to drop the column would delete its values
	case have == nil:
		return addColumn(c)
	}
	alter := c.Alter() + "ALTER COLUMN " + c.Name(have.Name) + " "
	switch c.Kind {
	case sentinel.TypeChanged, sentinel.TypeNarrowed, sentinel.TypeWidened:
		if have.Generated == "" && want.Generated == "" && c.TypeIsSafe() {
			return setType(c, have.Name, want)
		}
	case sentinel.CollationChanged:
		if have.Type.Native == want.Type.Native || c.TypeIsSafe() {
			return setType(c, have.Name, want)
		}
	case sentinel.NullabilityLoosened, sentinel.NullabilityTightened:
		return setNullable(c)
	case sentinel.DefaultChanged:
		switch {
		case have.Default == want.Default: // the domain's default differs
			return ""
		case want.Default == "":
			return alter + "DROP DEFAULT"
		}
		return alter + "SET DEFAULT " + want.Default
	case sentinel.GeneratedChanged:
		return setGenerated(c, alter)
	case sentinel.IdentityChanged:
		return setSequence(c, alter)
	}
	return ""
}

// setType is the statement that gives a column its type and its collation.
func setType(c *warehouse.SchemaChange, column string, want *warehouse.Column) string {
	statement := alterType(c.Table(), c.Name(column), typeName(c, want))
	if want.Collation != "" {
		statement += " COLLATE " + c.Name(want.Collation)
	}
	return statement
}

func alterType(table, column, native string) string {
	return "ALTER TABLE " + table + " ALTER COLUMN " + column + " TYPE " + native
}

// typeName is the name of the wanted type. One of a user's own has its schema.
func typeName(c *warehouse.SchemaChange, want *warehouse.Column) string {
	own, _, _ := strings.Cut(c.Want.Detail(warehouse.ColumnPart, want.Name, "type").Value, ", ")
	schema, name, ok := strings.Cut(own, ".")
	if !ok || strings.Contains(name, ".") {
		return want.Type.Native
	}
	_, size, sized := strings.Cut(want.Type.Native, "(")
	if sized {
		return c.Qualified(schema, name) + "(" + size
	}
	return c.Qualified(schema, name)
}

// setNullable leaves out columns of a key, and those whose domain decides.
func setNullable(c *warehouse.SchemaChange) string {
	have, want := c.HaveColumn, c.WantColumn
	inKey := func(t *warehouse.Table, column string) bool {
		return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, column)
	}
	if have.Nullable == want.Nullable || inKey(c.Have, have.Name) || inKey(c.Want, want.Name) {
		return ""
	}
	drop, set := Dialect{}.DropNotNull(c.Table(), c.Name(have.Name))
	if want.Nullable {
		return drop
	}
	return set
}

// setGenerated changes how a column gets its values. A column that is to be an identity
// again would count from its first number.
func setGenerated(c *warehouse.SchemaChange, alter string) string {
	have, want := c.HaveColumn.Generated, c.WantColumn.Generated
	identity := map[string]string{"identity always": "ALWAYS", "identity by default": "BY DEFAULT"}
	kept := func(t *warehouse.Table, column string) string {
		return t.Detail(warehouse.ColumnPart, column, "kept").Value
	}
	switch {
	case identity[have] != "" && want == "":
		return alter + "DROP IDENTITY"
	case identity[have] != "" && identity[want] != "":
		return alter + "SET GENERATED " + identity[want]
	case have == "" || identity[have] != "" || identity[want] != "":
		return ""
	case want == "" && kept(c.Have, c.HaveColumn.Name) == "stored":
		return alter + "DROP EXPRESSION"
	case want == "" || kept(c.Have, c.HaveColumn.Name) != kept(c.Want, c.WantColumn.Name):
		return ""
	}
	if major, err := strconv.Atoi(strings.TrimPrefix(c.Have.Server, "PostgreSQL ")); err != nil || major < 17 {
		return ""
	}
	return alter + "SET EXPRESSION AS (" + want + ")"
}

// setSequence gives the sequence of an identity its options. Its value stays.
func setSequence(c *warehouse.SchemaChange, alter string) string {
	have := strings.Fields(c.Have.Detail(warehouse.ColumnPart, c.HaveColumn.Name, "sequence").Value)
	want := strings.Fields(c.Want.Detail(warehouse.ColumnPart, c.WantColumn.Name, "sequence").Value)
	if len(have) < 9 || len(want) < 9 || have[0] != want[0] {
		return ""
	}
	options := []string{"SET START WITH " + want[2], "SET INCREMENT BY " + want[4], "SET MINVALUE " + want[6],
		"SET MAXVALUE " + want[8]}
	cycle := "SET NO CYCLE"
	if len(want) > 9 {
		cycle = "SET CYCLE"
	}
	return alter + strings.Join(append(options, cycle), " ")
}

// addColumn adds a column without making values up: what is NOT NULL without a default is
// refused by a table with rows.
func addColumn(c *warehouse.SchemaChange) string {
	want := c.WantColumn
	text := typeName(c, want)
	if want.Collation != "" {
		text += " COLLATE " + c.Name(want.Collation)
	}
	kept := c.Want.Detail(warehouse.ColumnPart, want.Name, "kept").Value
	switch {
	case strings.HasPrefix(want.Generated, "identity"), want.Default != "" && !warehouse.ConstantExpression(want.Default):
		return ""
	case want.Generated != "" && kept == "virtual":
		text += " GENERATED ALWAYS AS (" + want.Generated + ") VIRTUAL"
	case want.Generated != "":
		text += " GENERATED ALWAYS AS (" + want.Generated + ") STORED"
	case want.Default != "":
		text += " DEFAULT " + want.Default
	}
	return warehouse.AddColumnStatement(c.Table(), c.Name(want.Name), text, want.Nullable)
}
