package mysql

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// index is about all that is an index here: primary keys, unique keys and others. One
// statement drops an index and adds another one of its name.
func index(c *warehouse.SchemaChange) string {
	name := c.Object
	if name == "" {
		name = "PRIMARY"
	}
	have, want := c.Have.IndexNamed(name), c.Want.IndexNamed(name)
	if name == "PRIMARY" && want == nil && c.Want.PrimaryKey != nil { // a key of another engine
		key := warehouse.Index{Name: name, Unique: true, Method: "btree", Columns: c.Want.PrimaryKey.Columns}
		key.Definition = strings.Join(key.Columns, ", ")
		want = &key
	}
	hidden := func(t *warehouse.Table) string { return t.Detail(warehouse.IndexPart, name, "ignored").Value }
	switch {
	case have != nil && want != nil && have.Definition == want.Definition && have.Unique == want.Unique &&
		have.Method == want.Method && hidden(c.Have) != hidden(c.Want):
		return c.Alter() + "ALTER INDEX " + c.Name(name) + " " + visibility(hidden(c.Have), hidden(c.Want))
	case want != nil && hidden(c.Want) != "":
		return ""
	case have != nil && want != nil && overlaps(c.Have, name) != overlaps(c.Want, name):
		return "" // the server takes both for one key, and does nothing
	}
	var actions []string
	if have != nil {
		drop := "DROP INDEX " + c.Name(name)
		if name == "PRIMARY" {
			drop = "DROP PRIMARY KEY"
		}
		actions = append(actions, drop)
	}
	if want != nil {
		columns, ok := indexColumns(c, want)
		if !ok {
			return ""
		}
		actions = append(actions, "ADD "+indexHead(c, want)+" ("+columns+")"+indexMethod(c, want))
	}
	if len(actions) == 0 {
		return ""
	}
	return c.Alter() + strings.Join(actions, ", ")
}

// visibility is the word that makes an index what it should be for the optimizer.
func visibility(have, want string) string {
	switch {
	case want != "":
		return strings.ToUpper(want)
	case have == "ignored":
		return "NOT IGNORED"
	}
	return "VISIBLE"
}

func indexHead(c *warehouse.SchemaChange, ix *warehouse.Index) string {
	switch {
	case ix.Name == "PRIMARY":
		return "PRIMARY KEY"
	case ix.Unique:
		return "UNIQUE INDEX " + c.Name(ix.Name)
	case ix.Method == "fulltext", ix.Method == "spatial":
		return strings.ToUpper(ix.Method) + " INDEX " + c.Name(ix.Name)
	}
	return "INDEX " + c.Name(ix.Name)
}

// indexMethod names the method where the server would take another one. Engines that keep rows
// in memory make hash indexes unless told otherwise.
func indexMethod(c *warehouse.SchemaChange, ix *warehouse.Index) string {
	switch engine := c.Have.Detail(warehouse.TablePart, "", "engine").Value; {
	case ix.Method == "hash":
		return " USING HASH"
	case ix.Method != "btree", engine == "", strings.EqualFold(engine, "InnoDB"), strings.EqualFold(engine, "MyISAM"),
		strings.EqualFold(engine, "Aria"):
		return ""
	}
	return " USING BTREE"
}

// indexColumns writes the columns of an index with their prefixes and orders.
func indexColumns(c *warehouse.SchemaChange, ix *warehouse.Index) (list string, ok bool) {
	rest := ix.Definition
	var parts []string
	for _, name := range ix.Columns {
		if rest, ok = strings.CutPrefix(rest, name); !ok || name == "(expression)" {
			return "", false
		}
		part := name
		if c.Want.Column(name) != nil {
			part = c.Name(name)
		}
		var prefix int
		if n, err := fmt.Sscanf(rest, "(%d)", &prefix); n == 1 && err == nil {
			text := fmt.Sprintf("(%d)", prefix)
			part, rest = part+text, strings.TrimPrefix(rest, text)
		}
		if after, descending := strings.CutPrefix(rest, " DESC"); descending {
			part, rest = part+" DESC", after
		}
		parts, rest = append(parts, part), strings.TrimPrefix(rest, ", ")
	}
	if name, ok := strings.CutSuffix(overlaps(c.Want, ix.Name), " without overlaps"); ok && len(parts) > 2 { // its ends are the last columns
		parts = append(parts[:len(parts)-2], c.Name(name)+" WITHOUT OVERLAPS")
	}
	if strings.Contains(ix.Method, "text") || ix.Method == "spatial" {
		return strings.Join(unsized(c, ix), ", "), true
	}
	return strings.Join(parts, ", "), rest == ""
}

// unsized are the columns of an index that has no prefixes.
func unsized(c *warehouse.SchemaChange, ix *warehouse.Index) []string {
	out := make([]string, len(ix.Columns))
	for i, name := range ix.Columns {
		out[i] = c.Name(name)
	}
	return out
}

// foreignKey drops or adds a key. The server does not exchange one for another of its name.
func foreignKey(c *warehouse.SchemaChange) string {
	have, want := c.Have.ForeignKeyNamed(c.Object), c.Want.ForeignKeyNamed(c.Object)
	switch {
	case have != nil && want == nil:
		return c.Alter() + "DROP FOREIGN KEY " + c.Name(c.Object)
	case have != nil || want == nil || want.OnUpdate == "" || want.OnDelete == "":
		return ""
	}
	return c.Alter() + "ADD CONSTRAINT " + c.Name(c.Object) + " FOREIGN KEY (" + c.Names(want.Columns) + ") REFERENCES " +
		c.Qualified(want.References.Schema, want.References.Name) + " (" + c.Names(want.RefColumns) + ") ON UPDATE " +
		strings.ToUpper(want.OnUpdate) + " ON DELETE " + strings.ToUpper(want.OnDelete)
}

// checkConstraint drops or adds a check. One that has a column's name may be part of the
// column, which only MODIFY changes.
func checkConstraint(c *warehouse.SchemaChange) string {
	have := c.Have.Detail(warehouse.CheckPart, c.Object, "definition").Value
	want := c.Want.Detail(warehouse.CheckPart, c.Object, "definition").Value
	add := "ADD CONSTRAINT " + c.Name(c.Object) + " " + strings.Replace(want, "check ", "CHECK ", 1)
	if column := c.Have.Column(c.Object); column != nil && definitionOf(c.Have, column).check != "" {
		d := definitionOf(c.Have, column)
		if c.WantColumn = c.Want.Column(c.Object); c.WantColumn != nil {
			c.HaveColumn = column
			d, _ = restored(c)
		}
		d.check = want
		return modifyColumn(c.Have, c.Table(), c.Name(c.Object), d)
	}
	if c.Want.Detail(warehouse.CheckPart, c.Object, "enforced").Value != "" {
		add += " NOT ENFORCED"
	}
	if period(c.Have, c.Object) || period(c.Want, c.Object) {
		return periodStatement(c, have, want)
	}
	switch {
	case want == "":
		return c.Alter() + "DROP CONSTRAINT " + c.Name(c.Object)
	case have == "":
		return c.Alter() + add
	}
	return c.Alter() + "DROP CONSTRAINT " + c.Name(c.Object) + ", " + add
}

// overlaps says in which period the rows of a key may not overlap; "" for none.
func overlaps(t *warehouse.Table, index string) string {
	return t.Detail(warehouse.IndexPart, index, warehouse.PeriodFact).Value
}

// period reports whether a check makes a period.
func period(t *warehouse.Table, name string) bool {
	return t.Detail(warehouse.CheckPart, name, warehouse.PeriodFact).Value != ""
}

// periodStatement adds or drops a period. One that was exchanged takes two statements.
func periodStatement(c *warehouse.SchemaChange, have, want string) string {
	switch {
	case want == "":
		return c.Alter() + "DROP PERIOD FOR " + c.Name(c.Object)
	case have != "":
		return ""
	}
	ends := strings.Replace(strings.TrimPrefix(want, "check "), " < ", ", ", 1)
	return c.Alter() + "ADD PERIOD FOR " + c.Name(c.Object) + " " + ends
}

// storage takes a table back to InnoDB, or makes it keep its history again. Other engines
// lose foreign keys, and a table that keeps no history deletes it.
func storage(c *warehouse.SchemaChange) string {
	fact := func(t *warehouse.Table, name string) string { return t.Detail(warehouse.TablePart, "", name).Value }
	engine := fact(c.Want, "engine")
	other := !strings.EqualFold(engine, fact(c.Have, "engine"))
	versioned := fact(c.Want, "versioning") != "" && fact(c.Have, "versioning") == ""
	switch {
	case other && strings.EqualFold(engine, "InnoDB") && !versioned:
		return c.Alter() + "ENGINE = InnoDB"
	case versioned && !other:
		return c.Alter() + "ADD SYSTEM VERSIONING"
	}
	return ""
}

// replaceView writes the former query with the former options.
func replaceView(c *warehouse.SchemaChange) string {
	options := c.Want.Detail(warehouse.TablePart, "", "view options").Value
	if c.Have.Kind != warehouse.View || c.Want.Definition == "" || options == "" {
		return ""
	}
	text, end := "CREATE OR REPLACE", ""
	var security string
	for option := range strings.SplitSeq(options, ", ") {
		name, value, _ := strings.Cut(option, " ")
		switch name {
		case "security":
			security = " SQL SECURITY " + strings.ToUpper(value)
		case "definer":
			at := strings.LastIndex(value, "@")
			if at < 0 {
				return ""
			}
			text += " DEFINER = " + c.Name(value[:at]) + "@" + c.Name(value[at+1:])
		case "check":
			end = " WITH " + strings.ToUpper(strings.TrimPrefix(value, "option ")) + " CHECK OPTION"
		}
	}
	return text + security + " VIEW " + c.Table() + " AS " + c.Want.Definition + end
}
