package reload

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

// columnReader reads columns of a table as values.
type columnReader struct {
	dialect warehouse.Dialect
	names   []string
	types   []warehouse.Type
	exprs   []string // of the SELECT list
	widths  []int    // number of cells of each column
}

func newColumnReader(d warehouse.Dialect, names []string, types []warehouse.Type) (columnReader, error) {
	r := columnReader{dialect: d, names: names, types: types}
	for i, name := range names {
		quoted, err := d.Quote(name)
		if err != nil {
			return r, &repair.RefusedError{Why: err.Error()}
		}
		exprs := warehouse.ReadValue(d, quoted, types[i])
		r.exprs = append(r.exprs, exprs...)
		r.widths = append(r.widths, len(exprs))
	}
	return r, nil
}

// query returns the statement that reads all rows of a table or a part of it.
func (r columnReader) query(from string) string {
	return "SELECT " + strings.Join(r.exprs, ", ") + " FROM " + from
}

// decode returns the values of a row of cells.
func (r columnReader) decode(cells []warehouse.Cell) ([]warehouse.Value, error) {
	row := make([]warehouse.Value, len(r.names))
	for i, width := range r.widths {
		v, err := warehouse.DecodeValue(r.dialect, cells[:width], r.types[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", r.names[i], err)
		}
		row[i], cells = v, cells[width:]
	}
	return row, nil
}

// each calls take with every row that a session reads.
func (r columnReader) each(
	ctx context.Context, tx *sql.Tx, from string, args []any, take func(row []warehouse.Value) error,
) (err error) {
	found, err := tx.QueryContext(ctx, r.query(from), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	answer, err := sqlpool.Scan(found, warehouse.Statement{Each: func() func([]warehouse.Cell) error {
		return func(cells []warehouse.Cell) error {
			row, err := r.decode(cells)
			if err != nil {
				return err
			}
			return take(row)
		}
	}})
	return errors.Join(err, answer.Refused, found.Err())
}

// digest reads the digest of the loaded columns of a table. from may end in a condition.
func (l loader) digest(ctx context.Context, tx *sql.Tx, from string, args ...any) (d rowvalues.Digest, err error) {
	err = l.reader.each(ctx, tx, from, args, func(row []warehouse.Value) error {
		d.Add(row)
		return nil
	})
	return d, err
}

// carrier takes the rows of a source: it turns their values into those that the table must
// hold, and hashes them.
type carrier struct {
	columns []string
	pairs   []rowvalues.Pair
	key     []int // positions of the key's columns
	sum     rowvalues.Digest
	index   *rowvalues.Index
}

func (l loader) newCarrier(pairs []rowvalues.Pair, sum rowvalues.Digest) (*carrier, error) {
	c := &carrier{columns: l.details.Columns, pairs: pairs, sum: sum.Clone(),
		index: rowvalues.NewIndex(l.details.Columns, l.details.Key)}
	for _, k := range l.details.Key {
		i := slices.Index(c.columns, k)
		if i < 0 {
			return nil, repair.Refuse("the key's column %s is not among the columns to load", k)
		}
		c.key = append(c.key, i)
	}
	return c, nil
}

// carry returns the row that the table must hold. It refuses one that the table cannot.
func (c *carrier) carry(row []warehouse.Value) ([]warehouse.Value, error) {
	for _, at := range c.key {
		if row[at].Null() {
			return nil, repair.Refuse(keyIsNull, c.columns[at])
		}
	}
	out := make([]warehouse.Value, len(row))
	for i, v := range row {
		var err error
		if out[i], err = c.pairs[i].Carry(v); err != nil {
			return nil, repair.Refuse("column %s%s: %v", c.columns[i], c.where(row), err)
		}
	}
	c.index.Add(out, c.sum.Add(out))
	return out, nil
}

// where names the row by its key.
func (c *carrier) where(row []warehouse.Value) string {
	if len(c.key) == 0 {
		return ""
	}
	return " of the row with " + rowvalues.ShownKey(c.columns, c.key, row)
}

// sameValues compares rows as they lie in a table with what was carried there. Where they
// differ it returns a sentence that names the columns and, if it is known, a row.
func (l loader) sameValues(
	ctx context.Context, tx *sql.Tx, from string, args []any, want copiedRows,
) (differs string, err error) {
	have, err := l.digest(ctx, tx, from, args...)
	if err != nil || have.Equal(want.sum) {
		return "", err
	}
	if have.Rows != want.sum.Rows {
		return fmt.Sprintf("%d rows in place of %d", have.Rows, want.sum.Rows), nil
	}
	differs = have.Differing(want.sum, l.details.Columns)
	row := ""
	err = l.reader.each(ctx, tx, from, args, func(values []warehouse.Value) error {
		if row == "" && want.index.Differs(values) {
			row = ", such as in the row with " + rowvalues.ShownKey(l.details.Columns, want.index.Key, values)
		}
		return nil
	})
	return differs + row, err
}

// checkInPlace compares the window, after the exchange and before its commit, with the
// values that left the source.
func (l loader) checkInPlace(ctx context.Context, tx *sql.Tx) error {
	text, err := l.checkpoints.get(ctx, tx, valuesCheckpoint)
	if err != nil {
		return err
	}
	var want rowvalues.Digest
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		return &repair.ChangedError{What: "what left the source is not known: it was staged by another version"}
	}
	index := rowvalues.NewIndex(l.details.Columns, l.details.Key)
	window := l.table + " WHERE " + l.where
	now, err := l.digest(ctx, tx, window, l.args...)
	if err != nil || now.Equal(want) {
		return err
	}
	if now.Rows > want.Rows {
		return &repair.TransientError{Err: fmt.Errorf("the window would hold %d rows, and %d came from the source: "+
			"something else writes to it", now.Rows, want.Rows)}
	}
	err = l.reader.each(ctx, tx, l.from, nil, func(row []warehouse.Value) error {
		index.Add(row, rowvalues.HashRow(row, nil))
		return nil
	})
	if err != nil {
		return err
	}
	differs, err := l.sameValues(ctx, tx, window, l.args, copiedRows{sum: want, index: index})
	if err != nil {
		return err
	}
	return repair.Refuse("the window would not hold the values of the source: %s: a trigger, a rule or a type of the "+
		"table changes what is inserted", differs)
}
