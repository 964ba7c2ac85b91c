package checks

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
)

// RowsComparedWith returns the table whose rows a check compares with those of its dataset by
// their key; nil if it compares none.
func RowsComparedWith(c Check) *sentinel.Table {
	if r, is := c.(*Reconcile); is && len(r.Key) > 0 {
		return r.With
	}
	return nil
}

// namer is a comparison of rows that names up to most of them.
type namer struct {
	*Reconcile
	most int
}

// Ask implements Check.
func (c namer) Ask(t Target, a Answers) []Ask {
	if t.Known.Relation == nil || t.Known.Like == nil || c.timeError(t) != nil {
		return nil
	}
	return c.askRows(t, a, c.most)
}

// CompareRows compares the rows of a job's table as its only check does, for which
// [RowsComparedWith] returns a table. The result names up to most rows that differ.
func CompareRows(ctx context.Context, env Env, job Job, most int) (*rowdiff.Comparison, *rowdiff.Result, error) {
	if len(job.Checks) != 1 || RowsComparedWith(job.Checks[0]) == nil {
		return nil, nil, errors.New("want one check that compares rows")
	}
	r, _ := job.Checks[0].(*Reconcile) // RowsComparedWith has seen to it
	job.Checks = []Check{namer{r, most}}
	e := newExecutor(ctx, env, job.Table.Warehouse, []Job{job})
	part := e.askAll(ctx, []Job{job})
	run := &part[0].checks[0]
	return r.named(run, most)
}

// named returns what was found, or why the rows could not be compared.
func (c *Reconcile) named(run *checkRun, most int) (*rowdiff.Comparison, *rowdiff.Result, error) {
	t := run.target
	switch {
	case run.bug != nil:
		return nil, nil, run.bug
	case t.Known.Err != nil:
		return nil, nil, t.Known.Err
	case t.Known.LikeErr != nil:
		return nil, nil, t.Known.LikeErr
	case t.Known.Relation == nil || t.Known.Like == nil:
		return nil, nil, errors.New("a table does not exist")
	}
	if err := c.timeError(t); err != nil {
		return nil, nil, err
	}
	of, err := c.comparison(t, most)
	if err != nil {
		return nil, nil, err
	}
	step, found, err := c.descend(of, run.answers)
	if err == nil && step != nil {
		err = fmt.Errorf("the comparison of the rows has not ended")
	}
	return of, found, err
}
