package checks

import (
	"context"
	"iter"
)

// Runner runs the checks of one tick of a warehouse, on this agent or on several.
type Runner interface {
	// Run runs jobs and yields their outcomes in parts, in the order of the jobs, with
	// the index of each part's first job. There is one result for each check, whatever
	// fails. The caller owns what is yielded.
	Run(ctx context.Context, env Env, warehouse string, jobs []Job) iter.Seq2[int, []Outcome]
}

// Local is the Runner that runs everything here, as [Parts] does.
type Local struct{}

// Run implements Runner.
func (Local) Run(ctx context.Context, env Env, warehouse string, jobs []Job) iter.Seq2[int, []Outcome] {
	return Parts(ctx, env, warehouse, jobs)
}
