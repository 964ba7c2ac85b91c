package reload

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// batchProgress is the progress of staging in batches.
type batchProgress struct {
	Source   string
	Expected int64            // rows of the source when staging began
	Last     []keyPart        // key of the last staged row, as the source has it; empty before the first
	Rows     int64            // number of staged rows
	Digest   rowvalues.Digest // of the rows as they left the source
	Done     bool
}

// copyFromWarehouse reads the window from another warehouse in batches in the order of
// the key. It writes each batch in one transaction with its checkpoint, so that the
// next agent resumes after it when this one crashes. A source that has changed
// meanwhile is read again from the start. Without a key there is a single batch, and
// the window must fit into it.
func (l loader) copyFromWarehouse(
	ctx context.Context, source sentinel.Table, expected int64, pairs []rowvalues.Pair,
) (copied copiedRows, err error) {
	if len(l.details.Key) == 0 && expected > int64(l.action.BatchRows) {
		return copied, repair.Refuse("without a key its %d rows would have to be read in one go, and batch_rows is "+
			"%d: set key", expected, l.action.BatchRows)
	}
	from, err := l.openBatches(ctx, source, pairs)
	if err != nil {
		return copied, err
	}
	progress, err := l.resume(ctx, source.String(), expected)
	if err != nil {
		return copied, err
	}
	carrier, err := l.newCarrier(pairs, progress.Digest)
	if err != nil {
		return copied, err
	}
	copied.resumed = progress.Rows > 0
	if copied.resumed {
		carrier.index = &rowvalues.Index{} // it would lack the rows of the agent before
	}
	for !progress.Done {
		rows, last, err := from.next(ctx, progress.Last)
		if err != nil {
			return copied, err
		}
		if progress, err = l.stageBatch(ctx, progress, carrier, rows, last); err != nil {
			return copied, err
		}
		l.run.Failpoint("staging_batch")
	}
	copied.sum, copied.index = progress.Digest, carrier.index
	return copied, l.checkSourceCount(ctx, from, progress)
}

// openBatches returns the reader of a table of another warehouse.
func (l loader) openBatches(
	ctx context.Context, source sentinel.Table, pairs []rowvalues.Pair,
) (from *sourceBatches, err error) {
	db, err := l.run.Target.Sources.Open(source.Warehouse)
	if err != nil {
		return nil, err
	}
	there, err := repair.ReadTable(ctx, db, source)
	if err != nil {
		return nil, err
	}
	window := windowQuery{dialect: db.Dialect, table: there.TableName, planDetails: l.details, source: true}
	from = &sourceBatches{db: db, window: window, rows: l.action.BatchRows, most: l.action.BatchRows}
	from.reader, err = readerOf(db.Dialect, l.details.Columns, pairs)
	return from, err
}

// readerOf returns the reader of a source's columns.
func readerOf(d warehouse.Dialect, columns []string, pairs []rowvalues.Pair) (columnReader, error) {
	types := make([]warehouse.Type, len(pairs))
	for i, p := range pairs {
		types[i] = p.From.Type
	}
	return newColumnReader(d, columns, types)
}

// resume returns the checkpoint of this source. If none matches, staging starts again
// with an empty table.
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
		if err := l.beginStaging(ctx, tx); err != nil {
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

// sameProgress fails if the stored progress is not the one that a batch follows: an agent
// that was overtaken has committed a batch after this one had read the checkpoint.
func (l loader) sameProgress(ctx context.Context, tx *sql.Tx, progress batchProgress) error {
	text, err := l.checkpoints.get(ctx, tx, batchCheckpoint)
	if err != nil {
		return err
	}
	var stored batchProgress
	if text != "" {
		if err := json.Unmarshal([]byte(text), &stored); err != nil {
			return fmt.Errorf("reading the checkpoint: %w", err)
		}
	}
	found, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	want, err := json.Marshal(progress)
	if err != nil || string(found) == string(want) {
		return err
	}
	return &repair.TransientError{Restage: true, Err: fmt.Errorf("an overtaken agent has staged up to row %d meanwhile, "+
		"this one up to row %d: the next try goes on from there", stored.Rows, progress.Rows)}
}

// stageBatch carries the rows of one batch, and writes them with their checkpoint. last
// says that no batch follows.
func (l loader) stageBatch(
	ctx context.Context, progress batchProgress, c *carrier, rows [][]warehouse.Value, last bool,
) (batchProgress, error) {
	next := progress
	next.Rows += int64(len(rows))
	next.Done = last
	if next.Rows > l.action.MaxRows {
		return progress, repair.Refuse("more than max_rows %d", l.action.MaxRows)
	}
	carried := make([][]warehouse.Value, len(rows))
	for i, row := range rows {
		var err error
		if carried[i], err = c.carry(row); err != nil {
			return progress, err
		}
	}
	next.Digest = c.sum.Clone()
	if len(rows) > 0 {
		next.Last = c.keyParts(rows[len(rows)-1])
	}
	err := l.writer.RunFenced(ctx, l.run, "staging from "+progress.Source, func(tx *sql.Tx) error {
		if err := l.sameProgress(ctx, tx, progress); err != nil {
			return err
		}
		if err := l.insertBatch(ctx, tx, c, carried); err != nil {
			return err
		}
		return l.checkpoint(ctx, tx, next)
	})
	return next, err
}

// checkSourceCount compares the number of the source's rows with that when staging began.
func (l loader) checkSourceCount(ctx context.Context, from *sourceBatches, progress batchProgress) error {
	now, err := from.window.count(ctx, from.db)
	if err != nil || now == progress.Rows && now == progress.Expected {
		return err
	}
	if err := from.window.checkKeyFilled(ctx, from.db); err != nil {
		return err
	}
	if err := from.window.checkKeyOnce(ctx, from.db); err != nil {
		return err
	}
	return l.restage(ctx, fmt.Sprintf("it has %d rows by now, had %d, and %d were read: it is being "+
		"written to", now, progress.Expected, progress.Rows))
}

// sourceBatches reads a table of another warehouse.
type sourceBatches struct {
	db     *warehouse.DB
	window windowQuery
	reader columnReader
	rows   int // most rows of the next batch; fewer after a batch of wide ones
	most   int // most rows of a batch
}

// next reads the rows after the key of the last one that was read. last says that no rows
// follow.
func (b *sourceBatches) next(ctx context.Context, after []keyPart) (rows [][]warehouse.Value, last bool, err error) {
	st, err := b.statement(after)
	if err != nil {
		return nil, false, &repair.RefusedError{Why: err.Error()}
	}
	var refused error
	st.Each = func() func([]warehouse.Cell) error {
		size := 0
		rows, refused = nil, nil
		return func(row []warehouse.Cell) error {
			if size >= batchBytes {
				return errBatchFull
			}
			for _, c := range row {
				size += len(c.Text)
			}
			var values []warehouse.Value
			if values, refused = b.reader.decode(row); refused != nil {
				return refused
			}
			rows = append(rows, values)
			return nil
		}
	}
	_, err = repair.Query(ctx, b.db, st)
	switch full := errors.Is(err, errBatchFull); {
	case refused != nil:
		return nil, false, &repair.RefusedError{Why: refused.Error()}
	case full && len(b.window.Key) == 0:
		return nil, false, repair.Refuse("without a key its rows would have to be read in one go, and they have more than "+
			"%d MB: set key", batchBytes>>20)
	case full:
		b.rows = len(rows) // the next batch asks for no more than fits
		return rows, false, nil
	case err != nil:
		return nil, false, repair.Transient(fmt.Errorf("reading %s: %w", b.window.table.Name, err))
	}
	last = len(rows) < b.rows || len(b.window.Key) == 0
	b.rows = min(2*b.rows, b.most)
	return rows, last, nil
}

// errBatchFull ends the reading of a batch whose values have reached batchBytes.
var errBatchFull = fmt.Errorf("the batch is full: %w", warehouse.ErrEnough)

func (b *sourceBatches) statement(last []keyPart) (st warehouse.Statement, err error) {
	d := b.window.dialect
	table, err := warehouse.QuoteTable(d, b.window.table)
	if err != nil {
		return st, err
	}
	where, args, err := b.window.where(1)
	if err != nil {
		return st, err
	}
	st = warehouse.Statement{SQL: b.reader.query(table+" source_rows") + " WHERE " + where, Args: args}
	if len(b.window.Key) == 0 {
		return st, nil
	}
	key, err := quoteList(d, b.window.Key)
	if err != nil {
		return st, err
	}
	// Without the name of the table, ORDER BY could mean a text of the SELECT list.
	ordered := make([]string, len(b.window.Key))
	for i, k := range b.window.Key {
		quoted, err := d.Quote(k)
		if err != nil {
			return st, err
		}
		ordered[i] = "source_rows." + quoted
	}
	if len(last) > 0 {
		marks := make([]string, len(last))
		for i, v := range last {
			st.Args = append(st.Args, v.argument())
			marks[i] = d.Param(len(st.Args))
		}
		st.SQL += " AND (" + key + ") > (" + strings.Join(marks, ", ") + ")"
	}
	st.SQL += fmt.Sprintf(" ORDER BY %s LIMIT %d", strings.Join(ordered, ", "), b.rows)
	return st, nil
}

// insertBatch inserts rows by statements of some hundred rows each.
func (l loader) insertBatch(ctx context.Context, tx *sql.Tx, c *carrier, rows [][]warehouse.Value) error {
	const parameters = 2000 // parameters of one statement; every engine allows more
	for part := range slices.Chunk(rows, max(1, parameters/len(l.details.Columns))) {
		var marks []string
		var args []any
		for _, row := range part {
			one := make([]string, len(row))
			for i, v := range row {
				arg, err := l.writer.Dialect.BindValue(v, l.details.Types[i])
				if err != nil {
					return repair.Refuse("column %s%s: %v", l.details.Columns[i], c.where(row), err)
				}
				args = append(args, arg)
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
