package reload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// lostKeys is how many keys of lost rows a person is shown.
const lostKeys = 5

// checkLost counts the rows of the window that the staged ones do not replace: those whose
// key is not staged, or is staged with an older date or timestamp. More of them than the
// repair may lose leave the decision to a person.
func (l loader) checkLost(ctx context.Context) error {
	if len(l.details.Key) == 0 {
		return l.checkLostRows(ctx)
	}
	key, err := quoteAll(l.writer.Dialect, l.details.Key)
	if err != nil {
		return err
	}
	notOlder, err := l.notOlder()
	if err != nil {
		return err
	}
	lost := fmt.Sprintf(" FROM %s t WHERE %s AND NOT EXISTS (SELECT 1 FROM %s s WHERE %s%s)",
		l.table, l.where, l.from, warehouse.SameKey(key, "s", "t"), notOlder)
	found := &repair.LostError{}
	if err := l.writer.DB.QueryRowContext(ctx, "SELECT count(*)"+lost, l.args...).Scan(&found.Rows); err != nil {
		return l.writer.WrapError("counting rows that the source does not have", err)
	}
	if l.action.NewerBy != "" {
		undated, err := l.countUndated(ctx, key)
		if err != nil {
			return l.writer.WrapError("counting rows that do not tell whether they are newer", err)
		}
		found.Rows += undated
	}
	if found.Rows <= l.run.MayLose {
		return nil
	}
	list := strings.Join(key, ", ")
	found.Keys, err = l.readKeys(ctx, fmt.Sprintf("SELECT %s%s ORDER BY %s LIMIT %d", list, lost, list, lostKeys))
	if err != nil {
		return l.writer.WrapError("reading keys that the source does not have", err)
	}
	if err := l.countOverwritten(ctx, key, found); err != nil {
		return l.writer.WrapError("counting rows that would be overwritten", err)
	}
	return found
}

// countOverwritten counts, for the person who is asked, the rows that differ from the staged
// row with the same key in any column that is loaded.
func (l loader) countOverwritten(ctx context.Context, key []string, found *repair.LostError) error {
	groups, names := l.overwritten(key, l.where)
	err := l.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 AS differs "+groups+") differing", l.args...).
		Scan(&found.Overwritten)
	if err != nil || found.Overwritten == 0 {
		return err
	}
	var keys []string
	for _, k := range l.details.Key {
		end := 0 // of the cells of the column, of which the last has the value
		for i := range slices.Index(l.details.Columns, k) + 1 {
			end += l.reader.widths[i]
		}
		keys = append(keys, names[end-1])
	}
	list := strings.Join(keys, ", ")
	found.OverwrittenKeys, err = l.readKeys(ctx,
		fmt.Sprintf("SELECT %s %s ORDER BY %s LIMIT %d", list, groups, list, lostKeys))
	return err
}

// countUndated counts the rows without a value in newer_by that differ from the staged row with
// the same key: nothing tells which of the two is newer.
func (l loader) countUndated(ctx context.Context, key []string) (n int64, err error) {
	column, err := l.writer.Dialect.Quote(l.action.NewerBy)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	groups, _ := l.overwritten(key, l.where+" AND "+column+" IS NULL")
	err = l.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 AS differs "+groups+") differing", l.args...).
		Scan(&n)
	return n, err
}

// overwritten returns the end of a query for the rows of the table that meet a condition and
// have other values than the staged row with their key, and the names of its columns.
func (l loader) overwritten(key []string, where string) (groups string, names []string) {
	spelt, names := l.spelled()
	return fmt.Sprintf(`
		FROM (
			SELECT %[1]s, 1 AS present FROM %[2]s t
			WHERE %[3]s AND EXISTS (SELECT 1 FROM %[4]s s WHERE %[5]s)
			UNION ALL
			SELECT %[1]s, -1 FROM %[4]s
		) every
		GROUP BY %[6]s
		HAVING sum(present) > 0`, spelt, l.table, where, l.from, warehouse.SameKey(key, "s", "t"),
		strings.Join(names, ", ")), names
}

// spelled returns the list of the loaded columns, each as a text that no other value has,
// and the names that the texts have.
func (l loader) spelled() (list string, names []string) {
	spelt := make([]string, len(l.reader.exprs))
	names = make([]string, len(l.reader.exprs))
	for i, expr := range l.reader.exprs {
		names[i] = fmt.Sprintf("c%d", i)
		spelt[i] = warehouse.Spell(l.writer.Dialect, expr) + " AS " + names[i]
	}
	return strings.Join(spelt, ", "), names
}

// notOlder is the condition that a staged row is at least as new as the row with its key.
func (l loader) notOlder() (string, error) {
	var condition string
	for _, name := range l.newerBy() {
		c, err := l.writer.Dialect.Quote(name)
		if err != nil {
			return "", &repair.RefusedError{Why: err.Error()}
		}
		older, newer := "t."+c, "s."+c
		if name == l.details.Column { // its times are read as the window's are
			if older, newer, err = l.times(c); err != nil {
				return "", &repair.RefusedError{Why: err.Error()}
			}
		}
		condition += fmt.Sprintf(" AND (%s IS NULL OR %s >= %s)", older, newer, older)
	}
	return condition, nil
}

// times returns the expressions that compare the time column of a row and of a staged row.
func (l loader) times(column string) (row, staged string, err error) {
	window := windowQuery{dialect: l.writer.Dialect, table: l.target.TableName, planDetails: l.details}
	if row, _, err = window.comparable("t."+column, l.details.From); err != nil {
		return "", "", err
	}
	staged, _, err = window.comparable("s."+column, l.details.From)
	return row, staged, err
}

// newerBy returns the columns that tell which of two rows is newer.
func (l loader) newerBy() (names []string) {
	if l.action.NewerBy != "" {
		return []string{l.action.NewerBy}
	}
	for _, name := range l.details.Columns {
		family := l.target.Column(name).Type.Family
		isTime := family == warehouse.Date || family == warehouse.Timestamp || name == l.details.Column
		if isTime && !slices.Contains(l.details.Key, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkLostRows is for a table without a key: it counts rows that are not staged just as
// they are.
func (l loader) checkLostRows(ctx context.Context) error {
	spelt, names := l.spelled()
	var rows sql.NullInt64
	err := l.writer.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT sum(missing)
		FROM (
			SELECT sum(present) AS missing
			FROM (
				SELECT %[1]s, 1 AS present FROM %[2]s WHERE %[3]s
				UNION ALL
				SELECT %[1]s, -1 FROM %[4]s
			) every
			GROUP BY %[5]s
			HAVING sum(present) > 0
		) missing`, spelt, l.table, l.where, l.from, strings.Join(names, ", ")), l.args...).Scan(&rows)
	if err != nil {
		return l.writer.WrapError("counting rows that the source does not have", err)
	}
	if rows.Int64 > l.run.MayLose {
		return &repair.LostError{Rows: rows.Int64}
	}
	return nil
}

// readKeys returns keys as people read them.
func (l loader) readKeys(ctx context.Context, query string) (keys []string, err error) {
	rows, err := l.writer.DB.QueryContext(ctx, query, l.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	cells := make([]sql.NullString, len(l.details.Key))
	into := make([]any, len(cells))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		parts := make([]string, len(cells))
		for i, name := range l.details.Key {
			parts[i] = name + " " + sentinel.Clip(cells[i].String)
		}
		keys = append(keys, strings.Join(parts, ", "))
	}
	return keys, rows.Err()
}
