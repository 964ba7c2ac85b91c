package postgres

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// trigger is about triggers and rules, whose definitions are whole statements.
func trigger(c *warehouse.SchemaChange) string {
	for _, k := range []struct {
		part       warehouse.Part
		word, verb string
	}{{warehouse.TriggerPart, "TRIGGER", "CREATE TRIGGER "}, {warehouse.RulePart, "RULE", "CREATE RULE "}} {
		have, want := definition(c.Have, k.part, c.Object), definition(c.Want, k.part, c.Object)
		on, off := c.Want.Detail(k.part, c.Object, "enabled").Value, c.Have.Detail(k.part, c.Object, "enabled").Value
		switch {
		case have == "" && want == "":
			continue
		case want == "":
			return "DROP " + k.word + " " + c.Name(c.Object) + " ON " + c.Table()
		case !strings.HasPrefix(want, k.verb):
			return "" // a constraint trigger is not replaced
		case have == want && on == off:
			return "" // it is about another column of the same name
		case have == want:
			return c.Alter() + enable(on) + " " + k.word + " " + c.Name(c.Object)
		case have == "" && on == "":
			return strings.TrimSuffix(want, ";")
		case have != "" && on == off:
			return "CREATE OR REPLACE " + strings.TrimSuffix(strings.TrimPrefix(want, "CREATE "), ";")
		}
		return ""
	}
	return ""
}

// enable is the action that makes a trigger fire when the catalog says so.
func enable(enabled string) string {
	switch enabled {
	case "disabled":
		return "DISABLE"
	case "enabled on replicas alone":
		return "ENABLE REPLICA"
	case "enabled always":
		return "ENABLE ALWAYS"
	}
	return "ENABLE"
}

// rowSecurity is about the table's switches, and about policies.
func rowSecurity(c *warehouse.SchemaChange) string {
	if c.Object == "" {
		switch c.Want.Detail(warehouse.TablePart, "", "row security").Value {
		case "enabled, also for the owner":
			return c.Alter() + "ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
		case "enabled":
			return c.Alter() + "ENABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
		case "disabled, but forced for the owner":
			return c.Alter() + "DISABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
		}
		return c.Alter() + "DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
	}
	have, want := definition(c.Have, warehouse.PolicyPart, c.Object), definition(c.Want, warehouse.PolicyPart, c.Object)
	on := c.Name(c.Object) + " ON " + c.Table()
	switch {
	case want == "":
		return "DROP POLICY " + on
	case have == "":
		return "CREATE POLICY " + on + " AS " + want
	}
	was, _, _ := strings.Cut(have, " to ")
	is, rest, _ := strings.Cut(want, " to ")
	for _, clause := range []string{" using (", " with check ("} {
		if strings.Contains(have, clause) != strings.Contains(want, clause) {
			return "" // ALTER POLICY takes no clause away
		}
	}
	if was != is {
		return ""
	}
	return "ALTER POLICY " + on + " TO " + rest
}

// inherit adds or takes away one parent.
func inherit(c *warehouse.SchemaChange) string {
	parents := func(t *warehouse.Table) []string {
		list := t.Detail(warehouse.TablePart, "", "parents").Value
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
	have, want := parents(c.Have), parents(c.Want)
	if n := len(have); len(want) == n+1 && slices.Equal(want[:n], have) {
		return c.Alter() + "INHERIT " + want[n]
	}
	if n := len(want); len(have) == n+1 && slices.Equal(have[:n], want) {
		return c.Alter() + "NO INHERIT " + have[n]
	}
	return ""
}

// replaceView writes the former query where the view may keep its columns: they must be the
// first ones of the query.
func replaceView(c *warehouse.SchemaChange) string {
	if c.Have.Kind != warehouse.View || c.Want.Definition == "" || len(c.Have.Columns) > len(c.Want.Columns) {
		return ""
	}
	for i, column := range c.Have.Columns {
		is := c.Want.Columns[i]
		if column.Name != is.Name || column.Type.Native != is.Type.Native || column.Collation != is.Collation {
			return ""
		}
	}
	text := "CREATE OR REPLACE VIEW " + c.Table()
	if options := c.Want.Detail(warehouse.TablePart, "", "view options").Value; options != "" {
		text += " WITH (" + options + ")"
	}
	return text + " AS " + strings.TrimSuffix(strings.TrimSpace(c.Want.Definition), ";")
}

// viewOptions sets or resets the options of a view.
func viewOptions(c *warehouse.SchemaChange) string {
	have := c.Have.Detail(warehouse.TablePart, "", "view options").Value
	want := c.Want.Detail(warehouse.TablePart, "", "view options").Value
	var names []string
	for option := range strings.SplitSeq(have, ", ") {
		name, _, _ := strings.Cut(option, "=")
		if name != "" && !strings.Contains(", "+want, ", "+name+"=") {
			names = append(names, name)
		}
	}
	alter := "ALTER VIEW " + c.Table()
	switch {
	case len(names) == 0:
		return alter + " SET (" + want + ")"
	case want == "":
		return alter + " RESET (" + strings.Join(names, ", ") + ")"
	}
	return ""
}
