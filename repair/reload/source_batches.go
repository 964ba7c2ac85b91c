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

// batchProgress is how far staging in batches has come.
type batchProgress struct {
	Source   string
	Expected int64    // rows of the source when staging began
	Last     []string // key of the last row staged; empty before the first
	Rows     int64    // staged
	Done     bool
}

// copyFromWarehouse reads the window from another warehouse in batches in the order of
// the key, and writes each in one transaction with its checkpoint: after a
// crash the next agent goes on behind it. A source that has moved meanwhile is
// read anew. Without a key there is one batch, and so no more than fits one.
func (l loader) copyFromWarehouse(ctx context.Context, source sentinel.Table, expected int64) error {
	if len(l.details.Key) == 0 && expected > int64(l.action.BatchRows) {
		return repair.Refuse("without a key its %d rows would have to be read in one go, and batch_rows is %d: "+
			"set key", expected, l.action.BatchRows)
	}
	db, err := l.run.Target.Sources.Open(source.Warehouse)
	if err != nil {
		return err
	}
	there, err := repair.ReadTable(ctx, db, source)
	if err != nil {
		return err
	}
	window := windowQuery{db.Dialect, there.TableName, l.details}
	progress, err := l.resume(ctx, source.String(), expected)
	if err != nil {
		return err
	}
	for !progress.Done {
		rows, err := l.action.batch(ctx, db, window, progress.Last)
		if err != nil {
			return err
		}
		if progress, err = l.stageBatch(ctx, progress, dropZones(l.writer.Dialect, there, l.details.Columns, rows),
			len(rows) < l.action.BatchRows || len(l.details.Key) == 0); err != nil {
			return err
		}
		l.run.Failpoint("staging_batch")
	}
	return l.checkSourceUnchanged(ctx, db, window, progress)
}

// resume finds the checkpoint of this source; where there is none that fits,
// staging begins anew with an empty table.
func (l loader) resume(ctx context.Context, source string, expected int64) (progress batchProgress, err error) {
	text, err := l.checkpoints.get(ctx, l.writer.DB, batchCheckpoint)
	if err != nil {
		return progress, l.writer.WrapError("reading the checkpoint", err)
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &progress); err != nil {
			return progress, fmt.Errorf("reading the checkpoint: %w", err)
		}
	}
	if text != "" && progress.Source == source && progress.Expected == expected {
		return progress, nil
	}
	progress = batchProgress{Source: source, Expected: expected}
	return progress, l.writer.RunFenced(ctx, l.run, "staging", func(tx *sql.Tx) error {
		if err := l.saveWindowChecksum(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+l.from); err != nil {
			return err
		}
		return l.checkpoint(ctx, tx, progress)
	})
}

func (l loader) checkpoint(ctx context.Context, tx *sql.Tx, progress batchProgress) error {
	text, err := json.Marshal(progress)
	if err != nil {
		return err
	}
	return l.checkpoints.set(ctx, tx, batchCheckpoint, string(text))
}

// stageBatch writes one batch, perhaps the last, with its checkpoint.
func (l loader) stageBatch(
	ctx context.Context, progress batchProgress, rows warehouse.Rows, last bool,
) (batchProgress, error) {
	next := progress
	next.Rows += int64(len(rows))
	next.Done = last
	if next.Rows > l.action.MaxRows {
		return progress, repair.Refuse("more than max_rows %d", l.action.MaxRows)
	}
	if len(rows) > 0 {
		next.Last = nil
		for _, k := range l.details.Key {
			next.Last = append(next.Last, rows[len(rows)-1][indexOf(l.details.Columns, k)].Text)
		}
	}
	err := l.writer.RunFenced(ctx, l.run, "staging from "+progress.Source, func(tx *sql.Tx) error {
		if err := l.insertBatch(ctx, tx, rows); err != nil {
			return err
		}
		return l.checkpoint(ctx, tx, next)
	})
	return next, err
}

// checkSourceUnchanged holds the source to what it was when staging began. One that has
// moved is staged anew with the next try.
func (l loader) checkSourceUnchanged(ctx context.Context, db *warehouse.DB, window windowQuery, progress batchProgress) error {
	now, err := window.count(ctx, db)
	if err != nil || now == progress.Rows && now == progress.Expected {
		return err
	}
	err = l.writer.RunFenced(ctx, l.run, "staging", func(tx *sql.Tx) error { return l.checkpoint(ctx, tx, batchProgress{}) })
	if err != nil {
		return err
	}
	return &repair.TransientError{Err: fmt.Errorf("%s has %d rows by now, had %d, and %d were read: it is being "+
		"written to", progress.Source, now, progress.Expected, progress.Rows)}
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
func (a *Partition) batch(ctx context.Context, db *warehouse.DB, window windowQuery, last []string) (warehouse.Rows, error) {
	table, err := warehouse.QuoteTable(window.dialect, window.table)
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	columns, err := window.columns()
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := window.where(1)
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	st := "SELECT " + columns + " FROM " + table + " WHERE " + where
	if len(window.Key) > 0 {
		key, err := quoteList(window.dialect, window.Key)
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		if len(last) > 0 {
			marks := make([]string, len(last))
			for i, v := range last {
				args = append(args, v)
				marks[i] = window.dialect.Param(len(args))
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
func (l loader) insertBatch(ctx context.Context, tx *sql.Tx, rows warehouse.Rows) error {
	const parameters = 2000 // of one statement; every engine takes more
	for part := range slices.Chunk(rows, max(1, parameters/len(l.details.Columns))) {
		var marks []string
		var args []any
		for _, row := range part {
			one := make([]string, len(row))
			for i, cell := range row {
				args = append(args, l.writer.Dialect.ConvertValue(l.target.Column(l.details.Columns[i]), cell))
				one[i] = l.writer.Param(len(args))
			}
			marks = append(marks, "("+strings.Join(one, ", ")+")")
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+l.from+" ("+l.columns+") VALUES "+strings.Join(marks, ", "),
			args...); err != nil {
			return err
		}
	}
	return nil
}

// dropZones drops the zone from times, which all are UTC, for an engine that would
// keep it as text.
func dropZones(
	dialect warehouse.WriteDialect, from *warehouse.Table, columns []string, rows warehouse.Rows,
) warehouse.Rows {
	if dialect.AcceptsZones() {
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
