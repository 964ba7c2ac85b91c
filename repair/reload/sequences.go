package reload

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// sequence numbers the rows of a column.
type sequence struct {
	column  string // unquoted
	name    string // quoted
	problem string // why this account cannot move it; "" if it can
}

// sequences returns the sequences that number loaded columns.
func (l loader) sequences(ctx context.Context, q rowQuerier) (found []sequence, err error) {
	advancer, ok := l.writer.Dialect.(warehouse.SequenceAdvancer)
	if !ok {
		return nil, nil
	}
	t := l.run.Repair.Table
	rows, err := q.QueryContext(ctx, advancer.Sequences(), t.Schema, t.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s sequence
		if err := rows.Scan(&s.column, &s.name, &s.problem); err != nil {
			return nil, err
		}
		if slices.Contains(l.details.Columns, s.column) {
			found = append(found, s)
		}
	}
	return found, rows.Err()
}

// rowQuerier is a transaction, or a database.
type rowQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// advanceSequences moves the sequences of the table past the numbers that were put in
// place. Otherwise the next row of an application would get a number that is taken.
// Sequences stay there when the transaction is rolled back.
func (l loader) advanceSequences(ctx context.Context, tx *sql.Tx) error {
	found, err := l.sequences(ctx, tx)
	if err != nil {
		return err
	}
	for _, s := range found {
		if s.problem != "" {
			return &repair.RefusedError{Why: s.problem}
		}
		column, err := l.writer.Dialect.Quote(s.column)
		if err != nil {
			return &repair.RefusedError{Why: err.Error()}
		}
		statement := l.writer.Dialect.(warehouse.SequenceAdvancer).AdvanceSequence(s.name, column, l.from)
		var reached sql.NullInt64
		if err := tx.QueryRowContext(ctx, statement).Scan(&reached); err != nil {
			return err
		}
	}
	return nil
}

// checkAccount refuses a repair whose account would not read or write all that there is.
// A source is a table of the same server; nil for another one.
func (l loader) checkAccount(ctx context.Context, source *warehouse.TableName) error {
	t := l.run.Repair.Table
	tables := []warehouse.TableName{{Schema: t.Schema, Name: t.Name}}
	if source != nil {
		tables = append(tables, *source)
	}
	checker, ok := l.writer.Dialect.(warehouse.AccountChecker)
	for _, table := range tables {
		if !ok {
			break
		}
		var problem string
		err := l.writer.DB.QueryRowContext(ctx, checker.CheckAccount(), table.Schema, table.Name).Scan(&problem)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return l.writer.WrapError("reading what the account may do", err)
		case problem != "":
			return &repair.RefusedError{Why: problem}
		}
	}
	found, err := l.sequences(ctx, l.writer.DB)
	if err != nil {
		return l.writer.WrapError("reading the sequences of the table", err)
	}
	for _, s := range found {
		if s.problem != "" {
			return &repair.RefusedError{Why: s.problem}
		}
	}
	return nil
}
