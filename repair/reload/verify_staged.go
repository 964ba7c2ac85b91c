package reload

import (
	"context"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
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
			l.details.Column)
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
	if len(l.details.Key) == 0 {
		return nil
	}
	key, err := quoteList(l.writer.Dialect, l.details.Key)
	if err != nil {
		return err
	}
	var twice int64
	if err := l.writer.DB.QueryRowContext(ctx,
		"SELECT count(*) FROM (SELECT 1 FROM "+l.from+" GROUP BY "+key+" HAVING count(*) > 1) twice").Scan(&twice); err != nil {
		return l.writer.WrapError("verifying what was staged", err)
	}
	if twice > 0 {
		return repair.Refuse("%d values of the key (%s) stand more than once in the source", twice,
			strings.Join(l.details.Key, ", "))
	}
	return nil
}
