package importers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sentinel-dq/sentinel/config"
)

// TableMark stands for the dataset's own table in a query, until its schema is known.
const TableMark = "{{table}}"

// YAML returns a configuration for a warehouse whose DSN is in a variable of the
// environment. Tables without a schema get the given one, if any. Comments at the end list
// what was left, and what differs.
func (i Imported) YAML(warehouse, schema, variable string) string {
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"state: sqlite:sentinel.db\n\nwarehouses:\n  %s: {dsn: \"${%s}\"}\n\n"+
			"defaults: {schedule: \"*/5 * * * *\", timezone: UTC}\n\ndatasets:\n",
		warehouse,
		variable,
	)
	for _, d := range i.Datasets {
		writeDataset(&b, d, warehouse, schema)
	}
	writeNotes(&b, "Not taken over", i.Left)
	writeNotes(&b, "Taken over with a difference", i.Remarks)
	return b.String()
}

func writeDataset(b *strings.Builder, d Dataset, warehouse, schema string) {
	w := writer{warehouse: warehouse, schema: schema}
	w.table = w.named(d.Table)
	fmt.Fprintf(b, "  - table: %s\n", quoted(warehouse+"."+w.table))
	if len(d.Exclude) > 0 {
		fmt.Fprintf(b, "    exclude: %s\n", w.list(d.Exclude))
	}
	if len(d.Tags) > 0 {
		fmt.Fprintf(b, "    tags: %s\n", w.list(d.Tags))
	}
	b.WriteString("    checks:\n")
	for _, c := range d.Checks {
		b.WriteString("      - " + strings.ReplaceAll(w.check(c), "\n", "\n        ") + "\n")
	}
}

func writeNotes(b *strings.Builder, title string, notes []Note) {
	if len(notes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n# %s (%d):\n", title, len(notes))
	for _, n := range notes {
		fmt.Fprintf(b, "#   %s\n", strings.Join(strings.Fields(n.String()), " "))
	}
}

// writer writes the checks of one table.
type writer struct {
	warehouse, schema, table string
}

// named returns a table with its schema.
func (w writer) named(table string) string {
	if w.schema != "" && !strings.Contains(table, ".") {
		return w.schema + "." + table
	}
	return table
}

// check writes a check in one line, or in several lines if a text has some.
func (w writer) check(c Check) string {
	if c.Raw != "" {
		return c.Raw
	}
	c = lower(c)
	keys := Fields{}
	keys.Set("id", c.id)
	keys = append(keys, c.Keys...)
	keys.Set("warn", w.bound(c.Warn))
	keys.Set("fail", w.bound(c.Fail))
	if len(keys) == 0 {
		return c.Kind
	}
	if !slices.ContainsFunc(keys, func(f Field) bool {
		text, is := f.Value.(string)
		return is && strings.Contains(text, "\n")
	}) {
		return c.Kind + ": " + w.fields(keys)
	}
	var b strings.Builder
	b.WriteString(c.Kind + ":")
	for _, f := range keys {
		b.WriteString("\n    " + f.Name + ": " + w.block(f.Name, f.Value))
	}
	return b.String()
}

// bound returns a condition as a value. A duration has no spaces and needs no quotes.
func (w writer) bound(text string) any {
	if strings.ContainsAny(text, " <>=!%") {
		return text
	}
	return Plain(text)
}

// block writes a text of several lines as a literal block.
func (w writer) block(name string, value any) string {
	text, is := value.(string)
	if !is || !strings.Contains(text, "\n") {
		return w.value(name, value)
	}
	lines := strings.Split(strings.TrimSpace(w.queried(name, text)), "\n")
	for i, l := range lines {
		l = strings.TrimRightFunc(l, unicode.IsSpace)
		if strings.ContainsFunc(l, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
			return w.value(name, value)
		}
		if l != "" {
			l = "      " + strings.ReplaceAll(l, "$", "$$")
		}
		lines[i] = l
	}
	return "|-\n" + strings.Join(lines, "\n")
}

// queried puts the name of the table into a query.
func (w writer) queried(name, text string) string {
	if !strings.Contains(text, "{{table") {
		return text
	}
	text = strings.ReplaceAll(text, TableMark, inQuery(w.table))
	for {
		before, rest, found := strings.Cut(text, "{{table ")
		other, after, closed := strings.Cut(rest, "}}")
		if !found || !closed {
			return text
		}
		text = before + inQuery(w.named(other)) + after
	}
}

// OtherTable returns what stands in a query for a table that may have no schema yet.
func OtherTable(table string) string { return "{{table " + table + "}}" }

func (w writer) value(name string, value any) string {
	switch v := value.(type) {
	case Plain:
		return string(v)
	case string:
		if name == "with" || name == "to" {
			return quoted(w.warehouse + "." + w.named(v))
		}
		return quoted(w.queried(name, v))
	case []string:
		return w.list(v)
	case Fields:
		return w.fields(v)
	}
	return fmt.Sprint(value)
}

func (w writer) fields(fields Fields) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		if parts[i] = f.Name; !plainKey().MatchString(f.Name) {
			parts[i] = quoted(f.Name)
		}
		parts[i] += ": " + w.value(f.Name, f.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (w writer) list(items []string) string {
	out := make([]string, len(items))
	for i, s := range items {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

var plainKey = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)

// quoted returns a text as a YAML scalar in double quotes, in which a dollar sign begins no
// variable.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ReplaceAll(s, "$", "$$") {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// load loads each check. One that is not valid is moved to those that were left. Checks of a
// table that would have the same id get ids of their own, and a check that is there twice is
// written once.
func (i *Imported) load() {
	i.merge()
	for n := range i.Datasets {
		d := &i.Datasets[n]
		seen := map[string][]string{}
		ids := map[string]int{}
		var kept []Check
		for _, c := range d.Checks {
			text := writer{warehouse: "w", schema: "s", table: "s.t"}.check(c)
			id, err := loaded(*d, c)
			if err != nil {
				note := Note{c.At, d.Table + ": " + c.What, why(err)}
				i.Left = append(i.Left, note)
				i.Taken = slices.DeleteFunc(i.Taken, func(n Note) bool { return n.At == note.At && n.What == note.What })
				continue
			}
			if slices.Contains(seen[id], text) {
				continue
			}
			if seen[id] = append(seen[id], text); len(seen[id]) > 1 {
				c.id = d.Table + "/" + strings.Join(strings.Fields(c.What), " ")
				if ids[c.id]++; ids[c.id] > 1 {
					c.id += " (" + strconv.Itoa(ids[c.id]) + ")"
				}
			}
			c.derived = id
			kept = append(kept, c)
		}
		d.Checks = kept
	}
	i.Datasets = slices.DeleteFunc(i.Datasets, func(d Dataset) bool { return len(d.Checks) == 0 })
}

// merge joins the datasets of one table. A configuration has one entry of a table, so that of
// those that leave out other tables only the first is kept.
func (i *Imported) merge() {
	var out []Dataset
	at := map[string]int{}
	for _, d := range i.Datasets {
		slices.Sort(d.Exclude)
		n, known := at[d.Table]
		switch {
		case !known:
			at[d.Table] = len(out)
			out = append(out, d)
		case slices.Equal(out[n].Exclude, d.Exclude):
			out[n].Checks = append(out[n].Checks, d.Checks...)
		default:
			for _, c := range d.Checks {
				i.Leave(c.At, d.Table+": "+c.What, "a block before is about the same tables and leaves out others: "+
					"name the tables of one of the two")
			}
		}
	}
	i.Datasets = out
}

// loaded returns the id of a check, or why it is not valid.
func loaded(d Dataset, c Check) (string, error) {
	schema := "s"
	one := Imported{Datasets: []Dataset{{Table: d.Table, Checks: []Check{c}}}}
	if strings.Contains(d.Table, ".") {
		schema = ""
	}
	dsn := func(string) (string, bool) { return "sqlite:proposal.db", true }
	conf, err := config.Parse("import", []byte(one.YAML("w", schema, "DSN")), dsn)
	if err != nil {
		return "", err
	}
	return conf.Datasets[0].Checks[0].Common().ID, nil
}

// why shortens an error of the configuration: neither a place nor the lines of the file help.
func why(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return placeOf().ReplaceAllString(first, "")
}

var placeOf = pattern(`^import:\d+(:\d+)?: `)
