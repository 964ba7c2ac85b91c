package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// inexpressible reports whether a statement failed because the encoding of the database
// lacks a character in it.
func inexpressible(err error) bool {
	var e *warehouse.Error
	return errors.As(err, &e) && e.Code == "22P05"
}

// expressible returns a scope without the names that the encoding of the database cannot
// have: nothing there has such a name.
func expressible(ctx context.Context, s warehouse.Sessions, scope warehouse.Scope) (warehouse.Scope, error) {
	lacking := map[string]bool{}
	var statements []warehouse.Statement
	ask := func(name string) {
		if _, asked := lacking[name]; !asked {
			lacking[name] = false
			statements = append(statements, warehouse.Statement{SQL: "SELECT $1::text", Args: []any{name}})
		}
	}
	for _, t := range scope.Tables {
		ask(t.Schema)
		ask(t.Name)
	}
	for _, name := range scope.ColumnNames {
		ask(name)
	}
	var failed error
	errs := make([]error, len(statements))
	s.Run(ctx, statements, func(i int, _ warehouse.Rows, err error) { errs[i] = err })
	for i, err := range errs {
		if inexpressible(err) {
			lacking[statements[i].Args[0].(string)] = true
		} else {
			failed = errors.Join(failed, err)
		}
	}
	scope.Tables = slices.DeleteFunc(slices.Clone(scope.Tables), func(t warehouse.TableName) bool {
		return lacking[t.Schema] || lacking[t.Name]
	})
	scope.ColumnNames = slices.DeleteFunc(slices.Clone(scope.ColumnNames), func(c string) bool { return lacking[c] })
	return scope, failed
}
