package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// constraint is the statement that drops, adds or exchanges the constraint of a drift.
// want is its definition; "" for none, or for one that cannot be written.
func constraint(c *warehouse.SchemaChange, have bool, want string) string {
	wanted := c.Want.ForeignKeyNamed(c.Object) != nil || definition(c.Want, warehouse.CheckPart, c.Object) != "" ||
		definition(c.Want, warehouse.ExclusionPart, c.Object) != ""
	switch {
	case wanted && want == "":
		return ""
	case !wanted:
		return c.Alter() + "DROP CONSTRAINT " + c.Name(c.Object)
	case have:
		return c.Alter() + "DROP CONSTRAINT " + c.Name(c.Object) + ", ADD CONSTRAINT " + c.Name(c.Object) + " " + want
	}
	return c.Alter() + "ADD CONSTRAINT " + c.Name(c.Object) + " " + want
}

func definition(t *warehouse.Table, part warehouse.Part, name string) string {
	return t.Detail(part, name, "definition").Value
}

// suffix is the facts of a constraint that stand at its end. What a server before version 18
// does not know is not written.
func suffix(t *warehouse.Table, part warehouse.Part, name string) (text string, ok bool) {
	for _, fact := range []string{"deferrable", "inherit", "valid"} {
		if v := t.Detail(part, name, fact).Value; v != "" {
			text += " " + strings.ToUpper(v)
		}
	}
	return text, t.Detail(part, name, "period").Value+t.Detail(part, name, "enforced").Value == ""
}

func checkOf(c *warehouse.SchemaChange) string {
	text, ok := strings.CutPrefix(definition(c.Want, warehouse.CheckPart, c.Object), "check (")
	end, plain := suffix(c.Want, warehouse.CheckPart, c.Object)
	if !ok || !plain {
		return ""
	}
	return "CHECK (" + text + end
}

func foreignKey(c *warehouse.SchemaChange) string {
	k := c.Want.ForeignKeyNamed(c.Object)
	end, plain := suffix(c.Want, warehouse.ForeignKeyPart, c.Object)
	if k == nil || !plain || k.OnUpdate == "" || k.OnDelete == "" {
		return ""
	}
	text := "FOREIGN KEY (" + c.Names(k.Columns) + ") REFERENCES " + c.Qualified(k.References.Schema, k.References.Name) +
		" (" + c.Names(k.RefColumns) + ")"
	if c.Want.Detail(warehouse.ForeignKeyPart, k.Name, "match").Value != "" {
		text += " MATCH FULL"
	}
	text += " ON UPDATE " + strings.ToUpper(k.OnUpdate) + " ON DELETE " + strings.ToUpper(k.OnDelete)
	if set := c.Want.Detail(warehouse.ForeignKeyPart, k.Name, "set columns").Value; set != "" {
		list := strings.TrimSuffix(strings.TrimPrefix(set, "set columns ("), ")")
		text += " (" + c.Names(strings.Split(list, ", ")) + ")"
	}
	return text + end
}

func primaryKey(c *warehouse.SchemaChange) string {
	have, want := c.Have.PrimaryKey, c.Want.PrimaryKey
	var actions []string
	if have != nil {
		if have.Name == "" {
			return ""
		}
		actions = append(actions, "DROP CONSTRAINT "+c.Name(have.Name))
	}
	if want != nil {
		key := keyOf(c, want, warehouse.PrimaryKeyPart)
		if key == "" {
			return ""
		}
		if want.Name != "" {
			key = "CONSTRAINT " + c.Name(want.Name) + " " + key
		}
		actions = append(actions, "ADD "+key)
	}
	return c.Alter() + strings.Join(actions, ", ")
}

// keyOf is the definition of a primary or unique constraint.
func keyOf(c *warehouse.SchemaChange, k *warehouse.Key, part warehouse.Part) string {
	end, plain := suffix(c.Want, part, k.Name)
	if !plain {
		return ""
	}
	text := "PRIMARY KEY "
	if part == warehouse.UniquePart {
		text = "UNIQUE "
		if c.Want.Detail(warehouse.IndexPart, k.Name, "nulls").Value != "" {
			text += "NULLS NOT DISTINCT "
		}
	}
	text += "(" + c.Names(k.Columns) + ")"
	if ix := c.Want.IndexNamed(k.Name); ix != nil && k.Name != "" {
		parts, ok := indexParts(c.Want, ix)
		if !ok {
			return ""
		}
		if len(parts.include) > 0 {
			text += " INCLUDE (" + c.Names(parts.include) + ")"
		}
	}
	return text + end
}

// uniqueKey is about unique constraints, and about unique indexes without one.
func uniqueKey(c *warehouse.SchemaChange) string {
	have, want := c.Have.UniqueNamed(c.Object), c.Want.UniqueNamed(c.Object)
	drop := c.Alter() + "DROP CONSTRAINT " + c.Name(c.Object)
	switch {
	case have != nil && want == nil && c.Want.IndexNamed(c.Object) == nil:
		if have.Constraint {
			return drop
		}
		return "DROP INDEX " + c.Qualified(c.Have.Schema, c.Object)
	case want == nil:
		return ""
	case !want.Constraint:
		return createIndex(c)
	}
	key := keyOf(c, want, warehouse.UniquePart)
	add := "ADD CONSTRAINT " + c.Name(want.Name) + " " + key
	switch {
	case key == "":
		return ""
	case have == nil && c.Have.IndexNamed(c.Object) == nil:
		return c.Alter() + add
	case have != nil && have.Constraint:
		return drop + ", " + add
	}
	return ""
}

func index(c *warehouse.SchemaChange) string {
	have, want := c.Have.IndexNamed(c.Object), c.Want.IndexNamed(c.Object)
	switch {
	case have != nil && want == nil:
		return "DROP INDEX " + c.Qualified(c.Have.Schema, c.Object)
	case have != nil && have.Invalid && !want.Invalid && have.Definition == want.Definition:
		return "REINDEX INDEX " + c.Qualified(c.Have.Schema, c.Object)
	}
	return createIndex(c)
}

// createIndex creates an index whose name is free.
func createIndex(c *warehouse.SchemaChange) string {
	want := c.Want.IndexNamed(c.Object)
	if want == nil || c.Have.IndexNamed(c.Object) != nil {
		return ""
	}
	parts, ok := indexParts(c.Want, want)
	if !ok || strings.HasPrefix(want.Partial, "(unread") {
		return ""
	}
	text := "CREATE INDEX "
	if want.Unique {
		text = "CREATE UNIQUE INDEX "
	}
	keys := make([]string, len(parts.keys))
	for i, k := range parts.keys {
		keys[i] = k.name
		if c.Want.Column(k.name) != nil {
			keys[i] = c.Name(k.name)
		}
		if k.collation != "" {
			keys[i] += " COLLATE " + c.Name(k.collation)
		}
		if k.class != "" {
			keys[i] += " " + c.Name(k.class)
		}
		keys[i] += k.order
	}
	text += c.Name(want.Name) + " ON " + c.Table()
	if want.Method != "btree" {
		text += " USING " + c.Name(want.Method)
	}
	text += " (" + strings.Join(keys, ", ") + ")"
	if len(parts.include) > 0 {
		text += " INCLUDE (" + c.Names(parts.include) + ")"
	}
	if c.Want.Detail(warehouse.IndexPart, want.Name, "nulls").Value != "" {
		text += " NULLS NOT DISTINCT"
	}
	if want.Partial != "" {
		text += " WHERE " + want.Partial
	}
	return text
}

// indexKey is a key column of an index, or an expression in parentheses.
type indexKey struct{ name, collation, class, order string }

// indexLists are the columns of an index.
type indexLists struct {
	keys    []indexKey
	include []string
}

// indexParts takes the definition of an index apart. It knows the names that stand in it.
func indexParts(t *warehouse.Table, ix *warehouse.Index) (out indexLists, ok bool) {
	rest, ok := strings.CutPrefix(ix.Definition, ix.Method+" (")
	if !ok {
		return out, false
	}
	orders := []string{indexOptions["1"], indexOptions["2"], indexOptions["3"], ""}
	for n, name := range ix.Columns {
		if rest, ok = strings.CutPrefix(rest, name); !ok || name == "(expression)" {
			return out, false
		}
		i := slices.IndexFunc(orders, func(o string) bool { return strings.HasPrefix(rest, o) })
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, orders[i]), ", ")
		out.keys = append(out.keys, indexKey{
			name: name, order: orders[i], class: listed(t, ix, "operator classes", n), collation: listed(t, ix, "collations", n),
		})
	}
	for {
		if rest, ok = strings.CutPrefix(rest, "include "); !ok {
			return out, true
		}
		longest := ""
		for _, column := range t.Columns {
			if strings.HasPrefix(rest, column.Name) && len(column.Name) > len(longest) {
				longest = column.Name
			}
		}
		if longest == "" {
			return out, false
		}
		out.include = append(out.include, longest)
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, longest), ", ")
	}
}

// listed returns what a fact such as "operator classes 1 a, 3 b" says of column n, from 0.
func listed(t *warehouse.Table, ix *warehouse.Index, fact string, n int) string {
	list := strings.TrimPrefix(t.Detail(warehouse.IndexPart, ix.Name, fact).Value, fact+" ")
	for item := range strings.SplitSeq(list, ", ") {
		if at, name, _ := strings.Cut(item, " "); at == strconv.Itoa(n+1) {
			return name
		}
	}
	return ""
}
