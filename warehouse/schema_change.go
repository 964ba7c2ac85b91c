package warehouse

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel"
)

// SchemaWriter is a dialect that writes DDL for people who undo or follow a drift. Without it
// a drift has no statement.
type SchemaWriter interface {
	// SchemaStatement returns the statement that makes one part of c.Have what it is in
	// c.Want, or "" where no single statement does, or where it could make a value up,
	// change one or delete one. The server may refuse the statement because of a value.
	SchemaStatement(c *SchemaChange) string
}

// SchemaChange is a change of one part of a table. Names in it are not quoted.
type SchemaChange struct {
	Kind   sentinel.DriftKind
	Object string // name of the part in Have, or in Want if Have has none; "": the table
	Have   *Table // as it is
	Want   *Table // as it should be
	// OfColumn says that the part is a column. Of it HaveColumn and WantColumn are what the
	// tables have; nil for none.
	OfColumn               bool
	HaveColumn, WantColumn *Column
	// Fits says that every value of HaveColumn is a value of WantColumn.
	Fits bool

	dialect Dialect
	err     error
}

// Statement returns the statement of the dialect for c; "" if it has none, or if a name
// cannot be quoted.
func (c *SchemaChange) Statement(d Dialect) string {
	writer, ok := d.(SchemaWriter)
	if !ok {
		return ""
	}
	c.dialect, c.err = d, nil
	statement := writer.SchemaStatement(c)
	if c.err != nil {
		return ""
	}
	return statement
}

// Name quotes a name. If it cannot be quoted, there is no statement.
func (c *SchemaChange) Name(name string) string {
	quoted, err := c.dialect.Quote(name)
	c.err = errors.Join(c.err, err)
	return quoted
}

// Names quotes names for a list.
func (c *SchemaChange) Names(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = c.Name(n)
	}
	return strings.Join(quoted, ", ")
}

// Table is the quoted name of the table.
func (c *SchemaChange) Table() string { return c.Qualified(c.Have.Schema, c.Have.Name) }

// Qualified quotes a name in a schema.
func (c *SchemaChange) Qualified(schema, name string) string {
	quoted, err := QuoteTable(c.dialect, TableName{Schema: schema, Name: name})
	c.err = errors.Join(c.err, err)
	return quoted
}

// Alter begins a statement that alters the table.
func (c *SchemaChange) Alter() string { return "ALTER TABLE " + c.Table() + " " }

// TypeIsSafe reports whether the column may get the type that it should have: each value
// fits, or the server refuses those that do not. SQL rounds numbers and times without a
// word, but it refuses what is too large or too long.
func (c *SchemaChange) TypeIsSafe() bool {
	if c.HaveColumn == nil || c.WantColumn == nil {
		return false
	}
	have, want := c.HaveColumn.Type, c.WantColumn.Type
	switch {
	case have.Native == want.Native:
		return false // the name stands for something else
	case c.Fits:
		return want.Family != Enum || have.Family == Enum
	case have.Family != want.Family:
		return false
	}
	switch want.Family {
	case Integer:
		return true
	case Decimal:
		return have.Precision > 0 && have.Scale <= want.Scale
	case Text:
		return true
	}
	return false
}

// IndexNamed returns the index of a name; nil if there is none.
func (t *Table) IndexNamed(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// UniqueNamed returns the unique key of a name; nil if there is none.
func (t *Table) UniqueNamed(name string) *Key {
	for i := range t.Unique {
		if t.Unique[i].Name == name {
			return &t.Unique[i]
		}
	}
	return nil
}

// ForeignKeyNamed returns the foreign key of a name; nil if there is none.
func (t *Table) ForeignKeyNamed(name string) *ForeignKey {
	for i := range t.ForeignKeys {
		if t.ForeignKeys[i].Name == name {
			return &t.ForeignKeys[i]
		}
	}
	return nil
}

// constantText matches the default expressions that have one value for ever: numbers,
// texts with a cast or without, and truth values.
var constantText = sync.OnceValue(func() *regexp.Regexp {
	const cast = `(?:::"?[a-z_][a-z0-9_ ]*"?(?:\([0-9,]+\))?(?:\[\])?)?`
	return regexp.MustCompile(`^(?:\(?-?[0-9]+(?:\.[0-9]+)?\)?` + cast + `|'(?:[^'\\]|'')*'` + cast +
		`|(?i:true|false))$`)
})

// ConstantExpression reports whether a default expression has one value for ever. Rows that
// are there before a column with any other default is added would get a value of today.
func ConstantExpression(expression string) bool { return constantText().MatchString(expression) }

var (
	numberDefault = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^'?(-?[0-9]+(?:\.[0-9]+)?)'?(?:::[a-z ]+(?:\([0-9,]+\))?)?$`)
	})
	textDefault = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^'([^'\\\x00-\x1f]*)'(?:::[a-z ]+(?:\([0-9]+\))?)?$`)
	})
)

// ConstantDefault returns a column's default in a form that every engine reads, if it is a
// constant of a plain type. Text with quotes or backslashes is not copied, because engines
// read it in different ways.
func ConstantDefault(c Column) (text string, ok bool) {
	if c.Generated != "" {
		return "", false
	}
	switch c.Type.Family {
	case Integer, Decimal:
		if m := numberDefault().FindStringSubmatch(c.Default); m != nil {
			return m[1], true
		}
	case Boolean:
		switch c.Default {
		case "true", "false", "1", "0":
			return c.Default, true
		}
	case Text:
		if m := textDefault().FindStringSubmatch(c.Default); m != nil {
			return "'" + m[1] + "'", true
		}
	}
	return "", false
}

// TranslateType returns a type of another engine as a dialect spells it. An error says that
// the dialect has no exact counterpart.
func TranslateType(t Type, from, to Dialect) (Type, error) {
	if from.Name() == to.Name() {
		return t, nil
	}
	writer, ok := to.(WriteDialect)
	if !ok {
		return t, fmt.Errorf("%s is not written to", to.Name())
	}
	native, ok := writer.TypeName(t)
	if !ok {
		return t, fmt.Errorf("%s of %s has no exact counterpart in %s", t.Native, from.Name(), to.Name())
	}
	t = ParseType(native)
	t.Native = native
	return t, nil
}
