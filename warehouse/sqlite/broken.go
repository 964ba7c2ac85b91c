package sqlite

import (
	"context"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// perTable are the indexes in catalogSQL of the statements that describe all tables. A view
// over a table that is gone, or a virtual table without its module, makes them fail.
var perTable = []int{2, 3, 4}

// readParts runs the statements of a catalog. Where one fails that describes all tables,
// it describes each by a statement of its own, and returns the errors of those that are
// broken.
func readParts(ctx context.Context, s warehouse.Sessions) (a []warehouse.Rows, broken map[string]error, err error) {
	statements := make([]warehouse.Statement, len(catalogSQL))
	for i, q := range catalogSQL {
		statements[i].SQL = q
	}
	errs := make([]error, len(statements))
	a = make([]warehouse.Rows, len(statements))
	s.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) { a[i], errs[i] = rows, err })
	broken = map[string]error{}
	for _, i := range perTable {
		if !ofOneTable(errs[i]) || errs[1] != nil {
			continue
		}
		a[i], errs[i] = readEach(ctx, s, catalogSQL[i], a[1], broken)
	}
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	return a, broken, nil
}

// ofOneTable reports whether an error of a statement about all tables can be that of one.
func ofOneTable(err error) bool {
	switch warehouse.KindOf(err) {
	case warehouse.BadStatement, warehouse.MissingTable, warehouse.MissingColumn:
		return true
	}
	return false
}

// readEach runs a statement that describes all tables once for each of them, and adds the
// errors of broken tables.
func readEach(
	ctx context.Context, s warehouse.Sessions, query string, tables warehouse.Rows, broken map[string]error,
) (all warehouse.Rows, err error) {
	before, after, _ := strings.Cut(query, "WHERE ")
	statements := make([]warehouse.Statement, len(tables))
	for i, t := range tables {
		statements[i] = warehouse.Statement{SQL: before + "WHERE s.name = ? AND " + after, Args: []any{t[0].Text}}
	}
	answers := make([]warehouse.Rows, len(tables))
	errs := make([]error, len(tables))
	s.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) { answers[i], errs[i] = rows, err })
	for i, t := range tables {
		switch {
		case errs[i] == nil:
			all = append(all, answers[i]...)
		case ofOneTable(errs[i]):
			broken[t[0].Text] = errs[i]
		default:
			return nil, errs[i]
		}
	}
	return all, nil
}
