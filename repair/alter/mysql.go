package alter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// mysqlWiden repeats every attribute: MODIFY drops those it is not told.
func mysqlWiden(c alteration, table, column string, have *warehouse.Column, want warehouse.Column, plan *sentinel.Plan) (alteration, error) {
	bytes := func(t warehouse.Type) int { return t.Length * 4 } // utf8mb4, the widest
	from, to := have.Type, want.Type
	if from.Family != warehouse.Text || to.Family != warehouse.Text || from.Length == 0 || to.Length == 0 || !strings.HasPrefix(to.Native, "varchar") {
		return c, &repair.RefusedError{Why: fmt.Sprintf("%s to %s copies the table: hand it to gh-ost or pt-online-schema-change by a hook", from.Native, to.Native)}
	}
	// MariaDB crosses it in place from up to 127 bytes, MySQL never: the server
	// refuses what it would have to copy, for the statement says LOCK=NONE.
	if bytes(from) > 127 && bytes(from) <= 255 && bytes(to) > 255 {
		return c, &repair.RefusedError{Why: fmt.Sprintf("%s to %s crosses 255 bytes, which copies the table", from.Native, to.Native)}
	}
	c.Forward = fmt.Sprintf("ALTER TABLE %s MODIFY COLUMN %s %s", table, column, to.Native)
	if have.Collation != "" {
		if !plainType().MatchString(have.Collation) {
			return c, &repair.RefusedError{Why: "its collation has an odd name"}
		}
		c.Forward += " COLLATE " + have.Collation
	}
	if have.Nullable {
		c.Forward += " NULL"
	} else {
		c.Forward += " NOT NULL"
	}
	if have.Default != "" {
		c.Forward += " DEFAULT " + have.Default
	}
	if have.Comment != "" {
		c.Forward += " COMMENT '" + strings.ReplaceAll(strings.ReplaceAll(have.Comment, `\`, `\\`), "'", "''") + "'"
	}
	c.Forward += ", ALGORITHM=INPLACE, LOCK=NONE"
	plan.Class, plan.Why = sentinel.ClassApprove, "MODIFY repeats every attribute of the column: read it before it runs"
	return c, nil
}

// alterMySQL: DDL commits by itself, so intent and outcome are marked around
// it, and the catalog says whether an intent without an outcome was carried out.
func (a *Table) alterMySQL(ctx context.Context, r *repair.Run, step, print string, c alteration, statement string) error {
	w := r.Target.Write
	if done, err := w.Done(ctx, r.Repair, step); done || err != nil {
		return err
	}
	conn, unlock, err := w.Locked(ctx, r)
	if err != nil {
		return err
	}
	defer unlock()
	tried, err := w.Mark(ctx, r, step+"_intent")
	if err != nil {
		return err
	}
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if !(tried && carriedOut(here, c, step)) {
		if err := a.same(ctx, r, print); err != nil {
			return err
		}
		if step == "rollback" {
			tx, err := w.DB.BeginTx(ctx, nil)
			if err != nil {
				return w.Classed("looking at the column", err)
			}
			if err := errors.Join(untouched(ctx, tx, r, c), tx.Rollback()); err != nil {
				return w.Classed("looking at the column", err)
			}
		}
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+r.Repair.ID+" */ "+statement); err != nil {
			return w.Classed("altering", err)
		}
	}
	r.Reached("in_" + step + "_txn")
	_, err = w.Mark(ctx, r, step)
	r.Reached("after_" + step + "_commit")
	return err
}

// instantAdd refuses servers whose INSTANT is not to be trusted with a table:
// MySQL 8.0.29 to 8.0.31 wrote redo logs that back-up tools could not read, and
// a table takes 64 versions of its rows before it must be rebuilt.
func (a *Table) instantAdd(ctx context.Context, t *repair.Target, here *warehouse.Table) error {
	rows, err := repair.Query(ctx, t.Read, warehouse.Statement{SQL: "SELECT version()"})
	if err != nil {
		return repair.Transient(err)
	}
	if err := soundInstant(rows[0][0].Text); err != nil || strings.Contains(rows[0][0].Text, "MariaDB") {
		return err
	}
	rows, err = repair.Query(ctx, t.Read, warehouse.Statement{SQL: "SELECT total_row_versions FROM information_schema.innodb_tables WHERE name = concat(?, '/', ?)", Args: []any{here.Schema, here.Name}})
	if err != nil || len(rows) == 0 {
		return nil // older than row versions, or not to be seen: INSTANT itself refuses what cannot be
	}
	if n, err := strconv.Atoi(rows[0][0].Text); err == nil && n >= 63 {
		return &repair.RefusedError{Why: fmt.Sprintf("the table has %d of at most 64 versions of its rows: rebuild it first (OPTIMIZE TABLE)", n)}
	}
	return nil
}

func soundInstant(version string) error {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil || strings.Contains(version, "MariaDB") {
		return nil
	}
	if major == 8 && minor == 0 && patch >= 29 && patch <= 31 {
		return &repair.RefusedError{Why: "MySQL " + version + " damages back-ups of tables altered INSTANT: use 8.0.32 or newer"}
	}
	return nil
}

// carriedOut reports whether the table is as the statement would have made it.
func carriedOut(here *warehouse.Table, c alteration, step string) bool {
	column := here.Column(c.Column)
	if step == "rollback" {
		return column == nil
	}
	return column != nil && (c.Kind == sentinel.ColumnAdded || column.Type.Native == c.Type)
}
