package reload

import (
	"context"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
)

// verifyStaged holds the staging table to what the target must have: the
// number of rows, the window, and a key that is unique and complete.
func (x reloadRun) verifyStaged(ctx context.Context, expected int64) error {
	count := func(condition string, args ...any) (n int64, err error) {
		err = x.writer.DB.QueryRowContext(ctx, "SELECT count(*) FROM "+x.from+condition, args...).Scan(&n)
		return n, x.writer.Classed("verifying what was staged", err)
	}
	all, err := count("")
	if err != nil {
		return err
	}
	if all < expected {
		return &repair.TransientError{Err: fmt.Errorf("%d rows were staged of %d: the source is being written to",
			all, expected)}
	}
	if float64(all) < x.action.MinRatio*float64(x.plan.Rows) || all == 0 && !x.action.AllowEmpty {
		return repair.Refuse("%d rows were staged, and %d are there", all, x.plan.Rows)
	}
	inside, err := count(" WHERE "+x.where, x.args...)
	if err != nil {
		return err
	}
	if inside != all {
		return repair.Refuse("%d of the source's %d rows are outside of the window, or have no %s", all-inside, all,
			x.plan.Column)
	}
	for _, name := range x.plan.Columns {
		c := x.here.Column(name)
		if c.Nullable {
			continue
		}
		quoted, err := x.writer.Dialect.Quote(name)
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
	if len(x.plan.Key) == 0 {
		return nil
	}
	key, err := list(x.writer.Dialect, x.plan.Key)
	if err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	var twice int64
	if err := x.writer.DB.QueryRowContext(ctx,
		"SELECT count(*) FROM (SELECT 1 FROM "+x.from+" GROUP BY "+key+" HAVING count(*) > 1) twice").Scan(&twice); err != nil {
		return x.writer.Classed("verifying what was staged", err)
	}
	if twice > 0 {
		return repair.Refuse("%d values of the key (%s) stand more than once in the source", twice,
			strings.Join(x.plan.Key, ", "))
	}
	return nil
}
