package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// userSQL is SQL that a user wrote, and its key.
type userSQL struct {
	field, text string
	statement   bool // a whole statement, not a condition or expression
}

// sqlUser is a check with SQL of the user beside `where`.
type sqlUser interface{ userSQL() []userSQL }

// CheckSQL refuses a check whose SQL reaches into the statements that Sentinel writes around
// it, holds a parameter, or is a statement that does more than reading. Its error holds [settings.FieldError] values.
func CheckSQL(d warehouse.Dialect, c Check) error {
	texts := []userSQL{{field: "where", text: c.Common().Where}}
	if u, ok := c.(sqlUser); ok {
		texts = append(texts, u.userSQL()...)
	}
	var wrong []error
	for _, t := range texts {
		if err := t.check(d); err != nil {
			wrong = append(wrong, settings.Wrong(t.field, "%v", err))
		}
	}
	return errors.Join(wrong...)
}

func (t userSQL) check(d warehouse.Dialect) error {
	switch {
	case t.text == "":
		return nil
	case t.statement:
		if err := warehouse.CheckQuery(d, t.text); err != nil {
			return err
		}
		return warehouse.CheckParameters(d, t.text)
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(t.text), " "); strings.EqualFold(first, "where") {
		return errors.New("it begins with WHERE: write the condition alone")
	}
	return warehouse.CheckFilter(d, t.text)
}

// userSQL returns the expression of a time.
func (c *TimeColumn) userSQL() []userSQL {
	if c == nil {
		return nil
	}
	return []userSQL{{field: "time.expression", text: c.Expression}}
}

// userSQL returns the user's SQL in an aggregate.
func (a *Aggregate) userSQL() (texts []userSQL) {
	if a.Where != "" {
		texts = append(texts, userSQL{field: "where", text: a.Where})
	}
	for _, text := range append(a.conditions(), a.Expr, a.Time.Expression, a.Window.Time.Expression) {
		if text != "" {
			texts = append(texts, userSQL{field: "expression", text: text})
		}
	}
	return texts
}

// conditions returns the user's SQL in the condition of an aggregate.
func (a *Aggregate) conditions() (sql []string) {
	if a.Bad != nil {
		_, sql = warehouse.PredicateColumns(a.Bad)
	}
	return sql
}

// sqlError refuses a question with SQL that [CheckSQL] refuses, whoever made the check.
func (a Ask) sqlError(d warehouse.Dialect) error {
	var texts []userSQL
	switch {
	case a.Aggregate != nil:
		texts = a.Aggregate.userSQL()
	case a.Groups != nil:
		g := a.Groups
		texts = []userSQL{{field: "where", text: g.Where}, {field: "expression", text: g.Window.Time.Expression}}
		for _, v := range g.Values {
			texts = append(texts, v.userSQL()...)
		}
	case a.Orphans != nil:
		o := a.Orphans
		texts = []userSQL{{field: "where", text: o.Where}, {field: "to_where", text: o.ToWhere},
			{field: "expression", text: o.Window.Time.Expression}}
	case a.Foreign != nil:
		f := a.Foreign
		texts = []userSQL{{field: "where", text: f.Where}, {field: "to_where", text: f.ToWhere},
			{field: "expression", text: f.Window.Time.Expression}}
	case a.Keys != nil:
		texts = []userSQL{{field: "where", text: a.Keys.Where}, {field: "expression", text: a.Keys.Window.Time.Expression}}
	case a.Compare != nil:
		c := a.Compare
		texts = []userSQL{{field: "where", text: c.Where}, {field: "expression", text: c.Window.Time.Expression}}
	case a.Cells != nil:
		texts = []userSQL{{field: "where", text: a.Cells.Where}, {field: "expression", text: a.Cells.Window.Time.Expression}}
	case a.Query != nil:
		texts = []userSQL{{field: "query", text: a.Query.SQL, statement: true}}
	}
	for _, t := range texts {
		if err := t.check(d); err != nil {
			return &warehouse.Error{Kind: warehouse.BadStatement, Err: fmt.Errorf("%s: %w", t.field, err)}
		}
	}
	return nil
}
