package agent

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowdiff"
)

// comparedRows compares rows as a configured check does, for repairs of these rows.
type comparedRows struct {
	agent *Agent
	of    configuredCheck
	tick  time.Time // of the result; zero: now
}

// rowsOf returns what compares the rows of a check; nil if the check compares none.
func (a *Agent) rowsOf(of configuredCheck, tick time.Time) repair.RowComparer {
	if checks.RowsComparedWith(of.check.Check) == nil {
		return nil
	}
	return comparedRows{a, of, tick}
}

// With implements repair.RowComparer.
func (c comparedRows) With() sentinel.Table { return *checks.RowsComparedWith(c.of.check.Check) }

// CompareRows implements repair.RowComparer.
func (c comparedRows) CompareRows(ctx context.Context, most int) (*rowdiff.Comparison, *rowdiff.Result, error) {
	tick := c.tick
	if tick.IsZero() {
		tick = c.agent.now()
	}
	job := jobOf(c.of.dataset, tick)
	job.Checks = []checks.Check{c.of.check.Check}
	env := checks.Env{Warehouse: repairHost{c.agent}.plan().open, Clock: c.agent.clock, NoState: true}
	return checks.CompareRows(ctx, env, job, most)
}
