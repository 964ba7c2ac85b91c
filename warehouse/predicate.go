package warehouse

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// Predicate is a condition on one row. [WritePredicate] writes it so that it means the same
// on every engine: texts are compared by their characters and not by a collation, NaN lies
// in no range, a number in a list is no text.
//
// Conditions follow SQL's logic of three values. A condition on a column is unknown where
// the column is NULL; of them only [Null] is not. The implementations are all in this file.
type Predicate interface {
	write(w *predicateWriter) (string, error)
}

// Null holds where a column is NULL.
type Null struct{ Column Column }

// Empty holds where a text has no characters.
type Empty struct{ Column Column }

// Blank holds where a text is empty, or has only space, \t, \n, \r, \f and \v.
type Blank struct{ Column Column }

// In holds where a value is in a list. Without values it never holds.
type In struct {
	Column  Column
	Values  []Literal
	Compare Comparison // of texts
}

// Comparison says which texts are equal.
type Comparison string

const (
	// Exact compares the characters. It is the default.
	Exact Comparison = "exact"
	// ByEngine compares as the column's collation does.
	ByEngine Comparison = "engine"
	// IgnoreCase compares the characters, those that differ in case alone as equal.
	IgnoreCase Comparison = "ignore_case"
)

// Within holds where a value lies in a range. Nil is an open end. NaN lies in no range, nor
// does a value of another kind, where the engine's columns may hold one.
type Within struct {
	Column    Column
	Low, High *Literal
	Exclusive bool // the ends are outside
}

// LengthWithin holds where a text has so many characters. High < 0 is an open end.
type LengthWithin struct {
	Column    Column
	Low, High int
}

// Matches holds where a pattern is found anywhere in a text.
type Matches struct {
	Column  Column
	Pattern *syntax.Regexp // parsed with [syntax.Perl]
}

// NaN holds where a number is none.
type NaN struct{ Column Column }

// NotFinite holds where a number is NaN or infinite.
type NotFinite struct{ Column Column }

// ZeroDate holds where a date is 0000-00-00; see [ZeroDates].
type ZeroDate struct{ Column Column }

// Condition is SQL of the user.
type Condition struct{ SQL string }

// Not holds where its condition is false.
type Not struct{ Of Predicate }

// All holds where all conditions do.
type All []Predicate

// Any holds where one of the conditions does. Without conditions it never holds.
type Any []Predicate

// ValueTester is a dialect that tests the values of columns. expr is a column, quoted.
type ValueTester interface {
	// Exact returns the text of a value, which is compared by its characters alone.
	Exact(expr string, t Type) string
	// Length returns the number of characters of what Exact returned.
	Length(exact string) string
	// Blank returns the condition that what Exact returned is empty, or has only space,
	// \t, \n, \r, \f and \v.
	Blank(exact string) string
	// Match returns the condition that a pattern is found in what Exact returned. param is
	// the parameter to which arg is bound.
	Match(exact string, p *syntax.Regexp, param string) (condition string, arg any, err error)
	// IsNaN returns the condition that a number is NaN; "" if the type has none.
	IsNaN(expr string, t Type) string
	// IsNotFinite returns the condition that a number is NaN or infinite; "" if the type has
	// neither.
	IsNotFinite(expr string, t Type) string
	// AsFloat returns a number as a float of 64 bits.
	AsFloat(expr string) string
}

// ZeroDates is a dialect with a date 0000-00-00.
type ZeroDates interface {
	// IsZeroDate returns the condition that a date or timestamp is 0000-00-00.
	IsZeroDate(expr string) string
}

// WritePredicate writes a condition for a dialect. It appends the values of its parameters
// to args. The first of them has the number len(*args)+1. Its error says which column cannot
// be tested so, and why.
func WritePredicate(d Dialect, p Predicate, args *[]any) (string, error) {
	tester, ok := d.(ValueTester)
	if !ok {
		const message = "the dialect %s cannot test values of columns: use the check failed_rows with a query"
		return "", fmt.Errorf(message, d.Name())
	}
	return p.write(&predicateWriter{Dialect: d, test: tester, args: args})
}

// PredicateColumns returns the names of the columns that a condition reads, but for those in
// SQL of the user, which is returned too.
func PredicateColumns(p Predicate) (columns, sql []string) {
	visit := func(p Predicate) {
		switch p := p.(type) {
		case Null:
			columns = append(columns, p.Column.Name)
		case Empty:
			columns = append(columns, p.Column.Name)
		case Blank:
			columns = append(columns, p.Column.Name)
		case In:
			columns = append(columns, p.Column.Name)
		case Within:
			columns = append(columns, p.Column.Name)
			for _, end := range []*Literal{p.Low, p.High} {
				if end != nil && end.Column != nil {
					columns = append(columns, end.Column.Name)
				}
			}
		case LengthWithin:
			columns = append(columns, p.Column.Name)
		case Matches:
			columns = append(columns, p.Column.Name)
		case NaN:
			columns = append(columns, p.Column.Name)
		case NotFinite:
			columns = append(columns, p.Column.Name)
		case ZeroDate:
			columns = append(columns, p.Column.Name)
		case Condition:
			sql = append(sql, p.SQL)
		}
	}
	walk(p, visit)
	return columns, sql
}

// HasPattern reports whether a condition searches texts for patterns.
func HasPattern(p Predicate) (has bool) {
	walk(p, func(p Predicate) {
		switch p := p.(type) {
		case Matches:
			has = true
		case In:
			has = has || p.Compare == IgnoreCase
		}
	})
	return has
}

// predicateWriter writes one condition.
type predicateWriter struct {
	Dialect
	test ValueTester
	args *[]any
}

func (w *predicateWriter) bind(arg any) string {
	*w.args = append(*w.args, arg)
	return w.Param(len(*w.args))
}

func (p Null) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	return column + " IS NULL", err
}

// text returns the exact text of a column.
func (w *predicateWriter) text(c Column, what string) (string, error) {
	if !c.Type.IsText() {
		return "", fmt.Errorf("column %s is %s, and %s is for texts", c.Name, c.Type.Native, what)
	}
	column, err := w.Quote(c.Name)
	return w.test.Exact(column, c.Type), err
}

func (p Empty) write(w *predicateWriter) (string, error) {
	text, err := w.text(p.Column, "`empty`")
	return w.test.Length(text) + " = 0", err
}

func (p Blank) write(w *predicateWriter) (string, error) {
	text, err := w.text(p.Column, "`blank`")
	return w.test.Blank(text), err
}

func (p LengthWithin) write(w *predicateWriter) (string, error) {
	text, err := w.text(p.Column, "a length")
	length := w.test.Length(text)
	if p.High < 0 {
		return fmt.Sprintf("%s >= %d", length, p.Low), err
	}
	return fmt.Sprintf("%s BETWEEN %d AND %d", length, p.Low, p.High), err
}

func (p Matches) write(w *predicateWriter) (string, error) {
	text, err := w.text(p.Column, "a pattern")
	if err != nil {
		return "", err
	}
	param := w.bind(nil)
	condition, arg, err := w.test.Match(text, p.Pattern, param)
	(*w.args)[len(*w.args)-1] = arg
	return condition, err
}

func (p NaN) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	if err != nil {
		return "", err
	}
	if !p.Column.Type.IsNumber() {
		return "", fmt.Errorf("column %s is %s, and `nan` is for numbers", p.Column.Name, p.Column.Type.Native)
	}
	if is := w.test.IsNaN(column, p.Column.Type); is != "" {
		return is, nil
	}
	return whereSet(column, "1 = 0"), nil
}

func (p NotFinite) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	if err != nil {
		return "", err
	}
	if !p.Column.Type.IsNumber() {
		return "", fmt.Errorf("column %s is %s, which is no number", p.Column.Name, p.Column.Type.Native)
	}
	if is := w.test.IsNotFinite(column, p.Column.Type); is != "" {
		return is, nil
	}
	return whereSet(column, "1 = 0"), nil
}

func (p ZeroDate) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	if err != nil {
		return "", err
	}
	if !p.Column.Type.IsTime() {
		return "", fmt.Errorf("column %s is %s, and `zero_date` is for dates", p.Column.Name, p.Column.Type.Native)
	}
	if z, ok := w.Dialect.(ZeroDates); ok {
		return z.IsZeroDate(column), nil
	}
	return whereSet(column, "1 = 0"), nil
}

// whereSet makes a condition unknown where the column is NULL.
func whereSet(column, condition string) string {
	return "CASE WHEN " + column + " IS NOT NULL THEN " + condition + " END"
}

func (p Condition) write(*predicateWriter) (string, error) {
	if strings.Contains(p.SQL, "--") || strings.Contains(p.SQL, "#") {
		return "(" + p.SQL + "\n)", nil // the line break ends a comment
	}
	return "(" + p.SQL + ")", nil
}

func (p Not) write(w *predicateWriter) (string, error) {
	of, err := p.Of.write(w)
	return "NOT (" + of + ")", err
}

func (p All) write(w *predicateWriter) (string, error) { return w.join(p, " AND ", "1 = 1") }

func (p Any) write(w *predicateWriter) (string, error) { return w.join(p, " OR ", "1 = 0") }

func (w *predicateWriter) join(list []Predicate, by, none string) (string, error) {
	if len(list) == 0 {
		return none, nil
	}
	if len(list) == 1 {
		return list[0].write(w)
	}
	parts := make([]string, len(list))
	var wrong []error
	for i, p := range list {
		part, err := p.write(w)
		parts[i], wrong = "("+part+")", append(wrong, err)
	}
	return strings.Join(parts, by), errors.Join(wrong...)
}

// walk calls visit with a condition and all conditions in it.
func walk(p Predicate, visit func(Predicate)) {
	visit(p)
	switch p := p.(type) {
	case Not:
		walk(p.Of, visit)
	case All:
		for _, of := range p {
			walk(of, visit)
		}
	case Any:
		for _, of := range p {
			walk(of, visit)
		}
	}
}
