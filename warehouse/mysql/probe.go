package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// errNotOpened marks a table that the server could not open to describe it. probe finds out
// why.
var errNotOpened = errors.New("the server could not open the table")

// probe asks the server about each table that the catalog does not show as expected: one
// that is missing, one that could not be opened, and one without a column. A table that the
// user may not read, a view that is not valid and a table that another session has locked
// are in the catalog afterwards, with all facts unreadable.
func probe(ctx context.Context, s warehouse.Sessions, c *warehouse.Catalog, scope warehouse.Scope) {
	var names []warehouse.TableName
	for _, name := range scope.Tables {
		if c.Tables[name] == nil {
			names = append(names, name)
		}
	}
	for name, t := range c.Tables {
		if scope.Facts != 0 && t.ReadErr != nil || scope.Facts&warehouse.Columns != 0 && len(t.Columns) == 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	for i, err := range selectNone(ctx, s, names) {
		name := names[i]
		t := c.Tables[name]
		switch {
		case t == nil && warehouse.KindOf(err) == warehouse.MissingTable:
			continue
		case t == nil && err == nil && inOtherCase(c, name):
			continue
		case t == nil:
			t = &warehouse.Table{TableName: name, Kind: warehouse.BaseTable, FoldsColumns: true,
				Rows: -1, Bytes: -1, Written: -1}
			c.Tables[name] = t
		}
		if err == nil {
			err = &warehouse.Error{
				Kind: warehouse.Transient,
				Err:  errors.New("reading the catalog: the table was locked or changed meanwhile"),
			}
		}
		t.ReadErr, t.Unreadable = err, warehouse.AllFacts
	}
}

// selectNone selects no row of each table, without waiting for a lock, and returns what the
// server says.
func selectNone(ctx context.Context, s warehouse.Sessions, names []warehouse.TableName) []error {
	statements := make([]warehouse.Statement, len(names))
	errs := make([]error, len(names))
	for i, name := range names {
		table, err := warehouse.QuoteTable(Dialect{}, name)
		if err != nil {
			statements[i].SQL = "SELECT 1"
			errs[i] = err
			continue
		}
		statements[i].SQL = nowait + "SELECT 1 FROM " + table + " LIMIT 0"
	}
	s.Run(ctx, statements, func(i int, _ warehouse.Rows, err error) {
		if errs[i] == nil {
			errs[i] = err
		}
	})
	return errs
}

// inOtherCase reports whether the catalog has the table under a name in another case, as
// with lower_case_table_names=1, and adds it under the name that was asked for.
func inOtherCase(c *warehouse.Catalog, name warehouse.TableName) bool {
	for other, t := range c.Tables {
		if strings.EqualFold(other.Schema, name.Schema) && strings.EqualFold(other.Name, name.Name) {
			c.Tables[name] = t
			return true
		}
	}
	return false
}

// ConfirmRemoved implements warehouse.Confirmer.
func (d Dialect) ConfirmRemoved(ctx context.Context, s warehouse.Sessions, before, now *warehouse.Table) error {
	table, err := warehouse.QuoteTable(d, now.TableName)
	if err != nil {
		return err
	}
	for i := range before.Columns {
		name := before.Columns[i].Name
		if now.Column(name) != nil {
			continue
		}
		column, err := d.Quote(name)
		if err != nil {
			continue // no table has a column of this name
		}
		_, err = warehouse.Ask(ctx, s, warehouse.Statement{SQL: nowait + "SELECT " + column + " FROM " + table + " LIMIT 0"})
		switch {
		case err == nil:
			return &warehouse.Error{
				Kind: warehouse.Transient,
				Err:  fmt.Errorf("the catalog does not show column %s, which is there", name),
			}
		case warehouse.KindOf(err) != warehouse.MissingColumn:
			return fmt.Errorf("the catalog does not show column %s: %w", name, err)
		}
	}
	return d.confirmForeignKeys(ctx, s, before, now)
}

// confirmForeignKeys looks for foreign keys in the definition of the table, which shows
// them also to users for whom information_schema hides them.
func (d Dialect) confirmForeignKeys(ctx context.Context, s warehouse.Sessions, before, now *warehouse.Table) error {
	hidden := map[string]bool{}
	for _, fk := range before.ForeignKeys {
		hidden[fk.Name] = true
	}
	for _, fk := range now.ForeignKeys {
		delete(hidden, fk.Name)
	}
	if len(hidden) == 0 || now.Kind == warehouse.View {
		return nil
	}
	table, err := warehouse.QuoteTable(d, now.TableName)
	if err != nil {
		return err
	}
	rows, err := warehouse.Ask(ctx, s, warehouse.Statement{SQL: nowait + "SHOW CREATE TABLE " + table})
	if err != nil {
		return err
	}
	for name := range hidden {
		quoted, err := d.Quote(name)
		if err == nil && strings.Contains(rows[0][1].Text, "CONSTRAINT "+quoted+" FOREIGN KEY") {
			return &warehouse.Error{
				Kind: warehouse.Forbidden,
				Err:  fmt.Errorf("the catalog does not show foreign key %s, which is there: see docs/privileges.md", name),
			}
		}
	}
	return nil
}
