package repair

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	if err := writer.makeLike(ctx, x.from, x.table, x.columns); err != nil {
		return err
	}
	if source.Warehouse == r.Repair.Table.Warehouse {
		err = a.copyWithin(ctx, r, x, s, source)
	} else {
		err = a.copyAcross(ctx, r, x, w, source, here)
	}
	if err != nil {
		return err
	}
	return a.verifyStaged(ctx, x, w, here, expected)
}

// copyWithin copies inside one server, in one statement and one snapshot, and
// compares what was copied with what is there.
func (a *ReloadPartition) copyWithin(ctx context.Context, r *Run, x exchanged, s scope, source sentinel.Table) error {
	from, err := x.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return &RefusedError{err.Error()}
	}
	tx, err := x.writer.begin(ctx, r)
	if err != nil {
		return x.writer.classed("staging", err)
	}
	copied := func() error {
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
		return r.alive()
	}()
	r.failpoint("staging_batch")
	if copied != nil {
		return x.writer.classed("staging from "+source.String(), errors.Join(copied, tx.Rollback()))
	}
	return x.writer.classed("staging", tx.Commit())
}

// copyAcross reads the window from another warehouse in batches in the order of
// the key, and writes each in one transaction. Without a key there is one batch.
func (a *ReloadPartition) copyAcross(ctx context.Context, r *Run, x exchanged, w reload, source sentinel.Table, here *warehouse.Table) error {
	db, err := r.Target.Warehouse(source.Warehouse)
	if err != nil {
		return err
	}
	s := scope{db.Dialect, db.Config.Dialect, warehouse.TableName{Schema: source.Schema, Name: source.Name}, w}
	if _, err := x.writer.DB.ExecContext(ctx, "DELETE FROM "+x.from); err != nil {
		return x.writer.classed("staging", err)
	}
	var last []string
	for {
		rows, err := a.batch(ctx, db, s, last)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		if err := r.alive(); err != nil {
			return err
		}
		if err := a.insertBatch(ctx, x, w, here, rows); err != nil {
			return x.writer.classed("staging from "+source.String(), err)
		}
		r.failpoint("staging_batch")
		if len(w.Key) == 0 || len(rows) < a.BatchRows {
			return nil
		}
		last = last[:0]
		for _, k := range w.Key {
			last = append(last, rows[len(rows)-1][indexOf(w.Columns, k)].Text)
		}
	}
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

// insertBatch writes rows in one transaction, some hundred a statement.
func (a *ReloadPartition) insertBatch(ctx context.Context, x exchanged, w reload, here *warehouse.Table, rows warehouse.Rows) (err error) {
	tx, err := x.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	const perStatement = 200
	for begin := 0; begin < len(rows) && err == nil; begin += perStatement {
		part := rows[begin:min(begin+perStatement, len(rows))]
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
		_, err = tx.ExecContext(ctx, "INSERT INTO "+x.from+" ("+x.columns+") VALUES "+strings.Join(marks, ", "), args...)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
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

// verifyStaged holds the staging table to what the target must have: the
// number of rows, the window, and a key that is unique and complete.
func (a *ReloadPartition) verifyStaged(ctx context.Context, x exchanged, w reload, here *warehouse.Table, expected int64) error {
	count := func(condition string, args ...any) (n int64, err error) {
		err = x.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM "+x.from+condition, args...).Scan(&n)
		return n, x.writer.classed("verifying what was staged", err)
	}
	all, err := count("")
	if err != nil {
		return err
	}
	if all < expected {
		return &TransientError{Err: fmt.Errorf("%d rows were staged of %d: the source is being written to", all, expected)}
	}
	if float64(all) < a.MinRatio*float64(w.Rows) || all == 0 && !a.AllowEmpty {
		return &RefusedError{fmt.Sprintf("%d rows were staged, and %d are there", all, w.Rows)}
	}
	inside, err := count(" WHERE "+x.where, x.args...)
	if err != nil {
		return err
	}
	if inside != all {
		return &RefusedError{fmt.Sprintf("%d of the source's %d rows are outside of the window, or have no %s", all-inside, all, w.Column)}
	}
	for _, name := range w.Columns {
		c := here.Column(name)
		if c.Nullable {
			continue
		}
		quoted, err := x.writer.Dialect.Quote(name)
		if err != nil {
			return &RefusedError{err.Error()}
		}
		nulls, err := count(" WHERE " + quoted + " IS NULL")
		if err != nil {
			return err
		}
		if nulls > 0 {
			return &RefusedError{fmt.Sprintf("%d rows of the source have no %s, which may not be empty", nulls, name)}
		}
	}
	if len(w.Key) == 0 {
		return nil
	}
	key, err := list(x.writer.Dialect, w.Key)
	if err != nil {
		return &RefusedError{err.Error()}
	}
	var twice int64
	if err := x.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+x.from+" GROUP BY "+key+" HAVING count(*) > 1) twice").Scan(&twice); err != nil {
		return x.writer.classed("verifying what was staged", err)
	}
	if twice > 0 {
		return &RefusedError{fmt.Sprintf("%d values of the key (%s) stand more than once in the source", twice, strings.Join(w.Key, ", "))}
	}
	return nil
}
