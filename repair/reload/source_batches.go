package reload

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// batchAt is how far staging in batches has come.
type batchAt struct {
	Source   string
	Expected int64    // rows of the source when staging began
	Last     []string // key of the last row staged; empty before the first
	Rows     int64    // staged
	Done     bool
}

// copyAcross reads the window from another warehouse in batches in the order of
// the key, and writes each in one transaction with its checkpoint: after a
// crash the next agent goes on behind it. A source that has moved meanwhile is
// read anew. Without a key there is one batch, and so no more than fits one.
func (x reloadRun) copyAcross(ctx context.Context, source sentinel.Table, expected int64) error {
	if len(x.plan.Key) == 0 && expected > int64(x.action.BatchRows) {
		return repair.Refuse("without a key its %d rows would have to be read in one go, and batch_rows is %d: "+
			"set key", expected, x.action.BatchRows)
	}
	db, err := x.run.Target.Sources.Open(source.Warehouse)
	if err != nil {
		return err
	}
	there, err := repair.Relation(ctx, db, source)
	if err != nil {
		return err
	}
	s := scope{db.Dialect, there.TableName, x.plan}
	at, err := x.resume(ctx, source.String(), expected)
	if err != nil {
		return err
	}
	for !at.Done {
		rows, err := x.action.batch(ctx, db, s, at.Last)
		if err != nil {
			return err
		}
		if at, err = x.stageBatch(ctx, at, carried(x.writer.Dialect, there, x.plan.Columns, rows),
			len(rows) < x.action.BatchRows || len(x.plan.Key) == 0); err != nil {
			return err
		}
		x.run.Reached("staging_batch")
	}
	return x.unmoved(ctx, db, s, at)
}

// resume finds the checkpoint of this source; where there is none that fits,
// staging begins anew with an empty table.
func (x reloadRun) resume(ctx context.Context, source string, expected int64) (at batchAt, err error) {
	text, err := x.marks.get(ctx, x.writer.DB, batchMark)
	if err != nil {
		return at, x.writer.Classed("reading the checkpoint", err)
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &at); err != nil {
			return at, fmt.Errorf("reading the checkpoint: %w", err)
		}
	}
	if text != "" && at.Source == source && at.Expected == expected {
		return at, nil
	}
	at = batchAt{Source: source, Expected: expected}
	return at, x.writer.Fenced(ctx, x.run, "staging", func(tx *sql.Tx) error {
		if err := x.remember(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+x.from); err != nil {
			return err
		}
		return x.checkpoint(ctx, tx, at)
	})
}

func (x reloadRun) checkpoint(ctx context.Context, tx *sql.Tx, at batchAt) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return x.marks.set(ctx, tx, batchMark, string(text))
}

// stageBatch writes one batch, perhaps the last, with its checkpoint.
func (x reloadRun) stageBatch(
	ctx context.Context, at batchAt, rows warehouse.Rows, last bool,
) (batchAt, error) {
	next := at
	next.Rows += int64(len(rows))
	next.Done = last
	if next.Rows > x.action.MaxRows {
		return at, repair.Refuse("more than max_rows %d", x.action.MaxRows)
	}
	if len(rows) > 0 {
		next.Last = nil
		for _, k := range x.plan.Key {
			next.Last = append(next.Last, rows[len(rows)-1][indexOf(x.plan.Columns, k)].Text)
		}
	}
	err := x.writer.Fenced(ctx, x.run, "staging from "+at.Source, func(tx *sql.Tx) error {
		if err := x.insertBatch(ctx, tx, rows); err != nil {
			return err
		}
		return x.checkpoint(ctx, tx, next)
	})
	return next, err
}

// unmoved holds the source to what it was when staging began. One that has
// moved is staged anew with the next try.
func (x reloadRun) unmoved(ctx context.Context, db *warehouse.DB, s scope, at batchAt) error {
	now, err := s.count(ctx, db)
	if err != nil || now == at.Rows && now == at.Expected {
		return err
	}
	err = x.writer.Fenced(ctx, x.run, "staging", func(tx *sql.Tx) error { return x.checkpoint(ctx, tx, batchAt{}) })
	if err != nil {
		return err
	}
	return &repair.TransientError{Err: fmt.Errorf("%s has %d rows by now, had %d, and %d were read: it is being "+
		"written to", at.Source, now, at.Expected, at.Rows)}
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

// batch reads rows after the last key.
func (a *Partition) batch(ctx context.Context, db *warehouse.DB, s scope, last []string) (warehouse.Rows, error) {
	table, err := warehouse.QuoteTable(s.dialect, s.table)
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	columns, err := s.columns()
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := s.where(1)
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	st := "SELECT " + columns + " FROM " + table + " WHERE " + where
	if len(s.Key) > 0 {
		key, err := list(s.dialect, s.Key)
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		if len(last) > 0 {
			marks := make([]string, len(last))
			for i, v := range last {
				args = append(args, v)
				marks[i] = s.dialect.Param(len(args))
			}
			st += " AND (" + key + ") > (" + strings.Join(marks, ", ") + ")"
		}
		st += fmt.Sprintf(" ORDER BY %s LIMIT %d", key, a.BatchRows)
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: st, Args: args})
	if err != nil {
		return nil, repair.Transient(fmt.Errorf("reading %s: %w", table, err))
	}
	return rows, nil
}

// insertBatch writes rows, some hundred a statement.
func (x reloadRun) insertBatch(ctx context.Context, tx *sql.Tx, rows warehouse.Rows) error {
	const parameters = 2000 // of one statement; every engine takes more
	for part := range slices.Chunk(rows, max(1, parameters/len(x.plan.Columns))) {
		var marks []string
		var args []any
		for _, row := range part {
			one := make([]string, len(row))
			for i, cell := range row {
				args = append(args, x.writer.Dialect.Value(x.here.Column(x.plan.Columns[i]), cell))
				one[i] = x.writer.Param(len(args))
			}
			marks = append(marks, "("+strings.Join(one, ", ")+")")
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+x.from+" ("+x.columns+") VALUES "+strings.Join(marks, ", "),
			args...); err != nil {
			return err
		}
	}
	return nil
}

// carried drops the zone from times, which all are UTC, for an engine that would
// keep it as text.
func carried(
	dialect warehouse.WriteDialect, from *warehouse.Table, columns []string, rows warehouse.Rows,
) warehouse.Rows {
	if dialect.ReadsZones() {
		return rows
	}
	for i, name := range columns {
		if t := from.Column(name).Type; t.Family != warehouse.Timestamp || !t.Zoned {
			continue
		}
		for _, row := range rows {
			row[i].Text = strings.TrimSuffix(strings.TrimSuffix(row[i].Text, "+00"), "Z")
		}
	}
	return rows
}
