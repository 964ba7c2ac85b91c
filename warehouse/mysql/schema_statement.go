package mysql

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// SchemaStatement implements warehouse.SchemaWriter. The statements assume the strict SQL
// mode, which is the default: without it the server cuts values that do not fit.
func (d Dialect) SchemaStatement(c *warehouse.SchemaChange) string {
	switch {
	case c.Kind == sentinel.ViewChanged, c.Kind == sentinel.ViewOptionsChanged:
		return replaceView(c)
	case c.Have.Kind != warehouse.BaseTable && c.Have.Kind != warehouse.PartitionedTable:
		return ""
	case c.OfColumn:
		return columnStatement(c)
	}
	switch c.Kind {
	case sentinel.PrimaryKeyChanged, sentinel.UniqueChanged, sentinel.IndexAdded, sentinel.IndexRemoved:
		return index(c)
	case sentinel.ForeignKeyChanged:
		return foreignKey(c)
	case sentinel.CheckChanged:
		return checkConstraint(c)
	case sentinel.TriggerChanged:
		if c.Want.Detail(warehouse.TriggerPart, c.Object, "definition").Value == "" {
			return "DROP TRIGGER " + c.Qualified(c.Have.Schema, c.Object)
		}
	case sentinel.PartitioningChanged:
		if c.Want.Detail(warehouse.TablePart, "", "partition key").Value == "" {
			return c.Alter() + "REMOVE PARTITIONING"
		}
	case sentinel.StorageChanged:
		return storage(c)
	case sentinel.CommentChanged:
		if text, ok := literal(c.Want.Comment); ok {
			return c.Alter() + "COMMENT = " + text
		}
	}
	return ""
}

// columnDefinition is everything that MODIFY must repeat of a column.
type columnDefinition struct {
	warehouse.Column
	kept, onUpdate, check  string
	invisible, unversioned bool
}

func definitionOf(t *warehouse.Table, column *warehouse.Column) columnDefinition {
	fact := func(name string) string { return t.Detail(warehouse.ColumnPart, column.Name, name).Value }
	d := columnDefinition{
		Column: *column, kept: fact("kept"), onUpdate: fact("on update"), invisible: fact("visibility") != "",
		unversioned: fact("versioning") != "",
	}
	if t.Detail(warehouse.CheckPart, column.Name, warehouse.CheckLevel).Stored != "" {
		d.check = t.Detail(warehouse.CheckPart, column.Name, "definition").Value
	}
	return d
}

func isMariaDB(t *warehouse.Table) bool { return strings.HasPrefix(t.Server, "MariaDB") }

// text is the definition after the column's name. It is false where the catalog does not say
// enough to write it.
func (d columnDefinition) text(t *warehouse.Table) (string, bool) {
	words := []string{d.Type.Native}
	add := func(condition bool, word string) {
		if condition {
			words = append(words, word)
		}
	}
	if d.Collation != "" && !collationName().MatchString(d.Collation) {
		return "", false
	}
	add(d.Collation != "", "COLLATE "+d.Collation)
	expression := d.Generated != "" && d.Generated != autoIncrement
	comment, ok := literal(d.Comment)
	value, known := defaultText(t, d.Column)
	if !ok || !known || expression && d.kept == "" {
		return "", false
	}
	if expression {
		add(true, "GENERATED ALWAYS AS ("+d.Generated+") "+strings.ToUpper(d.kept))
	} else {
		add(d.Nullable, "NULL")
		add(!d.Nullable, "NOT NULL")
		add(value != "", "DEFAULT "+value)
		add(d.onUpdate != "", "ON UPDATE "+d.onUpdate)
		add(d.Generated == autoIncrement, "AUTO_INCREMENT")
	}
	add(d.invisible, "INVISIBLE")
	add(d.unversioned, "WITHOUT SYSTEM VERSIONING")
	add(d.Comment != "", "COMMENT "+comment)
	add(d.check != "", strings.Replace(d.check, "check ", "CHECK ", 1))
	return strings.Join(words, " "), true
}

// autoIncrement is what the catalog has as the expression of such a column.
const autoIncrement = "auto_increment"

// plainDefault matches the defaults that the catalog of MySQL shows as they are written.
var plainDefault = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(-?[0-9]+(\.[0-9]+)?|CURRENT_TIMESTAMP(\([0-6]\))?)$`)
})

// defaultText is a column's default as a statement has it. MariaDB's catalog shows that.
// MySQL's shows texts without quotes, and does not say what is an expression.
func defaultText(t *warehouse.Table, c warehouse.Column) (text string, ok bool) {
	switch {
	case c.Default == "" || isMariaDB(t) || strings.HasPrefix(c.Default, "'"):
		return c.Default, true
	case plainDefault().MatchString(c.Default) && c.Type.Family != warehouse.Text:
		return c.Default, true
	case strings.Contains(c.Default, "("):
		return "", false
	}
	return literal(c.Default)
}

// literal quotes a text. One with a backslash means another one in some SQL modes.
func literal(text string) (quoted string, ok bool) {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'", !strings.Contains(text, `\`)
}

// columnStatement repeats the column with all that may be as it should be. So the drifts of
// one column have one statement, which may run more than once.
func columnStatement(c *warehouse.SchemaChange) string {
	switch {
	case c.WantColumn == nil:
		return "" // to drop the column would delete its values
	case c.HaveColumn == nil:
		return addColumn(c)
	case c.Kind == sentinel.ColumnRenamed:
		return c.Alter() + "RENAME COLUMN " + c.Name(c.HaveColumn.Name) + " TO " + c.Name(c.WantColumn.Name)
	}
	d, left := restored(c)
	switch c.Kind {
	case sentinel.TypeChanged, sentinel.TypeNarrowed, sentinel.TypeWidened, sentinel.CollationChanged,
		sentinel.NullabilityLoosened, sentinel.NullabilityTightened, sentinel.DefaultChanged, sentinel.GeneratedChanged,
		sentinel.OnUpdateChanged, sentinel.VisibilityChanged, sentinel.CommentChanged:
		if !left[c.Kind] {
			return modifyColumn(c.Have, c.Table(), c.Name(c.HaveColumn.Name), d)
		}
	}
	return ""
}

// restored is the definition of a column as it should be, as far as its values stay. It also
// returns the kinds of drift that are left.
func restored(c *warehouse.SchemaChange) (d columnDefinition, left map[sentinel.DriftKind]bool) {
	is, want := definitionOf(c.Have, c.HaveColumn), definitionOf(c.Want, c.WantColumn)
	d, left = want, map[sentinel.DriftKind]bool{}
	computed := is.Generated != "" && is.Generated != autoIncrement
	if is.Type.Native != want.Type.Native && (computed || !c.TypeIsSafe()) {
		d.Type, d.Collation = is.Type, is.Collation
		d.Default, d.onUpdate = is.Default, is.onUpdate // the former ones need not be of the type
		for _, kind := range []sentinel.DriftKind{
			sentinel.TypeChanged, sentinel.TypeNarrowed, sentinel.TypeWidened, sentinel.CollationChanged,
			sentinel.DefaultChanged, sentinel.OnUpdateChanged,
		} {
			left[kind] = true
		}
	}
	// A column that is to count again would number its zeros, one that is to be computed would
	// lose its values, and one that was computed must have them.
	toCount := want.Generated == autoIncrement && is.Generated != autoIncrement
	toCompute := want.Generated != "" && want.Generated != autoIncrement && (!computed || is.kept != want.kept)
	fromNothing := want.Generated == "" && computed && is.kept != "stored"
	if toCount || toCompute || fromNothing {
		d.Generated, d.kept, left[sentinel.GeneratedChanged] = is.Generated, is.kept, true
	}
	inKey := isKey(c.Have, c.HaveColumn.Name) || isKey(c.Want, c.WantColumn.Name)
	if is.Nullable != want.Nullable && inKey {
		d.Nullable, left[sentinel.NullabilityLoosened], left[sentinel.NullabilityTightened] = is.Nullable, true, true
	}
	d.check = ""
	if is.check != "" { // else ADD CONSTRAINT adds it
		d.check = c.Want.Detail(warehouse.CheckPart, c.WantColumn.Name, "definition").Value
	}
	d.unversioned = is.unversioned
	return d, left
}

func isKey(t *warehouse.Table, column string) bool {
	return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, column)
}

// modifyColumn is the statement that gives a column a definition; "" if it cannot be
// written.
func modifyColumn(t *warehouse.Table, table, column string, d columnDefinition) string {
	text, ok := d.text(t)
	if !ok {
		return ""
	}
	return "ALTER TABLE " + table + " MODIFY COLUMN " + column + " " + text
}

// addColumn adds a column in its former place. It makes no values up: rows that are there
// get NULL or a constant.
func addColumn(c *warehouse.SchemaChange) string {
	d := definitionOf(c.Want, c.WantColumn)
	computed := d.Generated != "" && d.Generated != autoIncrement
	switch {
	case d.Generated == autoIncrement:
		return ""
	case computed:
	case d.Default != "" && !constantDefault(d.Column), d.Default == "" && !d.Nullable:
		return ""
	}
	text, ok := d.text(c.Want)
	if !ok {
		return ""
	}
	return c.Alter() + "ADD COLUMN " + c.Name(d.Name) + " " + text + after(c)
}

func constantDefault(c warehouse.Column) bool {
	return !strings.Contains(c.Default, "(") && !strings.HasPrefix(strings.ToLower(c.Default), "current_") ||
		warehouse.ConstantExpression(c.Default)
}

// after is where a column stands: behind the nearest one before it that the table has.
func after(c *warehouse.SchemaChange) string {
	place := ""
	for _, column := range c.Want.Columns {
		if column.Name == c.WantColumn.Name {
			break
		}
		if c.Have.Column(column.Name) != nil {
			place = " AFTER " + c.Name(column.Name)
		}
	}
	if place == "" && len(c.Want.Columns) == len(c.Have.Columns)+1 {
		return " FIRST"
	}
	return place
}
