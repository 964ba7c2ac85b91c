package repair

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Stage implements Action: the window of the first source that passes is copied
// to a staging table and verified there. The target is not touched.
func (a *ReloadPartition) Stage(ctx context.Context, r *Run) error {
	w, err := a.details(r)
	if err != nil {
		return err
	}
	writer := r.Target.Write
	if err := writer.Prepare(ctx, r.Repair.Table.Schema); err != nil {
		return err
	}
	if applied, err := writer.Done(ctx, r.Repair, "apply"); applied || err != nil {
		return err // by an agent that could not say so: nothing is staged anew
	}
	if err := writer.transactional(ctx, r.Repair.Table); err != nil {
		return err
	}
	r.failpoint("before_stage")
	here, err := relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if fingerprint(here) != r.Repair.Plan.Fingerprint {
		return &ChangedError{"its columns, keys or partitions are others now"}
	}
	var problems []error
	for i, source := range w.Sources {
		err := a.stageFrom(ctx, r, w, source, here)
		var refused *RefusedError
		switch {
		case err == nil:
			if r.From = ""; i > 0 {
				r.From = source.String()
			}
			r.failpoint("staged")
			return nil
		case !errors.As(err, &refused) && !isTransient(err):
			return err
		}
		problems = append(problems, fmt.Errorf("%s: %w", source, err))
	}
	// A source that may come back is worth another try; refusals are final.
	all := errors.Join(problems...)
	if isTransient(all) {
		return &TransientError{Err: all}
	}
	return &RefusedError{strings.ReplaceAll(all.Error(), "\n", "; ")}
}

func isTransient(err error) bool {
	var t *TransientError
	return errors.As(err, &t)
}

// transactional refuses engines whose tables do not roll back.
func (w *Writer) transactional(ctx context.Context, t sentinel.Table) error {
	if w.Engine != "mysql" {
		return nil
	}
	var engine sql.NullString
	if err := w.DB.QueryRowContext(ctx, "SELECT engine FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", t.Schema, t.Name).Scan(&engine); err != nil {
		return w.classed("looking at the table's engine", err)
	}
	if !strings.EqualFold(engine.String, "InnoDB") {
		return &RefusedError{fmt.Sprintf("its engine %s has no transactions", engine.String)}
	}
	return nil
}

// makeLike makes an empty table with the columns of another, without its keys.
func (w *Writer) makeLike(ctx context.Context, name, table, columns string) error {
	st := "CREATE TABLE IF NOT EXISTS " + name + " AS SELECT " + columns + " FROM " + table + " WHERE 1 = 0"
	if _, err := w.DB.ExecContext(ctx, st); err != nil {
		return w.classed("making a staging table", err)
	}
	return nil
}

func (a *ReloadPartition) stageFrom(ctx context.Context, r *Run, w reload, source sentinel.Table, here *warehouse.Table) error {
	expected, err := a.available(ctx, r.Target, source, w)
	if err != nil {
		return err
	}
	writer := r.Target.Write
	s := scope{writer.Dialect, writer.Engine, here.TableName, w}
	x, err := a.names(r, s, "new", "")
	if err != nil {
		return err
	}
	if x.marks, err = writer.marksOf(ctx, r.Repair); err != nil {
		return err
	}
	if err := writer.makeLike(ctx, x.from, x.table, x.columns); err != nil {
		return err
	}
	if source.Warehouse == r.Repair.Table.Warehouse {
		err = a.copyWithin(ctx, r, x, source)
	} else {
		err = a.copyAcross(ctx, r, x, w, source, here, expected)
	}
	if err != nil {
		return err
	}
	if err := a.verifyStaged(ctx, x, w, here, expected); err != nil {
		return err
	}
	return writer.fenced(ctx, r, "remembering what was staged", func(tx *sql.Tx) error {
		staged, err := writer.checksumOf(ctx, tx, x.from, x.names, "")
		if err != nil {
			return err
		}
		return x.marks.set(ctx, tx, stagedMark, string(staged))
	})
}

// remember saves what the window holds before the source is read: what comes to
// it from there on is seen, and not deleted.
func (x exchanged) remember(ctx context.Context, tx *sql.Tx) error {
	now, err := x.window(ctx, tx)
	if err != nil {
		return err
	}
	return x.marks.set(ctx, tx, windowMark, string(now))
}

// copyWithin copies inside one server, in one transaction with one snapshot of
// the source, and holds what was copied to the checksum of what is there.
func (a *ReloadPartition) copyWithin(ctx context.Context, r *Run, x exchanged, source sentinel.Table) error {
	from, err := x.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return &RefusedError{err.Error()}
	}
	return x.writer.fenced(ctx, r, "staging from "+source.String(), func(tx *sql.Tx) error {
		if err := x.remember(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+x.from); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "INSERT INTO "+x.from+" ("+x.columns+") SELECT "+x.columns+" FROM "+from+" WHERE "+x.where, x.args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n > a.MaxRows {
			return &RefusedError{fmt.Sprintf("%d rows are more than max_rows %d", n, a.MaxRows)}
		}
		if err := x.sameAs(ctx, tx, from); err != nil {
			return err
		}
		r.failpoint("staging_batch")
		return nil
	})
}

// sameAs compares what was staged with its source: a type that holds less, or a
// writer in between, shows.
func (x exchanged) sameAs(ctx context.Context, tx *sql.Tx, source string) error {
	there, err := x.writer.checksumOf(ctx, tx, source, x.names, " WHERE "+x.where, x.args...)
	if err != nil {
		return err
	}
	here, err := x.writer.checksumOf(ctx, tx, x.from, x.names, "")
	if err != nil {
		return err
	}
	if here != there {
		return &TransientError{Err: fmt.Errorf("what was copied (%s) is not what the source holds (%s): it is being written to, or a type of the table's holds less than the source's", here, there)}
	}
	return nil
}

// batchAt is how far staging in batches has come.
type batchAt struct {
	Source   sentinel.Table
	Expected int64    // rows of the source when staging began
	Last     []string // key of the last row staged; empty before the first
	Rows     int64    // staged
	Done     bool
}

// copyAcross reads the window from another warehouse in batches in the order of
// the key, and writes each in one transaction with its checkpoint: after a
// crash the next agent goes on behind it. A source that has moved meanwhile is
// read anew. Without a key there is one batch, and so no more than fits one.
func (a *ReloadPartition) copyAcross(ctx context.Context, r *Run, x exchanged, w reload, source sentinel.Table, here *warehouse.Table, expected int64) error {
	if len(w.Key) == 0 && expected > int64(a.BatchRows) {
		return &RefusedError{fmt.Sprintf("without a key its %d rows would have to be read in one go, and batch_rows is %d: set key", expected, a.BatchRows)}
	}
	db, err := r.Target.Warehouse(source.Warehouse)
	if err != nil {
		return err
	}
	s := scope{db.Dialect, db.Config.Dialect, warehouse.TableName{Schema: source.Schema, Name: source.Name}, w}
	at, err := x.resume(ctx, r, source, expected)
	if err != nil {
		return err
	}
	for !at.Done {
		rows, err := a.batch(ctx, db, s, at.Last)
		if err != nil {
			return err
		}
		if at, err = a.stageBatch(ctx, r, x, w, here, at, rows); err != nil {
			return err
		}
		r.progress(fmt.Sprintf("staged %d of %d rows", at.Rows, at.Expected))
		r.failpoint("staging_batch")
	}
	return a.unmoved(ctx, r, x, db, s, at)
}

// resume finds the checkpoint of this source; where there is none that fits,
// staging begins anew with an empty table.
func (x exchanged) resume(ctx context.Context, r *Run, source sentinel.Table, expected int64) (at batchAt, err error) {
	text, err := x.marks.get(ctx, x.writer.DB, batchMark)
	if err != nil {
		return at, x.writer.classed("reading the checkpoint", err)
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
	return at, x.writer.fenced(ctx, r, "staging", func(tx *sql.Tx) error {
		if err := x.remember(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+x.from); err != nil {
			return err
		}
		return x.checkpoint(ctx, tx, at)
	})
}

func (x exchanged) checkpoint(ctx context.Context, tx *sql.Tx, at batchAt) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return x.marks.set(ctx, tx, batchMark, string(text))
}

// stageBatch writes one batch with its checkpoint.
func (a *ReloadPartition) stageBatch(ctx context.Context, r *Run, x exchanged, w reload, here *warehouse.Table, at batchAt, rows warehouse.Rows) (batchAt, error) {
	next := at
	next.Rows += int64(len(rows))
	next.Done = len(rows) < a.BatchRows || len(w.Key) == 0
	if next.Rows > a.MaxRows {
		return at, &RefusedError{fmt.Sprintf("more than max_rows %d", a.MaxRows)}
	}
	if len(rows) > 0 {
		next.Last = nil
		for _, k := range w.Key {
			next.Last = append(next.Last, rows[len(rows)-1][indexOf(w.Columns, k)].Text)
		}
	}
	err := x.writer.fenced(ctx, r, "staging from "+at.Source.String(), func(tx *sql.Tx) error {
		if err := a.insertBatch(ctx, tx, x, w, here, rows); err != nil {
			return err
		}
		return x.checkpoint(ctx, tx, next)
	})
	return next, err
}

// unmoved holds the source to what it was when staging began. One that has
// moved is staged anew with the next try.
func (a *ReloadPartition) unmoved(ctx context.Context, r *Run, x exchanged, db *warehouse.DB, s scope, at batchAt) error {
	now, err := s.count(ctx, db)
	if err != nil || now == at.Rows && now == at.Expected {
		return err
	}
	err = x.writer.fenced(ctx, r, "staging", func(tx *sql.Tx) error { return x.checkpoint(ctx, tx, batchAt{}) })
	if err != nil {
		return err
	}
	return &TransientError{Err: fmt.Errorf("%s has %d rows by now, had %d, and %d were read: it is being written to", at.Source, now, at.Expected, at.Rows)}
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
func (a *ReloadPartition) batch(ctx context.Context, db *warehouse.DB, s scope, last []string) (warehouse.Rows, error) {
	table, err := warehouse.QuoteTable(s.dialect, s.table)
	if err != nil {
		return nil, &RefusedError{err.Error()}
	}
	columns, err := s.columns()
	if err != nil {
		return nil, &RefusedError{err.Error()}
	}
	where, args, err := s.where(1)
	if err != nil {
		return nil, &RefusedError{err.Error()}
	}
	st := "SELECT " + columns + " FROM " + table + " WHERE " + where
	if len(s.Key) > 0 {
		key, err := list(s.dialect, s.Key)
		if err != nil {
			return nil, &RefusedError{err.Error()}
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
	rows, err := one(ctx, db, warehouse.Statement{SQL: st, Args: args})
	if err != nil {
		return nil, transient(fmt.Errorf("reading %s: %w", table, err))
	}
	return rows, nil
}

// insertBatch writes rows, some hundred a statement.
func (a *ReloadPartition) insertBatch(ctx context.Context, tx *sql.Tx, x exchanged, w reload, here *warehouse.Table, rows warehouse.Rows) error {
	const parameters = 2000 // of one statement; every engine takes more
	for part := range slices.Chunk(rows, max(1, parameters/len(w.Columns))) {
		var marks []string
		var args []any
		for _, row := range part {
			one := make([]string, len(row))
			for i, cell := range row {
				args = append(args, carry(x.writer.Engine, here.Column(w.Columns[i]), cell))
				one[i] = x.writer.Param(len(args))
			}
			marks = append(marks, "("+strings.Join(one, ", ")+")")
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+x.from+" ("+x.columns+") VALUES "+strings.Join(marks, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// carry turns one engine's text into what another reads as the same value.
func carry(engine string, c *warehouse.Column, cell warehouse.Cell) any {
	switch {
	case cell.Null:
		return nil
	case c.Type.Family == warehouse.Boolean || c.Type.Native == "tinyint(1)":
		yes := cell.Text == "t" || cell.Text == "true" || cell.Text == "1"
		if engine == "postgres" {
			return yes
		}
		if yes {
			return 1
		}
		return 0
	case c.Type.Family == warehouse.Timestamp && engine == "mysql":
		return strings.TrimSuffix(strings.TrimSuffix(cell.Text, "+00"), "Z")
	}
	return cell.Text
}
