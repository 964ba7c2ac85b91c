// Package importers turns the checks of other tools into a configuration of Sentinel.
//
// A subpackage reads the files of one tool into checks ([Check]) of tables, and into a list
// of what it leaves out. Each construct of a file ends in one of the two. [Imported.YAML]
// writes the configuration. It loads each check first, so that what is written is valid.
// Begin with this file, then write.go, then importers/soda.
package importers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/settings"
)

// File is one file of another tool.
type File struct {
	Name string
	Data []byte
}

// Options are what files of other tools do not say.
type Options struct {
	Schema string // schema of tables whose names have none; "" if they have one
	Table  string // table of files that name none, such as a suite of expectations
}

// Importer reads the files of one tool together. Its error says that a file cannot be read.
type Importer func(files []File, o Options) (Imported, error)

var importers = map[string]Importer{}

// Register adds a tool whose files can be imported. Only init functions call it. It panics
// if the name is taken.
func Register(tool string, i Importer) {
	if _, taken := importers[tool]; taken {
		panic("importers: registered twice: " + tool)
	}
	importers[tool] = i
}

// Tools returns the tools whose files can be imported, in alphabetical order.
func Tools() []string { return slices.Sorted(maps.Keys(importers)) }

// Import reads the files of a tool.
func Import(tool string, files []File, o Options) (Imported, error) {
	i, known := importers[tool]
	if !known {
		return Imported{}, errors.New(settings.UnknownWord("tool", tool, Tools()))
	}
	out, err := i(files, o)
	if err != nil {
		return out, err
	}
	out.load()
	return out, nil
}

// Imported holds what was read from the files of a tool.
type Imported struct {
	Datasets []Dataset
	// Left lists the constructs that did not become checks.
	Left []Note
	// Taken lists the constructs that became checks, each once, with their kinds as Why.
	Taken []Note
	// Remarks lists the constructs that became checks which differ from what they were.
	Remarks []Note
}

// Note is what is to say of a construct of a file.
type Note struct {
	At   Place
	What string // name of the construct, such as "orders: unique(id)"
	Why  string
}

// String returns FILE:LINE: what: why.
func (n Note) String() string {
	text := n.What
	if n.Why != "" {
		text += ": " + n.Why
	}
	if at := n.At.String(); at != "" {
		text = at + ": " + text
	}
	return text
}

// Place is where a construct stands. A line of 0 is not known.
type Place struct {
	File string
	Line int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", filepath.Base(p.File), p.Line)
}

// Dataset is the checks of one table.
type Dataset struct {
	Table   string   // schema.table or table; may hold wildcards
	Exclude []string // tables that a wildcard does not match
	Tags    []string // sorted
	Checks  []Check
}

// Check is one check in the words of Sentinel.
type Check struct {
	Kind string
	Keys Fields
	// Warn and Fail are the conditions that warn and fail. Both empty: the kind's default.
	Warn, Fail string
	// Raw is the check as YAML, in place of Keys, Warn and Fail; "" if it has these.
	Raw string
	// What the construct was called, such as "unique(id)". It is the id where several checks
	// would have the same one.
	What string
	At   Place

	derived string // the id that the configuration gives to it, which no threshold changes
	id      string // the id that tells it from the other checks of its table; "" for the derived one
}

// Fields are keys and their values, in the order in which they are written. A value is a
// string, a [Plain], a bool, an int, a []string or Fields.
type Fields []Field

// Field is one key and its value.
type Field struct {
	Name  string
	Value any
}

// Plain is a value that is written without quotes, such as 1d6h.
type Plain string

// Set adds a key, unless its value is empty.
func (f *Fields) Set(name string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case Plain:
		if v == "" {
			return
		}
	case bool:
		if !v {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	}
	*f = append(*f, Field{name, value})
}

// Get returns the text of a key; "" if there is none.
func (f Fields) Get(name string) string {
	for _, field := range f {
		if field.Name == name {
			switch v := field.Value.(type) {
			case string:
				return v
			case Plain:
				return string(v)
			}
		}
	}
	return ""
}

// Identity returns what stays the same when the thresholds of a check change.
func (c Check) Identity() string { return cmp.Or(c.id, c.derived) }

// Text returns the check as YAML, as far as it depends on no warehouse.
func (c Check) Text() string { return writer{warehouse: "w", schema: "s", table: "s.t"}.check(c) }

// Reference begins a check that each key of columns is in a row of another table, in the
// columns of the same order.
func Reference(columns []string, to string, field []string) Check {
	c := Check{Kind: "reference"}
	if len(columns) == 1 {
		c.Keys.Set("column", columns[0])
	} else {
		c.Keys.Set("columns", columns)
	}
	c.Keys.Set("to", to)
	if len(field) == 1 {
		c.Keys.Set("field", field[0])
	} else {
		c.Keys.Set("field", field)
	}
	return c
}

// badRows are the kinds that count bad rows, of which one fails by default.
var badRows = []string{"missing", "invalid", "duplicate", "reference", "failed_rows"}

// Warning makes a check that fails one that warns.
func (c Check) Warning() Check {
	c.Keys = slices.Clone(c.Keys)
	switch {
	case slices.Contains(badRows, c.Kind):
		c.Warn, c.Fail = cmp.Or(c.Fail, c.Warn, "> 0"), ""
	case c.Kind == "reconcile":
		c.Keys.Set("severity", "warn")
	case c.Kind == "schema":
		for i, f := range c.Keys {
			if f.Value == Plain("fail") {
				c.Keys[i].Value = Plain("warn")
			}
		}
		for _, kind := range []string{"table_dropped", "column_removed", "type_changed", "type_narrowed"} {
			if !slices.ContainsFunc(c.Keys, func(f Field) bool { return f.Name == kind }) {
				c.Keys.Set(kind, Plain("warn"))
			}
		}
	default:
		c.Warn, c.Fail = cmp.Or(c.Fail, c.Warn), ""
	}
	for i, f := range c.Keys {
		if sub, is := f.Value.(Fields); is && f.Name == "anomaly" {
			sub.Set("status", Plain("warn"))
			c.Keys[i].Value = sub
		}
	}
	return c
}

// Add adds checks to a table.
func (i *Imported) Add(table string, checks ...Check) {
	if last := len(i.Datasets) - 1; last >= 0 && i.Datasets[last].Table == table && i.Datasets[last].Exclude == nil {
		i.Datasets[last].Checks = append(i.Datasets[last].Checks, checks...)
		return
	}
	if len(checks) > 0 {
		i.Datasets = append(i.Datasets, Dataset{Table: table, Checks: checks})
	}
}

// Tag adds tags to a table that has checks. It leaves out, with the reason, what is no tag of
// Sentinel.
func (i *Imported) Tag(at Place, table string, tags []string) {
	for n := range i.Datasets {
		d := &i.Datasets[n]
		if d.Table != table {
			continue
		}
		for _, t := range tags {
			if why := config.WrongTag(t); why != "" {
				i.Leave(at, table, fmt.Sprintf("the tag %q %s", t, why))
				continue
			}
			d.Tags = append(d.Tags, t)
		}
		slices.Sort(d.Tags)
		d.Tags = slices.Compact(d.Tags)
	}
}

// Leave records that a construct became no check.
func (i *Imported) Leave(at Place, what, why string) {
	i.Left = append(i.Left, Note{at, what, why})
}

// Take records that a construct became checks of a table.
func (i *Imported) Take(at Place, table, what string, checks ...Check) {
	var kinds []string
	for n := range checks {
		checks[n].What, checks[n].At = what, at
		if !slices.Contains(kinds, checks[n].Kind) {
			kinds = append(kinds, checks[n].Kind)
		}
	}
	i.Taken = append(i.Taken, Note{at, table + ": " + what, strings.Join(kinds, ", ")})
	i.Add(table, checks...)
}

// Remark records how a check differs from the construct that it was.
func (i *Imported) Remark(at Place, what, why string) {
	i.Remarks = append(i.Remarks, Note{at, what, why})
}
