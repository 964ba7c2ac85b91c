package reload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// verifyStaged checks the staging table for what the target requires: the number of
// rows, the window, and a key that is unique and not NULL.
func (l loader) verifyStaged(ctx context.Context, expected int64) error {
	count := func(condition string, args ...any) (n int64, err error) {
		err = l.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM "+l.from+condition, args...).Scan(&n)
		return n, l.writer.WrapError("verifying what was staged", err)
	}
	all, err := count("")
	if err != nil {
		return err
	}
	if all < expected {
		return &repair.TransientError{Err: fmt.Errorf("%d rows were staged of %d: the source is being written to",
			all, expected)}
	}
	if float64(all) < *l.action.MinRatio*float64(l.details.Rows) || all == 0 && !l.action.AllowEmpty {
		return repair.Refuse("%d rows were staged, and %d are there", all, l.details.Rows)
	}
	inside, err := count(" WHERE "+l.where, l.args...)
	if err != nil {
		return err
	}
	if inside != all {
		return repair.Refuse("%d of the source's %d rows are outside of the window, or have no %s", all-inside, all,
			strings.Join(l.details.windowColumns(), ", "))
	}
	for _, name := range l.details.Columns {
		c := l.target.Column(name)
		if c.Nullable {
			continue
		}
		quoted, err := l.writer.Dialect.Quote(name)
		if err != nil {
			return &repair.RefusedError{Why: err.Error()}
		}
		nulls, err := count(" WHERE " + quoted + " IS NULL")
		if err != nil {
			return err
		}
		if nulls > 0 {
			return repair.Refuse("%d rows of the source have no %s, which may not be empty", nulls, name)
		}
	}
	return l.checkUnique(ctx)
}

// checkUnique refuses staged rows of one value of a key: of the configured one, and of each
// that the table enforces.
func (l loader) checkUnique(ctx context.Context) error {
	for _, key := range l.uniqueKeys() {
		columns, err := quoteAll(l.writer.Dialect, key.Columns)
		if err != nil {
			return err
		}
		filled := "1 = 1"
		if key.Name != "" { // the table takes NULL for like no other value
			filled = strings.Join(columns, " IS NOT NULL AND ") + " IS NOT NULL"
		}
		var twice int64
		if err := l.writer.DB.QueryRowContext(ctx, fmt.Sprintf(
			"SELECT count(*) FROM (SELECT 1 AS one FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1) twice", l.from, filled,
			strings.Join(columns, ", "))).Scan(&twice); err != nil {
			return l.writer.WrapError("verifying what was staged", err)
		}
		if twice > 0 {
			return repair.Refuse(keyTwice, fmt.Sprint(twice), strings.Join(key.Columns, ", "))
		}
	}
	return nil
}

// uniqueKeys returns the configured key, and those of the table whose columns are all loaded.
func (l loader) uniqueKeys() (keys []warehouse.Key) {
	if len(l.details.Key) > 0 {
		keys = append(keys, warehouse.Key{Columns: l.details.Key})
	}
	if l.target == nil {
		return keys
	}
	enforced := l.target.Unique
	if l.target.PrimaryKey != nil {
		enforced = append([]warehouse.Key{*l.target.PrimaryKey}, enforced...)
	}
	for _, key := range enforced {
		if len(key.Columns) > 0 && !slices.ContainsFunc(key.Columns, func(c string) bool {
			return !slices.Contains(l.details.Columns, c)
		}) {
			keys = append(keys, key)
		}
	}
	return keys
}
